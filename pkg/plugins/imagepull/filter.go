package imagepull

import (
	"context"

	v1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

// heldKey is where PreFilter leaves which nodes can hold the images of a pod.
const heldKey fwk.StateKey = Name + "/held"

type held func(*v1.Node) bool

// Clone returns the same: nothing in it changes.
func (h held) Clone() fwk.StateData { return h }

// Filter refuses a node whose disk cannot hold the pod's images even if it held
// nothing else. It is certain of that where somebody stated how large the disk is;
// elsewhere such a node is the last choice, see PreScore.
func (pl *ImagePull) Filter(_ context.Context, state fwk.CycleState, _ *v1.Pod, node fwk.NodeInfo) *fwk.Status {
	if may, err := state.Read(heldKey); err == nil && !may.(held)(node.Node()) {
		return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "the images do not fit on the node's disk")
	}
	return nil
}

// EventsToRegister names what can have a node that was too small be none: a new
// node, and another word about a disk, which is a label.
func (pl *ImagePull) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	return []fwk.ClusterEventWithHint{{Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add | fwk.UpdateNodeLabel}}}, nil
}
