package gangplan

import (
	"context"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/muster-scheduler/muster/pkg/snapshot"
)

// EventsToRegister implements fwk.EnqueueExtensions. A gang is refused for the
// reasons of every filter, so whatever can change a filter's mind is asked
// about; the index of waiting gangs answers. Only the representative waits for
// events; the others are let in by the roster.
//
// The queue asks in the order of the events, after the scheduler's cache has
// them, and asks about those that happen during an attempt when it ends. So no
// event is lost, and none wakes a gang for an attempt on an older snapshot.
func (pl *GangPlan) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	on := func(r fwk.EventResource, a fwk.ActionType, ask func(pod *v1.Pod, old, now any) bool) fwk.ClusterEventWithHint {
		return fwk.ClusterEventWithHint{
			Event: fwk.ClusterEvent{Resource: r, ActionType: a},
			QueueingHintFn: func(_ klog.Logger, pod *v1.Pod, old, now any) (fwk.QueueingHint, error) {
				if ask(pod, old, now) {
					return fwk.Queue, nil
				}
				return fwk.QueueSkip, nil
			},
		}
	}
	always := func(*v1.Pod, any, any) bool { return true }
	other := func(pod *v1.Pod, _, _ any) bool { return pl.gangs.OtherChanged(pod) }
	return []fwk.ClusterEventWithHint{
		on(fwk.AssignedPod, fwk.Delete, func(pod *v1.Pod, old, _ any) bool {
			gone, ok := snapshot.LastKnown[*v1.Pod](old)
			return !ok || pl.gangs.PodGone(pod, gone)
		}),
		on(fwk.AssignedPod, fwk.UpdatePodScaleDown, func(pod *v1.Pod, old, now any) bool {
			return pl.gangs.PodShrunk(pod, old.(*v1.Pod), now.(*v1.Pod))
		}),
		on(fwk.AssignedPod, fwk.Add|fwk.UpdatePodLabel, other),
		on(fwk.TargetPod, fwk.UpdatePodLabel|fwk.UpdatePodScaleDown|fwk.UpdatePodToleration|fwk.UpdatePodGeneratedResourceClaim, always),
		on(fwk.Node, fwk.Add, func(pod *v1.Pod, _, now any) bool { return pl.gangs.NodeGrew(pod, nil, now.(*v1.Node)) }),
		on(fwk.Node, fwk.UpdateNodeAllocatable, func(pod *v1.Pod, old, now any) bool {
			return pl.gangs.NodeGrew(pod, old.(*v1.Node), now.(*v1.Node))
		}),
		on(fwk.Node, fwk.UpdateNodeLabel|fwk.UpdateNodeTaint|fwk.UpdateNodeCondition, func(pod *v1.Pod, _, _ any) bool {
			return pl.gangs.NodeChanged(pod)
		}),
		on(fwk.PersistentVolumeClaim, fwk.Add|fwk.Update, other),
		on(fwk.PersistentVolume, fwk.Add|fwk.Update, other),
		on(fwk.StorageClass, fwk.Add|fwk.Update, other),
		on(fwk.CSINode, fwk.Add|fwk.Update, other),
		on(fwk.CSIDriver, fwk.Update, other),
		on(fwk.CSIStorageCapacity, fwk.Add|fwk.Update, other),
		on(fwk.VolumeAttachment, fwk.Delete, other),
		on(fwk.ResourceClaim, fwk.Add|fwk.Update|fwk.Delete, other),
		on(fwk.DeviceClass, fwk.Add|fwk.Update, other),
		on(fwk.ResourceSlice, fwk.Add|fwk.Update, other),
	}, nil
}
