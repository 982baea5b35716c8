package queue

import (
	"slices"
	"strings"
	"testing"
	"time"

	fwk "k8s.io/kube-scheduler/framework"
)

// waiting waits until a pod waits at Permit for these plugins, and returns the handle
// by which they answer.
func (s *inside) waiting(pod string, plugins ...string) (w fwk.WaitingPod) {
	s.t.Helper()
	uid := s.get(pod).UID
	s.wait(pod+" to wait at Permit", func() (bool, string) {
		if w = s.framework().GetWaitingPod(uid); w == nil {
			return false, "it does not"
		}
		pending := slices.Sorted(slices.Values(w.GetPendingPlugins()))
		return slices.Equal(pending, plugins), strings.Join(pending, " ")
	})
	return w
}

// TestPermitWaits: a pod that has to wait has its node and keeps its room, and others have
// their turns meanwhile. It is bound when all plugins that had it wait allow it.
func TestPermitWaits(t *testing.T) {
	t.Parallel()
	s := scripted(t, "a")
	s.on("First.Permit", "train", says(fwk.Wait))
	s.on("Second.Permit", "train", says(fwk.Wait))
	s.create(s.pod("train", "600m"))
	w := s.waiting("train", first, second)
	s.create(s.pod("rival", "600m"), s.pod("small", "100m"))
	s.await("small", "Bound", 1)
	s.await("rival", "Unschedulable", 1)
	w.Allow(first)
	s.waiting("train", second)
	if n := s.count("train", first, "PreBind"); n > 0 {
		t.Errorf("it is bound while Second has it wait")
	}
	w.Allow(second)
	s.went("train", "Active by UnscheduledPodAdd", "Scheduling by Turn", "Bound by AssignedPodAdd")
	s.await("rival", "Unschedulable", 1)
}

// TestPermitRejects a pod that waits: its room is free for others, who are told so as if
// it had been deleted, and it waits for what helps who rejected it. One that waits for too
// long is rejected by the plugin that had it wait.
func TestPermitRejects(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		within  time.Duration
		reject  bool
		message string
	}{
		"by a plugin": {time.Minute, true, "changed my mind"},
		"by time":     {10 * time.Second, false, "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := scripted(t, "a")
			s.on("First.Permit", "train", says(fwk.Wait))
			s.permit["train"] = tc.within
			s.create(s.pod("train", "600m"))
			w := s.waiting("train", first)
			s.create(s.pod("rival", "600m"))
			s.await("rival", "Unschedulable", 1)
			if tc.reject {
				w.Reject(first, tc.message)
			}
			s.went("train", "Active by UnscheduledPodAdd", "Scheduling by Turn", "Unschedulable by ScheduleAttemptFailure, refused by First")
			if message := s.condition("train", "Unschedulable"); !strings.Contains(message, tc.message) {
				t.Errorf("it says %s, want %s", message, tc.message)
			}
			calls := s.attempt("train")
			if last := calls[len(calls)-1]; last != "Unreserve: Second@a First@a" {
				t.Errorf("the last calls are %s, want those that take back", last)
			}
			s.await("rival", "Bound", 2)
			moves := s.moves("rival") // other tests' pods can have moved it before
			if told := moves[len(moves)-3]; !strings.HasSuffix(told, " by AssignedPodDelete") && told != "Backoff by ScheduleAttemptFailure, refused by NodeResourcesFit" {
				t.Errorf("what is free is told otherwise: %v", moves)
			}
		})
	}
}
