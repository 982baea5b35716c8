package snapshot

import (
	"encoding/json"
	"maps"

	v1 "k8s.io/api/core/v1"
)

// classKey returns equal text for pods that every filter treats alike. It
// leaves out what never matters to a filter, such as the names of injected
// token volumes, so that the members of one Job are one class. Pods that are
// told apart without need cost time, never a wrong plan.
func classKey(pod *v1.Pod) string {
	spec := pod.Spec.DeepCopy()
	volumes := spec.Volumes[:0]
	for _, vol := range spec.Volumes {
		if filterable(vol.VolumeSource) {
			volumes = append(volumes, vol)
		}
	}
	spec.Volumes = volumes
	spec.Hostname, spec.Subdomain = "", ""
	for _, containers := range [][]v1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			c := &containers[i]
			containers[i] = v1.Container{Image: c.Image, Ports: c.Ports, Resources: c.Resources, RestartPolicy: c.RestartPolicy}
		}
	}
	// Labels matter to what members say about one another. What other pods say
	// about them, the filters say in each member's own cycle.
	var labels map[string]string
	if coupled(pod) {
		labels = maps.Clone(pod.Labels)
		for _, own := range []string{"batch.kubernetes.io/job-completion-index", "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index"} {
			delete(labels, own) // each member's own
		}
	}
	text, err := json.Marshal(struct {
		Spec   *v1.PodSpec
		Labels map[string]string
	}{spec, labels})
	if err != nil { // cannot be: API types marshal
		return string(pod.UID)
	}
	return string(text)
}

// filterable reports whether a volume can keep a pod off a node.
func filterable(s v1.VolumeSource) bool {
	return s.PersistentVolumeClaim != nil || s.Ephemeral != nil || s.CSI != nil || s.GCEPersistentDisk != nil ||
		s.AWSElasticBlockStore != nil || s.AzureDisk != nil || s.RBD != nil || s.ISCSI != nil
}

// coupled reports whether placing one member can open or close nodes for the
// next in other ways than by the room it takes.
func coupled(pod *v1.Pod) bool {
	a := pod.Spec.Affinity
	if a != nil && (a.PodAffinity != nil || a.PodAntiAffinity != nil) || len(pod.Spec.TopologySpreadConstraints) > 0 ||
		len(pod.Spec.ResourceClaims) > 0 {
		return true
	}
	for _, vol := range pod.Spec.Volumes {
		if filterable(vol.VolumeSource) {
			return true
		}
	}
	return false
}
