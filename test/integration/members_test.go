package integration

import (
	"fmt"
	"slices"
	"testing"

	v1 "k8s.io/api/core/v1"
)

// TestTwentyGangsInterleavedPodByPod: there is room for five of twenty gangs,
// whose pods come in turn. All run, one after the other, each of them whole.
func TestTwentyGangsInterleavedPodByPod(t *testing.T) {
	const gangs, size = 20, 4
	c := newCluster(t, shared.start(t).sandbox.Config, "5", "5", "5", "5")
	name := func(g int) string { return fmt.Sprintf("g%02d-", g) }
	for i := range size {
		for g := range gangs {
			c.create(c.member(fmt.Sprintf("g%02d", g), i, fmt.Sprint(size), "1"))
		}
	}
	left := map[string]bool{}
	for g := range gangs {
		left[name(g)] = true
	}
	for len(left) > 0 {
		var whole []string
		c.wait("a gang to be whole", func() (bool, string) {
			seen := map[string]int{}
			for _, pod := range c.bound("g") {
				seen[pod[:len(name(0))]]++
			}
			for g, n := range seen {
				if n == size {
					whole = append(whole, g)
				}
			}
			return len(whole) > 0, fmt.Sprint(seen)
		})
		for _, g := range whole {
			for i := range size {
				c.remove1(g + fmt.Sprint(i))
			}
			delete(left, g)
		}
	}
	c.waitBound("g", 0)
	for g := range gangs {
		if window, most := c.history.partial(name(g), size); window > bindDeadline || most != size {
			t.Errorf("gang %s: at most %d bound, in part for %s", name(g), most, window)
		}
	}
	if most := c.history.crowd("g"); most > 5*size {
		t.Errorf("%d members had a node at once, on nodes for %d", most, 5*size)
	}
}

// TestGangThatIsOneMemberShortHoldsNothing, neither one that lacks a pod nor
// one that lacks room: all the room there is goes to others, at once.
func TestGangThatIsOneMemberShortHoldsNothing(t *testing.T) {
	tests := map[string]struct {
		exist  int
		reason string
		told   string
	}{
		"of pods": {3, "WaitingForGang", "3 of 4 members exist"},
		"of room": {4, "FailedScheduling", "3 of 4 members fit"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, shared.start(t).sandbox.Config, "3")
			c.create(c.members("short", tc.exist, "4", "1")...)
			c.waitEvent("short", tc.reason, tc.told)
			c.create(c.members("other", 3, "3", "1")...)
			c.waitBound("other", 3)
			if got := c.bound("short"); len(got) > 0 {
				t.Errorf("%v have a node", got)
			}
			for i := range tc.exist {
				if p := c.get(fmt.Sprintf("short-%d", i)); p.Status.NominatedNodeName != "" {
					t.Errorf("%s is nominated for %s", p.Name, p.Status.NominatedNodeName)
				}
			}
			for i := range 3 {
				c.remove1(fmt.Sprintf("other-%d", i))
			}
			c.addNode(c.ns+"-more", "1")
			for i := tc.exist; i < 4; i++ {
				c.create(c.member("short", i, "4", "1"))
			}
			c.waitBound("short", 4)
		})
	}
}

// TestMembersThatComeWhileTheirGangIsBound join it, up to the room there is.
func TestMembersThatComeWhileTheirGangIsBound(t *testing.T) {
	t.Parallel()
	x := newTrial(t, "muster-late")
	c := x.cluster(t, "5")
	g := x.gated(c, 1)
	c.create(c.members("gang", 3, "3", "1")...)
	x.waitHeld(c, g, 1, 3)
	for i := 3; i < 6; i++ {
		c.create(c.member("gang", i, "3", "1"))
	}
	g.open()
	c.waitBound("gang", 5)
	x.check(c, "gang", 3)
	late := slices.DeleteFunc([]string{"gang-3", "gang-4", "gang-5"}, func(name string) bool { return c.get(name).Spec.NodeName != "" })
	if len(late) != 1 {
		t.Fatalf("%v wait, want one of the late ones", late)
	}
	c.waitCondition(late[0], v1.PodScheduled, v1.ConditionFalse)
}

// TestNodeLostWhileAGangIsBound: members are bound to a node that is gone. As
// soon as they are removed, their replacements complete the gang elsewhere.
func TestNodeLostWhileAGangIsBound(t *testing.T) {
	t.Parallel()
	x := newTrial(t, "muster-losing")
	c := x.cluster(t, "4", "4")
	lost := c.ns + "-1"
	g := newGate(0)
	x.proxy.deal(c.ns, rule(g.rule).when(func(b binding) bool { return b.node == lost }))
	c.replicas("gang", 8, "8", "1")
	c.wait("the bindings to one node to succeed", func() (bool, string) {
		got := c.bound("gang")
		return len(got) == 4 && g.holds() >= 4, fmt.Sprintf("%v; %d held", got, g.holds())
	})
	c.addNode(c.ns+"-2", "4")
	c.deleteNode(lost)
	g.open()
	c.waitBound("gang", 8) // the API server binds to any name
	for _, name := range c.bound("gang") {
		if c.get(name).Spec.NodeName == lost {
			c.remove1(name) // what the pod garbage collector does after a minute
		}
	}
	c.wait("eight members on nodes that exist", func() (bool, string) {
		on := c.byNode("gang")
		return on[c.ns+"-0"] == 4 && on[c.ns+"-2"] == 4, fmt.Sprint(on)
	})
	x.check(c, "gang", 8)
}

// TestMemberThatItsKubeletRejectsIsReplaced: another took its room between the
// plan and the kubelet.
func TestMemberThatItsKubeletRejectsIsReplaced(t *testing.T) {
	c := newCluster(t, shared.start(t).sandbox.Config, "4", "4")
	c.replicas("gang", 6, "6", "1")
	c.waitBound("gang", 6)
	rejected := c.bound("gang")[0]
	c.fail(rejected, "OutOfcpu")
	c.waitBound("gang", 6) // the ReplicaSet replaces what failed
	if p := c.get(rejected); p.Status.Phase != v1.PodFailed {
		t.Errorf("the rejected member is %s", p.Status.Phase)
	}
	if window, most := c.history.partial("gang", 6); window > bindDeadline || most != 6 {
		t.Errorf("at most %d bound, in part for %s", most, window)
	}
}
