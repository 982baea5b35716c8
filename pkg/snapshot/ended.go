package snapshot

import (
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-scheduler/muster/pkg/gang"
)

// endedPods selects the pods that have succeeded or failed. The scheduler's own
// pod informer leaves them out, but a member that has ended still says something
// of its gang.
const endedPods = "status.phase!=Pending,status.phase!=Running,status.phase!=Unknown"

// endedMembers are the selectors of members that have ended, by label. No field
// selector finds those with a spec.schedulingGroup: while there can be any, all
// other pods have to be looked at.
var (
	endedMembers       = []string{gang.NameLabel, gang.PodGroupLabel + ",!" + gang.NameLabel}
	endedNativeMembers = "!" + gang.NameLabel + ",!" + gang.PodGroupLabel
)

// trimEnded is a cache.TransformFunc: it keeps of a pod that has ended what its
// gang needs, and of one without a gang its name.
func trimEnded(o any) (any, error) {
	pod, ok := o.(*v1.Pod)
	if !ok {
		return o, nil
	}
	kept := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID, ResourceVersion: pod.ResourceVersion}}
	if _, _, ok := keyOf(pod); !ok {
		return kept, nil
	}
	kept.Generation, kept.CreationTimestamp, kept.DeletionTimestamp = pod.Generation, pod.CreationTimestamp, pod.DeletionTimestamp
	kept.Labels, kept.Annotations, kept.OwnerReferences = pod.Labels, pod.Annotations, pod.OwnerReferences
	kept.Spec = v1.PodSpec{
		NodeName: pod.Spec.NodeName, SchedulerName: pod.Spec.SchedulerName,
		Priority: pod.Spec.Priority, SchedulingGroup: pod.Spec.SchedulingGroup,
	}
	kept.Status = v1.PodStatus{Phase: pod.Status.Phase}
	for _, c := range pod.Status.Conditions {
		if c.Type == v1.PodScheduled {
			kept.Status.Conditions = []v1.PodCondition{c}
		}
	}
	return kept, nil
}
