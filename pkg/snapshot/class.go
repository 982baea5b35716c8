package snapshot

import (
	"fmt"
	"maps"
	"slices"

	v1 "k8s.io/api/core/v1"
)

// classKey returns equal text for pods that every filter treats alike. It
// leaves out what never matters to a filter, such as the names of injected
// token volumes, so that the members of one Job are one class. Pods that are
// told apart without need cost time, never a wrong plan.
func classKey(pod *v1.Pod) string {
	spec := pod.Spec // a copy whose fields may be set, but not what they point at
	spec.Volumes = nil
	for _, vol := range pod.Spec.Volumes {
		if filterable(vol.VolumeSource) {
			spec.Volumes = append(spec.Volumes, vol)
		}
	}
	spec.Hostname, spec.Subdomain = "", ""
	spec.InitContainers, spec.Containers = bare(spec.InitContainers), bare(spec.Containers)
	text, err := spec.Marshal() // of all encodings the one that is cheap, with maps in order
	if err != nil {             // cannot be: API types marshal
		return string(pod.UID)
	}
	if !coupled(pod) {
		return string(text)
	}
	return string(text) + labelKey(pod)
}

// bare returns containers with nothing but what a filter may look at.
func bare(containers []v1.Container) []v1.Container {
	out := make([]v1.Container, len(containers))
	for i := range containers {
		c := &containers[i]
		out[i] = v1.Container{Image: c.Image, Ports: c.Ports, Resources: c.Resources, RestartPolicy: c.RestartPolicy}
	}
	return out
}

// pullKey returns equal text for pods of one classKey that pull the same: what
// filters do not look at is which image volumes they have, and what they always
// ask the registry for.
func pullKey(pod *v1.Pod) string {
	always := func(c v1.Container) bool { return c.ImagePullPolicy == v1.PullAlways }
	if !slices.ContainsFunc(pod.Spec.Volumes, func(vol v1.Volume) bool { return vol.Image != nil }) &&
		!slices.ContainsFunc(pod.Spec.Containers, always) &&
		!slices.ContainsFunc(pod.Spec.InitContainers, always) {
		return ""
	}
	return fmt.Sprint(PodImages(pod))
}

// labelKey returns equal text for pods with equal labels. Labels matter to what
// members say about one another. What other pods say about them, the filters say
// in each member's own cycle.
func labelKey(pod *v1.Pod) string {
	labels := maps.Clone(pod.Labels)
	for _, own := range []string{"batch.kubernetes.io/job-completion-index", "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index"} {
		delete(labels, own) // each member's own
	}
	return fmt.Sprint(labels) // sorted by key
}

// filterable reports whether a volume can keep a pod off a node.
func filterable(s v1.VolumeSource) bool {
	return s.PersistentVolumeClaim != nil || s.Ephemeral != nil || s.CSI != nil || s.GCEPersistentDisk != nil ||
		s.AWSElasticBlockStore != nil || s.AzureDisk != nil || s.RBD != nil || s.ISCSI != nil
}

// coupled reports whether placing one member can open or close nodes for the
// next in other ways than by the room and the devices it takes.
func coupled(pod *v1.Pod) bool {
	a := pod.Spec.Affinity
	if a != nil && (a.PodAffinity != nil || a.PodAntiAffinity != nil) || len(pod.Spec.TopologySpreadConstraints) > 0 {
		return true
	}
	for _, vol := range pod.Spec.Volumes {
		if filterable(vol.VolumeSource) {
			return true
		}
	}
	return false
}

// ordered reports whether a member may be accepted only when certain others are
// there before it. What merely keeps members apart is no reason: it lets them
// come in any order.
func ordered(pod *v1.Pod) bool {
	a := pod.Spec.Affinity
	return a != nil && a.PodAffinity != nil && len(a.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution) > 0 ||
		slices.ContainsFunc(pod.Spec.TopologySpreadConstraints, func(c v1.TopologySpreadConstraint) bool { return c.WhenUnsatisfiable == v1.DoNotSchedule })
}
