package image

import "time"

// What a pull has to be for its time to say how fast a node pulls: large beside
// what else a start takes, nearly the whole of the pod's images, alone on its node,
// and limited by nothing that is shared.
const (
	telling      = 200e6 // bytes
	tellingShare = 0.8
	startSeconds = 1.0 // that a start takes beside its pulls
)

// A rate is believed once this many pulls told of it; each then moves it by a
// fifth of the difference. It stays within a tenth and ten times of what is stated.
const (
	believed  = 5
	learnStep = 0.2
	learnSpan = 10.0
)

// learnt is the rate at which the nodes of a pool were seen to pull.
type learnt struct {
	bytesPerSecond float64
	pulls          int
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

// Started ends the pod's promise, for the pod runs, and learns from the time that
// took.
func (inv *Inventory) Started(pod string, now time.Time) {
	if p := inv.promises[pod]; p != nil && p.telling {
		inv.learn(p, now.Sub(p.bound).Seconds())
	}
	inv.Undo(pod)
}

// tells reports whether the time of a promise that is bound now will say how fast
// its node pulls.
func (inv *Inventory) tells(p *promise) bool {
	n := p.node
	if n.puller.Pool == "" || len(n.queue) != 1 || p.bytes < telling || inv.alone(n) < n.speed(inv) {
		return false
	}
	all := int64(0)
	for _, need := range p.needs {
		if need.Always {
			return false
		}
		bytes, _ := inv.Bytes(need.Key)
		all = add(all, bytes)
	}
	return float64(p.bytes) >= tellingShare*float64(all)
}

func (inv *Inventory) learn(p *promise, seconds float64) {
	n := p.node
	stated := n.puller.BytesPerSecond
	seen := float64(p.bytes) * n.puller.Eager / max(0.1, seconds-inv.overhead(n, p)-startSeconds)
	seen = min(stated*learnSpan, max(stated/learnSpan, seen))
	l := inv.learnt[n.puller.Pool]
	if l == nil {
		l = &learnt{}
		inv.learnt[n.puller.Pool] = l
	}
	l.pulls++
	l.bytesPerSecond += (seen - l.bytesPerSecond) * max(learnStep, 1/float64(l.pulls))
}

// speed is the bytes a second of one pull on the node, as learnt or as stated.
func (n *node) speed(inv *Inventory) float64 {
	if l := inv.learnt[n.puller.Pool]; l != nil && n.puller.Pool != "" && l.pulls >= believed {
		return l.bytesPerSecond
	}
	return n.puller.BytesPerSecond
}
