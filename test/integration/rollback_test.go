package integration

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var invalid = apierrors.NewInvalid(schema.GroupKind{Kind: "Binding"}, "it", field.ErrorList{field.Forbidden(field.NewPath("target"), "the rule of this test")})

// TestRefusalRollsAGangBackAtOnce: one binding is refused for good. What was
// bound is deleted, and nobody is bound again until a dry run has shown that all
// can be; when the refusal is lifted, the gang starts whole.
func TestRefusalRollsAGangBackAtOnce(t *testing.T) {
	t.Parallel()
	x := newTrial(t, "muster-refused")
	for name, tc := range map[string]struct {
		refusal *apierrors.StatusError
		told    string
	}{
		"forbidden": {forbidden, "the policy of this test"},
		"invalid":   {invalid, "the rule of this test"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := x.cluster(t, roomToSpare...)
			x.proxy.deal(c.ns, refuse(tc.refusal).onOne())
			c.replicas("gang", faultyMembers, fmt.Sprint(faultyMembers), "1")
			x.waitRolledBack(c, "gang", faultyMembers)
			c.waitEvent("gang", "", tc.told)
			x.waitProof(c)
			x.proxy.deal(c.ns, nil)
			c.waitBound("gang", faultyMembers)
			x.check(c, "gang", faultyMembers)
			x.figures(c, "gang", faultyMembers)
		})
	}
}

// TestFaultThatStaysRollsAGangBackWithinTheDeadline: the binding might succeed
// one day, but a gang does not wait for it bound in part.
func TestFaultThatStaysRollsAGangBackWithinTheDeadline(t *testing.T) {
	t.Parallel()
	x := newTrial(t, "muster-stuck")
	for name, fault := range map[string]rule{
		"one binding breaks down for ever": refuse(internal),
		"one is always asked to come back": refuse(overloaded),
		"one conflicts for ever":           refuse(conflict),
		"one hangs for ever":               hang(longest),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := x.cluster(t, roomToSpare...)
			x.proxy.deal(c.ns, fault.onOne())
			c.replicas("gang", faultyMembers, fmt.Sprint(faultyMembers), "1")
			x.waitRolledBack(c, "gang", faultyMembers)
			x.proxy.deal(c.ns, nil)
			c.waitBound("gang", faultyMembers)
			x.check(c, "gang", faultyMembers)
			x.figures(c, "gang", faultyMembers)
		})
	}
}

// TestBindingThatArrivesAfterTheRollBack: the API server makes it when nobody
// waits for its answer any more. The gang does not stay bound in part for that.
func TestBindingThatArrivesAfterTheRollBack(t *testing.T) {
	t.Parallel()
	x := newTrial(t, "muster-overtaken")
	c := x.cluster(t, roomToSpare...)
	rolledBack := make(chan struct{})
	x.proxy.deal(c.ns, late(rolledBack).onOne())
	c.replicas("gang", faultyMembers, fmt.Sprint(faultyMembers), "1")
	x.waitRolledBack(c, "gang", faultyMembers)
	close(rolledBack)
	c.waitBound("gang", faultyMembers)
	// What the scheduler says of the binding that it gave up may overtake the
	// binding itself. There is no kubelet here to put that right.
	x.checkBindings(c, "gang", faultyMembers)
	x.figures(c, "gang", faultyMembers)
}

// TestGangGoesElsewhereIfBindingsToOneNodeFail: the members that cannot be bound
// where they were planned get another node, and the gang is whole.
func TestGangGoesElsewhereIfBindingsToOneNodeFail(t *testing.T) {
	t.Parallel()
	x := newTrialWith(t, "muster-elsewhere", longDeadline, nil)
	c := x.cluster(t, "4", "4")
	broken := c.ns + "-0"
	x.proxy.deal(c.ns, refuse(internal).when(func(b binding) bool { return b.node == broken }))
	c.replicas("gang", 8, "8", "1") // the plan needs both nodes
	c.wait("a binding to the broken node to fail", func() (bool, string) {
		all := x.proxy.bindings(c.ns)
		return slices.ContainsFunc(all, func(b binding) bool { return b.node == broken && b.code >= http.StatusBadRequest }), summary(all)
	})
	c.addNode(c.ns+"-2", "4")
	c.waitBound("gang", 8)
	x.check(c, "gang", 8)
	if on := c.byNode("gang"); on[broken] > 0 {
		t.Errorf("members by node: %v, want none on %s", on, broken)
	}
	if gone := c.history.deleted("gang"); len(gone) > 0 {
		t.Errorf("%d members were deleted, though there was another node for the rest within the deadline", len(gone))
	}
	x.figures(c, "gang", 8)
}

// TestGangThatCannotBeCompletedAfterAKillIsRolledBack: the room of the members
// that were not bound yet went to another while no scheduler ran.
func TestGangThatCannotBeCompletedAfterAKillIsRolledBack(t *testing.T) {
	t.Parallel()
	x := newTrial(t, "muster-robbed")
	c := x.cluster(t, "8")
	g := x.gated(c, 3)
	c.replicas("gang", 8, "8", "1")
	x.waitHeld(c, g, 3, 8)
	x.kill(t)
	c.create(c.robber())
	x.proxy.deal(c.ns, nil)
	x.start(t)
	x.waitRolledBack(c, "gang", 3)
	c.remove1("robber")
	c.waitBound("gang", 8)
	x.check(c, "gang", 8)
}

