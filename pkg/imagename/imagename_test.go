package imagename

import (
	"strings"
	"testing"

	"github.com/distribution/reference"
)

const digest = "sha256:7cc4b5aefd1d0cadf8d97d4350462ba51c694ebca145b08d7d41b41acc8db5aa"

func TestKey(t *testing.T) {
	tests := map[string]struct {
		name string
		want string
	}{
		"a bare name gets registry and tag":                 {"nginx", "docker.io/library/nginx:latest"},
		"a tag is kept":                                     {"nginx:1.27", "docker.io/library/nginx:1.27"},
		"a user's repository gets a registry":               {"bitnami/redis", "docker.io/bitnami/redis:latest"},
		"the old name of the registry is replaced":          {"index.docker.io/library/nginx:1", "docker.io/library/nginx:1"},
		"library is filled in":                              {"docker.io/nginx:1", "docker.io/library/nginx:1"},
		"a full name is its own key":                        {"registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"},
		"a port is not a tag":                               {"reg.local:5000/team/app", "reg.local:5000/team/app:latest"},
		"nor is localhost a user":                           {"localhost/app", "localhost/app:latest"},
		"a digest is a key":                                 {"reg.io/app@" + digest, "reg.io/app@" + digest},
		"of tag and digest the digest is the key":           {"reg.io/app:v1@" + digest, "reg.io/app@" + digest},
		"also with a port":                                  {"reg.io:5000/app:v1@" + digest, "reg.io:5000/app@" + digest},
		"and with a bare name":                              {"nginx:1.27@" + digest, "docker.io/library/nginx@" + digest},
		"what CRI-O reports for a tag":                      {"quay.io/team/app:v1", "quay.io/team/app:v1"},
		"what containerd reports for a digest":              {"docker.io/library/nginx@" + digest, "docker.io/library/nginx@" + digest},
		"an image that has lost its names is kept verbatim": {"<none>@<none>", "<none>@<none>"},
		"an upper-case name is kept verbatim":               {"reg.io/Team/App", "reg.io/Team/App"},
		"a bare digest is a tag, on pods and nodes alike":   {digest, "docker.io/library/" + digest},
		"a long hexadecimal ID is kept verbatim":            {strings.TrimPrefix(digest, "sha256:"), strings.TrimPrefix(digest, "sha256:")},
		"an empty name is kept verbatim":                    {"", ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Key(tc.name); got != tc.want {
				t.Errorf("Key(%q) = %q, want %q", tc.name, got, tc.want)
			}
		})
	}
}

// FuzzKey holds the quick way to the long one, and the key to itself.
func FuzzKey(f *testing.F) {
	for _, seed := range []string{"", "nginx", "NGINX", "a/b/c:d", "reg.io/a:v1@" + digest, "reg.io:5000/a", "index.docker.io/x", "docker.io/x:1", "://", "@", ":", "a@b@c", "localhost:1/a@" + digest, "x.y/z:a:b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		want := name
		if named, err := reference.ParseDockerRef(name); err == nil {
			want = named.String()
		}
		got := Key(name)
		if got != want {
			t.Errorf("Key(%q) = %q, want %q", name, got, want)
		}
		if again := Key(got); again != got {
			t.Errorf("Key(%q) = %q, but that of this is %q", name, got, again)
		}
	})
}
