package gang

import (
	"fmt"
	"maps"
	"slices"

	"github.com/muster-scheduler/muster/pkg/queue"
)

// Admit decides whether a member may enter the queue. If not, why says what it
// waits for.
//
// Without a plan only the representative enters, so that a gang that fails
// costs one attempt; with a plan every planned member does; once the minimum is
// placed, everybody does.
func (r *Roster) Admit(uid string) (enter bool, why string) {
	m := r.members[uid]
	if m == nil {
		return true, ""
	}
	g := r.gangs[m.key]
	enter, why = r.mayEnter(g, m)
	g.gate(m, !enter)
	if enter {
		r.rank(g, m)
	}
	return enter, why
}

func (r *Roster) mayEnter(g *gang, m *member) (bool, string) {
	s, fault := r.spec(g)
	switch {
	case m.fault != "":
		return false, m.fault
	case m.Blocked != "":
		return false, m.Blocked
	case fault != "":
		return false, fault
	case !g.complete(s, existing):
		return false, g.gathering(s)
	case m.slot != "" && !g.inTurn(m.UID):
		return false, fmt.Sprintf("gang %s is being placed in order, and it is not this member's turn", g.key)
	case m.slot != "":
		return true, ""
	case g.complete(s, placed):
		if g.room(s) <= 0 {
			return false, fmt.Sprintf("gang %s has its maximum of %d members", g.key, s.Max)
		}
		return true, ""
	case g.planned:
		return false, fmt.Sprintf("gang %s is being placed without this member", g.key)
	case !g.free():
		why := fmt.Sprintf("a plan of gang %s was given up a moment ago: it is tried again shortly", g.key)
		if g.verdict != "" {
			why += "; " + g.verdict
		}
		return false, why
	}
	if rep := g.members[g.rep]; rep == nil || !rep.waits() {
		g.rep = m.UID
	}
	if g.rep != m.UID {
		return false, fmt.Sprintf("pod %s stands in the queue for gang %s", g.members[g.rep].Name, g.key)
	}
	return true, ""
}

// rank fixes the member's place in the order of the queue.
func (r *Roster) rank(g *gang, m *member) {
	if _, ok := r.keys[m.UID]; ok {
		return
	}
	if g.born == 0 {
		g.born = m.Created
		if g.group != nil {
			g.born = g.group.Created
		} else if g.leader != nil {
			g.born = g.leader.Created
		}
	}
	repair := false
	if s, fault := r.spec(g); fault == "" {
		repair = g.whole && !g.complete(s, placed)
	}
	r.keys[m.UID] = queue.Key{Priority: m.Priority, Repair: repair, Since: g.born, Gang: g.key.String(), Index: m.Index, UID: m.UID}
}

// Rank returns the key under which a member waits. ok is false for a pod that
// never entered the queue as a member.
func (r *Roster) Rank(uid string) (key queue.Key, ok bool) {
	key, ok = r.keys[uid]
	return key, ok
}

// Turn says what a member's scheduling cycle has to do.
type Turn struct {
	Kind TurnKind
	Node string // for Go: the planned node
	Why  string // for Wait
	Gang Key    // for Try
	Spec Spec   // for Try: what is asked for the gang
	// Secured is, for Try, how many members have a node already.
	Secured int
	Need    Quota    // for Try: how many more members need a node
	UIDs    []string // for Try: who may get one, the trying member first
	Near    []string // for Try: the nodes of the members that have one
	Veto    []string // for Try: nodes that refused a member just now
}

// TurnKind is the kind of a Turn.
type TurnKind uint8

// The kinds of turns.
const (
	Alone TurnKind = iota // no gang has to be minded: schedule like any pod
	Try                   // plan the gang
	Go                    // go to the planned node
	Wait                  // it is not this member's turn
)

