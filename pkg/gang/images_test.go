package gang_test

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/reason"
	"github.com/muster-scheduler/muster/pkg/resources"
)

// open is a Trial that accepts everybody.
type open struct{}

func (open) Fits(int, int, string) reason.Reason { return reason.Reason{} }
func (open) Survey(_ int, nodes []int, _ string) []reason.Reason {
	return make([]reason.Reason, len(nodes))
}
func (open) Kept(int) resources.Vector { return nil }
func (open) Place(int, int, string)    {}
func (open) Undo(int, int, string)     {}

// TestImagesNeverCostAPlace: where the images are does not decide whether a gang
// of two roles fits, within the reach of the search and beyond.
func TestImagesNeverCostAPlace(t *testing.T) {
	for name, size := range map[string]struct{ gangs, nodes, members, ask int }{
		"few members on few nodes":   {5000, 4, 3, 4},
		"many members on many nodes": {300, 40, 35, 5},
	} {
		t.Run(name, func(t *testing.T) {
			fit := 0
			for seed := range size.gangs {
				r := rand.New(rand.NewSource(int64(seed)))
				caps := make([]resources.Vector, size.nodes)
				for n := range caps {
					caps[n] = resources.Vector{int64(2 + r.Intn(6)), int64(r.Intn(3))}
				}
				cluster := func() gang.Cluster {
					c := gang.Cluster{Resources: resources.Index{"cpu", "gpu"}, Total: resources.Vector{0, 0}}
					for n, v := range caps {
						c.Nodes = append(c.Nodes, fmt.Sprintf("n%02d", n))
						c.Has, c.Free = append(c.Has, resources.Vector{v[0], v[1]}), append(c.Free, resources.Vector{v[0], v[1]})
						c.Total[0], c.Total[1] = c.Total[0]+v[0], c.Total[1]+v[1]
					}
					return c
				}
				var plain, choosy []gang.Class
				need := 0
				for i := range 2 {
					c := gang.Class{Ask: resources.Vector{int64(1 + r.Intn(size.ask)), int64(r.Intn(2))}, Images: fmt.Sprint(i)}
					for m := range 1 + r.Intn(size.members) {
						c.UIDs = append(c.UIDs, fmt.Sprintf("%d-%03d", i, m))
						need++
					}
					plain = append(plain, c)
					for range caps {
						c.Pulls = append(c.Pulls, gang.Pull{Seconds: float64(r.Intn(3) * 50), Again: float64(r.Intn(2))})
					}
					choosy = append(choosy, c)
				}
				turn := gang.Turn{Need: gang.Quota{Need: need, Limit: need}}
				if placed, _ := gang.Plan(cluster(), turn, plain, open{}); placed == nil {
					continue
				}
				fit++
				if placed, _ := gang.Plan(cluster(), turn, choosy, open{}); placed == nil {
					t.Fatalf("seed %d: a gang of %d fits on %v, and with images it does not", seed, need, caps)
				}
			}
			if fit < size.gangs/20 {
				t.Errorf("%d of %d gangs fit: too few to show anything", fit, size.gangs)
			}
		})
	}
}

// TestTheQueueOfANodeCountsOnce: node a has a queue of 100 s; two images of 10 s
// are ready there after 120 s. Node b is slower.
func TestTheQueueOfANodeCountsOnce(t *testing.T) {
	c := gang.Cluster{
		Nodes: []string{"a", "b"}, Resources: resources.Index{"cpu"},
		Has: []resources.Vector{{2}, {2}}, Free: []resources.Vector{{2}, {2}}, Total: resources.Vector{4},
	}
	classes := []gang.Class{
		{UIDs: []string{"p"}, Ask: resources.Vector{1}, Images: "x", Pulls: []gang.Pull{{Seconds: 110, Wait: 100}, {Seconds: 300}}},
		{UIDs: []string{"q"}, Ask: resources.Vector{1}, Images: "y", Pulls: []gang.Pull{{Seconds: 110, Wait: 100}, {Seconds: 180}}},
	}
	placed, _ := gang.Plan(c, gang.Turn{Need: gang.Quota{Need: 2, Limit: 2}}, classes, open{})
	if placed["p"] != "a" || placed["q"] != "a" {
		t.Errorf("placed %v, want both on a", placed)
	}
}
