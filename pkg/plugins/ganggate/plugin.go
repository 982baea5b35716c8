// Package ganggate is the plugin GangGate: who may enter the scheduling queue.
// Members of a gang that cannot be tried stay outside, and of one that can only
// its representative enters until there is a plan.
//
// It registers no events: a member that is kept out is let in by the roster
// alone, when something changes for its gang. Were it re-asked on every event
// of the cluster, each event would cost a look at every waiting member.
package ganggate

import (
	"context"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/muster-scheduler/muster/pkg/queue"
)

// Name of the plugin.
const Name = "GangGate"

// Args of the plugin.
type Args struct {
	// MaxMembers is the largest minimum that a gang may state. 1 to 100,000.
	MaxMembers int `json:"maxMembers"`
}

// DefaultArgs returns the defaults.
func DefaultArgs() Args { return Args{MaxMembers: 10000} }

// Kind returns the kind that the arguments may state.
func (Args) Kind() string { return Name + "Args" }

// Validate returns what is wrong with the arguments.
func (a Args) Validate() field.ErrorList {
	var errs field.ErrorList
	if a.MaxMembers < 1 || a.MaxMembers > 100000 {
		errs = append(errs, field.Invalid(field.NewPath("maxMembers"), a.MaxMembers, "must be between 1 and 100000"))
	}
	return errs
}

// Gangs decides who may enter.
type Gangs interface {
	// Admit decides about a pod, in constant time. why says what a pod that may not
	// waits for.
	Admit(pod *v1.Pod) (enter bool, why string)
	// Rank returns the order in the queue of a member that was let in.
	Rank(uid types.UID) (key queue.Key, ok bool)
}

// GangGate keeps members out of the queue until their gang can be tried.
type GangGate struct{ gangs Gangs }

var (
	_ fwk.PreEnqueuePlugin  = &GangGate{}
	_ fwk.EnqueueExtensions = &GangGate{}
)

// New returns the plugin.
func New(gangs Gangs) *GangGate { return &GangGate{gangs: gangs} }

// Name implements fwk.Plugin.
func (pl *GangGate) Name() string { return Name }

// PreEnqueue implements fwk.PreEnqueuePlugin.
func (pl *GangGate) PreEnqueue(_ context.Context, pod *v1.Pod) *fwk.Status {
	if enter, why := pl.gangs.Admit(pod); !enter {
		return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, why)
	}
	return nil
}

// EventsToRegister implements fwk.EnqueueExtensions.
func (pl *GangGate) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	return []fwk.ClusterEventWithHint{}, nil
}