// Take decides what a member's scheduling cycle has to do.
func (r *Roster) Take(uid string) Turn {
	m := r.members[uid]
	if m == nil {
		return Turn{Kind: Alone}
	}
	g := r.gangs[m.key]
	if enter, why := r.mayEnter(g, m); !enter && (m.slot == "" || len(g.order)+len(g.ahead) > 0) {
		g.gate(m, true) // out of the queue again, until it is sent for
		return Turn{Kind: Wait, Why: why}
	}
	if m.slot != "" {
		return Turn{Kind: Go, Node: m.slot}
	}
	s, _ := r.spec(g)
	if g.complete(s, placed) && len(s.Topology) == 0 {
		return Turn{Kind: Alone}
	}
	g.vetoes, g.refusals = maps.Clone(g.shun), 0
	return g.try(m, s)
}

// try returns the turn in which m plans for its gang; for itself alone, if the
// gang is complete without it.
func (g *gang) try(m *member, s Spec) Turn {
	t := Turn{Kind: Try, Gang: g.key, Spec: s, Need: g.quota(s), Secured: secured(g.all), UIDs: []string{m.UID}}
	if g.complete(s, placed) {
		t.Need = Quota{Need: 1, Limit: 1}
	} else {
		for _, o := range g.sorted() {
			if o != m && o.waits() {
				t.UIDs = append(t.UIDs, o.UID)
			}
		}
	}
	if len(s.Topology) > 0 {
		near := map[string]bool{}
		for _, o := range g.members {
			if o.counts() && !o.leaving && o.Node != "" && o.Phase != Done {
				near[o.Node] = true
			}
			if o.slot != "" {
				near[o.slot] = true
			}
		}
		t.Near = slices.Sorted(maps.Keys(near))
	}
	t.Veto = slices.Sorted(maps.Keys(g.vetoes))
	return t
}

// Sequence says in what order the members of a plan take their slots, and what is
// expected of it.
type Sequence struct {
	// Order is the UIDs of members that take their slots one after the other;
	// empty if they may come as they like.
	Order []string
	// Ahead is the UIDs of members that have to be bound before any others take
	// their slots; empty if nobody has to.
	Ahead []string
	// Outlook says in words when the members are ready; empty if there is nothing to say.
	// ImagesAt is when, in nanoseconds since 1970; 0 if nobody waits for images.
	Outlook  string
	ImagesAt int64
}

// Commit makes a plan the gang's own: slots is the node by UID, by the member
// whose cycle made the plan. It returns whom to let in, and the slots of those who still wait for
// one; goes says whether the member whose cycle it is takes its slot now. ok is
// false if the gang changed while the plan was made and the plan no longer
// completes it; the gang is tried again then.
func (r *Roster) Commit(key Key, by string, slots Placement, seq Sequence) (todo []Action, kept Placement, goes, ok bool) {
	g := r.gangs[key]
	if g == nil {
		return nil, nil, false, false
	}
	s, fault := r.spec(g)
	kept = make(Placement, len(slots))
	for uid, node := range slots {
		if m := g.members[uid]; m != nil && m.waits() {
			kept[uid] = node
			g.setSlot(m, node)
		}
	}
	g.planned = true
	if fault != "" || !g.complete(s, intended) {
		if m := g.members[by]; m != nil {
			g.gate(m, true)
		}
		todo = g.abandon("gang " + key.String() + " changed while it was planned")
		return append(todo, r.settle(g)...), nil, false, false
	}
	r.serial++
	g.planID, g.verdict = fmt.Sprintf("%s/%d", key.Name, r.serial), ""
	g.outlook, g.imagesAt = seq.Outlook, seq.ImagesAt
	g.sequence(seq)
	goes = kept[by] != "" && g.inTurn(by)
	if m := g.members[by]; m != nil && !goes {
		g.gate(m, true) // planned without itself, or after others, it waits like them
	}
	if len(g.order) > 0 {
		if !goes {
			todo = g.next(true)
		}
		return todo, kept, goes, true
	}
	for _, uid := range slices.Sorted(maps.Keys(kept)) {
		if uid != by && g.inTurn(uid) {
			todo = append(todo, g.summon(g.members[uid]))
		}
	}
	return todo, kept, goes, true
}

