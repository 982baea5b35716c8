package integration

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// What the API server says to a binding in the tests. The texts are looked for
// in what the pods' owners are told.
var (
	bindings   = schema.GroupResource{Resource: "pods/binding"}
	forbidden  = apierrors.NewForbidden(bindings, "it", errors.New("the policy of this test"))
	conflict   = apierrors.NewConflict(bindings, "it", errors.New("the conflict of this test"))
	internal   = apierrors.NewInternalError(errors.New("the breakdown of this test"))
	overloaded = apierrors.NewTooManyRequests("the load of this test", 1)
)

const (
	longest       = 30 * time.Second // that a server hangs
	faultyMembers = 8                // of the gangs that get the faults
)

// roomToSpare is nodes for these gangs, with more room than they need.
var roomToSpare = []string{"8", "8", "8"}

// TestBindFaultsThatPass: whatever the API server answers for a while, the gang
// is whole in the end, was never bound in part for longer than the deadline, was
// not tried without pause, and its members' statuses were true.
func TestBindFaultsThatPass(t *testing.T) {
	t.Parallel()
	x := newTrial(t, "muster-passing")
	tests := map[string]struct {
		fault rule
		tries int // at least, of bindings that got no success or whose success was lost
	}{
		"none":                             {nil, 0},
		"one binding breaks down twice":    {refuse(internal).times(2).onOne(), 2},
		"one is asked to come later":       {refuse(overloaded).times(2).onOne(), 1},
		"one conflicts":                    {refuse(conflict).times(1).onOne(), 1},
		"one hangs":                        {hang(longest).times(1).onOne(), 1},
		"the answer to one is lost":        {rule(loseAnswer).times(1).onOne(), 1},
		"every binding breaks down":        {refuse(internal).times(4 * faultyMembers), 4 * faultyMembers},
		"all are asked to come later":      {refuse(overloaded).times(faultyMembers), faultyMembers},
		"all hang":                         {hang(longest).times(faultyMembers), faultyMembers},
		"the answers to all are lost":      {rule(loseAnswer).times(faultyMembers), faultyMembers},
		"one breaks down until it gave up": {refuse(internal).times(6).onOne(), 6},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := x.cluster(t, roomToSpare...)
			x.proxy.deal(c.ns, tc.fault)
			c.replicas("gang", faultyMembers, fmt.Sprint(faultyMembers), "1")
			c.waitBound("gang", faultyMembers)
			x.check(c, "gang", faultyMembers)
			failed := 0
			for _, b := range x.proxy.bindings(c.ns) {
				if b.code != http.StatusCreated {
					failed++
				}
			}
			if failed < tc.tries {
				t.Errorf("%d bindings failed, want %d at least: the scenario shows nothing", failed, tc.tries)
			}
			x.figures(c, "gang", faultyMembers)
		})
	}
}

// TestGangDoesWithoutAMemberWhoseBindingIsRefused: it is whole without it, so
// nothing is to be undone; the member is tried again at the queue's pace.
func TestGangDoesWithoutAMemberWhoseBindingIsRefused(t *testing.T) {
	t.Parallel()
	x := newTrial(t, "muster-spare")
	c := x.cluster(t)
	x.proxy.deal(c.ns, refuse(forbidden).onOne())
	c.replicas("gang", faultyMembers, fmt.Sprint(faultyMembers-2), "1")
	// The plan must have all members in it. A pod that came after them was tried:
	// the scheduler knows them.
	c.wait("all members", func() (bool, string) {
		pods, err := c.client.CoreV1().Pods(c.ns).List(t.Context(), metav1.ListOptions{})
		return err == nil && len(pods.Items) == faultyMembers, fmt.Sprint(len(pods.Items), err)
	})
	c.create(c.pod("later", "1"))
	c.waitCondition("later", v1.PodScheduled, v1.ConditionFalse)
	c.remove1("later")
	c.addNode(c.ns+"-0", "32")
	c.waitBound("gang", faultyMembers-1)
	c.waitEvent("gang", "FailedScheduling", "the policy of this test")
	refusals := func() (n int) {
		for _, b := range x.proxy.bindings(c.ns) {
			if b.code == http.StatusForbidden {
				n++
			}
		}
		return n
	}
	c.wait("a third refusal", func() (bool, string) { return refusals() >= 3, fmt.Sprint(refusals()) })
	if got := c.bound("gang"); len(got) != faultyMembers-1 {
		t.Errorf("%v have a node, want all but one", got)
	}
	x.proxy.deal(c.ns, nil)
	c.waitBound("gang", faultyMembers)
	x.check(c, "gang", faultyMembers-2)
	if gone := c.history.deleted("gang"); len(gone) > 0 {
		t.Errorf("%d members were deleted", len(gone))
	}
	x.figures(c, "gang", faultyMembers-2)
}
