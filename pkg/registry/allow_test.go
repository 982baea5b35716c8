package registry

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

func TestAllowedCovers(t *testing.T) {
	tests := map[string]struct {
		entry, key string
		want       bool
	}{
		"a host":                               {"docker.io", "docker.io/library/nginx:latest", true},
		"not another":                          {"docker.io", "ghcr.io/library/nginx:latest", false},
		"not one that only starts so":          {"docker.io", "docker.io.evil.example/library/nginx:latest", false},
		"not one that only ends so":            {"docker.io", "notdocker.io/library/nginx:latest", false},
		"a host with its port":                 {"reg.local:5000", "reg.local:5000/app:v1", true},
		"not with another port":                {"reg.local:5000", "reg.local:22/app:v1", false},
		"without TLS":                          {"http://reg.local:5000", "reg.local:5000/app:v1", true},
		"hosts of a domain":                    {"*.pkg.dev", "europe-docker.pkg.dev/p/r/app:v1", true},
		"not the domain itself":                {"*.pkg.dev", "pkg.dev/p/r/app:v1", false},
		"not one that only looks like it":      {"*.pkg.dev", "evilpkg.dev/p/r/app:v1", false},
		"below a path":                         {"ghcr.io/acme", "ghcr.io/acme/app:v1", true},
		"deep below a path":                    {"ghcr.io/acme", "ghcr.io/acme/team/app@sha256:0", true},
		"the path itself":                      {"ghcr.io/acme/app", "ghcr.io/acme/app:v1", true},
		"not a path that only starts so":       {"ghcr.io/acme", "ghcr.io/acme-evil/app:v1", false},
		"a slash at its end changes nothing":   {"ghcr.io/acme/", "ghcr.io/acme/app:v1", true},
		"what is not a reference":              {"docker.io", "docker.io", false},
		"nothing":                              {"docker.io", "", false},
		"a user name does not make it another": {"docker.io", "docker.io@evil.example/app:v1", false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := allowed(t, tc.entry).Covers(tc.key); got != tc.want {
				t.Errorf("%v", got)
			}
		})
	}
}

func TestParseAllowedRefuses(t *testing.T) {
	for _, text := range []string{"", "*", "*.", "/", "https://docker.io", "docker.io:x", "a b", "*.*.dev", "http://", "ghcr.io/a*", "ghcr.io/a:v1", "user@host"} {
		if a, err := ParseAllowed(text); err == nil {
			t.Errorf("%q became %+v", text, a)
		}
	}
}

func TestPublic(t *testing.T) {
	for text, want := range map[string]bool{
		"1.1.1.1": true, "140.82.121.34": true, "2606:4700::1111": true,
		"0.0.0.0": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "127.0.0.1": false, "127.9.9.9": false,
		"169.254.169.254": false, "169.254.170.2": false, "100.100.100.200": false, "168.63.129.16": false, "192.0.0.192": false,
		"224.0.0.1": false, "255.255.255.255": false, "198.18.0.1": false,
		"::": false, "::1": false, "fe80::1": false, "fd00:ec2::254": false, "ff02::1": false, "64:ff9b::a9fe:a9fe": false, "2002:a9fe:a9fe::": false,
		"fe80::1%eth0": false,
	} {
		if got := public(netip.MustParseAddr(text).Unmap()); got != want {
			t.Errorf("public(%s) = %v, want %v", text, got, want)
		}
	}
}

func TestCredentialsOf(t *testing.T) {
	all := credentials{}
	for _, where := range []string{"https://index.docker.io/v1/", "ghcr.io", "ghcr.io/acme", "http://reg.local:5000/"} {
		all[normalHost(where)] = authn.AuthConfig{Username: where}
	}
	for repository, want := range map[string]string{
		"docker.io/library/nginx": "https://index.docker.io/v1/",
		"ghcr.io/acme/app":        "ghcr.io/acme",
		"ghcr.io/acme-evil/app":   "ghcr.io",
		"reg.local:5000/app":      "http://reg.local:5000/",
		"reg.local/app":           "",
	} {
		repo, err := name.NewRepository(repository)
		if err != nil {
			t.Fatal(err)
		}
		auth, err := all.of(repo).Authorization()
		if err != nil {
			t.Fatal(err)
		}
		if auth.Username != want {
			t.Errorf("%s has those of %q, want %q", repository, auth.Username, want)
		}
	}
}

func FuzzParseAllowed(f *testing.F) {
	for _, seed := range []string{"docker.io", "*.pkg.dev/a/b", "http://reg.local:5000", "[::1]:5000", "*.", "//"} {
		f.Add(seed, "docker.io/library/nginx:latest")
	}
	f.Fuzz(func(t *testing.T, text, key string) {
		a, err := ParseAllowed(text)
		if err != nil || !a.Covers(key) {
			return
		}
		host, _, _ := strings.Cut(key, "/")
		if !strings.Contains(strings.ToLower(text), strings.ToLower(host)) && !a.anyHost {
			t.Errorf("%q covers %q", text, key)
		}
	})
}
