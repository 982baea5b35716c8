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
	tells     bool      // its time tells how fast it is pulled,
	whole     bool      // and how fast its node can pull
	lags      time.Time // when it is so late that this tells too
	crowded   float64   // Inventory.crowded when it was bound

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
		p.tells = false
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
	p.bound, p.deadline = now, now.Add(overdue(seconds))
	inv.listen(p, seconds)
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
		if n.busy() {
			inv.crowded += passed
		}
		inv.leave(n)
		inv.run(n, passed)
		inv.join(n)
		for _, p := range n.queue {
			if p.tells && p.firm && now.After(p.lags) {
				inv.learnRegistry(p, p.rate(now.Sub(p.bound).Seconds()), now)
				p.lags = p.deadline // once
			}
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
		if n := inv.slots[slot]; n.until <= seconds(now) && inv.age(n, now) {
			inv.expand(n)
		}
	}
}

// busy reports whether the node pulls what takes a while, as far as is known: its
// pods do not run yet, whatever the model says of their pulls.
func (n *node) busy() bool {
	return slices.ContainsFunc(n.queue, func(p *promise) bool { return p.firm && p.bytes >= busyBytes })
}

// busyBytes are too few to take a share of anything for long.
const busyBytes = 10e6

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
		p.tells = p.tells && p.bytes == bytes
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
// start if it were bound now, and all of its gang that was reserved with it; nothing
// for a pod that has none. It costs O(p log p) for p pulls in the cluster.
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
	bytes := p.remaining()
	if n.puller.Parallel == 1 {
		for _, other := range before {
			if other.counts(p.gang) {
				bytes += other.remaining()
			}
		}
	}
	average := inv.average(p, bytes)
	wait, rate := n.wait(p.gang, before, joins, average, average)
	return Estimate{Bytes: p.bytes, Wait: wait, Seconds: wait + p.left(rate)}
}

// average is the rate at which so many bytes come to the promise's node, while the
// pulls of other nodes, and those of its gang there that are about to begin, end one
// after the other and leave what they took to the rest. Pulls that share the registry
// get the same from it, so they end in the order of their bytes.
func (inv *Inventory) average(p *promise, bytes float64) float64 {
	n := p.node
	var others []float64 // bytes of pulls beside this one
	for slot := range inv.pulling.all() {
		others = inv.slots[slot].streams(others, p)
	}
	slices.Sort(others)
	rate := func(beside int) float64 { return inv.rate(n, max(0, 1-n.active), beside+1-inv.registry.active) }
	if bytes == 0 {
		return rate(len(others))
	}
	seconds, came := 0.0, 0.0
	for i, end := range others {
		if end >= bytes {
			return bytes / (seconds + (bytes-came)/rate(len(others)-i))
		}
		seconds += (end - came) / rate(len(others)-i)
		came = end
	}
	return bytes / (seconds + (bytes-came)/rate(0))
}

// streams appends the bytes of each of the node's pulls that go on beside a promise. Of
// more than it does at once, those that wait go on where the first end.
func (n *node) streams(to []float64, beside *promise) []float64 {
	if n == beside.node && n.puller.Parallel == 1 {
		return to // before it or after it
	}
	first := len(to)
	for _, p := range n.queue {
		left := p.remaining()
		switch {
		case p == beside || left == 0 || !p.counts(beside.gang):
		case n.puller.Parallel == 0 || len(to)-first < n.puller.Parallel:
			to = append(to, left)
		default:
			least := first + slices.Index(to[first:], slices.Min(to[first:]))
			to[least] += left
		}
	}
	return to
}

// remaining is how many bytes have to come until the promise is kept.
func (p *promise) remaining() float64 { return max(0, p.eager()-p.done) }

// shares reports whether the pod needs what another brings.
func (inv *Inventory) shares(p, other *promise) (yes bool) {
	for _, need := range p.needs {
		inv.missing(p.node, need, func(l *layer) { yes = yes || slices.Contains(other.brings, l) })
	}
	return yes
}
