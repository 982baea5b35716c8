package queue

import (
	"fmt"
	"slices"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
)

// kept is for how long failures in a row keep a pod from its next attempt.
var kept = []time.Duration{1 * time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 10 * time.Second, 10 * time.Second}

// late is what a busy machine may add: less than would have 16 s, which come next without a limit, look like 10.
const late = 4 * time.Second

// TestBackoffDoubles from 1 s to 10 s with each refusal in a row. The ends are told by the
// second, and once a second those become Active whose second has passed: a back-off of 1 s
// lasts for up to 2. It is waited for because there is always another pod in the way.
func TestBackoffDoubles(t *testing.T) {
	t.Parallel()
	s := scripted(t, "a")
	s.helps = s.isAboutItsNodes
	s.on("First.PreFilter", "train", says(fwk.Unschedulable))
	s.create(s.pod("train", "1m"))
	for i := range kept {
		s.await("train", "Unschedulable", i+1)
		letGo := s.clog(fmt.Sprint("clog-", i))
		s.label("a", "round", fmt.Sprint(i))
		s.await("train", "Active", i+1)
		letGo()
	}
	s.await("train", "Unschedulable", len(kept)+1)
	checkKept(t, s.steps("train"))
	s.ends("train", "Backoff by NodeUpdateNodeLabel", "Active by BackoffComplete", "Scheduling by Turn", "Unschedulable by ScheduleAttemptFailure, refused by First")
}

// TestErrorsAreTriedAgainByTime: an attempt that failed by an error leads to Backoff at once,
// and though nobody else is there, its end is waited for, as the error may be gone then.
// Errors are counted apart from refusals: after as many of them the first refusal keeps the
// pod for 1 s. Older descriptions know one back-off for both.
func TestErrorsAreTriedAgainByTime(t *testing.T) {
	t.Parallel()
	s := scripted(t, "a")
	s.helps = s.isAboutItsNodes
	s.on("First.PreFilter", "train", says(fwk.Error))
	s.create(s.pod("train", "1m"))
	s.await("train", "Backoff", len(kept))
	s.on("First.PreFilter", "train", says(fwk.Unschedulable))
	s.await("train", "Unschedulable", len(kept)+1)
	steps := s.steps("train")
	checkKept(t, steps)
	for _, step := range steps {
		if step.Event == "PopFromBackoffQ" {
			t.Error("it did not wait for the end of its back-off")
		}
	}
	letGo := s.clog("clog")
	s.label("a", "round", "last")
	s.await("train", "Active", len(kept)+1)
	letGo()
	steps = s.steps("train")
	refused := slices.IndexFunc(steps, func(step v1alpha1.Step) bool { return step.Place == "Unschedulable" })
	active := refused + slices.IndexFunc(steps[refused:], func(step v1alpha1.Step) bool { return step.Place == "Active" })
	if took := steps[active].At.Sub(steps[refused].At.Time); took > 2*time.Second+late {
		t.Errorf("the first refusal keeps it for %s, want 1 s to a second more", took)
	}
}

// isAboutItsNodes says of events of nodes whether they are the cluster's.
func (c *cluster) isAboutItsNodes(_ *v1.Pod, _, now any) bool {
	node, ok := now.(*v1.Node)
	return ok && node.Labels["test"] == c.ns
}

// checkKept holds the times from each failed attempt to the next place Active to kept.
func checkKept(t *testing.T, steps []v1alpha1.Step) {
	t.Helper()
	var took []time.Duration
	var since time.Time
	for _, step := range steps {
		switch {
		case step.Event == "ScheduleAttemptFailure":
			since = step.At.Time
		case step.Place == "Active" && !since.IsZero():
			took = append(took, step.At.Sub(since))
		}
	}
	t.Log("kept for", took)
	if len(took) < len(kept) {
		t.Fatalf("it was kept %d times, want %d", len(took), len(kept))
	}
	for i, want := range kept {
		if got := took[i]; got < want || got > want+time.Second+late {
			t.Errorf("failure %d keeps it for %s, want %s to a second more", i+1, got, want)
		}
	}
}
