package gang

import (
	"math"
	"slices"

	"github.com/muster-scheduler/muster/pkg/resources"
)

// Wakes says which waiting gangs a change of the cluster can help.
//
// It keeps the most that each node can have free: what the last snapshot
// showed, and what was given back or taken since. Takes that it is not told of
// have a gang woken in vain at worst, never left asleep while it would fit; the
// next snapshot puts that right.
//
// A gang sums up the room that it gained by node since it was refused. Where
// room was lost again, less than no gain does not count: the loss may be on a
// node that is of no use to the gang.
//
// Cost: a change looks once at each waiting gang, in constant time.
type Wakes struct {
	index resources.Index
	nodes map[string]*spot
	moved map[string]bool // nodes with changes that no snapshot has shown
	waits map[string]*wait
}

// spot is a node.
type spot struct {
	free    resources.Vector // as the last snapshot showed it
	most    resources.Vector // with the changes since
	changes map[string]*change
}

// change is room that was given back or taken and that no snapshot has shown yet.
type change struct {
	amounts resources.Vector // negative if taken
	kept    bool             // a snapshot after it may have been taken before it
}

// wait is a gang that was refused, by the member that stands for it.
type wait struct {
	hope  Hope
	gains []map[string]int // by lack: members by node, > 0
	sums  []int            // by lack: over all nodes
}

// NewWakes returns an index of no nodes and no gangs.
func NewWakes() *Wakes {
	return &Wakes{nodes: map[string]*spot{}, moved: map[string]bool{}, waits: map[string]*wait{}}
}

// Position returns where the amount of a resource stands in all vectors that
// the methods take, which may be shorter. A resource that is new gets a place.
func (w *Wakes) Position(name string) int {
	if at := w.index.Position(name); at >= 0 {
		return at
	}
	w.index = append(w.index, name)
	for _, s := range w.nodes {
		s.free, s.most = append(s.free, resources.Unbounded), append(s.most, resources.Unbounded)
	}
	return len(w.index) - 1
}

// Show records what a snapshot says of a node: what is free there, and which of
// the changes it does not contain yet.
func (w *Wakes) Show(node string, free resources.Vector, lacks func(change string) bool) {
	s := w.spot(node)
	for name, c := range s.changes {
		if c.kept || !lacks(name) {
			delete(s.changes, name)
		}
		c.kept = true // the next snapshot is taken after it in any case
	}
	if len(s.changes) == 0 {
		delete(w.moved, node)
	}
	s.free = w.pad(free, resources.Unbounded)
	most := slices.Clone(s.free)
	for _, c := range s.changes {
		add(most, c.amounts)
	}
	w.set(node, s, most)
}

// Resources returns how many resources have a position.
func (w *Wakes) Resources() int { return len(w.index) }

// Nodes returns how many nodes are known.
func (w *Wakes) Nodes() int { return len(w.nodes) }

// Moved reports whether there are changes on a node that no snapshot has shown.
func (w *Wakes) Moved(node string) bool { return w.moved[node] }

// GoneBut records that a snapshot has only nodes for which has holds. A node
// that was added since is kept until the next.
func (w *Wakes) GoneBut(has func(node string) bool) {
	for node := range w.nodes {
		if !has(node) {
			w.gone(node)
		}
	}
}

func (w *Wakes) gone(node string) {
	w.Show(node, make(resources.Vector, len(w.index)), func(string) bool { return true })
	if !w.moved[node] {
		delete(w.nodes, node)
	}
}

// Release records that a change, by a name of its own, gave amounts on a node
// back. To record it again before a snapshot shows it does nothing.
func (w *Wakes) Release(node, name string, amounts func() resources.Vector) {
	if s := w.spot(node); s.changes[name] == nil {
		w.change(node, s, name, amounts())
	}
}

// Take records that amounts on a node were taken after the last snapshot, by a
// name of its own. It must not be told of what the last snapshot shows.
func (w *Wakes) Take(node, name string, amounts resources.Vector) {
	s := w.spot(node)
	if s.changes[name] != nil {
		return
	}
	taken := make(resources.Vector, len(amounts))
	for r, a := range amounts {
		taken[r] = -a
	}
	w.change(node, s, name, taken)
}

