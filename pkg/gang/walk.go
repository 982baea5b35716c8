package gang

import (
	"cmp"
	"slices"
)

// walk is a way through the nodes of a scope that have room for a class, in the
// order in which it takes them. Without images to wait for it looks no further
// than it has to: a node that takes everybody is taken at once.
type walk struct {
	p       *planner
	class   int
	want    int
	s       *scope
	at      int         // how many nodes of the scope it has looked at
	later   []candidate // nodes that come after those
	again   []candidate // nodes that come after later, some of them for the second time
	settled bool        // later is complete and in order
	shares  map[int]int // by node: how many members it is to take at first; nil for as many as fit
}

// candidate is a node that has room for members: the first is ready after so many
// seconds, each further one so much later.
type candidate struct {
	node, room     int
	seconds, again float64
}

func (p *planner) walk(class, want int, s *scope) *walk {
	return &walk{p: p, class: class, want: want, s: s}
}

// next returns up to max nodes, each once; none at the end.
func (w *walk) next(max int) []int {
	nodes := make([]int, 0, min(max, fewNodes))
	images := w.p.classes[w.class].Pulls != nil && !w.p.blind
	for total := w.s.size(w.p); w.at < total; w.at++ {
		if len(nodes) == max {
			return nodes
		}
		n := w.s.node(w.at)
		room := min(w.p.room(w.class, n), w.want)
		switch {
		case room == 0:
		case room == w.want && !images:
			nodes = append(nodes, n)
		default:
			seconds, again := w.p.times(w.class, n)
			w.later = append(w.later, candidate{n, room, seconds, again})
		}
	}
	if !w.settled {
		w.settled = true
		slices.SortFunc(w.later, func(a, b candidate) int {
			return cmp.Or(cmp.Compare(a.seconds, b.seconds), cmp.Compare(b.room, a.room), cmp.Compare(a.node, b.node))
		})
		if images {
			w.spread()
		}
	}
	if len(w.later) == 0 && len(nodes) == 0 {
		w.later, w.again = w.again, nil
	}
	for ; len(w.later) > 0 && len(nodes) < max; w.later = w.later[1:] {
		nodes = append(nodes, w.later[0].node)
	}
	return nodes
}

// all returns the nodes that are left, some of them twice.
func (w *walk) all() []int {
	var all []int
	for {
		nodes := w.next(unlimited)
		if len(nodes) == 0 {
			return all
		}
		all = append(all, nodes...)
	}
}

// share is how many of the members that want a node a node of the walk takes. It
// is asked once for each time that next returned the node.
func (w *walk) share(n, want int) int {
	share, ok := w.shares[n]
	if !ok {
		return want
	}
	delete(w.shares, n)
	return min(share, want)
}
