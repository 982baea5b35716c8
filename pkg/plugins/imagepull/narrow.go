package imagepull

import (
	"context"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-scheduler/muster/pkg/snapshot"
)

// A pod whose images are on few nodes is offered these many of them, and as many
// others, in place of the framework's own sample: that would miss them, and to
// look at every node costs most where there are most. With one node that is
// certain to accept the pod among them, nobody is refused for the narrowing; where
// extenders have a say nothing is certain, and nothing is narrowed.
const (
	maxWarm   = 48
	maxOthers = 48
	maxAsked  = 8 // warm nodes, until one accepts
)

// PreFilter narrows the nodes of a plain pod to warm ones and a sample of others,
// if warm nodes stand out and one accepts it. Filter is skipped if all nodes can
// hold the images, as far as is known.
func (pl *ImagePull) PreFilter(ctx context.Context, state fwk.CycleState, pod *v1.Pod, nodes []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	skip := fwk.NewStatus(fwk.Skip)
	if may := pl.images.Fit(pod); may != nil {
		state.Write(heldKey, held(may))
		skip = nil
	}
	if len(nodes) <= maxWarm+maxOthers || pl.asksElsewhere(pod) || snapshot.InTrial(state) || snapshot.IsMember(pod) {
		return nil, skip
	}
	warm := pl.warm(pod)
	if len(warm) == 0 || !pl.accepted(ctx, pod, warm) {
		return nil, skip
	}
	names := make(sets.Set[string], maxWarm+maxOthers)
	for _, node := range warm {
		names.Insert(node.Node().Name)
	}
	for range nodes {
		if len(names) == len(warm)+maxOthers {
			break
		}
		pl.next = (pl.next + 1) % len(nodes)
		if node := nodes[pl.next]; hasRoom(pod, node) {
			names.Insert(node.Node().Name)
		}
	}
	return &fwk.PreFilterResult{NodeNames: names}, nil
}

// asksElsewhere reports whether an extender filters nodes for the pod: it is asked
// after the plugins, so nothing is certain before.
func (pl *ImagePull) asksElsewhere(pod *v1.Pod) bool {
	return slices.ContainsFunc(pl.fw.Extenders(), func(e fwk.Extender) bool { return e.IsFilter() && e.IsInterested(pod) })
}

// PreFilterExtensions returns none: nothing is kept for Filter.
func (pl *ImagePull) PreFilterExtensions() fwk.PreFilterExtensions { return nil }

// warm returns the warm nodes that have room for the pod, the fastest first.
func (pl *ImagePull) warm(pod *v1.Pod) []fwk.NodeInfo {
	var warm []fwk.NodeInfo
	all := pl.fw.SnapshotSharedLister().NodeInfos()
	for _, name := range pl.images.Warm(pod) {
		node, err := all.Get(name)
		if err != nil || !hasRoom(pod, node) {
			continue // the snapshot does not have it, or it is full
		}
		if warm = append(warm, node); len(warm) == maxWarm {
			break
		}
	}
	return warm
}

// accepted reports whether one of the first nodes is certain to accept the pod:
// the filters that are about to be asked about it say so.
func (pl *ImagePull) accepted(ctx context.Context, pod *v1.Pod, nodes []fwk.NodeInfo) bool {
	state := framework.NewCycleState()
	snapshot.MarkTrial(state)
	result, status, _ := pl.fw.RunPreFilterPlugins(ctx, state, pod)
	if !status.IsSuccess() {
		return false
	}
	for _, node := range nodes[:min(maxAsked, len(nodes))] {
		if (result.AllNodes() || result.NodeNames.Has(node.Node().Name)) && pl.fw.RunFilterPluginsWithNominatedPods(ctx, state, pod, node).IsSuccess() {
			return true
		}
	}
	return false
}

// hasRoom is a necessary condition, and cheap: room for one more pod, and for its
// containers' CPU and memory.
func hasRoom(pod *v1.Pod, node fwk.NodeInfo) bool {
	has, used := node.GetAllocatable(), node.GetRequested()
	if len(node.GetPods()) >= has.GetAllowedPodNumber() {
		return false
	}
	cpu, memory := has.GetMilliCPU()-used.GetMilliCPU(), has.GetMemory()-used.GetMemory()
	for i := range pod.Spec.Containers {
		requests := pod.Spec.Containers[i].Resources.Requests
		cpu -= requests.Cpu().MilliValue()
		memory -= requests.Memory().Value()
	}
	return cpu >= 0 && memory >= 0
}
