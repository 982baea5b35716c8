package integration

import (
	"fmt"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/muster-scheduler/muster/pkg/sandbox"
)

// TestGangRunsOnKubelets takes a gang to Running on real kubelets, and shows
// what happens when one member too many is asked for and when room appears.
func TestGangRunsOnKubelets(t *testing.T) {
	s, muster := own(t, sandbox.Options{Kubelets: 4, CPU: resource.MustParse("2")})
	c := newCluster(t, s.Config)
	running := func(prefix string, n int) {
		t.Helper()
		c.wait(fmt.Sprintf("%d pods %s* to run", n, prefix), func() (bool, string) {
			up := 0
			for _, name := range c.bound(prefix) {
				if c.get(name).Status.Phase == v1.PodRunning {
					up++
				}
			}
			return up == n, fmt.Sprintf("%d run", up)
		})
	}
	c.create(anywhere(c.members("four", 4, "4", "1")...)...)
	running("four", 4)
	c.create(anywhere(c.members("five", 5, "5", "1")...)...)
	c.waitEvent("five", "FailedScheduling", "4 of 5 members fit", "insufficient cpu")
	if got := c.bound("five"); len(got) > 0 {
		t.Errorf("%v have a node, want none", got)
	}
	// A gang that waits is tried when something happens, and not otherwise. The
	// events of a pod that starts meanwhile are few.
	c.create(anywhere(c.pod("witness", "0"))...)
	running("witness", 1)
	if tries := counter(t, s.Config, muster, "scheduler_schedule_attempts_total", `result="unschedulable"`); tries > 20 {
		t.Errorf("the waiting gang was tried %v times", tries)
	}
	c.remove1("four-0")
	running("five", 5)
	if window, most := c.history.partial("five", 5); window > bindDeadline || most != 5 {
		t.Errorf("at most %d bound, in part for %s", most, window)
	}
}
