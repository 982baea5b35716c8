package image

import "math"

// Puller is how a node pulls.
type Puller struct {
	// BytesPerSecond that one pull downloads and unpacks at most. 0 < BytesPerSecond.
	BytesPerSecond float64
	// Pool of nodes that pull alike: how fast is learnt from their pulls, in the
	// place of BytesPerSecond. Empty to believe what is stated.
	Pool string
	// Link is how many bytes a second the node takes in, over all its pulls; 0
	// for no limit.
	Link float64
	// Parallel is how many images it pulls at once; 0 for any number, 1 for a
	// kubelet with serializeImagePulls.
	Parallel int
	// SecondsPerLayer is what each missing layer costs besides its bytes, and
	// SecondsPerImage what each pull does, and each question to the registry
	// about an image that is there. 0 <= both.
	SecondsPerLayer, SecondsPerImage float64
	// Eager is the share of the bytes that have to be there before a container
	// starts: 1, or less where images are mounted lazily. 0 < Eager <= 1.
	Eager float64
	// Peers is how many bytes a second the node gets from others, whatever the
	// registry serves; 0 for none.
	Peers float64
	// Rack is what shares a link with limited capacity; empty for none.
	Rack string
}

// smallLayer is up to where a layer costs no time of its own: in measurements of
// 810 layers, those took one flat fraction of a second.
const smallLayer = 100e3

// pipe is what pulls share: the registry, or the link of a rack.
type pipe struct {
	capacity float64 // bytes a second; 0 for no limit
	active   int     // pulls that take bytes from it now
	name     string
	nodes    int
}

// share is what each pull gets if there are more of them than there are now.
func (p *pipe) share(more int) float64 {
	if p == nil || p.capacity == 0 {
		return math.Inf(1)
	}
	return p.capacity / float64(max(1, p.active+more))
}

// SetRegistry states how many bytes a second the registry serves, over all nodes.
// With 0 that is learnt.
func (inv *Inventory) SetRegistry(bytesPerSecond float64) {
	inv.registryStated, inv.registry.capacity = bytesPerSecond > 0, bytesPerSecond
	inv.assume()
}

// assume settles what the registry serves where nobody has stated it: what was
// learnt, or else assumedPulls at the rate of the node that spoke last.
func (inv *Inventory) assume() {
	switch {
	case inv.registryStated:
	case inv.served.pulls >= believed:
		inv.registry.capacity = inv.served.bytesPerSecond
	default:
		inv.registry.capacity = assumedPulls * inv.common.BytesPerSecond
	}
}

// assumedPulls is how many pulls a registry is taken to serve at their full rate
// until it is seen to serve fewer or more. In simulations, where nothing was assumed
// a small registry had collapsed before the first pulls ended and told.
const assumedPulls = 100

// SetRacks states how many bytes a second the nodes of every rack take in together;
// 0 for no limit.
func (inv *Inventory) SetRacks(bytesPerSecond float64) {
	inv.rackLink = bytesPerSecond
	for _, p := range inv.racks {
		p.capacity = bytesPerSecond
	}
}

// setRack notes in which rack a node is. A rack is there as long as a node is in it.
func (inv *Inventory) setRack(n *node, name string) {
	if n.rack != nil && n.rack.name == name {
		return
	}
	if n.rack != nil {
		if n.rack.nodes--; n.rack.nodes == 0 {
			delete(inv.racks, n.rack.name)
		}
		n.rack = nil
	}
	if name == "" {
		return
	}
	p := inv.racks[name]
	if p == nil {
		p = &pipe{name: name, capacity: inv.rackLink}
		inv.racks[name] = p
	}
	p.nodes++
	n.rack = p
}

// rate is the bytes a second of one pull on the node if so many more pulls than
// now took bytes there, and in the whole cluster.
func (inv *Inventory) rate(n *node, here, everywhere int) float64 {
	r := min(n.speed(inv), max(inv.registry.share(everywhere), n.puller.Peers), n.rack.share(here))
	if n.puller.Link > 0 {
		r = min(r, n.puller.Link/float64(max(1, n.active+here)))
	}
	return r
}

