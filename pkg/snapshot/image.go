package snapshot

import (
	"slices"

	v1 "k8s.io/api/core/v1"

	"github.com/muster-scheduler/muster/pkg/image"
	"github.com/muster-scheduler/muster/pkg/imagename"
)

// maxImages is how many images of a pod count: more are no pod that anybody waits
// for, and would cost every scheduling cycle.
const maxImages = 64

// PodImages returns the images that the pod needs, each once and 64 at most, in the
// order in which a kubelet pulls them: image volumes, init containers, containers.
// Ephemeral containers come later and are not part of the start.
func PodImages(pod *v1.Pod) []image.Need {
	spec := &pod.Spec
	needs := make([]image.Need, 0, len(spec.InitContainers)+len(spec.Containers))
	need := func(name string, policy v1.PullPolicy) {
		if name == "" || len(needs) == maxImages {
			return
		}
		key, always := imagename.Key(name), policy == v1.PullAlways
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
			names[j] = imagename.Key(name)
		}
		reports[i] = image.Report{Names: names, Bytes: listed.SizeBytes}
	}
	return reports
}