func (w *Wakes) change(node string, s *spot, name string, amounts resources.Vector) {
	c := &change{amounts: w.pad(amounts, 0)}
	s.changes[name] = c
	w.moved[node] = true
	most := slices.Clone(s.most)
	add(most, c.amounts)
	w.set(node, s, most)
}

// Idle reports whether no gang waits.
func (w *Wakes) Idle() bool { return len(w.waits) == 0 }

// Wait records that a gang was refused on the last snapshot. seen is what it saw
// free on nodes where that was less than what is, because room is kept for
// others.
func (w *Wakes) Wait(uid string, hope Hope, seen map[string]resources.Vector) {
	wt := &wait{hope: hope, sums: make([]int, len(hope.Room)), gains: make([]map[string]int, len(hope.Room))}
	for i := range hope.Room {
		hope.Room[i].Ask = w.pad(hope.Room[i].Ask, 0)
		wt.gains[i] = map[string]int{}
	}
	w.waits[uid] = wt
	for node := range w.moved {
		if s := w.nodes[node]; seen[node] == nil {
			wt.gain(node, s.free, s.most)
		}
	}
	for node, less := range seen {
		if s := w.nodes[node]; s != nil {
			wt.gain(node, w.pad(less, resources.Unbounded), s.most)
		}
	}
}

// End records that a gang waits no more: it is to be tried again, or is gone.
func (w *Wakes) End(uid string) { delete(w.waits, uid) }

// Waits returns what a gang hopes for; ok is false if it does not wait.
func (w *Wakes) Waits(uid string) (h Hope, ok bool) {
	if wt := w.waits[uid]; wt != nil {
		return wt.hope, true
	}
	return Hope{}, false
}

// Due reports whether a gang waits that may find enough room now.
func (w *Wakes) Due(uid string) bool {
	wt := w.waits[uid]
	if wt == nil {
		return false
	}
	for i, lack := range wt.hope.Room {
		if wt.sums[i] >= max(1, lack.Members) {
			return true
		}
	}
	return false
}

// AllDue returns the gangs for which Due holds, sorted.
func (w *Wakes) AllDue() []string {
	var due []string
	for uid := range w.waits {
		if w.Due(uid) {
			due = append(due, uid)
		}
	}
	slices.Sort(due)
	return due
}

// set changes the most that a node can have free.
func (w *Wakes) set(node string, s *spot, most resources.Vector) {
	for _, wt := range w.waits {
		wt.gain(node, s.most, most)
	}
	s.most = most
}

// gain counts the room by which a node changed.
func (wt *wait) gain(node string, from, to resources.Vector) {
	for i, lack := range wt.hope.Room {
		by := 0
		if lack.Members > 0 {
			by = resources.Room(to, lack.Ask) - resources.Room(from, lack.Ask)
		} else if more(from, to, lack.Ask) && resources.Room(to, lack.Ask) > 0 {
			by = 1
		}
		if by == 0 {
			continue
		}
		had := wt.gains[i][node]
		has := min(max(0, had+by), math.MaxInt32)
		wt.sums[i] += has - had
		if has == 0 {
			delete(wt.gains[i], node)
		} else {
			wt.gains[i][node] = has
		}
	}
}

// more reports whether to has more of anything that is asked for.
func more(from, to, ask resources.Vector) bool {
	for r, a := range ask {
		if a > 0 && to[r] > from[r] {
			return true
		}
	}
	return false
}

func (w *Wakes) spot(node string) *spot {
	s := w.nodes[node]
	if s == nil { // nothing, until a change or a snapshot says what
		s = &spot{free: make(resources.Vector, len(w.index)), most: make(resources.Vector, len(w.index)), changes: map[string]*change{}}
		w.nodes[node] = s
	}
	return s
}

func (w *Wakes) pad(v resources.Vector, with int64) resources.Vector {
	v = slices.Clone(v)
	for len(v) < len(w.index) {
		v = append(v, with)
	}
	return v
}

func add(to, amounts resources.Vector) {
	for r, a := range amounts {
		to[r] += a
	}
}
