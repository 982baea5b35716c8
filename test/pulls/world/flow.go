package world

import (
	"math"
	"slices"
)

// flow is a layer on its way to a node.
type flow struct {
	node, rack int
	left       float64 // bytes
	rate       float64 // bytes per second
	done       func()
}

// flows is all layers that are on their way, and how fast they come.
type flows struct {
	cfg    *Config
	active []flow
	onNode []int // by node: how many of them
	inRack []int
	at     float64 // when left was right
	due    float64 // when the first of them ends
	stale  bool    // rates and due are out of date

	rate  float64 // of all of them together
	peak  float64 // the highest rate so far
	bytes float64 // that came so far
}

func newFlows(cfg *Config, nodes int) *flows {
	return &flows{
		cfg: cfg, due: math.Inf(1),
		onNode: make([]int, nodes), inRack: make([]int, nodes/cfg.NodesPerRack+1),
	}
}

// start adds a flow; done is called when all its bytes are there.
func (f *flows) start(node int, bytes int64, now float64, done func()) {
	f.settle(now)
	l := flow{node: node, rack: node / f.cfg.NodesPerRack, left: float64(bytes), done: done}
	f.active = append(f.active, l)
	f.count(&l, 1)
}

func (f *flows) count(l *flow, n int) {
	f.onNode[l.node] += n
	f.inRack[l.rack] += n
	f.stale = true
}

// next returns when the next flow ends, if none begins before.
func (f *flows) next(now float64) float64 {
	if f.stale {
		f.share(now)
	}
	return f.due
}

// share gives every flow its rate.
func (f *flows) share(now float64) {
	f.settle(now)
	rates, soonest := 0.0, math.Inf(1)
	all := f.cfg.Registry / float64(len(f.active))
	for i := range f.active {
		l := &f.active[i]
		link := f.cfg.Link / float64(f.onNode[l.node])
		rack := f.cfg.Rack / float64(f.inRack[l.rack])
		l.rate = min(f.cfg.Unpack, link, rack, all)
		rates += l.rate
		soonest = min(soonest, l.left/l.rate)
	}
	f.stale, f.rate, f.due = false, rates, now+soonest
	f.peak = max(f.peak, f.rate)
}

// settle moves the bytes of the time since it was last called.
func (f *flows) settle(now float64) {
	passed := now - f.at
	f.at = now
	if passed <= 0 {
		return
	}
	for i := range f.active {
		f.active[i].left -= f.active[i].rate * passed
	}
	f.bytes += f.rate * passed
}

// end takes out the flows that are through and tells whoever waits for them, in
// the order in which they began. What is left of a byte is rounding.
func (f *flows) end(now float64) {
	f.settle(now)
	var ended []flow
	f.active = slices.DeleteFunc(f.active, func(l flow) bool {
		if l.left >= 1 {
			return false
		}
		ended = append(ended, l)
		f.count(&l, -1)
		return true
	})
	f.stale = true
	for _, l := range ended {
		l.done()
	}
}
