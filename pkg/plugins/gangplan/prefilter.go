package gangplan

import (
	"context"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/muster-scheduler/muster/pkg/explain"
	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/snapshot"
)

// PreFilter implements fwk.PreFilterPlugin.
func (pl *GangPlan) PreFilter(ctx context.Context, state fwk.CycleState, pod *v1.Pod, nodes []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	if snapshot.InTrial(state) {
		return nil, pl.unlessKept()
	}
	turn, pods := pl.gangs.Take(pod)
	s := &seat{node: turn.Node}
	switch turn.Kind {
	case gang.Alone:
		return nil, pl.unlessKept()
	case gang.Wait:
		state.Write(Name, s)
		return nil, fwk.NewStatus(fwk.UnschedulableAndUnresolvable, turn.Why)
	case gang.Try:
		state.Write(Name, s)
		slots, status := pl.plan(ctx, pod, turn, pods, nodes)
		if !status.IsSuccess() {
			return nil, status
		}
		if s.node = slots[string(pod.UID)]; s.node == "" {
			return nil, fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "gang "+turn.Gang.String()+" is being placed without this member")
		}
	case gang.Go:
		state.Write(Name, s)
	}
	return &fwk.PreFilterResult{NodeNames: sets.New(s.node)}, nil
}

// unlessKept has Filter left out when room is kept for nobody.
func (pl *GangPlan) unlessKept() *fwk.Status {
	if pl.gangs.KeepsNothing() {
		return fwk.NewStatus(fwk.Skip)
	}
	return nil
}

// keptOn returns the pods for which room is kept on a node from the pod.
func (pl *GangPlan) keptOn(pod *v1.Pod) func(fwk.NodeInfo) []fwk.PodInfo {
	return func(node fwk.NodeInfo) []fwk.PodInfo {
		return append(pl.gangs.KeptOn(pod, node), pl.fw.NominatedPodsForNode(node.Node().Name)...)
	}
}

// PreFilterExtensions implements fwk.PreFilterPlugin.
func (pl *GangPlan) PreFilterExtensions() fwk.PreFilterExtensions { return nil }

// plan places the members of a turn and makes the plan their gang's own. It
// returns the planned nodes, or the status for the cycle of the member that tried.
func (pl *GangPlan) plan(ctx context.Context, by *v1.Pod, turn gang.Turn, pods []*v1.Pod, nodes []fwk.NodeInfo) (gang.Placement, *fwk.Status) {
	logger := klog.FromContext(ctx)
	attempt := pl.gangs.Attempt(turn.Gang, by, len(pods))
	slots, verdict, err := pl.tryOrders(ctx, turn, pods, nodes)
	if err != nil {
		pl.gangs.Fail(turn.Gang, by, err.Error())
		attempt.Failed()
		return nil, fwk.AsStatus(err)
	}
	if slots == nil {
		attempt.Refused(verdict, nodes, pl.keptOn(by))
		text := explain.NoFit(verdict)
		pl.gangs.Fail(turn.Gang, by, text)
		logger.V(2).Info("No place for the whole gang", "gang", turn.Gang, "cause", attempt.Cause(), "verdict", text)
		return nil, fwk.NewStatus(fwk.UnschedulableAndUnresolvable, text)
	}
	kept, ok := pl.gangs.Commit(turn.Gang, by, pods, slots)
	if !ok {
		attempt.Failed()
		return nil, fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "gang "+turn.Gang.String()+" changed while it was planned")
	}
	attempt.Planned()
	logger.V(2).Info("Planned the gang", "gang", turn.Gang, "cause", attempt.Cause(), "members", len(kept), "need", turn.Need.Need)
	return kept, nil
}

// tryOrders plans with the hardest class first and, if the gang has more members
// than it needs, with the easiest first: the hard ones may be those to spare.
func (pl *GangPlan) tryOrders(ctx context.Context, turn gang.Turn, pods []*v1.Pod, nodes []fwk.NodeInfo) (slots gang.Placement, verdict gang.Verdict, err error) {
	for _, order := range []gang.Order{gang.HardestFirst, gang.EasiestFirst} {
		world, cluster, classes, err := snapshot.NewWorld(ctx, pl.fw, nodes, pods, turn.Veto, pl.images.Seconds)
		if err != nil {
			return nil, verdict, err
		}
		found, v := gang.Plan(cluster, classes, turn.Need.Need, order, world)
		if err := world.Err(); err != nil {
			return nil, verdict, err
		}
		v.Hope = gang.HopeOf(v, classes, cluster.Total)
		v.Gang, v.Min, v.Placed, v.Note = turn.Gang, turn.Spec.Min, turn.Secured, world.Note()
		if slots = found; verdict.Nodes == 0 || v.Fit > verdict.Fit {
			verdict = v
		}
		if slots != nil || len(classes) == 1 || turn.Need.Need == len(pods) {
			break
		}
	}
	return slots, verdict, nil
}
