package image

import (
	"slices"
	"time"
)

// Need is an image that a pod needs.
type Need struct {
	Key string
	// Always has the kubelet ask the registry for the image even where it is.
	Always bool
}

// promise is a pod's pulls on a node that has been chosen for it.
type promise struct {
	pod, gang string
	node      *node
	needs     []Need
	firm      bool
	bound     time.Time // of a firm one, as is deadline
	deadline  time.Time
	telling   bool // its time says how fast the node pulls

	// settle works these out from what is on the node and before it in the queue.
	brings []*layer // what it is the first to bring
	bytes  int64    // of those

	done  float64 // bytes of those that have arrived
	over  float64 // seconds that it takes beside those for bytes
	fixed float64 // of those, what is left
}

// maxQueue is how many promises a node has at most. More is no kubelet's queue but
// somebody who binds pods without end; they count for nothing.
const maxQueue = 128

// Reserve promises the pod's images to a node: softly, so that it counts for the
// members of its gang only, which may be none. A second promise of a pod takes the
// place of the first. A node that has all it needs promises nothing; one that is
// not known keeps the promise until it is. It costs O(layers of the node's queue).
func (inv *Inventory) Reserve(pod, gang, name string, needs []Need, now time.Time) {
	inv.Undo(pod)
	n := inv.nodes[name]
	if n == nil {
		inv.earlyOn(name).promises[pod] = earlyPromise{gang: gang, needs: slices.Clone(needs)}
		return
	}
	if len(n.queue) >= maxQueue || !slices.ContainsFunc(needs, func(need Need) bool { return inv.asks(n, need) }) {
		return
	}
	inv.Advance(now)
	p := &promise{pod: pod, gang: gang, node: n, needs: slices.Clone(needs)}
	for _, need := range needs {
		inv.entry(need.Key).wanted++
	}
	inv.promises[pod] = p
	n.queue = append(n.queue, p) // soft: it takes no bytes yet
	inv.pulling.add(n.slot)
	inv.settle(n)
}

// Pulling notes that a pod which somebody else bound, or of which Reserve was not
// told, may be pulling on a node since some time: nothing is learnt from it.
func (inv *Inventory) Pulling(pod, gang, name string, needs []Need, now time.Time) {
	inv.Reserve(pod, gang, name, needs, now)
	inv.Bind(pod, now)
	if p := inv.promises[pod]; p != nil {
		p.telling = false
	}
}

// Bind makes the pod's promise firm: its node starts to pull.
func (inv *Inventory) Bind(pod string, now time.Time) {
	p := inv.promises[pod]
	if p == nil {
		inv.bindEarly(pod)
		return
	}
	if p.firm {
		return
	}
	inv.Advance(now)
	n := p.node
	inv.leave(n)
	p.firm = true
	n.queue = slices.DeleteFunc(n.queue, func(other *promise) bool { return other == p })
	at := 0
	for at < len(n.queue) && n.queue[at].firm {
		at++
	}
	n.queue = slices.Insert(n.queue, at, p)
	inv.settle(n)
	inv.join(n)
	seconds, rate := 0.0, inv.alone(n)
	for _, other := range n.queue[:at+1] {
		seconds += other.left(rate)
	}
	p.bound, p.telling = now, inv.tells(p)
	p.deadline = now.Add(overdue(seconds))
}

// overdue is after how long a promise that should take so many seconds is not
// believed any more; 30 years at most.
func overdue(seconds float64) time.Duration {
	return time.Duration(min(3*seconds+60, 1e9) * float64(time.Second))
}

// Undo takes the pod's promise back, if there is one.
func (inv *Inventory) Undo(pod string) {
	p := inv.promises[pod]
	if p == nil {
		inv.undoEarly(pod)
		return
	}
	delete(inv.promises, pod)
	n := p.node
	inv.leave(n)
	n.queue = slices.DeleteFunc(n.queue, func(other *promise) bool { return other == p })
	if len(n.queue) == 0 {
		inv.pulling.remove(n.slot)
	}
	inv.settle(n)
	inv.join(n)
	for _, need := range p.needs {
		if e := inv.images[need.Key]; e != nil {
			e.wanted--
			inv.forget(e)
		}
	}
}

