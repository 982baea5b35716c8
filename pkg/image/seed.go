package image

import (
	"cmp"
	"slices"
)

// Demand is pods that are going to ask for images, and nodes that have room for them.
type Demand struct {
	Needs []Need // each key once
	// Pods is how many are to find all images on their node.
	Pods int
	// Near is how many are to find a node at least that has them soon.
	Near int
	// Sure pods exist and wait, or are about to be made. Others are expected, and may
	// never come: for them no image is pulled of which no size is known.
	Sure bool
	// Places are nodes that may get some of them, each once: for sure pods the likeliest first.
	Places []Place
	// Busy are nodes that pull ahead already, whether the Inventory knows or not.
	Busy map[string]bool
}

// Place is a node, and for how many of the pods it has room, or will have. Room > 0.
type Place struct {
	Node string
	Room int
}

// Seed is images that a node is to pull before a pod asks for them.
type Seed struct {
	Node  string
	Needs []Need // those of which the node lacks something
	Bytes int64  // that it has to fetch
	// Seconds that this takes.
	Seconds float64
}

// SeedBudget bounds what is pulled ahead; what is chosen is taken off.
type SeedBudget struct {
	Bytes int64
	Seeds int
}

// In simulations of a shop and of a catalogue of large images, in which all this is
// for pods that are expected: nodes with less room than others made for uneven loads
// and more pulls; to pull large images for more than about half of the pods cost
// more bytes than it saved seconds.
const (
	// nearSeconds is what a node may still have to pull that is near.
	nearSeconds = 10.0
	// farShare is the part of the pods for which nodes are seeded that are not near.
	farShare = 0.55
)

// seedBytes is the least that is worth a seed, and unknownBytes what an image counts of
// which no size is known.
const (
	seedBytes    = 1e6
	unknownBytes = 1e9
)

// Seeds chooses nodes that are to pull the images of a demand ahead: as many as it
// takes for its pods to have room where the images are or are on their way. It
// chooses none where something is being pulled already, or the disk is short, and
// none at all while the registry is asked for half of what it serves, counting what
// is chosen. It costs O(places), and sorting them.
func (inv *Inventory) Seeds(d Demand, budget *SeedBudget) []Seed {
	e := inv.Estimate(Ask{Needs: d.Needs})
	if !e.Known && !d.Sure {
		return nil
	}
	cold, lacks := inv.cold(d, e)
	if lacks.ready <= 0 && lacks.near <= 0 {
		return nil
	}
	if !d.Sure {
		cold = roomiest(cold, lacks.ready)
	}
	var seeds []Seed
	for _, c := range cold {
		if !lacks.want(c, d) {
			continue
		}
		n := inv.nodes[c.place.Node]
		if budget.Seeds <= 0 || budget.Bytes < c.of.Bytes || inv.price(n.speed(inv), len(seeds)+1) > 0 {
			break
		}
		budget.Seeds--
		budget.Bytes -= c.of.Bytes
		lacks.ready -= c.place.Room
		if !c.near {
			lacks.near -= c.place.Room
		}
		needs := inv.lacking(n, d.Needs)
		if d.Sure {
			needs = append(needs, inv.unknown(n, d.Needs)...)
		}
		seeds = append(seeds, Seed{Node: c.place.Node, Needs: needs, Bytes: c.of.Bytes, Seconds: c.of.Seconds})
	}
	return seeds
}

// lacks is how many pods have no place that is ready, and how many of a burst none
// that is near.
type lacks struct{ ready, near int }

// want reports whether a seed on the candidate serves one of them. Of those that are
// merely expected, the last share is not worth a node that is far from ready.
func (l lacks) want(c candidate, d Demand) bool {
	ready := l.ready > 0 && (d.Sure || c.near || float64(l.ready) > (1-farShare)*float64(d.Pods))
	return ready || l.near > 0 && !c.near
}

// cold returns the places of a demand that may pull ahead, and what it lacks.
func (inv *Inventory) cold(d Demand, e *Estimates) ([]candidate, lacks) {
	l := lacks{ready: d.Pods, near: d.Near}
	var cold []candidate
	for at, place := range d.Places {
		n := inv.nodes[place.Node]
		if n == nil {
			continue
		}
		of := e.Of(place.Node)
		if d.Sure {
			of.Bytes = add(of.Bytes, unknownBytes*int64(len(inv.unknown(n, d.Needs))))
		}
		near := of.Seconds-of.Wait <= nearSeconds
		if near {
			l.near -= place.Room
		}
		switch {
		case of.Bytes < seedBytes:
			l.ready -= place.Room
		case !n.pressed && len(n.queue) == 0 && of.Evicts == 0 && !of.Full && !d.Busy[place.Node]:
			cold = append(cold, candidate{place: place, at: at, of: of, near: near})
		}
	}
	return cold, l
}

// candidate is a place that lacks some of the images.
type candidate struct {
	place Place
	at    int // in Demand.Places
	of    Estimate
	near  bool
}

// roomiest returns the candidates that have no less room than they have on average,
// those first that fetch the least for each of so many pods.
func roomiest(cold []candidate, pods int) []candidate {
	sum := 0
	for _, c := range cold {
		sum += c.place.Room
	}
	kept := slices.DeleteFunc(slices.Clone(cold), func(c candidate) bool { return c.place.Room*len(cold) < sum })
	cost := func(c candidate) float64 { return float64(c.of.Bytes) / float64(min(c.place.Room, max(1, pods))) }
	slices.SortFunc(kept, func(a, b candidate) int { return cmp.Or(cmp.Compare(cost(a), cost(b)), cmp.Compare(a.at, b.at)) })
	return kept
}

// unknown returns those of the images that are not on the node, and of which no size
// is known.
func (inv *Inventory) unknown(n *node, needs []Need) []Need {
	var some []Need
	for _, need := range needs {
		need.Always = false
		if e := inv.images[need.Key]; !e.known() && (e == nil || !e.whole.on.has(n.slot)) {
			some = append(some, need)
		}
	}
	return some
}

// lacking returns those of the images of which the node misses a layer.
func (inv *Inventory) lacking(n *node, needs []Need) []Need {
	var some []Need
	for _, need := range needs {
		need.Always = false // to have its layers there is all that can be done ahead
		lacks := false
		if inv.images[need.Key] != nil {
			inv.missing(n, need, func(l *layer) { lacks = lacks || l.bytes > 0 })
		}
		if lacks {
			some = append(some, need)
		}
	}
	return some
}
