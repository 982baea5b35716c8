package image

import (
	"cmp"
	"slices"
)

// Ask is the question what a pod's images cost on each node.
type Ask struct {
	Needs []Need // each key once
	// Gang whose soft promises count as made; empty for none.
	Gang string
	// Others are how many pulls are about to begin besides, on other nodes.
	Others int
}

// Estimate is what a pod's images cost on a node.
type Estimate struct {
	// Bytes that the node still has to fetch, beyond what is on its way;
	// saturates. 0 <= Bytes.
	Bytes int64
	// Wait is the seconds until the pod's own pulls begin, or what others bring
	// is there; 0 <= Wait.
	Wait float64
	// Seconds until all images are ready, Wait among them; Wait <= Seconds.
	Seconds float64
	// Again is how much longer a second pod of the same images waits there: it asks
	// for them as well, one after the other. 0 <= Again.
	Again float64
	// Price is what the bytes cost the others: the share of the images that the
	// node fetches, times what that is worth now; it is 0 as long as the registry has
	// capacity to spare. And what the node loses for them, as a share of the images,
	// up to 1. 0 <= Price <= 2.
	Price float64
	// Evicts is how many bytes of images that no pod uses the node deletes to have
	// room for these. 0 <= Evicts.
	Evicts int64
	// Full is set if the node's disk has no room for them even then.
	Full bool
}

// Estimates are the answers to one Ask, for any number of nodes. They hold until
// the Inventory is written next.
type Estimates struct {
	inv      *Inventory
	ask      Ask
	contents uint64   // of the Inventory, at the time
	by       []needed // by platform
	cold     []cost   // by slot: what is missing there, as if nothing were on its way
	// Known is set if the size of at least one image is.
	Known bool
	// Largest is how many bytes a node fetches that has nothing.
	Largest int64
}

// needed is what the images are made of on nodes of one platform.
type needed struct {
	layers map[*layer]bool
	total  cost
	wholes int64 // of the total, bytes of images of which the layers are not known
}

// expansion is how many bytes one of the images takes up on a disk.
func (n *needed) expansion(d *Disk) float64 {
	wholes := float64(n.wholes) / float64(max(1, n.total.bytes))
	return wholes*d.ImageExpansion + (1-wholes)*d.LayerExpansion
}

// cost is what a pull takes, whatever else goes on.
type cost struct {
	bytes         int64
	layers, asked int32 // that cost time of their own
}

// Estimate works out what the pod's images cost on every node. It costs O(nodes
// that have any of their layers, and the nodes' number); what is on its way is
// looked at by Of.
func (inv *Inventory) Estimate(ask Ask) *Estimates {
	e := &Estimates{inv: inv, ask: ask, contents: inv.contents}
	for _, need := range ask.Needs {
		e.Known = e.Known || inv.images[need.Key].known()
	}
	if !e.Known {
		return e
	}
	e.by = make([]needed, len(inv.platforms))
	for at, platform := range inv.platforms {
		if platform.nodes == 0 {
			continue
		}
		e.by[at] = e.on(platform.name)
		e.Largest = max(e.Largest, e.by[at].total.bytes)
	}
	e.cold = make([]cost, len(inv.slots))
	for slot, at := range inv.plat {
		if at >= 0 {
			e.cold[slot] = e.by[at].total
		}
	}
	for at := range e.by {
		for l := range e.by[at].layers {
			for slot := range l.on.all() {
				if inv.plat[slot] == at {
					e.cold[slot].less(l)
				}
			}
		}
	}
	for _, need := range ask.Needs {
		e.here(need)
	}
	return e
}

// Again is Estimate for another Ask, after the Inventory was written. It costs next to
// nothing if it asks for the same images, and only promises have come and gone: as for
// the pods of a workload, or of one cycle.
func (e *Estimates) Again(ask Ask) *Estimates {
	if e.contents != e.inv.contents || !slices.Equal(e.ask.Needs, ask.Needs) {
		return e.inv.Estimate(ask)
	}
	again := *e
	again.ask = ask
	return &again
}

