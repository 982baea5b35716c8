package gang

import (
	"cmp"
	"slices"
)

// sequence takes over in what order the members with slots come: those who are
// ahead of the others first.
func (g *gang) sequence(seq Sequence) {
	g.ahead = map[string]bool{}
	for _, uid := range seq.Ahead {
		if m := g.members[uid]; m != nil && m.slot != "" {
			g.ahead[uid] = true
		}
	}
	g.order = slices.DeleteFunc(slices.Clone(seq.Order), func(uid string) bool { return g.members[uid] == nil || g.members[uid].slot == "" })
	behind := func(uid string) int {
		if g.ahead[uid] {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(g.order, func(a, b string) int { return cmp.Compare(behind(a), behind(b)) })
}

// inTurn reports whether nobody has to take a slot before this member does.
func (g *gang) inTurn(uid string) bool {
	return (len(g.order) == 0 || g.order[0] == uid) && (len(g.ahead) == 0 || g.ahead[uid])
}

// follow sends for those who waited until m was bound.
func (g *gang) follow(m *member) []Action {
	if !g.ahead[m.UID] {
		return nil
	}
	if delete(g.ahead, m.UID); len(g.ahead) > 0 || len(g.order) > 0 {
		return nil // next sends for them, if there is an order
	}
	var todo []Action
	for _, o := range g.sorted() {
		if o.slot != "" && o.gated {
			todo = append(todo, g.summon(o))
		}
	}
	return todo
}

// widowed reports whether others wait for a member to be bound that has no node
// any more.
func (g *gang) widowed() bool {
	for uid := range g.ahead {
		if m := g.members[uid]; m == nil || m.leaving || m.Phase == Pending && m.slot == "" {
			return true
		}
	}
	return false
}