// Fail records that no plan was found. The representative stays the one who tried,
// so that the events that can help reach it.
func (r *Roster) Fail(key Key, uid string, how Refused) []Action {
	g := r.gangs[key]
	if g == nil {
		return nil
	}
	if s, fault := r.spec(g); fault == "" && g.complete(s, placed) {
		return nil // one more than it needs did not fit
	}
	if g.members[uid] != nil {
		g.rep = uid
	}
	g.verdict, g.last = how.Why, how
	g.touch()
	todo := g.abandon("the plan of gang " + key.String() + " no longer fits")
	if len(g.vetoes) > 0 { // it had a plan when it came to this
		g.shun = nil
		todo = append(todo, Action{Kind: Freed}, g.rest())
	}
	return todo
}

// maxVetoes is how many nodes may refuse planned members in one attempt. More
// refusals mean that the filters mind something that the plan cannot see.
const maxVetoes = 8

// Retry is called when a planned member was refused by its node. If ok, turn is
// the one in which the members without a reservation are planned anew, without
// that node. Else the member had no plan, its gang is complete without it, or
// its gang was refused too often and gives the plan up.
func (r *Roster) Retry(uid string) (t Turn, todo []Action, ok bool) {
	m := r.members[uid]
	if m == nil {
		return Turn{}, nil, false
	}
	g := r.gangs[m.key]
	node := m.slot
	s, fault := r.spec(g)
	switch {
	case node == "" || fault != "":
		g.gate(m, true)
		return Turn{}, r.settle(g), false
	case g.complete(s, placed): // complete without it: it may look at every node
		return Turn{}, append(g.unslot(m), Action{Kind: Activate, UID: uid}), false
	case g.refusals == maxVetoes:
		g.rep = uid
		g.verdict = fmt.Sprintf("%d nodes refused planned members of gang %s", maxVetoes+1, g.key)
		return Turn{}, append(g.abandon(g.verdict), g.rest()), false
	}
	if g.vetoes == nil {
		g.vetoes = map[string]bool{}
	}
	g.vetoes[node] = true
	g.refusals++
	for _, o := range g.sorted() {
		todo = append(todo, g.unslot(o)...)
	}
	g.planned, g.order, g.ahead = false, nil, nil
	return g.try(m, s), todo, true
}

// Wake ends a gang's rest, if round is its last.
func (r *Roster) Wake(key Key, round int) []Action {
	g := r.gangs[key]
	if g == nil || !g.resting || g.broken != round {
		return nil
	}
	g.resting = false
	return r.reconsider(g)
}

// Reserve records that a member has a node in the scheduler's memory.
func (r *Roster) Reserve(uid, node string) []Action {
	m := r.members[uid]
	if m == nil || m.Phase != Pending {
		return nil
	}
	g := r.gangs[m.key]
	if m.slot != "" {
		m.plan = g.planID
		g.setSlot(m, "")
	}
	m.Node = node
	g.move(m, Reserved)
	return g.next(true)
}

// Plan returns the name of the plan by which a member got its node, or "".
func (r *Roster) Plan(uid string) string {
	if m := r.members[uid]; m != nil {
		return m.plan
	}
	return ""
}

// Permit decides whether a reserved member waits for the rest of its gang. When
// the minimum is there, the answer releases everybody who waits. ok is false if
// the plan was given up meanwhile: the member must give its node back.
func (r *Roster) Permit(uid string) (wait, ok bool, todo []Action) {
	m := r.members[uid]
	if m == nil || m.Phase != Reserved {
		return false, true, nil
	}
	g := r.gangs[m.key]
	s, fault := r.spec(g)
	switch {
	case g.ahead[uid] && fault == "" && !m.leaving:
		g.move(m, Binding)
		return false, true, r.settle(g)
	case fault != "" || m.leaving || !g.complete(s, secured):
		return true, g.planned && !m.leaving, nil
	case g.prove:
		if todo = g.proof(s); todo != nil {
			return true, true, todo
		}
	}
	return false, true, append(g.release(m), r.settle(g)...)
}

