package image

import "time"

// What a pull has to be for its time to say how fast its node pulls: large beside
// what else a start takes, nearly the whole of the pod's images, alone on its node,
// and limited by nothing that is shared.
const (
	telling      = 200e6 // bytes
	tellingShare = 0.8
	startSeconds = 1.0 // that a start takes beside its pulls
)

// A pull says what share of the registry it got if that is less than this part of
// what its node can pull, at least so many nodes pulled meanwhile, and it took so
// long that what else a start takes does not matter. One that has taken twice as
// long as it should tells before it ends: where everybody pulls at once, the first
// to end does so late.
const (
	slowedTo    = 0.7
	crowd       = 4.0
	slowSeconds = 10.0
	lagging     = 2.0
)

// A rate is believed once this many pulls told of it; each then moves it by a
// fifth of the difference. That of a node stays within a tenth and ten times of
// what is stated; a registry serves two nodes at their full rate at least.
const (
	believed  = 5
	learnStep = 0.2
	learnSpan = 10.0
	leastFull = 2.0
)

// learnt is a rate that pulls were seen to have: of the nodes of a pool, or of the
// registry.
type learnt struct {
	bytesPerSecond float64
	pulls          int
}

// see takes over what one more pull told.
func (l *learnt) see(bytesPerSecond float64) {
	l.pulls++
	l.bytesPerSecond += (bytesPerSecond - l.bytesPerSecond) * max(learnStep, 1/float64(l.pulls))
}

// Learnt is how fast the nodes of a pool were seen to pull, once that is believed.
type Learnt struct {
	Pool           string
	BytesPerSecond float64
	Pulls          int
}

// Learnt returns what was learnt, in no order.
func (inv *Inventory) Learnt() []Learnt {
	var all []Learnt
	for pool, l := range inv.learnt {
		if l.pulls >= believed {
			all = append(all, Learnt{pool, l.bytesPerSecond, l.pulls})
		}
	}
	return all
}

// Registry returns how many bytes a second the registry serves over all nodes: what
// is stated, or what was learnt from pulls that it slowed down, with their number.
// Without either it is an assumption, of no pulls.
func (inv *Inventory) Registry() (bytesPerSecond float64, pulls int) {
	return inv.registry.capacity, inv.served.pulls
}

// Started ends the pod's promise, for the pod runs, and learns from the time that
// took.
func (inv *Inventory) Started(pod string, now time.Time) {
	if p := inv.promises[pod]; p != nil && p.tells {
		inv.Advance(now)
		rate := p.rate(now.Sub(p.bound).Seconds())
		if slowed := inv.learnRegistry(p, rate, now); !slowed && p.whole && p.node.puller.Pool != "" {
			inv.learnSpeed(p.node, rate)
		}
	}
	inv.Undo(pod)
}

// listen decides about a promise that is bound now what its time will tell.
func (inv *Inventory) listen(p *promise, seconds float64) {
	n := p.node
	p.tells = len(n.queue) == 1 && p.bytes >= busyBytes
	p.lags = p.bound.Add(time.Duration((lagging*seconds + slowSeconds) * float64(time.Second)))
	p.crowded = inv.crowded
	all := int64(0)
	for _, need := range p.needs {
		p.tells = p.tells && !need.Always
		bytes, _ := inv.Bytes(need.Key)
		all = add(all, bytes)
	}
	p.whole = p.bytes >= telling && float64(p.bytes) >= tellingShare*float64(all) && inv.alone(n) >= n.speed(inv)
}

// rate is how many bytes a second came, if it took so many seconds until the pod ran.
func (p *promise) rate(seconds float64) float64 {
	return p.eager() / max(0.1, seconds-p.over-startSeconds)
}

func (inv *Inventory) learnSpeed(n *node, rate float64) {
	stated, l := n.puller.BytesPerSecond, inv.learnt[n.puller.Pool]
	if l == nil {
		l = &learnt{}
		inv.learnt[n.puller.Pool] = l
	}
	l.see(min(stated*learnSpan, max(stated/learnSpan, rate)))
}

// learnRegistry takes over what a pull tells of the registry that has gone on until
// now, at no more than that rate, and reports whether that may have slowed it down.
func (inv *Inventory) learnRegistry(p *promise, rate float64, now time.Time) (slowed bool) {
	n, seconds := p.node, now.Sub(p.bound).Seconds()
	nodes := (inv.crowded - p.crowded) / max(0.1, seconds)
	if inv.registryStated || n.puller.Peers > 0 || n.local() < n.speed(inv) || nodes < crowd {
		return false
	}
	serves := max(rate*nodes, leastFull*n.speed(inv))
	slowed = rate < slowedTo*n.speed(inv) && seconds-p.over >= slowSeconds
	if slowed || serves > inv.registry.capacity {
		inv.served.see(serves)
		inv.assume()
	}
	return slowed
}

// local is what the node's only pull gets of the links that are not the registry's.
func (n *node) local() float64 {
	rate := n.rack.share(1 - n.active)
	if n.puller.Link > 0 {
		rate = min(rate, n.puller.Link)
	}
	return rate
}

// speed is the bytes a second of one pull on the node, as learnt or as stated.
func (n *node) speed(inv *Inventory) float64 {
	if l := inv.learnt[n.puller.Pool]; l != nil && n.puller.Pool != "" && l.pulls >= believed {
		return l.bytesPerSecond
	}
	return n.puller.BytesPerSecond
}
