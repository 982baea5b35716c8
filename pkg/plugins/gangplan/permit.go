package gangplan

import (
	"context"
	"time"

	v1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

// Reserve implements fwk.ReservePlugin.
func (pl *GangPlan) Reserve(_ context.Context, _ fwk.CycleState, pod *v1.Pod, node string) *fwk.Status {
	pl.gangs.Took(pod, node)
	pl.gangs.Reserve(pod.UID, node)
	return nil
}

// Unreserve implements fwk.ReservePlugin. It is called after any later failure,
// also when Reserve was not.
func (pl *GangPlan) Unreserve(_ context.Context, _ fwk.CycleState, pod *v1.Pod, _ string) {
	pl.gangs.Unreserve(pod.UID)
}

// Permit implements fwk.PermitPlugin.
func (pl *GangPlan) Permit(_ context.Context, _ fwk.CycleState, pod *v1.Pod, _ string) (*fwk.Status, time.Duration) {
	switch wait, ok := pl.gangs.Permit(pod.UID); {
	case !ok:
		return fwk.NewStatus(fwk.Unschedulable, "the gang's plan was given up"), 0
	case wait:
		return fwk.NewStatus(fwk.Wait), pl.hold
	}
	return nil, 0
}
