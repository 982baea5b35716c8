package gangplan

import (
	"context"

	fwk "k8s.io/kube-scheduler/framework"
)

// EventsToRegister implements fwk.EnqueueExtensions. A gang is refused for the
// reasons of every filter, so whatever can change a filter's mind wakes it. Only
// the representative waits for events; the others are let in by the roster.
func (pl *GangPlan) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	on := func(r fwk.EventResource, a fwk.ActionType) fwk.ClusterEventWithHint {
		return fwk.ClusterEventWithHint{Event: fwk.ClusterEvent{Resource: r, ActionType: a}}
	}
	return []fwk.ClusterEventWithHint{
		on(fwk.AssignedPod, fwk.Add|fwk.Delete|fwk.UpdatePodLabel|fwk.UpdatePodScaleDown),
		on(fwk.TargetPod, fwk.UpdatePodLabel|fwk.UpdatePodScaleDown|fwk.UpdatePodToleration|fwk.UpdatePodGeneratedResourceClaim),
		on(fwk.Node, fwk.Add|fwk.UpdateNodeAllocatable|fwk.UpdateNodeLabel|fwk.UpdateNodeTaint|fwk.UpdateNodeCondition),
		on(fwk.PersistentVolumeClaim, fwk.Add|fwk.Update),
		on(fwk.PersistentVolume, fwk.Add|fwk.Update),
		on(fwk.StorageClass, fwk.Add|fwk.Update),
		on(fwk.CSINode, fwk.Add|fwk.Update),
		on(fwk.CSIDriver, fwk.Update),
		on(fwk.CSIStorageCapacity, fwk.Add|fwk.Update),
		on(fwk.VolumeAttachment, fwk.Delete),
		on(fwk.ResourceClaim, fwk.Add|fwk.Update|fwk.Delete),
		on(fwk.DeviceClass, fwk.Add|fwk.Update),
		on(fwk.ResourceSlice, fwk.Add|fwk.Update),
	}, nil
}