// Promised reports the node on which the pod has a promise.
func (inv *Inventory) Promised(pod string) (node string, ok bool) {
	if p := inv.promises[pod]; p != nil {
		return p.node.name, true
	}
	for name, e := range inv.early {
		if _, ok := e.promises[pod]; ok {
			return name, true
		}
	}
	return "", false
}

// advanceEvery is how much of the time Advance lets pass before it looks at every
// pull again.
const advanceEvery = 0.2 // seconds

// Advance has the pulls go on to the present, drops promises that are overdue,
// and images that are believed to be gone. The past is as it was: an earlier time
// changes nothing, and one a moment later neither. A promise is overdue when its
// pod does not run long after the images should be there. It costs O(nodes that
// pull).
func (inv *Inventory) Advance(now time.Time) {
	if inv.now.IsZero() {
		inv.now = now
	}
	passed := now.Sub(inv.now).Seconds()
	if passed < advanceEvery {
		return
	}
	inv.now = now
	var late []string
	for slot := range inv.pulling.all() {
		n := inv.slots[slot]
		inv.leave(n)
		inv.run(n, passed)
		inv.join(n)
		for _, p := range n.queue {
			switch {
			case !p.firm || now.Before(p.deadline):
			case p.arrived():
				late = append(late, p.pod)
			default: // others have come in its way since
				p.deadline = now.Add(overdue(p.left(inv.alone(n))))
			}
		}
	}
	for _, pod := range late {
		inv.Undo(pod)
	}
	for _, slot := range slices.Collect(inv.aging.all()) { // which age changes
		if n := inv.slots[slot]; n.until <= now.Unix() && inv.age(n, now) {
			inv.expand(n)
		}
	}
}

// settle works out what each promise in the node's queue is the first to bring:
// firm ones after the firm ones before them, soft ones after those and the ones
// of their own gang.
func (inv *Inventory) settle(n *node) {
	firm, soft := map[*layer]bool{}, map[string]map[*layer]bool{}
	for _, p := range n.queue {
		brought := firm
		if !p.firm {
			if brought = soft[p.gang]; brought == nil || p.gang == "" {
				brought = map[*layer]bool{}
				soft[p.gang] = brought
			}
		}
		bytes := p.bytes
		p.brings, p.bytes = p.brings[:0], 0
		for _, need := range p.needs {
			inv.missing(n, need, func(l *layer) {
				if !firm[l] && !brought[l] {
					brought[l] = true
					p.brings = append(p.brings, l)
					p.bytes = add(p.bytes, l.bytes)
				}
			})
		}
		p.telling = p.telling && p.bytes == bytes
		over := inv.overhead(n, p)
		p.fixed = max(0, p.fixed+over-p.over)
		p.over = over
	}
}

// missing calls yield for the layers of an image that the node lacks. An image of
// which nothing is known is one of no bytes, until somebody tells.
func (inv *Inventory) missing(n *node, need Need, yield func(*layer)) {
	e := inv.images[need.Key]
	m := e.on(n.platform)
	here := e.whole.on.has(n.slot)
	switch {
	case here && (m == nil || !need.Always):
	case m == nil:
		yield(&e.whole)
	default:
		for _, l := range m.layers {
			if !l.on.has(n.slot) {
				yield(l)
			}
		}
	}
}

// Expect returns what the pod's promise is expected to take, counted from the
// start if it were bound now; nothing for a pod that has none.
func (inv *Inventory) Expect(pod string) Estimate {
	p := inv.promises[pod]
	if p == nil {
		return Estimate{}
	}
	n := p.node
	before := n.queue[:slices.Index(n.queue, p)]
	var joins []*promise
	for _, other := range before {
		if other.counts(p.gang) && inv.shares(p, other) {
			joins = append(joins, other)
		}
	}
	wait, rate := inv.wait(n, p.gang, before, joins, 0)
	return Estimate{Bytes: p.bytes, Wait: wait, Seconds: wait + p.left(rate)}
}

// shares reports whether the pod needs what another brings.
func (inv *Inventory) shares(p, other *promise) (yes bool) {
	for _, need := range p.needs {
		inv.missing(p.node, need, func(l *layer) { yes = yes || slices.Contains(other.brings, l) })
	}
	return yes
}
