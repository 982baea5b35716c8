package queue

import (
	"context"
	"slices"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

// TestSchedulingGates keep a pod out of the active ones until the last of them is taken
// off: it is not tried, and no attempt is counted. Whoever may not enter is in a place of
// its own, which older descriptions count among the unschedulable ones.
func TestSchedulingGates(t *testing.T) {
	t.Parallel()
	c := shipped(t, "a")
	gated := c.pod("train", "1m")
	gated.Spec.SchedulingGates = []v1.PodSchedulingGate{{Name: "example.com/quota"}, {Name: "example.com/data"}}
	c.create(gated)
	c.condition("train", v1.PodReasonSchedulingGated)
	c.went("train", "Gated by UnscheduledPodAdd")
	if err := c.patchPod("train", `{"spec":{"schedulingGates":[{"$patch":"delete","name":"example.com/quota"}]}}`); err != nil {
		t.Fatal(err)
	}
	// Another pod that comes after tells when the queue has had the change.
	c.create(c.pod("witness", "1m"))
	c.await("witness", "Bound", 1)
	c.went("train", "Gated by UnscheduledPodAdd")
	if attempts := c.asked("train").Attempts; attempts != 0 {
		t.Errorf("%d attempts are counted, want none", attempts)
	}
	if err := c.patchPod("train", `{"spec":{"schedulingGates":[{"$patch":"delete","name":"example.com/data"}]}}`); err != nil {
		t.Fatal(err)
	}
	c.went("train", "Gated by UnscheduledPodAdd", "Active by TargetPodUpdatePodSchedulingGatesEliminated", "Scheduling by Turn", "Bound by AssignedPodAdd")
}

// TestPreEnqueueIsAsked when a pod comes, and when it is to leave the unschedulable ones,
// for Active or for Backoff, and not from Backoff to Active. Whom it refuses waits for an
// event that its plugin asked for.
//
// Before SchedulerPopFromBackoffQ, with which a pod can have its turn without having been
// Active, it was asked from Backoff to Active instead.
func TestPreEnqueueIsAsked(t *testing.T) {
	t.Parallel()
	s := scripted(t, "a")
	s.helps = s.isAboutItsNodes
	asked := func(when string, want int) {
		t.Helper()
		if got := s.count("train", first, "PreEnqueue"); got != want {
			t.Errorf("%s: PreEnqueue was asked %d times, want %d", when, got, want)
		}
	}
	s.on("First.PreEnqueue", "train", says(fwk.UnschedulableAndUnresolvable))
	s.on("Second.PreFilter", "train", says(fwk.Unschedulable))
	s.create(s.pod("train", "1m"))
	s.went("train", "Gated by UnscheduledPodAdd")
	asked("when it came", 1)
	s.label("a", "round", "1") // an event that First asked for
	s.wait("PreEnqueue to be asked again", func() (bool, string) { return s.count("train", first, "PreEnqueue") > 1, "once" })
	s.went("train", "Gated by UnscheduledPodAdd")
	s.on("First.PreEnqueue", "train", nil)
	s.label("a", "round", "2")
	s.await("train", "Unschedulable", 1)
	s.went("train", "Gated by UnscheduledPodAdd", "Active by NodeUpdateNodeLabel", "Scheduling by Turn", "Unschedulable by ScheduleAttemptFailure, refused by Second")
	asked("on the way to Active", 3)

	s.on("Second.PreFilter", "train", nil)
	letGo := s.clog("clog")
	s.sendFor("train")
	s.await("train", "Active", 1)
	asked("when a plugin sent for it", 4)
	again, held, finish := holds(nil)
	t.Cleanup(finish)
	s.on("Second.PreFilter", "train", func(context.Context, string) *fwk.Status {
		s.on("Second.PreFilter", "train", again)
		return fwk.AsStatus(errBroken)
	})
	letGo()
	s.wait("train to have come to Backoff", func() (bool, string) {
		moves := s.moves("train")
		return slices.ContainsFunc(moves, func(move string) bool { return strings.HasPrefix(move, "Backoff by") }), strings.Join(moves, "\n")
	})
	asked("on the way to Backoff", 5)
	s.reached(held)
	asked("from Backoff to Active", 5)
}

// TestGateOnTheWayBack: a pod can be kept out after it was tried as well.
func TestGateOnTheWayBack(t *testing.T) {
	t.Parallel()
	s := scripted(t, "a")
	s.helps = s.isAboutItsNodes
	s.on("First.PreFilter", "train", says(fwk.Unschedulable))
	s.create(s.pod("train", "1m"))
	s.await("train", "Unschedulable", 1)
	s.on("First.PreFilter", "train", nil)
	s.on("Second.PreEnqueue", "train", says(fwk.UnschedulableAndUnresolvable))
	s.label("a", "round", "1")
	s.await("train", "Gated", 1)
	s.on("Second.PreEnqueue", "train", nil)
	s.label("a", "round", "2")
	s.await("train", "Bound", 2)
}
