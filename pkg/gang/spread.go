package gang

import (
	"cmp"
	"container/heap"
	"slices"
)

// A gang starts with its slowest member. Whoever is faster gains nothing by it,
// so up to this much later than the slowest all nodes are as good.
const (
	slackShare   = 0.1
	slackSeconds = 1.0
)

// loadWeight is what the whole of a node is worth beside the price of pulling on
// it. In simulations weights of .1, .25, .5, 1 and 2 had the loads of nodes vary by
// .39, .35, .27, .18 and .11, and gangs of 8 start in 3.8, 4.5, 5.3, 7.2 and 9.8 s.
const loadWeight = 0.5

// spread gives each node of a walk its share of the members. It finds the earliest
// time by which all can be ready, and then, among the places that are ready by then
// or a little later, puts each member where it costs least: load, and the price of
// pulling where no other member does. Those nodes come first, each with its share;
// if they refuse some, then the same nodes once more, for what room they have
// beside it, and the others by their times.
func (w *walk) spread() {
	all, latest := w.later, w.earliest()*(1+slackShare)+slackSeconds
	end := 0
	var queue offers
	for ; end < len(all) && all[end].seconds <= latest; end++ {
		queue = append(queue, offer{candidate: all[end], most: all[end].by(latest), cost: w.cost(all[end].node, 0)})
	}
	heap.Init(&queue)
	w.shares = map[int]int{}
	var first, full []candidate
	for left := w.want; left > 0 && len(queue) > 0; left-- {
		top := &queue[0]
		n := top.node
		if w.shares[n] == 0 {
			first = append(first, top.candidate)
		}
		if w.shares[n]++; w.shares[n] < top.most {
			top.cost = w.cost(n, w.shares[n])
			heap.Fix(&queue, 0)
			continue
		}
		if top.room > top.most {
			full = append(full, top.candidate)
		}
		heap.Pop(&queue)
	}
	slices.SortFunc(queue, compareOffers)
	w.later = first
	for _, o := range queue {
		w.again = append(w.again, o.candidate)
	}
	w.again = append(append(w.again, full...), all[end:]...)
}

// earliest is the time by which all members can be ready that want a node, or as
// many as there is room for: each takes the place that is ready first.
func (w *walk) earliest() (seconds float64) {
	fresh := w.later // which nobody has taken, in the order of their times
	var taken places // the next place on those that somebody has
	for range w.want {
		switch {
		case len(fresh) > 0 && (len(taken) == 0 || fresh[0].seconds <= taken[0].seconds):
			next := fresh[0]
			fresh, seconds = fresh[1:], next.seconds
			if next.room--; next.room > 0 {
				next.seconds += next.again
				heap.Push(&taken, next)
			}
		case len(taken) > 0:
			seconds = taken[0].seconds
			if taken[0].room--; taken[0].room > 0 {
				taken[0].seconds += taken[0].again
				heap.Fix(&taken, 0)
			} else {
				heap.Pop(&taken)
			}
		}
	}
	return seconds
}

// by is how many members the node has room for that are ready by a time, at which
// the first of them is.
func (c *candidate) by(latest float64) int {
	if c.again <= 0 || latest-c.seconds >= float64(c.room)*c.again {
		return c.room
	}
	return min(c.room, 1+int((latest-c.seconds)/c.again))
}

// cost is what one more member costs on a node that already takes so many of its
// class.
func (w *walk) cost(n, members int) float64 {
	c, ask := &w.p.c, w.p.classes[w.class].Ask
	load := 0.0
	if c.Has != nil {
		for r, has := range c.Has[n] {
			if has > 0 && ask[r] > 0 {
				load = max(load, float64(has-c.Free[n][r]+int64(members+1)*ask[r])/float64(has))
			}
		}
	}
	cost := loadWeight * load
	if pulls := w.p.classes[w.class].Pulls; pulls != nil && members == 0 && !w.p.pullsOn(w.class, n) {
		cost += pulls[n].Price
	}
	return cost
}

// waits reports whether a member of class i waits for images on node n.
func (p *planner) waits(i, n int) bool {
	return p.classes[i].Pulls != nil && p.classes[i].Pulls[n].Seconds > 0
}

// pullsOn reports whether a member that is placed on node n pulls what class i does.
func (p *planner) pullsOn(i, n int) bool {
	return slices.ContainsFunc(p.pulls[n], func(other int) bool { return p.classes[other].Images == p.classes[i].Images })
}

// times are the seconds until a member of class i is ready on node n, behind those
// that are placed there, and how much longer each further one waits.
func (p *planner) times(i, n int) (seconds, again float64) {
	if p.classes[i].Pulls == nil || p.blind || !p.waits(i, n) {
		return 0, 0 // everything is there: it waits for nobody
	}
	own := p.classes[i].Pulls[n]
	seconds = own.Seconds
	placed := p.pulls[n]
	for at, other := range placed {
		pull, images := p.classes[other].Pulls[n], p.classes[other].Images
		first := !slices.ContainsFunc(placed[:at], func(before int) bool { return p.classes[before].Images == images })
		switch {
		case !first || images == p.classes[i].Images:
			seconds += pull.Again
		default:
			seconds += pull.Seconds - pull.Wait // the queue before it is in the sum already
		}
	}
	return seconds, own.Again
}

// offer is a node that can take one more member, and what that costs.
type offer struct {
	candidate
	most int // members that it is to take; 0 < most <= room
	cost float64
}

func compareOffers(a, b offer) int {
	return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(a.node, b.node))
}

// offers are a heap, the cheapest first.
type offers []offer

func (o offers) Len() int           { return len(o) }
func (o offers) Less(i, j int) bool { return compareOffers(o[i], o[j]) < 0 }
func (o offers) Swap(i, j int)      { o[i], o[j] = o[j], o[i] }
func (o *offers) Push(any)          {}
func (o *offers) Pop() any {
	last := len(*o) - 1
	x := (*o)[last]
	*o = (*o)[:last]
	return x
}

// places are a heap, the one that is ready first leading.
type places []candidate

func (p places) Len() int { return len(p) }
func (p places) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(p[i].seconds, p[j].seconds), cmp.Compare(p[i].node, p[j].node)) < 0
}
func (p places) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *places) Push(x any)   { *p = append(*p, x.(candidate)) }
func (p *places) Pop() any {
	last := len(*p) - 1
	x := (*p)[last]
	*p = (*p)[:last]
	return x
}
