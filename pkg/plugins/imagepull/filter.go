package imagepull

import (
	"context"

	v1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

// heldKey marks the cycles of pods whose images some node cannot hold.
const heldKey fwk.StateKey = Name + "/held"

type held struct{}

// Clone returns the mark itself.
func (held) Clone() fwk.StateData { return held{} }

// Filter refuses a node whose disk cannot hold the pod's images even if it held
// nothing else. It is certain of that where somebody stated how large the disk is;
// elsewhere such a node is the last choice, see PreScore.
func (pl *ImagePull) Filter(_ context.Context, state fwk.CycleState, pod *v1.Pod, node fwk.NodeInfo) *fwk.Status {
	if _, err := state.Read(heldKey); err == nil && !pl.images.Fit(pod, node.Node()) {
		return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "the images do not fit on the node's disk")
	}
	return nil
}

// EventsToRegister names what can have a node that was too small be none: a new
// node, and another word about a disk, which is a label.
func (pl *ImagePull) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	return []fwk.ClusterEventWithHint{{Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add | fwk.UpdateNodeLabel}}}, nil
}
