package gangplan

import (
	"context"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-scheduler/muster/pkg/snapshot"
)

// Name of the plugin.
const Name = snapshot.PermitPlugin

// GangPlan plans gangs and holds their members until enough have a node.
type GangPlan struct {
	fw     framework.Framework
	gangs  *snapshot.Gangs
	worlds *snapshot.Worlds
	hold   time.Duration
}

var (
	_ fwk.PreFilterPlugin   = &GangPlan{}
	_ fwk.FilterPlugin      = &GangPlan{}
	_ fwk.PostFilterPlugin  = &GangPlan{}
	_ fwk.ReservePlugin     = &GangPlan{}
	_ fwk.PermitPlugin      = &GangPlan{}
	_ fwk.EnqueueExtensions = &GangPlan{}
	_ fwk.SignPlugin        = &GangPlan{}
)

// New returns the plugin. The handle must be the framework itself, as it is in
// a scheduler: plans are tried on the profile's own filters.
func New(args Args, h fwk.Handle, shared *snapshot.Shared) (*GangPlan, error) {
	fw, ok := h.(framework.Framework)
	if !ok {
		return nil, fmt.Errorf("the handle is a %T, which cannot run the profile's filters for another pod", h)
	}
	shared.Gangs.StartBy(time.Duration(args.BindDeadlineSeconds)*time.Second, args.OnBindFailure == Keep)
	shared.Gangs.RepairWithin(time.Duration(args.RepairHoldSeconds) * time.Second)
	shared.Gangs.MarkMembers(args.MarkMembers)
	return &GangPlan{
		fw:     fw,
		gangs:  shared.Gangs,
		worlds: snapshot.NewWorlds(fw, shared.Images.Estimates, shared.Gangs.KeptOn),
		hold:   time.Duration(args.PermitTimeoutSeconds) * time.Second,
	}, nil
}

// Name implements fwk.Plugin.
func (pl *GangPlan) Name() string { return Name }

// SignPod implements fwk.SignPlugin: plain pods are alike here; members are
// never alike, each has its own place in the plan.
func (pl *GangPlan) SignPod(_ context.Context, pod *v1.Pod) ([]fwk.SignFragment, *fwk.Status) {
	if _, _, ok := snapshot.MemberOf(pod); ok {
		return nil, fwk.NewStatus(fwk.Unschedulable, "a member of a gang has its own place")
	}
	return nil, nil
}

// seat marks the cycle of a member that its gang's plan decides about.
type seat struct {
	node string // planned node; empty if the member has none
}

// Clone implements fwk.StateData.
func (s *seat) Clone() fwk.StateData { return s }

func seatOf(state fwk.CycleState) *seat {
	data, err := state.Read(Name)
	if err != nil {
		return nil
	}
	return data.(*seat)
}
