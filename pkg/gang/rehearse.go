package gang

import (
	"maps"
	"slices"
)

// Rehearse returns the turn in which a gang would be planned if it consisted of these
// members, none of whom has a node, and nothing was known of it before. The group is what its object
// states, nil for none, and jobs the controllers of members by their UIDs. If the gang would
// not be tried, why says what it would wait for.
func Rehearse(key Key, members []Member, group *Group, jobs map[string]Job, maxMembers int) (turn Turn, why string) {
	r := NewRoster(maxMembers)
	if group != nil {
		r.SetGroup(key, group)
	}
	for uid, job := range jobs {
		r.SetJob(uid, &job)
	}
	for _, m := range members {
		r.Observe(key, m)
	}
	for _, uid := range r.Pending(key) {
		if enter, _ := r.Admit(uid); enter {
			return r.Take(uid), ""
		}
	}
	status, _ := r.Status(key)
	if status.Why != "" {
		return Turn{}, status.Why
	}
	for _, m := range members {
		if why = r.Hinders(m.UID); why != "" {
			return Turn{}, why
		}
	}
	return Turn{}, "it has no members"
}

// NextTurn returns the turn in which those members of a gang would be planned who wait for a node. It changes
// nothing. If the gang would not be tried, why says what it waits for.
func (r *Roster) NextTurn(key Key) (turn Turn, why string) {
	st, ok := r.Status(key)
	g := r.gangs[key]
	switch {
	case !ok:
		return Turn{}, "there is no such gang"
	case st.State == Invalid || st.State == Gathering:
		return Turn{}, st.Why
	case g.planned:
		return Turn{}, "it has a plan, which its members follow"
	}
	m := g.members[g.rep]
	for _, other := range g.sorted() {
		if (m == nil || !m.waits()) && other.waits() {
			m = other
		}
	}
	if m == nil || !m.waits() {
		return Turn{}, "none of its members waits for a node"
	}
	turn = g.try(m, st.Spec)
	turn.Veto = slices.Sorted(maps.Keys(g.shun))
	return turn, ""
}
