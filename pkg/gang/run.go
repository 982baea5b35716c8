package gang

// A run of a gang is the time in which it has members that have not succeeded.
// A member that succeeds counts until its run is over. A gang of the same name
// that comes later, such as the next one of a CronJob, is another run: who
// succeeded before does not count in it, unless the same controller goes on.

// runs reports whether the controller has members that have not succeeded.
func (g *gang) runs(owner string) bool { return owner != "" && g.owners[owner] > 0 }

// arrive records a member that is there now, in a gang that counted it already.
// revived reports whether members of the past count again.
func (g *gang) arrive(m *member) (revived bool) {
	if m.Phase == Done {
		g.end()
		return false
	}
	g.live++
	if g.owners[m.Owner]++; g.owners[m.Owner] > 1 || m.Owner == "" {
		return false
	}
	for _, o := range g.members {
		if o.past && o.Owner == m.Owner {
			g.remember(o, false)
			revived = true
		}
	}
	return revived
}

// depart undoes arrive.
func (g *gang) depart(m *member) {
	if m.Phase == Done {
		return
	}
	g.live--
	if g.owners[m.Owner]--; g.owners[m.Owner] == 0 {
		delete(g.owners, m.Owner)
	}
	if g.members[m.UID] == nil {
		g.end()
	}
}

// end closes the run if nobody is left who has not succeeded.
func (g *gang) end() {
	if g.live > 0 {
		return
	}
	g.born, g.leader, g.claim = 0, nil, claim{}
	for _, m := range g.members {
		g.remember(m, true)
	}
}

func (g *gang) remember(m *member, past bool) {
	g.count(m, -1)
	m.past = past
	m.fault = g.faultOf(m)
	g.count(m, +1)
}
