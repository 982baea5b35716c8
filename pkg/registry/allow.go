package registry

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

// Allowed is one entry of the list of registries that may be asked.
type Allowed struct {
	text     string
	host     string // of "*.pkg.dev": ".pkg.dev"
	path     string // of the repositories below it, without slashes around it; empty for all
	anyHost  bool   // whose name ends in host
	insecure bool   // spoken to without TLS
}

var (
	hostForm = regexp.MustCompile(`^([a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(:[0-9]{1,5})?$`)
	pathForm = regexp.MustCompile(`^[a-z0-9._/-]*$`)
)

// ParseAllowed reads an entry: a host with an optional port, of which the first
// label may be "*", then an optional path that repositories have to lie below.
// "docker.io", "ghcr.io/acme", "*.pkg.dev", "registry.local:5000". In front of it,
// "http://" says that the registry has no TLS.
func ParseAllowed(text string) (Allowed, error) {
	a := Allowed{text: text}
	rest, insecure := strings.CutPrefix(text, "http://")
	a.insecure = insecure
	host, path, _ := strings.Cut(rest, "/")
	a.path = strings.Trim(path, "/")
	if suffix, ok := strings.CutPrefix(host, "*."); ok {
		a.anyHost, host = true, suffix
	}
	if !hostForm.MatchString(host) || !pathForm.MatchString(a.path) {
		return a, fmt.Errorf("%q is not a registry: want HOST[:PORT][/PATH], *.DOMAIN[/PATH], or one of them after http://", text)
	}
	if a.anyHost {
		host = "." + host
	}
	a.host = host
	return a, nil
}

// String returns what was parsed.
func (a Allowed) String() string { return a.text }

// Covers reports whether the image with this key may be asked for.
func (a Allowed) Covers(key string) bool {
	host, repository, ok := strings.Cut(key, "/")
	if !ok || host != a.host && (!a.anyHost || !strings.HasSuffix(host, a.host)) {
		return false
	}
	repository, _, _ = strings.Cut(repository, "@")
	repository, _, _ = strings.Cut(repository, ":")
	return a.path == "" || repository == a.path || strings.HasPrefix(repository, a.path+"/")
}

// special are the addresses that netip does not know for not being of the public
// internet, and those of it under which clouds serve their machines' secrets.
var special = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "240.0.0.0/4",
	"64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10", // some hold an IPv4 address
	"168.63.129.16/32",
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

// public reports whether the address is one of the public internet.
func public(addr netip.Addr) bool {
	if addr.Zone() != "" || !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return false
	}
	return !within(special, addr)
}

func within(list []netip.Prefix, addr netip.Addr) bool {
	for _, prefix := range list {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}