// here takes off what the image costs where it is by its key.
func (e *Estimates) here(need Need) {
	image := e.inv.images[need.Key]
	if !image.known() || need.Always {
		return
	}
	for slot := range image.whole.on.all() {
		e.cold[slot].asked--
	}
	for slot := range image.moved.all() { // its layers were not taken off, and are not needed
		e.cold[slot] = e.exactly(e.inv.slots[slot], e.cold[slot].asked)
	}
}

// exactly works out what one node lacks, image by image.
func (e *Estimates) exactly(n *node, asked int32) cost {
	c, seen := cost{asked: asked}, map[*layer]bool{}
	for _, need := range e.ask.Needs {
		if !e.inv.images[need.Key].known() {
			continue
		}
		e.inv.missing(n, need, func(l *layer) {
			if !seen[l] {
				seen[l] = true
				c.more(l)
			}
		})
	}
	return c
}

func (e *Estimates) layersOf(image *entry, platform string) []*layer {
	if m := image.on(platform); m != nil {
		return m.layers
	}
	if image.whole.bytes > 0 {
		return []*layer{&image.whole}
	}
	return nil
}

// on returns what the images are made of on nodes of a platform.
func (e *Estimates) on(platform string) needed {
	n := needed{layers: map[*layer]bool{}}
	for _, need := range e.ask.Needs {
		image := e.inv.images[need.Key]
		if !image.known() {
			continue
		}
		n.total.asked++
		for _, l := range e.layersOf(image, platform) {
			if !n.layers[l] {
				n.layers[l] = true
				n.total.more(l)
				if l == &image.whole {
					n.wholes = add(n.wholes, l.bytes)
				}
			}
		}
	}
	return n
}

func (c *cost) more(l *layer) {
	c.bytes = add(c.bytes, l.bytes)
	if l.bytes > smallLayer {
		c.layers++
	}
}

func (c *cost) less(l *layer) {
	c.bytes -= l.bytes
	if l.bytes > smallLayer {
		c.layers--
	}
}

// Of returns what the images cost on a node. One that is not known has nothing,
// and pulls like the one that spoke last.
func (e *Estimates) Of(name string) Estimate {
	if !e.Known {
		return Estimate{}
	}
	n := e.inv.nodes[name]
	if n == nil {
		rate := max(1, e.inv.common.BytesPerSecond)
		return Estimate{Bytes: e.Largest, Seconds: float64(e.Largest) / rate}
	}
	c := e.cold[n.slot]
	if c.asked == 0 && c.bytes <= 0 {
		return Estimate{}
	}
	joins := e.joins(n, &c)
	now, more := e.inv.rates(n, e.ask.Others)
	wait, rate := n.wait(e.ask.Gang, n.queue, joins, now, more)
	own := float64(c.bytes)*n.puller.Eager/rate + float64(c.layers)*n.puller.SecondsPerLayer + float64(c.asked)*n.puller.SecondsPerImage
	largest := float64(max(1, e.Largest))
	of := Estimate{Bytes: c.bytes, Wait: wait, Seconds: wait + own, Again: n.again(int(c.asked))}
	of.Evicts, of.Full = e.inv.evicts(n, float64(c.bytes)*e.by[e.inv.plat[n.slot]].expansion(&n.disk))
	of.Price = e.inv.price(n.speed(e.inv), e.ask.Others)*float64(c.bytes)/largest + min(1, float64(of.Evicts)/largest)
	return of
}

// joins takes off what promises bring that count for the pod, and returns those.
func (e *Estimates) joins(n *node, c *cost) []*promise {
	var joined []*promise
	need := e.by[e.inv.plat[n.slot]]
	for _, p := range n.queue {
		if !p.counts(e.ask.Gang) {
			continue
		}
		brings := false
		for _, l := range p.brings {
			if need.layers[l] {
				brings = true
				c.less(l)
			}
		}
		if brings {
			joined = append(joined, p)
		}
	}
	c.bytes, c.layers = max(0, c.bytes), max(0, c.layers) // two soft ones of other gangs may bring the same
	return joined
}

