package gangbind

import (
	"context"
	"hash/fnv"
	"slices"
	"sync"

	v1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

// Pods that share a resource claim all write into it that it is reserved for
// them, between Permit and Bind. The members of a gang come there at one time, and
// the plugin DynamicResources takes another's write for a failure after five. So
// they take turns: PreBind waits for the claim, Bind and Unreserve pass it on.

// turnstiles let one pod at a time to each claim. Claims are put on them by a hash:
// two claims on one wait for each other, which costs little.
type turnstiles [64]chan struct{}

func newTurnstiles() *turnstiles {
	var t turnstiles
	for i := range t {
		t[i] = make(chan struct{}, 1)
	}
	return &t
}

// passage is the turnstiles that a pod is in.
type passage struct {
	leave func()
}

// Clone implements fwk.StateData.
func (p *passage) Clone() fwk.StateData { return p }

// enter waits for the claims that a pod names, and returns how to leave them.
func (t *turnstiles) enter(ctx context.Context, pod *v1.Pod) (leave func(), err error) {
	var at []int
	for _, name := range named(pod) {
		h := fnv.New32a()
		_, _ = h.Write([]byte(pod.Namespace + "/" + name))
		at = append(at, int(h.Sum32()%uint32(len(t))))
	}
	slices.Sort(at) // the same order for everybody: nobody waits in a circle
	at = slices.Compact(at)
	for n, i := range at {
		select {
		case t[i] <- struct{}{}:
		case <-ctx.Done():
			t.leave(at[:n])
			return nil, ctx.Err()
		}
	}
	return sync.OnceFunc(func() { t.leave(at) }), nil
}

func (t *turnstiles) leave(at []int) {
	for _, i := range at {
		<-t[i]
	}
}

// named returns the claims that a pod names, which others may name too.
func named(pod *v1.Pod) []string {
	var names []string
	for _, claim := range pod.Spec.ResourceClaims {
		if claim.ResourceClaimName != nil {
			names = append(names, *claim.ResourceClaimName)
		}
	}
	return names
}

// PreBindPreFlight implements fwk.PreBindPlugin.
func (pl *GangBind) PreBindPreFlight(_ context.Context, _ fwk.CycleState, pod *v1.Pod, _ string) (*fwk.PreBindPreFlightResult, *fwk.Status) {
	if len(named(pod)) == 0 {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	return nil, nil
}

// PreBind implements fwk.PreBindPlugin.
func (pl *GangBind) PreBind(ctx context.Context, state fwk.CycleState, pod *v1.Pod, _ string) *fwk.Status {
	leave, err := pl.claims.enter(ctx, pod)
	if err != nil {
		return fwk.AsStatus(err)
	}
	state.Write(Name, &passage{leave})
	return nil
}

// Reserve implements fwk.ReservePlugin.
func (pl *GangBind) Reserve(context.Context, fwk.CycleState, *v1.Pod, string) *fwk.Status { return nil }

// Unreserve implements fwk.ReservePlugin.
func (pl *GangBind) Unreserve(_ context.Context, state fwk.CycleState, _ *v1.Pod, _ string) {
	leaveClaims(state)
}

// leaveClaims lets the next to the claims of a pod, if it is at any.
func leaveClaims(state fwk.CycleState) {
	if p, err := state.Read(Name); err == nil {
		p.(*passage).leave()
	}
}