// Unreserve records that a member lost its node: it was rejected, or its
// binding failed. If that breaks its gang's plan, the plan is given up, the gang
// rests, and the member stands in the queue for it.
func (r *Roster) Unreserve(uid string) []Action {
	m := r.members[uid]
	if m == nil || m.Phase >= Bound {
		return nil // the binding was made, whatever the framework heard of it
	}
	g := r.gangs[m.key]
	asked := m.leaving
	broke := !asked && (g.planned || m.Phase == Binding)
	g.stay(m)
	if m.Phase == Binding {
		g.avoid(m.Node)
	}
	if m.Phase == Reserved || m.Phase == Binding {
		m.Node = ""
		g.move(m, Pending)
	}
	given := g.unslot(m) // it has a slot still if another plugin's Reserve failed
	s, fault := r.spec(g)
	incomplete := fault != "" || !g.complete(s, placed)
	if asked || incomplete {
		// Nobody but the roster sends for it again. A member whose binding failed
		// and whose gang needs it no more comes back at the queue's own pace.
		g.gate(m, true)
	}
	if broke && incomplete && (fault != "" || !g.complete(s, intended) || g.ahead[uid]) { // else those with slots will do
		g.rep = uid
		why := fmt.Sprintf("pod %s of gang %s lost its node", m.Name, g.key)
		g.verdict = why
		given = append(given, g.abandon(why)...)
		if !g.resting { // the bindings of a gang fail together: that is one time
			given = append(given, g.rest())
		}
		return given
	}
	if asked && g.leaving == 0 {
		return append(given, r.reconsider(g)...)
	}
	return append(given, r.settle(g)...)
}

// avoid has the next attempt do without a node on which a binding failed.
func (g *gang) avoid(node string) {
	if g.shun == nil || len(g.shun) >= maxVetoes {
		g.shun = map[string]bool{}
	}
	g.shun[node] = true
}

// Leaving reports whether a member was told to give its node back and has not yet.
func (r *Roster) Leaving(uid string) bool {
	m := r.members[uid]
	return m != nil && m.leaving
}

// Gang returns the gang of a member; ok is false for no member.
func (r *Roster) Gang(uid string) (key Key, ok bool) {
	if m := r.members[uid]; m != nil {
		return m.key, true
	}
	return Key{}, false
}

// Slot returns the node that is planned for a member, or "".
func (r *Roster) Slot(uid string) string {
	if m := r.members[uid]; m != nil {
		return m.slot
	}
	return ""
}

// Released reports whether a member may be bound and is not seen bound yet.
func (r *Roster) Released(uid string) bool {
	m := r.members[uid]
	return m != nil && m.Phase == Binding && !m.leaving
}

// Reconsider has a member's gang tried again if it does not fit as it is:
// something about the member changed that filters look at.
func (r *Roster) Reconsider(uid string) []Action {
	m := r.members[uid]
	if m == nil {
		return nil
	}
	return r.reconsider(r.gangs[m.key])
}

// Notice returns what the owner of a gang that waits should be told, and the member to
// tell it at: the first that waits for a node. tried is set if the gang was refused: the
// framework has told the member so. why is empty if there is nothing to tell, or nothing new.
func (r *Roster) Notice(key Key) (uid, why string, tried bool) {
	g := r.gangs[key]
	if g == nil {
		return "", "", false
	}
	s, why := r.spec(g)
	if why == "" && !g.complete(s, existing) {
		why = g.gathering(s) + g.blocked() + g.misnamed(s)
	}
	if why == "" && g.free() && !g.complete(s, placed) {
		why, tried = g.verdict, true
	}
	first := g.firstWaiting()
	if why == "" || first == nil || len(tell(first, why)) == 0 {
		return "", "", false
	}
	return first.UID, why, tried
}

// Retell forgets who was told what, for a process that told nobody until now.
// It returns what is to be told to members, and the gangs that may have a notice.
func (r *Roster) Retell() (keys []Key, todo []Action) {
	keys = sortedKeys(r.gangs)
	for _, key := range keys {
		for _, m := range r.gangs[key].sorted() {
			m.told = ""
			if m.fault != "" {
				todo = append(todo, tell(m, m.fault)...)
			}
		}
	}
	return keys, todo
}