// counts reports whether the promise counts for a pod of the gang.
func (p *promise) counts(gang string) bool { return p.firm || gang != "" && p.gang == gang }

// rates are those of the node's pulls while others begin elsewhere: of what is in its
// queue, and of a pull that begins beside that.
func (inv *Inventory) rates(n *node, others int) (now, more float64) {
	if n.puller.Parallel == 1 {
		now = inv.rate(n, 1-n.active, 1-n.active+others)
		return now, now
	}
	return inv.rate(n, 0, others), inv.rate(n, 1, 1+others)
}

// wait is how long a pod's own pull waits for those before it in the queue, and at
// which of the rates it pulls then: for all of them where one pull follows the other;
// elsewhere for those it joins, which bring what it needs too, and for the first
// to end if there are as many as may be.
func (n *node) wait(gang string, before, joins []*promise, now, more float64) (seconds, rate float64) {
	if n.puller.Parallel == 1 {
		for _, p := range before {
			if p.counts(gang) {
				seconds += p.left(now)
			}
		}
		return seconds, now
	}
	for _, p := range joins {
		seconds = max(seconds, p.left(now))
	}
	if free := n.free(gang, before, now); free > 0 {
		return max(seconds, free), now
	}
	return seconds, more
}

// free is the seconds until one of the node's parallel pulls is free for a pull
// after those in the queue, at a rate; 0 if one is.
func (n *node) free(gang string, before []*promise, rate float64) float64 {
	if n.puller.Parallel == 0 {
		return 0
	}
	ends := make([]float64, 0, n.puller.Parallel) // of each pull that goes on
	for _, p := range before {
		switch left := p.left(rate); {
		case !p.counts(gang) || p.arrived():
		case len(ends) < n.puller.Parallel:
			ends = append(ends, left)
		default:
			first := slices.Index(ends, slices.Min(ends))
			ends[first] += left
		}
	}
	if len(ends) < n.puller.Parallel {
		return 0
	}
	return slices.Min(ends)
}

// Same reports whether it is certain, without looking at any node, that every
// node has to pull the same: each image is unknown, or everywhere and nobody
// asks for it again. It costs O(keys).
func (inv *Inventory) Same(needs []Need) bool {
	for _, need := range needs {
		if e := inv.images[need.Key]; e.known() && (need.Always || e.whole.on.n != len(inv.nodes)) {
			return false
		}
	}
	return true
}

// worthwhile is the seconds by which warm nodes have to be ahead to stand out.
const worthwhile = 2.0

// Warm returns the nodes that fetch little of the images beside the others, the
// ones that are ready first leading: at most a tenth of the way from the least
// that a node fetches to the most. It returns none if no node stands out: if all
// are alike, or two seconds apart, or if more than a quarter do, for any sample has
// some of those.
func (e *Estimates) Warm() []string {
	if !e.Known {
		return nil
	}
	// What is on its way matters where something is; elsewhere cold is all there is.
	fetches := func(slot int) int64 {
		if e.inv.pulling.has(slot) {
			return e.Of(e.inv.slots[slot].name).Bytes
		}
		return max(0, e.cold[slot].bytes)
	}
	least := e.Largest
	for slot, n := range e.inv.slots {
		if n != nil {
			least = min(least, fetches(slot))
		}
	}
	if float64(e.Largest-least) < worthwhile*e.inv.common.BytesPerSecond {
		return nil
	}
	type warm struct {
		name string
		cost float64
	}
	var found []warm
	for slot, n := range e.inv.slots {
		if n != nil && fetches(slot) <= least+(e.Largest-least)/10 {
			of := e.Of(n.name)
			found = append(found, warm{n.name, of.Seconds * (1 + of.Price)})
		}
	}
	if len(found)*4 > len(e.inv.nodes) {
		return nil
	}
	slices.SortFunc(found, func(a, b warm) int { return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(a.name, b.name)) })
	names := make([]string, len(found))
	for i, w := range found {
		names[i] = w.name
	}
	return names
}
