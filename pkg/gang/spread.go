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
// time by which there is room for all on nodes whose images are ready, and then,
// among the nodes that are ready by then or a little later, puts each member where
// it costs least: load, and the price of pulling where no other member does. Those
// nodes come first, each with its share; if they refuse some, then the same nodes
// once more, for what room they have beside it, and the others by their times.
func (w *walk) spread() {
	all := w.later
	room, end := 0, 0
	for end < len(all) && room < w.want {
		room += all[end].room
		end++
	}
	if end == 0 {
		return
	}
	latest := all[end-1].seconds*(1+slackShare) + slackSeconds
	for end < len(all) && all[end].seconds <= latest {
		end++
	}
	queue := make(offers, 0, end)
	for _, c := range all[:end] {
		queue = append(queue, offer{candidate: c, cost: w.cost(c.node, 0)})
	}
	heap.Init(&queue)
	w.shares = map[int]int{}
	var first []candidate
	for left := w.want; left > 0 && len(queue) > 0; left-- {
		top := &queue[0]
		n := top.node
		if w.shares[n] == 0 {
			first = append(first, top.candidate)
		}
		w.shares[n]++
		if top.room--; top.room == 0 {
			heap.Pop(&queue)
			continue
		}
		top.cost = w.cost(n, w.shares[n])
		heap.Fix(&queue, 0)
	}
	rest := slices.Clone(queue)
	slices.SortFunc(rest, compareOffers)
	w.later = first
	for _, o := range rest {
		w.again = append(w.again, o.candidate)
	}
	w.again = append(w.again, all[end:]...)
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
	if price := w.p.classes[w.class].Price; price != nil && members == 0 && !w.p.pullsOn(w.class, n) {
		cost += price[n]
	}
	return cost
}

// waits reports whether a member of class i waits for images on node n.
func (p *planner) waits(i, n int) bool {
	return p.classes[i].Seconds != nil && p.classes[i].Seconds[n] > 0
}

// pullsOn reports whether a member that is placed on node n pulls what class i does.
func (p *planner) pullsOn(i, n int) bool {
	return slices.ContainsFunc(p.pulls[n], func(other int) bool { return p.classes[other].Images == p.classes[i].Images })
}

// seconds is the time until a member of class i is ready on node n, behind those
// that are placed there and pull something else.
func (p *planner) seconds(i, n int) float64 {
	if p.classes[i].Seconds == nil || p.blind {
		return 0
	}
	sum := p.classes[i].Seconds[n]
	if sum == 0 {
		return 0 // everything is there: it waits for nobody
	}
	placed := p.pulls[n]
	for at, other := range placed {
		images := p.classes[other].Images
		if images != p.classes[i].Images && !slices.ContainsFunc(placed[:at], func(before int) bool { return p.classes[before].Images == images }) {
			sum += p.classes[other].Seconds[n] // the queue before it is in the sum already
			if wait := p.classes[other].Wait; wait != nil {
				sum -= wait[n]
			}
		}
	}
	return sum
}

// offer is a node that can take one more member, and what that costs.
type offer struct {
	candidate
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
