package integration

import (
	"fmt"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// killed is the size of the gang that the scheduler dies on.
const killed = 64

// TestGangIsWholeAfterTheSchedulerWasKilled kills the scheduler when it has bound
// n of 64 members, and starts another, which completes the gang.
func TestGangIsWholeAfterTheSchedulerWasKilled(t *testing.T) {
	t.Parallel()
	x := newTrialWith(t, "muster-killed", longDeadline, nil)
	for _, n := range []int{0, 1, 31, 63, 64} {
		t.Run(fmt.Sprintf("after %d bindings", n), func(t *testing.T) {
			c := x.cluster(t, "32", "32")
			g := x.gated(c, n)
			c.replicas("gang", killed, fmt.Sprint(killed), "1")
			x.waitHeld(c, g, n, killed)
			x.kill(t)
			if got := len(c.bound("gang")); got != n {
				t.Fatalf("%d members are bound at the kill, want %d: the scenario shows nothing", got, n)
			}
			x.proxy.deal(c.ns, nil)
			x.start(t)
			c.waitBound("gang", killed)
			x.check(c, "gang", killed)
			x.figures(c, "gang", killed)
		})
	}
}

// TestRestartInEveryState kills the scheduler while gangs are in every state of
// their lives. What each waits for happens while no scheduler runs, or when the
// next one does; either way the gang goes on.
func TestRestartInEveryState(t *testing.T) {
	t.Parallel()
	x := newTrialWith(t, "muster-restarted", longDeadline, nil)
	fill := func(c *cluster) {
		c.create(c.pod("tenant", "1"))
		c.waitBound("tenant", 1)
	}
	type state struct {
		name   string
		before func(c *cluster)
		after  func(c *cluster)
		want   int
	}
	states := []state{
		{
			"gathering",
			func(c *cluster) {
				c.create(c.members("gang", 3, "4", "1")...)
				c.waitEvent("gang", "WaitingForGang", "3 of 4 members exist")
			},
			func(c *cluster) { c.create(c.member("gang", 3, "4", "1")) },
			4,
		},
		{
			"waiting for room",
			func(c *cluster) {
				fill(c)
				c.create(c.members("gang", 4, "4", "1")...)
				c.waitEvent("gang", "FailedScheduling", "3 of 4 members fit")
			},
			func(c *cluster) { c.remove1("tenant") },
			4,
		},
		{
			"running, and growing",
			func(c *cluster) {
				c.create(c.members("gang", 3, "3", "1")...)
				c.waitBound("gang", 3)
			},
			func(c *cluster) { c.create(c.member("gang", 3, "3", "1")) },
			4,
		},
		{
			"running, and one member short",
			func(c *cluster) {
				c.create(c.members("gang", 4, "4", "1")...)
				c.waitBound("gang", 4)
				c.remove1("gang-2")
			},
			func(c *cluster) { c.create(c.member("gang", 4, "4", "1")) },
			4,
		},
		// Last, so that the kill comes soon.
		{
			"planned and not bound",
			func(c *cluster) {
				g := x.gated(c, 0)
				c.replicas("gang", 4, "4", "1")
				x.waitHeld(c, g, 0, 4)
			},
			func(c *cluster) { x.proxy.deal(c.ns, nil) },
			4,
		},
		{
			"bound in part",
			func(c *cluster) {
				g := x.gated(c, 2)
				c.replicas("gang", 4, "4", "1")
				x.waitHeld(c, g, 2, 4)
			},
			func(c *cluster) { x.proxy.deal(c.ns, nil) },
			4,
		},
	}
	for _, down := range []bool{true, false} {
		clusters := make([]*cluster, len(states))
		for i, s := range states {
			clusters[i] = x.cluster(t, "4")
			s.before(clusters[i])
		}
		x.kill(t)
		goOn := func() {
			for i, s := range states {
				s.after(clusters[i])
			}
		}
		if down {
			goOn()
			x.start(t)
		} else {
			x.start(t)
			goOn()
		}
		for i, s := range states {
			t.Logf("%s; it goes on without a scheduler: %v", s.name, down)
			c := clusters[i]
			c.waitBound("gang", s.want)
			x.check(c, "gang", s.want)
		}
	}
}

// TestAGangThatWasWholeIsRepairedAfterARestart: two of three running members go
// away while no scheduler runs. One that never fitted, and that was refused before
// the last one was bound, looks as if it had been to start with them; but the
// status says that the gang was whole.
func TestAGangThatWasWholeIsRepairedAfterARestart(t *testing.T) {
	t.Parallel()
	x := newTrial(t, "muster-recorded")
	for name, tc := range map[string]struct {
		resource schema.GroupVersionResource
		whole    string // what the status says first of the whole gang
		create   func(c *cluster)
		member   func(c *cluster, i int, cpu string) *v1.Pod
	}{
		"a PodGroup of coscheduling": {
			customGroups, "Scheduling g1 3/3 0+0-0 Scheduled=True:Scheduled Ready=False:Starting",
			func(c *cluster) { c.createGroup("gang", 3) },
			func(c *cluster, i int, cpu string) *v1.Pod { return c.grouped("gang", i, cpu) },
		},
		"a PodGroup of Kubernetes": {
			nativeGroups, "PodGroupInitiallyScheduled=True:Scheduled",
			func(c *cluster) { c.nativeGroup("gang", 3) },
			func(c *cluster, i int, cpu string) *v1.Pod { return c.nativeMember("gang", i, cpu) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := x.cluster(t, "4")
			come := func(i int, cpu string) { c.create(tc.member(c, i, cpu)) }
			tc.create(c)
			for i := range 3 {
				come(i, "1")
			}
			c.waitBound("gang", 3)
			c.groups(faulty.sandbox.Config, tc.resource).waitStatus("gang", tc.whole)
			come(3, "4")
			c.waitCondition("gang-3", v1.PodScheduled, v1.ConditionFalse)
			refused := conditionOf(c.get("gang-3"), v1.PodScheduled).LastTransitionTime
			c.wait("the second of its refusal to be over", func() (bool, string) {
				return time.Since(refused.Time) > time.Second, refused.String()
			})
			come(4, "1")
			c.waitBound("gang", 4)

			x.kill(t)
			c.remove1("gang-0")
			c.remove1("gang-1")
			x.start(t)
			c.stays("what is left of the gang", shortDeadline+time.Second, func() (bool, string) {
				got := c.bound("gang")
				return len(got) == 2, fmt.Sprint(got)
			})
			come(5, "1")
			c.waitBound("gang", 3)
		})
	}
}
