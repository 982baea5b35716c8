package policy

import (
	"math/rand/v2"

	"github.com/muster-scheduler/muster/test/pulls/trace"
)

// greedy places one member after the other where most is worth, then where the
// fewest pods are, then anywhere: by chance. Without worth it spreads.
type greedy struct {
	quiet
	c      *Cluster
	rng    *rand.Rand
	status *statuses
	// worth is how many bytes of the gang's images a node has, by its status.
	worth func(s *statuses, gang *trace.Gang, node int) int64
}

// wholeImages counts images that the node lists.
func wholeImages(s *statuses, gang *trace.Gang, node int) int64 {
	var sum int64
	for _, i := range gang.Images {
		if s.lists(node, i) {
			sum += s.c.Trace.Images[i].Bytes
		}
	}
	return sum
}

// layers counts layers of images that the node lists, as Dependency Scheduling
// (Fu et al., HotEdge 2020) does.
func layers(s *statuses, gang *trace.Gang, node int) int64 {
	var sum int64
	for _, i := range gang.Images {
		for _, l := range s.c.Trace.Images[i].Layers {
			if s.layers[node][l] > 0 {
				sum += s.c.Trace.Layers[l].Bytes
			}
		}
	}
	return sum
}

func (g *greedy) Report(node int, images []int, _ float64) { g.status.report(node, images) }

func (g *greedy) Place(gang *trace.Gang, _ int, _ float64) Placement {
	worth := make([]int64, len(g.c.Nodes))
	for n := range worth {
		if g.worth != nil && g.c.Fits(n) {
			worth[n] = g.worth(g.status, gang, n)
		}
	}
	return oneByOne(g.c, gang, func() int {
		best, ties := -1, 0
		for n := range g.c.Nodes {
			if !g.c.Fits(n) {
				continue
			}
			switch {
			case best < 0 || worth[n] > worth[best] || worth[n] == worth[best] && g.c.Nodes[n].Pods < g.c.Nodes[best].Pods:
				best, ties = n, 1
			case worth[n] == worth[best] && g.c.Nodes[n].Pods == g.c.Nodes[best].Pods:
				if ties++; g.rng.IntN(ties) == 0 {
					best = n
				}
			}
		}
		return best
	})
}

// oneByOne places the members one after the other; each sees those before it.
func oneByOne(c *Cluster, gang *trace.Gang, choose func() int) Placement {
	nodes := make([]int, 0, gang.Members)
	for range gang.Members {
		n := choose()
		c.Add(gang, n, 1)
		nodes = append(nodes, n)
	}
	for _, n := range nodes {
		c.Add(gang, n, -1)
	}
	return Placement{Nodes: nodes}
}
