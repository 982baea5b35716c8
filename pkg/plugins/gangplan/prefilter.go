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
		var status *fwk.Status
		if s.node, status = pl.plan(ctx, pod, turn, pods, nodes); !status.IsSuccess() {
			return nil, status
		}
		if s.node == "" {
			return nil, fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "gang "+turn.Gang.String()+" is being placed, other members first")
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
func (pl *GangPlan) keptOn(pod *v1.Pod, node fwk.NodeInfo) []fwk.PodInfo {
	return append(pl.gangs.KeptOn(pod, node), pl.fw.NominatedPodsForNode(node.Node().Name)...)
}

// PreFilterExtensions implements fwk.PreFilterPlugin.
func (pl *GangPlan) PreFilterExtensions() fwk.PreFilterExtensions { return nil }

// plan places the members of a turn and makes the plan their gang's own. It
// returns the node that the member whose cycle it is takes now, empty if it is to
// wait; or the status for its cycle.
func (pl *GangPlan) plan(ctx context.Context, by *v1.Pod, turn gang.Turn, pods []*v1.Pod, nodes []fwk.NodeInfo) (node string, status *fwk.Status) {
	logger := klog.FromContext(ctx)
	attempt := pl.gangs.Attempt(turn.Gang, by, len(pods))
	slots, verdict, err := pl.worlds.Plan(ctx, nodes, pods, turn)
	if err != nil {
		pl.gangs.Fail(turn.Gang, by, gang.Refused{Why: err.Error()})
		attempt.Failed()
		return "", fwk.AsStatus(err)
	}
	if slots == nil {
		attempt.Refused(verdict, nodes, pl.keptOn)
		text := explain.NoFit(verdict)
		pl.gangs.Fail(turn.Gang, by, gang.Refused{
			Why: text, Held: explain.Held(verdict), Holders: verdict.Holders, NodesHelp: verdict.NodesHelp(),
		})
		logger.V(2).Info("No place for the whole gang", "gang", turn.Gang, "cause", attempt.Cause(), "verdict", text)
		return "", fwk.NewStatus(fwk.UnschedulableAndUnresolvable, text)
	}
	kept, goes, ok := pl.gangs.Commit(turn.Gang, by, pods, slots, gang.Sequence{
		Order: verdict.Order, Ahead: verdict.Ahead, Outlook: explain.Outlook(verdict), ImagesAt: pl.gangs.In(verdict.Outlook.Seconds),
	})
	if !ok {
		attempt.Failed()
		return "", fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "gang "+turn.Gang.String()+" changed while it was planned")
	}
	attempt.Planned()
	logger.V(2).Info("Planned the gang", "gang", turn.Gang, "cause", attempt.Cause(), "members", len(kept), "need", turn.Need.Need)
	if !goes {
		return "", nil
	}
	return kept[string(by.UID)], nil
}
