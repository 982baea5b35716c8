package publish

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/utils/clock"

	"github.com/muster-scheduler/muster/pkg/registry"
)

func laneOf(t *testing.T, perSecond float32) *lane {
	t.Helper()
	entry, err := registry.ParseAllowed("reg.io")
	if err != nil {
		t.Fatal(err)
	}
	l := newLane(entry, Options{ReadsPerSecond: perSecond, ReadBurst: 1}, func(string) string { return "" }, clock.RealClock{})
	t.Cleanup(l.queue.ShutDown)
	return l
}

func TestABusyRegistryIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := laneOf(t, 1000)
		clk := clock.RealClock{}
		start := clk.Now()
		l.pause(time.Hour)
		l.pause(time.Minute) // the longer one counts
		if err := l.wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if waited := clk.Since(start); waited < time.Hour || waited > time.Hour+time.Minute {
			t.Errorf("it waited %v, want an hour", waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		l.pause(time.Hour)
		if err := l.wait(ctx); err == nil {
			t.Error("it does not end with its context")
		}
	})
}

func TestALaneKeepsItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, clk := laneOf(t, 2), clock.RealClock{}
		start := clk.Now()
		for range 11 {
			if err := l.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if took := clk.Since(start); took < 5*time.Second {
			t.Errorf("11 reads within %v, want 2 a second", took)
		}
	})
}
