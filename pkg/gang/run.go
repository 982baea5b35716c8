package gang

// A run of a gang is the time in which it has members that have not succeeded.
// A member that succeeds counts until its run is over. A gang of the same name
// that comes later, such as the next one of a CronJob, is another run: who
// succeeded before does not count in it, unless the same controller goes on.

// owner is a controller of members.
type owner struct {
	live   int    // its members that have not succeeded, whether they count or not
	done   int    // its members that have
	role   string // of the member seen first
	credit int    // those that succeeded and exist no more, by its Job's word
}

// runs reports whether the controller has members that have not succeeded.
func (g *gang) runs(uid string) bool {
	return uid != "" && g.owners[uid] != nil && g.owners[uid].live > 0
}

// arrive records a member that is there now, in a gang that counted it already.
// revived reports whether members of the past count again.
func (g *gang) arrive(m *member) (revived bool) {
	if m.Phase != Done {
		g.live++
	}
	if m.Owner != "" {
		o := g.owners[m.Owner]
		if o == nil {
			o = &owner{role: m.Role}
			g.owners[m.Owner] = o
			g.own(m.Owner, true)
		}
		if m.Phase == Done {
			o.done++
		} else if o.live++; o.live == 1 {
			revived = g.revive(m.Owner)
		}
		g.credit(m.Owner)
	}
	if m.Phase == Done {
		g.end()
	}
	return revived
}

// depart undoes arrive.
func (g *gang) depart(m *member) {
	if o := g.owners[m.Owner]; o != nil {
		if m.Phase == Done {
			o.done--
		} else {
			o.live--
		}
		g.credit(m.Owner)
		if o.live+o.done == 0 { // a pod may change its controller, or lose it
			delete(g.owners, m.Owner)
			g.own(m.Owner, false)
		}
	}
	if m.Phase == Done {
		return
	}
	if g.live--; g.members[m.UID] == nil {
		g.end()
	}
}

// own keeps the roster's index of controllers.
func (g *gang) own(uid string, owns bool) {
	set := g.r.owned[uid]
	switch {
	case owns && set == nil:
		g.r.owned[uid] = map[Key]bool{g.key: true}
	case owns:
		set[g.key] = true
	default:
		if delete(set, g.key); len(set) == 0 {
			delete(g.r.owned, uid)
		}
	}
}

// credit counts the members of a Job that have succeeded and exist no more: an
// Indexed Job's completed index needs its pod no longer.
func (g *gang) credit(uid string) {
	o := g.owners[uid]
	if o == nil {
		return
	}
	n := 0
	if job, ok := g.r.jobs[uid]; ok && o.live > 0 {
		n = max(0, job.Succeeded-o.done)
	}
	if n != o.credit {
		g.touch()
		by := n - o.credit
		g.tally(o.role, tally{exist: 1, placed: 1, bound: 1, done: 1}, by)
		o.credit = n
	}
}

// end closes the run if nobody is left who has not succeeded.
func (g *gang) end() {
	if g.live > 0 {
		return
	}
	g.born, g.leader, g.claim = 0, nil, claim{}
	g.start = start{}
	for _, m := range g.members {
		if !m.past { // a large run that is over comes in one by one after a restart
			g.remember(m, true)
		}
	}
}

// revive has the members of a controller that goes on count again.
func (g *gang) revive(uid string) (revived bool) {
	for _, o := range g.members {
		if o.past && o.Phase == Done && o.Owner == uid && !g.precedes(o.BoundAt) {
			g.remember(o, false)
			revived = true
		}
	}
	return revived
}

// renew begins another gang under the same name: its object was deleted and
// created anew. Who has a node has it from the gang before.
func (g *gang) renew() []Action {
	todo := g.abandon("PodGroup " + g.key.String() + " was created anew")
	g.born, g.start, g.verdict = 0, start{}, ""
	g.rested()
	for _, m := range g.sorted() {
		if m.Phase >= Bound {
			g.remember(m, true)
		}
	}
	return todo
}

// precedes reports whether a member that was bound at that time, in nanoseconds
// since 1970, was bound for an earlier gang of the name. Times in the API are
// whole seconds; 0 is unknown.
func (g *gang) precedes(boundAt int64) bool {
	return boundAt != 0 && g.group != nil && boundAt < g.group.Created
}

func (g *gang) remember(m *member, past bool) {
	g.count(m, -1)
	m.past = past
	m.fault = g.faultOf(m)
	g.count(m, +1)
}
