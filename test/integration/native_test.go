package integration

import (
	"fmt"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	schedulingv1beta1 "k8s.io/api/scheduling/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestControlNative gives kube-scheduler's own gangs the faults that Muster gets,
// and logs its figures. It holds it only to what makes the comparison one: a
// fault that passes is survived, and one that stays leaves the gang bound in part,
// tried without pause, under a condition that says it was scheduled.
func TestControlNative(t *testing.T) {
	t.Parallel()
	x := newNativeTrial(t, "native")
	hanging := x.cluster(t, roomToSpare...) // meanwhile
	x.proxy.deal(hanging.ns, hang(longest).times(1).onOne())
	hanging.nativeGang(faultyMembers)
	for name, fault := range map[string]rule{
		"one binding breaks down twice": refuse(internal).times(2).onOne(),
		"one is asked to come later":    refuse(overloaded).times(2).onOne(),
		"one conflicts":                 refuse(conflict).times(1).onOne(),
		"the answer to one is lost":     rule(loseAnswer).times(1).onOne(),
		"every binding breaks down":     refuse(internal).times(4 * faultyMembers),
	} {
		t.Run(name, func(t *testing.T) {
			c := x.cluster(t, roomToSpare...)
			x.proxy.deal(c.ns, fault)
			c.nativeGang(faultyMembers)
			c.waitBound("gang", faultyMembers)
			x.figures(c, "gang", faultyMembers)
		})
	}
	t.Run("one is refused until the refusal is lifted", func(t *testing.T) {
		const observed = 4 * time.Second
		c := x.cluster(t, roomToSpare...)
		x.proxy.deal(c.ns, refuse(forbidden).onOne())
		c.nativeGang(faultyMembers)
		c.waitBound("gang", faultyMembers-1)
		c.stays("the gang bound in part", observed, func() (bool, string) {
			got := c.bound("gang")
			return len(got) == faultyMembers-1, fmt.Sprint(got)
		})
		if most, pod := x.proxy.busiest(c.ns); most <= maxBindingsPerSecond {
			t.Errorf("%d bindings of %s within a second: the scenario does not show the hot loop", most, pod)
		}
		pg, err := c.client.SchedulingV1beta1().PodGroups(c.ns).Get(t.Context(), "gang", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, condition := range pg.Status.Conditions {
			t.Logf("meanwhile the PodGroup says %s=%s: %s", condition.Type, condition.Status, condition.Reason)
		}
		x.figures(c, "gang", faultyMembers)
		x.proxy.deal(c.ns, nil)
		c.waitBound("gang", faultyMembers)
	})
	t.Log("one hangs")
	hanging.waitBound("gang", faultyMembers)
	x.figures(hanging, "gang", faultyMembers)
}

// TestControlNativeIsWholeAfterItWasKilled, without a deadline for it.
func TestControlNativeIsWholeAfterItWasKilled(t *testing.T) {
	t.Parallel()
	x := newNativeTrial(t, "native-killed")
	for _, n := range []int{1, 31, 63} {
		t.Run(fmt.Sprintf("after %d bindings", n), func(t *testing.T) {
			c := x.cluster(t, "32", "32")
			g := x.gated(c, n)
			c.nativeGang(killed)
			x.waitHeld(c, g, n, killed)
			x.kill(t)
			x.proxy.deal(c.ns, nil)
			x.start(t)
			c.waitBound("gang", killed)
			x.figures(c, "gang", killed)
		})
	}
}

// nativeGang creates n pods of the PodGroup gang, which needs all of them.
func (c *cluster) nativeGang(n int) {
	c.t.Helper()
	c.nativeGroup("gang", n)
	for i := range n {
		c.create(c.nativeMember("gang", i, "1"))
	}
}

// nativeGroup makes a PodGroup of scheduling.k8s.io.
func (c *cluster) nativeGroup(name string, minCount int) {
	c.t.Helper()
	pg := &schedulingv1beta1.PodGroup{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: schedulingv1beta1.PodGroupSpec{SchedulingPolicy: schedulingv1beta1.PodGroupSchedulingPolicy{
			Gang: &schedulingv1beta1.GangSchedulingPolicy{MinCount: int32(minCount)},
		}},
	}
	if _, err := c.client.SchedulingV1beta1().PodGroups(c.ns).Create(c.t.Context(), pg, metav1.CreateOptions{}); err != nil {
		c.t.Fatal(err)
	}
}

// nativeMember is a member of such a PodGroup.
func (c *cluster) nativeMember(group string, i int, cpu string) *v1.Pod {
	p := c.pod(fmt.Sprintf("%s-%d", group, i), cpu)
	p.Spec.SchedulingGroup = &v1.PodSchedulingGroup{PodGroupName: &group}
	return p
}
