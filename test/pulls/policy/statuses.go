package policy

import (
	"slices"

	"github.com/muster-scheduler/muster/test/pulls/trace"
)

// statuses is what the nodes last reported.
type statuses struct {
	c       *Cluster
	images  [][]int // by node, in ascending order
	holders []int   // by image: how many nodes list it
	layers  [][]int // by node and layer: how many of the listed images have it
}

func newStatuses(c *Cluster) *statuses {
	s := &statuses{c: c, holders: make([]int, len(c.Trace.Images))}
	s.images, s.layers = make([][]int, len(c.Nodes)), make([][]int, len(c.Nodes))
	for n := range s.layers {
		s.layers[n] = make([]int, len(c.Trace.Layers))
	}
	return s
}

// report replaces what is known of the node.
func (s *statuses) report(node int, images []int) {
	s.count(node, -1)
	s.images[node] = slices.Sorted(slices.Values(images))
	s.count(node, 1)
}

func (s *statuses) count(node, n int) {
	for _, i := range s.images[node] {
		s.holders[i] += n
		for _, l := range s.c.Trace.Images[i].Layers {
			s.layers[node][l] += n
		}
	}
}

// lists reports whether the node's status has the image.
func (s *statuses) lists(node, image int) bool {
	_, found := slices.BinarySearch(s.images[node], image)
	return found
}

// quiet is a policy's part that has nothing to learn from its own bindings.
type quiet struct{}

func (quiet) Bound(*trace.Gang, int, int, float64)    {}
func (quiet) Started(int, int, float64)               {}
func (quiet) Finished(*trace.Gang, int, int, float64) {}
