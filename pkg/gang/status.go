package gang

import (
	"cmp"
	"maps"
	"slices"
)

// State is how far a gang has come, for people to read.
type State string

// The states. A gang goes through the first five in this order; what breaks
// its plan takes it back to Queued.
const (
	Invalid   State = "Invalid"   // what is asked of it cannot be
	Gathering State = "Gathering" // fewer members exist than it needs
	Queued    State = "Queued"    // waits for its turn to be tried
	Waiting   State = "Waiting"   // was tried, and does not fit
	Placing   State = "Placing"   // has a plan, whose members get their nodes
	Starting  State = "Starting"  // has enough nodes, and is being bound
	Running   State = "Running"   // has been bound whole, and is
	Repairing State = "Repairing" // has been whole, and has lost members that it needs
	Finished  State = "Finished"  // all its members have succeeded
)

// Status is what is known of a gang, as counts.
type Status struct {
	State     State
	Spec      Spec
	Group     string // UID of the gang's object, or empty
	Pods      int    // pods that say they are members and have not failed, whether they count or not
	Exist     int    // members that count, those that have succeeded included
	Bound     int    // those of them that have a node in the API, or had one and succeeded
	Ready     int    // those of them that run
	Succeeded int    // those of them that have succeeded
	Failed    int    // members that have failed, and count no more
	Planned   int    // members that count, and have a planned node that is not reserved yet
	Reserved  int    // members that count, and wait with a node in the scheduler's memory for the rest
	// Why says what the gang waits for; empty when it waits for nothing.
	Why string
	// Refused is how it was refused, if that is what it waits for.
	Refused Refused
	// Outlook says what the plan that it has, or started by, expects of its start; empty if
	// that is nothing to wait for. ImagesAt is when its images are expected to be ready, in
	// nanoseconds since 1970; 0 if nothing is expected.
	Outlook  string
	ImagesAt int64
	// Partial is set while some of its members are bound and fewer than start
	// together, and it has not been whole.
	Partial bool
}

// Status returns what is known of a gang; ok is false if there is none.
func (r *Roster) Status(key Key) (st Status, ok bool) {
	g := r.gangs[key]
	if g == nil {
		return Status{}, false
	}
	s, fault := r.spec(g)
	st = Status{
		Spec: s, Group: g.groupUID, Pods: len(g.members), Failed: g.failed,
		Exist: g.all.exist, Bound: g.all.bound, Ready: g.all.ready, Succeeded: g.all.done, Planned: g.all.slots, Reserved: g.all.held,
	}
	whole := g.whole
	if fault == "" && !whole && g.all.bound > g.all.done && !g.complete(s, bound) {
		whole = !g.interrupted(s)
		st.Partial = !whole
	}
	switch {
	case g.live == 0 && len(g.members) > 0:
		n := g.succeeded()
		st.State, st.Exist, st.Bound, st.Succeeded = Finished, n, n, n
	case fault != "":
		st.State, st.Why = Invalid, fault
	case g.complete(s, bound):
		st.State = Running
	case g.complete(s, placed):
		st.State = Starting
	case whole:
		st.State, st.Why = Repairing, g.lacks(s)
	case st.Partial:
		st.State, st.Why = Starting, g.lacks(s)
	case !g.complete(s, existing):
		st.State, st.Why = Gathering, g.lacks(s)
	case g.planned || g.all.held > 0:
		st.State = Placing
	case g.verdict != "":
		st.State, st.Why, st.Refused = Waiting, g.verdict, g.refused()
	default:
		st.State = Queued
	}
	if g.planned || st.State == Placing || st.State == Starting || st.State == Running { // else it is of a plan that came to nothing
		st.Outlook, st.ImagesAt = g.outlook, g.imagesAt
	}
	return st, true
}

// lacks says why a gang has not enough members with nodes, as far as that is known.
func (g *gang) lacks(s Spec) string {
	why := g.verdict
	if !g.complete(s, existing) {
		why = g.gathering(s)
		if g.verdict != "" && g.broken > 0 { // else it is about a gang that had more members
			why += "; " + g.verdict
		}
	}
	return why
}

// succeeded counts the members that have, those that exist no more included.
func (g *gang) succeeded() int {
	n := len(g.members) - g.live
	for uid, o := range g.owners {
		n += max(0, g.r.jobs[uid].Succeeded-o.done)
	}
	return n
}

// Touched returns the gangs about which something changed since it was last
// asked, those that are no more among them, in no order.
func (r *Roster) Touched() []Key {
	if len(r.touched) == 0 {
		return nil
	}
	keys := slices.Collect(maps.Keys(r.touched))
	clear(r.touched)
	return keys
}

// Keys returns the gangs that there are, in no order.
func (r *Roster) Keys() []Key { return slices.Collect(maps.Keys(r.gangs)) }

// Topology returns within which domains a gang's members belong, the widest first.
func (r *Roster) Topology(key Key) []Level {
	g := r.gangs[key]
	if g == nil {
		return nil
	}
	s, _ := r.spec(g)
	return s.Topology
}

// Standing is how far one member has come.
type Standing struct {
	Member
	Slot string // the node that is planned for it, or empty
}

// Standings returns the members of a gang by their name.
func (r *Roster) Standings(key Key) []Standing {
	g := r.gangs[key]
	if g == nil {
		return nil
	}
	all := make([]Standing, 0, len(g.members))
	for _, m := range g.members {
		all = append(all, Standing{m.Member, m.slot})
	}
	slices.SortFunc(all, func(a, b Standing) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.UID, b.UID)) })
	return all
}

// Hinders says what keeps a member, and not its whole gang, from being tried; empty if
// nothing does.
func (r *Roster) Hinders(uid string) string {
	m := r.members[uid]
	switch {
	case m == nil:
		return ""
	case m.fault != "":
		return m.fault
	}
	return m.Blocked
}

// Representative returns the name of the member that stands in the queue for a gang
// without a plan, or "".
func (r *Roster) Representative(key Key) string {
	if g := r.gangs[key]; g != nil && !g.planned {
		if m := g.members[g.rep]; m != nil && m.waits() {
			return m.Name
		}
	}
	return ""
}
