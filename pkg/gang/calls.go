package gang

// Refused is how an attempt to plan a gang ended without a plan.
type Refused struct {
	Why string // the verdict, in words
	// Held says in words who holds the room that is short, to follow Why; empty if nobody
	// does, or room is not what is short. It is apart, for it changes more often.
	Held    string
	Holders Holders
	// NodesHelp is set if more nodes may let the gang start.
	NodesHelp bool
}

// refused is how the gang was refused, if that is what its verdict is about.
func (g *gang) refused() Refused {
	if g.last.Why != g.verdict {
		return Refused{Why: g.verdict}
	}
	return g.last
}

// Calls says which of a gang's members without a node more nodes would have a place for,
// by UID: as many of them as the gang needs, if it was refused and more nodes may help; else
// none. Half a gang never calls: one that lacks members is in nobody's way. settled is
// false while that is not known: the gang is to be tried, or is being placed.
//
// It does work in proportion to the members.
func (r *Roster) Calls(key Key) (calls map[string]bool, settled bool) {
	g := r.gangs[key]
	if g == nil {
		return nil, true
	}
	s, fault := r.spec(g)
	lack, rest := map[string]int{}, 0
	switch {
	case fault != "" || !g.complete(s, existing):
	case g.complete(s, placed): // members beyond the minimum are each for themselves
		return nil, false
	case g.planned || g.all.held > 0 || g.verdict == "":
		return nil, false
	case g.refused().NodesHelp:
		quota := g.quota(s)
		rest = quota.Need
		for _, role := range quota.Roles {
			lack[role.Name] = role.Min
			rest -= role.Min
		}
	}
	calls = map[string]bool{}
	for _, m := range g.sorted() {
		if m.Phase != Pending {
			continue
		}
		calls[m.UID] = false
		switch {
		case !m.waits():
		case lack[m.Role] > 0:
			lack[m.Role]--
			calls[m.UID] = true
		case rest > 0:
			rest--
			calls[m.UID] = true
		}
	}
	return calls, true
}

// Alone reports whether a pod is scheduled for itself: it is no member, or its gang is
// complete without it.
func (r *Roster) Alone(uid string) bool {
	m := r.members[uid]
	if m == nil {
		return true
	}
	g := r.gangs[m.key]
	s, fault := r.spec(g)
	return fault == "" && g.complete(s, placed)
}
