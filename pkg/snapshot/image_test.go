package snapshot

import (
	"strings"
	"testing"
	"time"

	"github.com/distribution/reference"
	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"

	"github.com/muster-scheduler/muster/pkg/image"
)

const digest = "sha256:7cc4b5aefd1d0cadf8d97d4350462ba51c694ebca145b08d7d41b41acc8db5aa"

func TestImageKey(t *testing.T) {
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
			if got := ImageKey(tc.name); got != tc.want {
				t.Errorf("ImageKey(%q) = %q, want %q", tc.name, got, tc.want)
			}
		})
	}
}

// FuzzImageKey holds the quick way to the long one, and the key to itself.
func FuzzImageKey(f *testing.F) {
	for _, seed := range []string{"", "nginx", "NGINX", "a/b/c:d", "reg.io/a:v1@" + digest, "reg.io:5000/a", "index.docker.io/x", "docker.io/x:1", "://", "@", ":", "a@b@c", "localhost:1/a@" + digest, "x.y/z:a:b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		want := name
		if named, err := reference.ParseDockerRef(name); err == nil {
			want = named.String()
		}
		got := ImageKey(name)
		if got != want {
			t.Errorf("ImageKey(%q) = %q, want %q", name, got, want)
		}
		if again := ImageKey(got); again != got {
			t.Errorf("ImageKey(%q) = %q, but that of this is %q", name, got, again)
		}
	})
}

func TestPodImages(t *testing.T) {
	container := func(image string) v1.Container { return v1.Container{Image: image} }
	tests := map[string]struct {
		spec v1.PodSpec
		want []image.Need
	}{
		"no containers, no images": {v1.PodSpec{}, []image.Need{}},
		"in the order of pulling, each once": {
			v1.PodSpec{
				Containers:     []v1.Container{container("app"), container("nginx:latest"), container("app")},
				InitContainers: []v1.Container{container("init:1"), container("nginx")},
				Volumes: []v1.Volume{
					{VolumeSource: v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}},
					{VolumeSource: v1.VolumeSource{Image: &v1.ImageVolumeSource{Reference: "reg.io/model:7b"}}},
				},
			},
			[]image.Need{{Key: "reg.io/model:7b"}, {Key: "docker.io/library/init:1"}, {Key: "docker.io/library/nginx:latest"}, {Key: "docker.io/library/app:latest"}},
		},
		"asked for always if any of those who need it does": {
			v1.PodSpec{Containers: []v1.Container{container("app"), {Image: "app", ImagePullPolicy: v1.PullAlways}}},
			[]image.Need{{Key: "docker.io/library/app:latest", Always: true}},
		},
		"a container without an image needs none": {v1.PodSpec{Containers: []v1.Container{container("")}}, []image.Need{}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, PodImages(&v1.Pod{Spec: tc.spec})); diff != "" {
				t.Errorf("PodImages() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNodeReportFeedsAnInventoryThatPodsCanAsk(t *testing.T) {
	node := &v1.Node{Status: v1.NodeStatus{Images: []v1.ContainerImage{
		{Names: []string{"docker.io/library/nginx@" + digest, "docker.io/library/nginx:latest"}, SizeBytes: 70},
		{Names: []string{"reg.io/app:v1"}, SizeBytes: -5},
		{SizeBytes: 9},
	}}}
	inv, now := image.NewInventory(), time.Unix(1e9, 0)
	inv.SetNode("warm", image.Node{Images: NodeReport(node), Puller: image.Puller{BytesPerSecond: 1, Eager: 1}}, now)
	inv.SetNode("cold", image.Node{Puller: image.Puller{BytesPerSecond: 1, Eager: 1}}, now)

	for _, spelt := range []string{"nginx", "nginx:latest", "docker.io/nginx", "nginx:1.27@" + digest} {
		all := inv.Estimate(image.Ask{Needs: PodImages(&v1.Pod{Spec: v1.PodSpec{Containers: []v1.Container{{Image: spelt}}}})})
		if e := all.Of("warm"); !all.Known || e.Bytes != 0 || e.Seconds != 0 {
			t.Errorf("%q on warm: %+v, known %v, want nothing to pull", spelt, e, all.Known)
		}
		if e := all.Of("cold"); e.Bytes != 70 || e.Seconds != 70 {
			t.Errorf("%q on cold: %+v, want 70 bytes in 70 s", spelt, e)
		}
	}
}
