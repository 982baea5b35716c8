// Package imagename has the one spelling of an image's name that everything
// compares by: its key.
//
// It asks no registry, so two keys may well be names of one image; which they
// are is told by the manifests.
package imagename

import (
	"strings"

	"github.com/distribution/reference"
)

// Key returns the one key that stands for an image, however it is spelt: with
// its registry, its tag, or, where it has one, its digest instead of its tag,
// because that is what runtimes report besides the tag alone. "nginx" becomes
// "docker.io/library/nginx:latest", and "r.io/a:v1@sha256:…" becomes
// "r.io/a@sha256:…". What is not a reference is its own key.
func Key(name string) string {
	if isKey(name) {
		return name
	}
	named, err := reference.ParseDockerRef(name)
	if err != nil {
		return name
	}
	return named.String()
}

// isKey reports, in a single pass, that name needs no parsing because it is
// its own key if it is valid, as it is if it is not. Node reports are almost
// always of this form, and there are 5,000 times 150 of them at the start.
func isKey(name string) bool {
	host, path, ok := strings.Cut(name, "/")
	if !ok || host == "index.docker.io" || !strings.ContainsAny(host, ".:") {
		return false
	}
	if host == "docker.io" && !strings.Contains(path, "/") {
		return false
	}
	path, _, digested := strings.Cut(path, "@")
	tagged := strings.Contains(path, ":")
	return digested != tagged
}
