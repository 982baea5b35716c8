package gangplan

import (
	"context"
	"slices"

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
		return nil, fwk.NewStatus(fwk.Skip)
	}
	turn, pods := pl.gangs.Take(pod)
	s := &seat{gang: turn.Gang, node: turn.Node, plan: turn.Plan}
	switch turn.Kind {
	case gang.Alone:
		return nil, fwk.NewStatus(fwk.Skip)
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

// PreFilterExtensions implements fwk.PreFilterPlugin.
func (pl *GangPlan) PreFilterExtensions() fwk.PreFilterExtensions { return nil }

// plan places the members of a turn and makes the plan their gang's own. It
// returns the planned nodes, or the status for the cycle of the member that tried.
func (pl *GangPlan) plan(ctx context.Context, by *v1.Pod, turn gang.Turn, pods []*v1.Pod, nodes []fwk.NodeInfo) (gang.Placement, *fwk.Status) {
	world, cluster, classes, err := snapshot.NewWorld(ctx, pl.fw, nodes, pods, turn.Veto, pl.images.Seconds)
	if err != nil {
		return nil, fwk.AsStatus(err)
	}
	slots, verdict := gang.Plan(cluster, classes, turn.Need, world)
	if err := world.Err(); err != nil {
		return nil, fwk.AsStatus(err)
	}
	verdict.Gang, verdict.Min, verdict.Placed, verdict.Note = turn.Gang, turn.Min, turn.Min-turn.Need, world.Note()
	logger := klog.FromContext(ctx)
	if slots == nil {
		pl.gangs.Fail(by, verdict)
		text := explain.NoFit(verdict)
		logger.V(2).Info("No place for the whole gang", "gang", turn.Gang, "verdict", text)
		return nil, fwk.NewStatus(fwk.UnschedulableAndUnresolvable, text)
	}
	// The room is kept before the plan is made known: whoever gives the plan up
	// gives up the room. The member whose cycle it is needs none kept.
	others := slices.DeleteFunc(slices.Clone(pods), func(p *v1.Pod) bool { return p.UID == by.UID })
	snapshot.Keep(pl.fw, others, slots)
	kept, ok := pl.gangs.Commit(turn.Gang, by, slots)
	if len(kept) < len(slots) {
		snapshot.Keep(pl.fw, slices.DeleteFunc(others, func(p *v1.Pod) bool { return kept[string(p.UID)] != "" }), nil)
	}
	if !ok {
		return nil, fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "gang "+turn.Gang.String()+" changed while it was planned")
	}
	logger.V(2).Info("Planned the gang", "gang", turn.Gang, "members", len(kept), "need", turn.Need)
	return kept, nil
}
