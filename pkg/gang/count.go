package gang

import (
	"cmp"
	"maps"
	"slices"
)

// tally counts members by how far they have come. A member that does not count
// is in none of the numbers.
type tally struct {
	exist  int // in any phase, but for those that are evicted
	slots  int // have a planned node
	held   int // are Reserved, and stay
	placed int // have a node for good: Binding, Bound, Done
	bound  int // of these: Bound, Done
	done   int // of these: Done
	ready  int // of the bound: run
}

func (t *tally) add(o tally, by int) {
	t.exist += by * o.exist
	t.slots += by * o.slots
	t.held += by * o.held
	t.placed += by * o.placed
	t.bound += by * o.bound
	t.done += by * o.done
	t.ready += by * o.ready
}

// What a gang can be complete by.
func existing(t tally) int { return t.exist }
func intended(t tally) int { return t.placed + t.held + t.slots }
func secured(t tally) int  { return t.placed + t.held }
func placed(t tally) int   { return t.placed }
func bound(t tally) int    { return t.bound }

// complete reports whether enough members, of each role too, have come so far.
func (g *gang) complete(s Spec, far func(tally) int) bool {
	if far(g.all) < s.Min {
		return false
	}
	for _, role := range s.Roles {
		if far(g.role(role.Name)) < role.Min {
			return false
		}
	}
	return true
}

func (g *gang) role(name string) tally {
	if t := g.roles[name]; t != nil {
		return *t
	}
	return tally{}
}

// quota is what a plan has to bring to make the gang complete.
func (g *gang) quota(s Spec) Quota {
	byRole := make(map[string]int, len(s.Roles))
	for _, role := range s.Roles {
		byRole[role.Name] = secured(g.role(role.Name))
	}
	return s.quota(secured(g.all), byRole, g.present())
}

// tallyOf is what m adds to the counts.
func (m *member) tally() tally {
	t := tally{}
	if !m.counts() || m.leaving && m.Phase >= Bound {
		return t
	}
	t.exist = 1
	if m.slot != "" {
		t.slots = 1
	}
	switch {
	case m.leaving:
	case m.Phase == Reserved:
		t.held = 1
	case m.Phase >= Binding:
		t.placed = 1
		if m.Phase >= Bound {
			t.bound = 1
		}
		if m.Phase == Done {
			t.done = 1
		} else if m.Phase == Bound && m.Running {
			t.ready = 1
		}
	}
	return t
}

// count adds m to the gang's counts, or takes it out of them.
func (g *gang) count(m *member, by int) {
	g.touch()
	delete(g.outside, m.UID)
	g.tally(m.Role, m.tally(), by)
	if by > 0 && m.waits() && m.gated {
		g.outside[m.UID] = m
	}
}

func (g *gang) tally(role string, t tally, by int) {
	g.all.add(t, by)
	if role == "" {
		return
	}
	if g.roles[role] == nil {
		g.roles[role] = &tally{}
	}
	g.roles[role].add(t, by)
}

func (g *gang) touch() { g.r.touched[g.key] = true }

// move brings m into another phase.
func (g *gang) move(m *member, to Phase) {
	g.count(m, -1)
	m.Phase = to
	g.count(m, +1)
}

// setSlot records the node that is planned for m; empty for none.
func (g *gang) setSlot(m *member, node string) {
	g.count(m, -1)
	m.slot = node
	g.count(m, +1)
}

// leave has m give its node back. Until it has, it is in nobody's way and counts
// for nothing: neither for the plan it leaves nor for the next. A member whose
// binding is under way leaves when that has ended.
func (g *gang) leave(m *member, why string) []Action {
	g.count(m, -1)
	m.leaving = true
	g.leaving++
	g.count(m, +1)
	switch m.Phase {
	case Reserved:
		return []Action{{Kind: Reject, UID: m.UID, Why: why}}
	case Bound:
		return []Action{{Kind: Evict, UID: m.UID, Why: why}}
	}
	return nil
}

// stay ends what leave began.
func (g *gang) stay(m *member) {
	if m.leaving {
		g.count(m, -1)
		m.leaving = false
		g.leaving--
		g.count(m, +1)
	}
}

// gate records whether m is kept out of the queue.
func (g *gang) gate(m *member, gated bool) {
	g.count(m, -1)
	m.gated = gated
	g.count(m, +1)
}

// sorted returns the members in the order in which they are planned and tried.
func (g *gang) sorted() []*member { return inOrder(g.members) }

func inOrder(set map[string]*member) []*member {
	return slices.SortedFunc(maps.Values(set), before)
}

// before is the order in which members are planned and tried.
func before(a, b *member) int {
	return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Name, b.Name), cmp.Compare(a.UID, b.UID))
}

// sortedKeys returns gangs in a fixed order.
func sortedKeys[V any](set map[Key]V) []Key {
	return slices.SortedFunc(maps.Keys(set), func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Source, b.Source))
	})
}
