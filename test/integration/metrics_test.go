package integration

import (
	"fmt"
	"testing"
)

// TestMetricsTellOfAGang: what a gang went through, read where an operator reads it.
func TestMetricsTellOfAGang(t *testing.T) {
	p := shared.start(t)
	c := newCluster(t, p.sandbox.Config, "2")
	read := func() []float64 {
		var all []float64
		for _, m := range []struct{ name, label string }{
			{"muster_gangs", `"Running"`},
			{"muster_gang_attempts_total", `cause="new",result="refused"`},
			{"muster_gang_attempts_total", `cause="room",result="planned"`},
			{"muster_gang_plan_duration_seconds_bucket", `"+Inf"`},
			{"muster_gang_wake_up_seconds_bucket", `"+Inf"`},
			{"muster_gang_room_to_start_seconds_bucket", `"+Inf"`},
			{"muster_gang_members_bucket", `"+Inf"`},
		} {
			all = append(all, counter(t, p.sandbox.Config, p.muster, m.name, m.label))
		}
		return all
	}
	before := read()
	c.create(c.pod("tenant", "1"))
	c.waitBound("tenant", 1)
	c.create(c.members("pair", 2, "2", "1")...)
	c.waitEvent("pair", "FailedScheduling", "insufficient cpu")
	c.remove1("tenant")
	c.waitBound("pair", 2)
	want := []float64{1, 1, 1, 2, 1, 1, 1}
	c.wait("the metrics to tell", func() (bool, string) {
		now := read()
		for i := range now {
			now[i] -= before[i]
		}
		return fmt.Sprint(now) == fmt.Sprint(want), fmt.Sprintf("%v more, want %v", now, want)
	})
}
