package gangplan

import (
	"context"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
)

// Filter implements fwk.FilterPlugin.
func (pl *GangPlan) Filter(_ context.Context, state fwk.CycleState, pod *v1.Pod, node fwk.NodeInfo) *fwk.Status {
	if s := seatOf(state); s != nil {
		if s.node != node.Node().Name {
			return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "the gang's plan has another node for this member")
		}
		return nil // the plan has left alone what is kept for others
	}
	if !pl.gangs.Spares(pod, node) {
		return fwk.NewStatus(fwk.Unschedulable, "room is kept for members of a gang")
	}
	return nil
}

// PostFilter implements fwk.PostFilterPlugin. A refused member is not a refused
// gang: the members that have no node yet are planned anew, in this cycle, and
// the member comes back at once.
func (pl *GangPlan) PostFilter(ctx context.Context, state fwk.CycleState, pod *v1.Pod, _ fwk.NodeToStatusReader) (*fwk.PostFilterResult, *fwk.Status) {
	s, slot := seatOf(state), pl.gangs.Slot(pod.UID)
	switch {
	case s == nil && slot == "":
		return nil, fwk.NewStatus(fwk.Unschedulable) // a plain pod: preemption is next
	case s != nil && s.node == "":
		// No node refused it: its gang does not fit, or it is not its turn, though it
		// may have a slot by now.
		return nil, fwk.NewStatus(fwk.UnschedulableAndUnresolvable)
	}
	// A plugin before ours can end a planned member's cycle: then there is a slot
	// and no seat.
	turn, pods, ok := pl.gangs.Retry(pod)
	if !ok {
		return nil, fwk.NewStatus(fwk.UnschedulableAndUnresolvable)
	}
	logger := klog.FromContext(ctx)
	logger.V(2).Info("A planned node refused a member, planning anew", "gang", turn.Gang, "node", slot, "pod", klog.KObj(pod))
	nodes, err := pl.fw.SnapshotSharedLister().NodeInfos().List()
	if err != nil {
		return nil, fwk.AsStatus(err)
	}
	if _, status := pl.plan(ctx, pod, turn, pods, nodes); !status.IsSuccess() {
		return nil, fwk.NewStatus(fwk.UnschedulableAndUnresolvable, status.Message())
	}
	pl.gangs.Again(turn.Gang, pod)
	return nil, fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "the planned node refused this member; the gang was planned anew")
}