// TestGangThatWasWholeIsNeverRolledBack: it lost a member, and there is no room
// for another. What runs is left alone, also by a scheduler that did not start
// it, and also if one more member than it needs has waited from the beginning.
func TestGangThatWasWholeIsNeverRolledBack(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		restart bool
		members int
	}{
		"same":  {false, 4},
		"next":  {true, 4},
		"spare": {true, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newTrial(t, "muster-whole-"+name)
			c := x.cluster(t, "4")
			c.replicas("gang", tc.members, "4", "1")
			c.waitBound("gang", 4)
			c.waitNextSecond("gang") // the API tells members from replacements by whole seconds
			if tc.members > 4 {
				c.waitRefused("gang") // or it could be one that was to start with them
			}
			c.create(c.robber()) // more than the node has, until a member is gone
			c.remove1(c.bound("gang")[0])
			if tc.restart {
				x.kill(t)
				x.start(t)
			}
			c.waitEvent("gang", "FailedScheduling", "insufficient cpu")
			c.stays("the rest of the gang", shortDeadline+shortDeadline/2, func() (bool, string) {
				got := c.bound("gang")
				return len(got) == 3, fmt.Sprint(got)
			})
			c.remove1("robber")
			c.waitBound("gang", 4)
			if gone := c.history.deleted("gang"); len(gone) != 1 {
				t.Errorf("%d members were deleted, want the one that was lost", len(gone))
			}
		})
	}
}

// TestGangIsKeptIfThatIsAsked: with onBindFailure: Keep, what was bound stays,
// and the refused member is tried again, not without pause, until it is bound.
func TestGangIsKeptIfThatIsAsked(t *testing.T) {
	t.Parallel()
	x := newTrialWith(t, "muster-keeping", shortDeadline, map[string]any{"onBindFailure": "Keep"})
	c := x.cluster(t, roomToSpare...)
	x.proxy.deal(c.ns, refuse(forbidden).onOne())
	c.replicas("gang", faultyMembers, fmt.Sprint(faultyMembers), "1")
	c.waitBound("gang", faultyMembers-1)
	c.stays("the gang bound in part", shortDeadline+shortDeadline/2, func() (bool, string) {
		got := c.bound("gang")
		return len(got) == faultyMembers-1, fmt.Sprint(got)
	})
	c.waitEvent("gang", "", "the policy of this test")
	x.proxy.deal(c.ns, nil)
	c.waitBound("gang", faultyMembers)
	if gone := c.history.deleted("gang"); len(gone) > 0 {
		t.Errorf("%d members were deleted", len(gone))
	}
	if most, pod := x.proxy.busiest(c.ns); most > maxBindingsPerSecond {
		t.Errorf("%d bindings of %s within a second", most, pod)
	}
	x.figures(c, "gang", faultyMembers)
}

// robber is a pod that is on the first node already, and takes one cpu of it.
func (c *cluster) robber() *v1.Pod {
	p := c.pod("robber", "1")
	p.Spec.NodeName = c.ns + "-0"
	return p
}

// waitRolledBack waits until at least one member was bound, and none is any
// more; those that were say why they were deleted.
func (x *trial) waitRolledBack(c *cluster, prefix string, minMember int) {
	c.t.Helper()
	c.wait("the gang to be rolled back", func() (bool, string) {
		_, most := c.history.partial(prefix, minMember)
		now := c.history.now(prefix)
		return most > 0 && now == 0, fmt.Sprintf("%d bound at most, %d now", most, now)
	})
	gone := c.history.deleted(prefix)
	if len(gone) == 0 {
		c.t.Fatal("no member was deleted")
	}
	for _, p := range gone {
		if why := conditionOf(p, v1.DisruptionTarget); why == nil || why.Status != v1.ConditionTrue || why.Reason != "GangRolledBack" {
			c.t.Errorf("%s was deleted under the condition %v, want DisruptionTarget=True: GangRolledBack", p.Name, why)
		}
	}
}

// waitProof waits for two dry runs that are refused, and holds the scheduler to
// binding nobody after the first dry run.
func (x *trial) waitProof(c *cluster) {
	c.t.Helper()
	c.wait("two dry runs to be refused", func() (bool, string) {
		refused := 0
		for _, b := range x.proxy.bindings(c.ns) {
			if b.dryRun && b.code >= http.StatusBadRequest {
				refused++
			}
		}
		return refused >= 2, summary(x.proxy.bindings(c.ns))
	})
	all := x.proxy.bindings(c.ns)
	first := slices.IndexFunc(all, func(b binding) bool { return b.dryRun })
	for _, b := range all[first:] {
		if !b.dryRun {
			c.t.Errorf("%s is to be bound although a dry run is refused", b.pod)
		}
	}
}
