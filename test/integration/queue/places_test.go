package queue

import (
	"slices"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
)

// TestNodeAffinityWalk is the way of a pod that wants nodes with a label through all
// three queues, on the scheduler as it ships.
//
// Refused, it is Unschedulable until a node is labelled. That event comes while its
// back-off lasts (the one that the third refusal in a row brings, of 4 s), so it leads to
// the pods in back-off. By older descriptions it would wait there for the end;
// 1.37 has it tried at once if nobody else is there to be tried.
func TestNodeAffinityWalk(t *testing.T) { // by itself: what other tests do can help as well
	c := shipped(t, "full-1", "full-2", "free")
	for _, node := range []string{"full-1", "full-2"} {
		c.patchNode(node, `{"status":{"allocatable":{"cpu":"500m"}}}`, "status")
	}
	c.create(c.only("train", "1", "disk", "ssd"))
	c.await("train", "Unschedulable", 1)
	c.label("full-1", "disk", "ssd") // has what it wants, but no room
	c.await("train", "Unschedulable", 2)
	c.label("full-2", "disk", "ssd")
	c.await("train", "Unschedulable", 3)
	c.label("free", "disk", "ssd")
	c.await("train", "Bound", 4)
	c.ends("train", "Unschedulable by ScheduleAttemptFailure, refused by NodeResourcesFit",
		"Backoff by NodeUpdateNodeLabel", "Scheduling by PopFromBackoffQ", "Bound by AssignedPodAdd")
	steps := c.steps("train")
	begin := []string{"Active by UnscheduledPodAdd", "Scheduling by Turn", "Unschedulable by ScheduleAttemptFailure, refused by NodeAffinity"}
	if got := c.moves("train")[:3]; !slices.Equal(got, begin) {
		t.Errorf("it begins with %v, want %v", got, begin)
	}
	if waited := steps[len(steps)-2].At.Sub(steps[len(steps)-4].At.Time); waited >= 4*time.Second {
		t.Errorf("it was tried %s after its refusal, want before the end of its back-off", waited)
	}
}

// TestBackoffIsWaitedForWhileOthersAreTried: an event that helps leads to Backoff while the
// back-off lasts, and its end to Active.
func TestBackoffIsWaitedForWhileOthersAreTried(t *testing.T) {
	t.Parallel()
	s := scripted(t, "a")
	s.refusedOften("train")
	letGo := s.clog("clog")
	s.label("a", "disk", "ssd")
	s.await("train", "Active", 5)
	letGo()
	s.await("train", "Bound", 6)
	s.ends("train", "Backoff by NodeUpdateNodeLabel", "Active by BackoffComplete", "Scheduling by Turn", "Bound by AssignedPodAdd")
}

// refusedOften makes a pod that wants the label disk=ssd, and has been refused five times:
// its back-off is 10 s, in which even a busy machine gets something done.
func (s *inside) refusedOften(pod string) {
	s.t.Helper()
	s.on("First.PreFilter", pod, says(fwk.Unschedulable))
	s.create(s.only(pod, "1m", "disk", "ssd"))
	for attempts := range 4 {
		s.await(pod, "Unschedulable", attempts+1)
		if attempts == 3 {
			s.on("First.PreFilter", pod, nil) // NodeAffinity refuses it then
		}
		s.sendFor(pod)
	}
	s.await(pod, "Unschedulable", 5)
}

// sendFor has the queue try a pod, as a plugin can.
func (s *inside) sendFor(pod string) {
	s.t.Helper()
	s.framework().Activate(klog.Background(), map[string]*v1.Pod{pod: s.get(pod)})
}

// TestNoBackoffAfterItsEnd: an event that helps leads straight to Active once the back-off
// is over.
func TestNoBackoffAfterItsEnd(t *testing.T) {
	t.Parallel()
	s := scripted(t, "a")
	s.create(s.only("train", "1m", "disk", "ssd"))
	s.await("train", "Unschedulable", 1)
	refused := s.asked("train").Since
	s.wait("the end of its back-off", func() (bool, string) { return time.Since(refused.Time) > 2*time.Second, "" })
	s.label("a", "disk", "ssd")
	s.went("train", "Active by UnscheduledPodAdd", "Scheduling by Turn", "Unschedulable by ScheduleAttemptFailure, refused by NodeAffinity",
		"Active by NodeUpdateNodeLabel", "Scheduling by Turn", "Bound by AssignedPodAdd")
}

// TestPluginSendsForAPod: it is Active at once, whatever its back-off. Muster sends for gangs
// so, when there is room enough for one.
func TestPluginSendsForAPod(t *testing.T) {
	t.Parallel()
	s := scripted(t, "a")
	s.refusedOften("train")
	letGo := s.clog("clog")
	s.sendFor("train")
	s.await("train", "Active", 5)
	letGo()
	s.await("train", "Unschedulable", 6)
	s.ends("train", "Active by ForceActivate", "Scheduling by Turn", "Unschedulable by ScheduleAttemptFailure, refused by NodeAffinity")
}

// TestEventInTheTurn: a pod that is refused while the cluster changes goes to Backoff, for
// it was looked at without the change. Older descriptions tell of two counters, schedulingCycle
// and moveRequestCycle, by which any change did that. 1.37 keeps the events of the turn, and
// asks the plugins that refused the pod about each: the change must be one that can help.
func TestEventInTheTurn(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ key, then string }{
		"that helps":    {"disk", "Backoff by ScheduleAttemptFailure, refused by NodeAffinity"},
		"that does not": {"colour", "Unschedulable by ScheduleAttemptFailure, refused by NodeAffinity"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := scripted(t, "a")
			// Who waits for the same event tells when the queue has had it.
			s.create(s.only("witness", "1m", tc.key, "ssd"))
			s.await("witness", "Unschedulable", 1)
			a, held, letGo := holds(nil)
			t.Cleanup(letGo)
			s.on("First.PostFilter", "train", a) // the nodes have been looked at by then
			s.create(s.only("train", "1m", "disk", "ssd"))
			s.reached(held)
			s.label("a", tc.key, "ssd")
			s.wait("the event to have come", func() (bool, string) {
				place := s.asked("witness").Place
				return place == "Active" || place == "Backoff", place
			})
			letGo()
			s.wait("the turn to end", func() (bool, string) { return len(s.moves("train")) > 2, "" })
			if got := s.moves("train")[2]; got != tc.then {
				t.Errorf("it is %s, want %s", got, tc.then)
			}
		})
	}
}
