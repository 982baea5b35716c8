package image

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// crowdOf has n nodes begin to pull the same image of 800 MB at t0, at 40 MB/s if
// nothing slows them down, and lets seconds pass.
func crowdOf(n int, seconds float64) (*Inventory, time.Time) {
	inv := NewInventory()
	inv.SetManifest(Manifest{Digest: "m", Keys: []string{"x"}, Layers: []Layer{{"l", 800e6}}})
	for i := range n {
		name := fmt.Sprint("n", i)
		inv.SetNode(name, Node{Puller: puller()}, t0)
		inv.Reserve(name, "", name, []Need{{Key: "x"}}, t0)
		inv.Bind(name, t0)
	}
	now := t0
	for now.Sub(t0).Seconds() < seconds {
		now = now.Add(time.Second)
		inv.Advance(now)
	}
	return inv, now
}

func TestTheRegistryIsLearntFromPulls(t *testing.T) {
	for name, tc := range map[string]struct {
		nodes   int
		seconds float64 // until the pods run, a second of it for the start
		started bool
		want    float64 // bytes a second
	}{
		"what it slows down tells its share":                {20, 41, true, 400e6},
		"so does what has taken twice as long already":      {20, 60, false, 320e6},
		"what it does not slow down tells that it has more": {200, 21, true, 8e9},
		"where nobody else pulls, the node is slow":         {3, 81, true, 4e9},
		"and until then it is taken to serve a hundred":     {20, 10, false, 4e9},
	} {
		t.Run(name, func(t *testing.T) {
			inv, now := crowdOf(tc.nodes, tc.seconds)
			if tc.started {
				for i := range tc.nodes {
					inv.Started(fmt.Sprint("n", i), now)
				}
			}
			if got, pulls := inv.Registry(); math.Abs(got-tc.want) > tc.want/20 {
				t.Errorf("the registry serves %.3g bytes a second by %d pulls, want %.3g", got, pulls, tc.want)
			}
		})
	}
}

func TestAStatedRegistryIsBelieved(t *testing.T) {
	inv, now := crowdOf(20, 40)
	inv.SetRegistry(7e9)
	for i := range 20 {
		inv.Started(fmt.Sprint("n", i), now)
	}
	if got, _ := inv.Registry(); got != 7e9 {
		t.Errorf("stated 7e9, believed %g", got)
	}
	if inv.SetRegistry(0); inv.registry.capacity != 4e9 {
		t.Errorf("no longer stated, taken to be %g", inv.registry.capacity)
	}
}

// TestAPoolIsNotSlowForTheRegistry: nodes that share a slow registry do not seem to
// be slow themselves, once it is known.
func TestAPoolIsNotSlowForTheRegistry(t *testing.T) {
	inv := NewInventory()
	inv.SetManifest(Manifest{Digest: "m", Keys: []string{"x"}, Layers: []Layer{{"l", 800e6}}})
	inv.SetManifest(Manifest{Digest: "k", Keys: []string{"y"}, Layers: []Layer{{"k", 800e6}}})
	p := puller()
	p.Pool = "pool"
	for i := range 40 {
		inv.SetNode(fmt.Sprint("n", i), Node{Puller: p}, t0)
	}
	now := t0
	for round, key := range []string{"x", "y"} {
		for i := range 40 {
			pod := fmt.Sprint(round, "-", i)
			inv.Reserve(pod, "", fmt.Sprint("n", i), []Need{{Key: key}}, now)
			inv.Bind(pod, now)
		}
		for range 81 { // at 10 MB/s each, of 400 MB/s together
			now = now.Add(time.Second)
			inv.Advance(now)
		}
		for i := range 40 {
			inv.Started(fmt.Sprint(round, "-", i), now)
		}
	}
	registry, _ := inv.Registry()
	alone := inv.Estimate(Ask{Needs: []Need{{Key: "x"}}}).Of("n0").Seconds
	if math.Abs(registry-400e6) > 20e6 || alone > 25 {
		t.Errorf("the registry serves %.3g bytes a second, one node pulls 800 MB in %.0f s", registry, alone)
	}
}
