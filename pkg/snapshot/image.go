package snapshot

import (
	"slices"
	"strings"

	"github.com/distribution/reference"
	v1 "k8s.io/api/core/v1"

	"github.com/muster-scheduler/muster/pkg/image"
)

// ImageKey returns the one key that stands for an image, however it is spelt:
// with its registry, its tag, or, where it has one, its digest instead of its
// tag, because that is what runtimes report besides the tag alone. "nginx"
// becomes "docker.io/library/nginx:latest", and "r.io/a:v1@sha256:…" becomes
// "r.io/a@sha256:…". What is not a reference is its own key.
func ImageKey(name string) string {
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

// PodImages returns the images that the pod needs, each once, in the order in
// which a kubelet pulls them: image volumes, init containers, containers.
// Ephemeral containers come later and are not part of the start.
func PodImages(pod *v1.Pod) []image.Need {
	spec := &pod.Spec
	needs := make([]image.Need, 0, len(spec.InitContainers)+len(spec.Containers))
	need := func(name string, policy v1.PullPolicy) {
		if name == "" {
			return
		}
		key, always := ImageKey(name), policy == v1.PullAlways
		if at := slices.IndexFunc(needs, func(n image.Need) bool { return n.Key == key }); at >= 0 {
			needs[at].Always = needs[at].Always || always
			return
		}
		needs = append(needs, image.Need{Key: key, Always: always})
	}
	for i := range spec.Volumes {
		if source := spec.Volumes[i].Image; source != nil {
			need(source.Reference, source.PullPolicy)
		}
	}
	for i := range spec.InitContainers {
		need(spec.InitContainers[i].Image, spec.InitContainers[i].ImagePullPolicy)
	}
	for i := range spec.Containers {
		need(spec.Containers[i].Image, spec.Containers[i].ImagePullPolicy)
	}
	return needs
}

// NodeReport returns the images that the node says it has.
func NodeReport(node *v1.Node) []image.Report {
	reports := make([]image.Report, len(node.Status.Images))
	for i := range node.Status.Images {
		listed := &node.Status.Images[i]
		names := make([]string, len(listed.Names))
		for j, name := range listed.Names {
			names[j] = ImageKey(name)
		}
		reports[i] = image.Report{Names: names, Bytes: listed.SizeBytes}
	}
	return reports
}