// The price of bytes rises from nothing, where the registry is asked for half of what
// it serves, to all that a node's load is worth, where it is asked for many times as
// much. In simulations a price at any time starved images of replicas, none had
// registries collapse, and one that stays at a tenth had them collapse where there
// were four nodes for each that the registry can serve at its full rate.
const (
	freeLoad   = 0.5
	priceSlope = 0.2 // for each time that the registry is asked for what it serves
)

// price is what the bytes of all of a pod's images are worth now, if more pulls
// begin than there are: 0 to 1.
func (inv *Inventory) price(bytesPerSecond float64, more int) float64 {
	if inv.registry.capacity == 0 {
		return 0
	}
	load := float64(inv.registry.active+more) * bytesPerSecond / inv.registry.capacity
	return min(1, max(0, priceSlope*(load-freeLoad)))
}

// leave takes the node's pulls out of what they share, for them to be changed;
// join counts them again.
func (inv *Inventory) leave(n *node) {
	inv.registry.active -= n.active
	if n.rack != nil {
		n.rack.active -= n.active
	}
	n.active = 0
}

func (inv *Inventory) join(n *node) {
	for range n.running() {
		n.active++
	}
	inv.registry.active += n.active
	if n.rack != nil {
		n.rack.active += n.active
	}
}

// running returns the promises whose bytes are under way: the first that are firm
// and not complete, as many as the node pulls at once.
func (n *node) running() []*promise {
	var now []*promise
	for _, p := range n.queue {
		if p.firm && !p.arrived() && (n.puller.Parallel == 0 || len(now) < n.puller.Parallel) {
			now = append(now, p)
		}
	}
	return now
}

// arrived reports whether all of a promise should be there.
func (p *promise) arrived() bool { return p.fixed <= 0 && p.done >= p.eager() }

// eager is how many of the promise's bytes have to be there.
func (p *promise) eager() float64 { return float64(p.bytes) * p.node.puller.Eager }

// run has the node pull for so many seconds. The others' pulls are taken to be
// what they are at the start: whoever calls often errs little.
func (inv *Inventory) run(n *node, seconds float64) {
	for seconds > 0 {
		now := n.running()
		if len(now) == 0 {
			return
		}
		rate := inv.rate(n, len(now), len(now))
		step := seconds
		for _, p := range now {
			step = min(step, p.fixed+max(0, p.eager()-p.done)/rate)
		}
		for _, p := range now {
			wait := min(p.fixed, step)
			p.fixed -= wait
			p.done += (step - wait) * rate
			if p.fixed < 1e-9 && p.eager()-p.done < 1 {
				p.fixed, p.done = 0, p.eager()
			}
		}
		seconds -= max(step, 1e-6)
	}
}

// left is how many seconds of its own a promise still takes at a rate.
func (p *promise) left(rate float64) float64 {
	return p.fixed + p.remaining()/rate
}

// alone is the rate of the node's only pull.
func (inv *Inventory) alone(n *node) float64 {
	return inv.rate(n, 1-n.active, 1-n.active)
}

// overhead is the seconds that a promise takes besides those for its bytes.
func (inv *Inventory) overhead(n *node, p *promise) float64 {
	sum := 0.0
	for _, need := range p.needs {
		if inv.asks(n, need) {
			sum += n.puller.SecondsPerImage
		}
	}
	for _, l := range p.brings {
		if l.bytes > smallLayer {
			sum += n.puller.SecondsPerLayer
		}
	}
	return sum
}

// asks reports whether the node has to ask the registry for an image.
func (inv *Inventory) asks(n *node, need Need) bool {
	e := inv.images[need.Key]
	return e.known() && (need.Always || !e.whole.on.has(n.slot))
}

// again is how much longer each further pod waits that asks for the same images: a
// node that pulls one after the other asks the registry for each anew.
func (n *node) again(images int) float64 {
	if n.puller.Parallel != 1 {
		return 0
	}
	return float64(images) * n.puller.SecondsPerImage
}

// add returns a + b for a, b >= 0, or the largest int64 if that is less.
func add(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
