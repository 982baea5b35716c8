package gang

import "fmt"

// start is what is known of a gang's start: the time from its first bound
// member until it has been whole once. A gang is bound in part then, for no
// longer than a deadline that the caller sets; after that its bound members are
// evicted. A gang that has been whole is repaired, never rolled back.
type start struct {
	whole   bool // enough members have been bound at once
	adopted bool // members were bound before this roster knew them, or by somebody else
	round   int  // of the deadline that runs; 0 if none does
	// After a refused binding nobody is bound before all bindings were tried dry.
	prove      bool
	proven     bool
	proofRound int // of the proof that is under way; 0 if none is
}

// landed minds a member that has a node in the API. own is the phase it had here.
func (g *gang) landed(m *member, own Phase, isNew bool) []Action {
	if isNew || own == Pending {
		g.adopted = true
	}
	todo := append(g.unslot(m), g.follow(m)...)
	switch {
	case !m.leaving:
	case m.Phase == Done || own == Reserved:
		g.stay(m)
	case own == Binding: // its gang was rolled back while it was bound
		todo = append(todo, Action{Kind: Evict, UID: m.UID, Why: fmt.Sprintf("gang %s was rolled back", g.key)})
	}
	return todo
}

// watch minds the deadline of a start.
func (g *gang) watch(s Spec) []Action {
	switch {
	case g.whole:
	case g.complete(s, bound), g.recorded():
		g.touch()
		g.start, g.verdict, g.shun = start{whole: true}, "", nil
		g.rested()
	case g.all.placed == g.all.done || g.leaving > 0:
		g.round = 0
	case g.round == 0:
		g.r.serial++
		g.round = g.r.serial
		return []Action{{Kind: Deadline, Gang: g.key, Round: g.round}}
	}
	return nil
}

// Deadlines sets the deadlines of all starts anew, for a process that only
// watched them until now.
func (r *Roster) Deadlines() []Action {
	var todo []Action
	for _, key := range sortedKeys(r.gangs) {
		if g := r.gangs[key]; g.round != 0 {
			g.round = 0
			todo = append(todo, r.settle(g)...)
		}
	}
	return todo
}

// Expire ends a start that is not over by its deadline, of which round is the
// round. It reports whether the gang is bound in part still.
func (r *Roster) Expire(key Key, round int) (todo []Action, late bool) {
	g := r.gangs[key]
	if g == nil || g.round != round || round == 0 {
		return nil, false
	}
	s, fault := r.spec(g)
	switch {
	case fault != "": // nobody can say how many are enough
		g.round = 0
		return nil, false
	case !g.interrupted(s):
		g.touch()
		g.start = start{whole: true}
		return r.settle(g), false
	case r.keep:
		return nil, true
	}
	why := fmt.Sprintf("gang %s: %d of %d members were bound and the others could not be in time", g.key, g.all.bound-g.all.done, s.Min)
	if g.verdict != "" {
		why += "; " + g.verdict
	}
	return g.rollBack(why), true
}

// recorded reports whether the gang's object says that it has been whole in this
// run: a member that was there then, and has not succeeded, is there still. It does
// work in proportion to the members if none was.
func (g *gang) recorded() bool {
	if g.group == nil || g.group.WholeAt == 0 {
		return false
	}
	for _, m := range g.members {
		if m.Phase != Done && !m.past && m.Created <= g.group.WholeAt {
			return true
		}
	}
	return false
}

// interrupted tells a start that did not end from a gang that was whole before
// this roster knew it and has no record of that, by what the API still shows: members without a node that
// existed when the others were bound would have been bound with them, but for
// those that were refused after that: they were tried beyond the minimum. The
// times are whole seconds; a member of the very second counts as existing, and a
// refusal as after.
func (g *gang) interrupted(s Spec) bool {
	if !g.adopted {
		return true
	}
	latest := int64(0)
	for _, m := range g.members {
		if m.Phase == Bound {
			latest = max(latest, m.BoundAt)
		}
	}
	n := g.all.placed
	for _, m := range g.members {
		if m.waits() && m.Created <= latest && (m.found == 0 || m.found < latest) {
			n++
		}
	}
	return n >= s.Min
}

// Refuse records that the API server will not have a member bound, whoever asks
// how often: why is its answer. A gang that cannot start without the member is
// rolled back at once, and has its bindings tried dry before the next start.
func (r *Roster) Refuse(uid, why string) []Action {
	m := r.members[uid]
	if m == nil || m.Phase != Binding || m.leaving {
		return nil
	}
	g := r.gangs[m.key]
	s, fault := r.spec(g)
	if fault != "" || g.whole || g.spares(s, m, intended) {
		return nil // Unreserve has the member tried again
	}
	g.prove = true
	why = g.refusal(m, why)
	g.verdict = why
	if r.keep {
		return nil
	}
	return g.rollBack(why)
}

func (g *gang) refusal(m *member, why string) string {
	return fmt.Sprintf("pod %s of gang %s cannot be bound: %s", m.Name, g.key, why)
}

// spares reports whether the gang is complete without m, which has a node.
func (g *gang) spares(s Spec, m *member, far func(tally) int) bool {
	t := m.tally()
	g.tally(m.Role, t, -1)
	defer g.tally(m.Role, t, +1)
	return g.complete(s, far)
}

// rollBack takes every node back that members of this start have, and has the
// gang rest.
func (g *gang) rollBack(why string) []Action {
	todo := g.abandon(why)
	for _, m := range g.sorted() {
		if (m.Phase == Binding || m.Phase == Bound) && !m.past && !m.leaving {
			todo = append(todo, g.leave(m, why)...)
		}
	}
	g.round, g.verdict, g.shun = 0, why, nil
	return append(todo, Action{Kind: RolledBack, Gang: g.key, Why: why}, g.rest())
}

// proof returns what has to be done before the gang is released, or nil. It is
// not nil while a proof is under way.
func (g *gang) proof(s Spec) []Action {
	switch {
	case !g.prove || g.proven || g.whole || g.complete(s, placed):
		return nil
	case g.proofRound != 0:
		return []Action{}
	}
	g.r.serial++
	g.proofRound = g.r.serial
	return []Action{{Kind: Prove, Gang: g.key, Round: g.proofRound}}
}

// Held returns the members of a gang that are reserved, and their nodes.
func (r *Roster) Held(key Key) Placement {
	held := Placement{}
	if g := r.gangs[key]; g != nil {
		for _, m := range g.members {
			if m.Phase == Reserved && !m.leaving {
				held[m.UID] = m.Node
			}
		}
	}
	return held
}

// Proved tells how the dry bindings of a gang went: who was refused, and the
// answers. If the gang can do without them, it is bound without them; else its
// members give their nodes back.
func (r *Roster) Proved(key Key, round int, refused map[string]string) []Action {
	g := r.gangs[key]
	if g == nil || g.proofRound != round || round == 0 {
		return nil
	}
	g.proofRound, g.proven = 0, true
	var todo []Action
	why := ""
	for _, m := range g.sorted() {
		if text, ok := refused[m.UID]; ok && m.Phase == Reserved && !m.leaving {
			why = g.refusal(m, text)
			todo = append(todo, g.leave(m, why)...)
		}
	}
	s, fault := r.spec(g)
	if why != "" && (fault != "" || !g.complete(s, secured)) {
		g.verdict = why
		return append(append(todo, g.abandon(why)...), g.rest())
	}
	return append(todo, r.settle(g)...)
}
