package gang

import (
	"fmt"

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
	n, fault := r.minimum(g)
	switch {
	case m.fault != "":
		return false, m.fault
	case m.Blocked:
		return false, "the pod has scheduling gates"
	case fault != "":
		return false, fault
	case g.exist < n:
		return false, gathering(g, n)
	case g.placed >= n, g.slots[m.UID] != "":
		return true, ""
	case g.slots != nil:
		return false, fmt.Sprintf("gang %s is being placed without this member", g.key)
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
		g.born = g.leader.Created
		if g.group != nil {
			g.born = g.group.Created
		}
	}
	r.keys[m.UID] = queue.Key{Priority: m.Priority, Since: g.born, Gang: g.key.String(), Index: m.Index, UID: m.UID}
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
	Gang Key
	Node string   // for Go: the planned node
	Plan string   // for Go: the plan's name
	Why  string   // for Wait
	Min  int      // for Try: the gang's minimum
	Need int      // for Try: how many more members need a node, 0 < Need <= Min
	UIDs []string // for Try: who may get one, the trying member first
	Veto []string // for Try: nodes that refused a member just now
}

// TurnKind is the kind of a Turn.
type TurnKind uint8

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
	if node := g.slots[uid]; node != "" {
		return Turn{Kind: Go, Gang: g.key, Node: node, Plan: g.planID}
	}
	if enter, why := r.mayEnter(g, m); !enter {
		return Turn{Kind: Wait, Gang: g.key, Why: why}
	}
	n, _ := r.minimum(g)
	if g.placed >= n {
		return Turn{Kind: Alone, Gang: g.key}
	}
	g.vetoes = nil
	return g.try(m, n)
}

func (g *gang) try(m *member, n int) Turn {
	t := Turn{Kind: Try, Gang: g.key, Min: n, Need: n - g.placed - g.held, UIDs: []string{m.UID}}
	for _, o := range g.sorted() {
		if o != m && o.waits() {
			t.UIDs = append(t.UIDs, o.UID)
		}
	}
	for _, node := range sortedNames(g.vetoes) {
		t.Veto = append(t.Veto, node)
	}
	return t
}

// Commit makes a plan the gang's own: slots is the node by UID, by the member
// whose cycle made the plan. It returns whom to let in. ok is false if the gang
// changed while the plan was made and the plan no longer completes it.
func (r *Roster) Commit(key Key, by string, slots map[string]string) (todo []Action, ok bool) {
	g := r.gangs[key]
	if g == nil {
		return nil, false
	}
	kept := make(map[string]string, len(slots))
	for uid, node := range slots {
		if m := g.members[uid]; m != nil && m.waits() {
			kept[uid] = node
		}
	}
	if n, fault := r.minimum(g); fault != "" || g.placed+g.held+len(kept) < n {
		return nil, false
	}
	r.plans++
	g.planID = fmt.Sprintf("%s/%d", key.Name, r.plans)
	g.slots, g.verdict = kept, nil
	for _, m := range g.sorted() {
		if kept[m.UID] != "" && m.UID != by {
			todo = append(todo, Action{Kind: Activate, UID: m.UID})
		}
	}
	return todo, true
}

// Fail records that no plan was found. The representative stays the one who
// tried, so that the events that can help reach it.
func (r *Roster) Fail(key Key, uid string, v Verdict) []Action {
	g := r.gangs[key]
	if g == nil {
		return nil
	}
	g.verdict = &v
	if m := g.members[uid]; m != nil {
		g.rep = uid
	}
	return g.abandon("the plan of gang " + key.String() + " no longer fits")
}

// Retry is called when a planned member was refused by its node. If ok, turn is
// the one in which the members without a reservation are planned anew, without
// that node; else the member had no plan, or its gang is complete without it.
func (r *Roster) Retry(uid string) (t Turn, todo []Action, ok bool) {
	m := r.members[uid]
	if m == nil {
		return Turn{}, nil, false
	}
	g := r.gangs[m.key]
	node := g.slots[uid]
	n, fault := r.minimum(g)
	if node == "" || fault != "" {
		return Turn{}, nil, false
	}
	if g.placed >= n { // complete without it: it may look at every node
		delete(g.slots, uid)
		return Turn{}, []Action{{Kind: Unslot, UID: uid}, {Kind: Activate, UID: uid}}, false
	}
	if g.vetoes == nil {
		g.vetoes = map[string]bool{}
	}
	g.vetoes[node] = true
	for _, o := range g.sorted() {
		if g.slots[o.UID] != "" {
			todo = append(todo, Action{Kind: Unslot, UID: o.UID})
		}
	}
	g.slots = nil
	return g.try(m, n), todo, true
}

// Reserve records that a member has its node in the scheduler's memory.
func (r *Roster) Reserve(uid string) {
	m := r.members[uid]
	if m == nil || m.Phase != Pending {
		return
	}
	g := r.gangs[m.key]
	if g.slots[uid] != "" {
		m.plan = g.planID
		delete(g.slots, uid)
	}
	g.move(m, Reserved)
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
	if n, fault := r.minimum(g); fault != "" || g.placed+g.held < n {
		return true, g.slots != nil, nil
	}
	for _, o := range g.sorted() {
		if o.Phase != Reserved {
			continue
		}
		g.move(o, Binding)
		if o != m {
			todo = append(todo, Action{Kind: Allow, UID: o.UID})
		}
	}
	if len(g.slots) == 0 {
		g.slots = nil
	}
	return false, true, append(todo, r.settle(g)...)
}

// Unreserve records that a member lost its node: it was rejected, or its
// binding failed. If that breaks its gang's plan, the plan is given up and the
// member stands in the queue for its gang, at the pace the queue retries it.
func (r *Roster) Unreserve(uid string) []Action {
	m := r.members[uid]
	if m == nil {
		return nil
	}
	g := r.gangs[m.key]
	broken := g.slots != nil || m.Phase == Binding
	if m.Phase == Reserved || m.Phase == Binding {
		g.move(m, Pending)
	}
	delete(g.slots, uid)
	var todo []Action
	if n, fault := r.minimum(g); broken && (fault != "" || g.placed < n) {
		g.rep = uid
		todo = g.abandon(fmt.Sprintf("pod %s of gang %s lost its node", m.Name, g.key))
	}
	return append(todo, r.settle(g)...)
}

// Phase returns how far a member has come; Pending for an unknown one.
func (r *Roster) Phase(uid string) Phase {
	if m := r.members[uid]; m != nil {
		return m.Phase
	}
	return Pending
}

// Notice returns what the owner of a gang that cannot be tried yet should be
// told, and the member to tell it at. why is empty if there is nothing to tell,
// or nothing new.
func (r *Roster) Notice(key Key) (uid, why string) {
	g := r.gangs[key]
	if g == nil || g.leader == nil {
		return "", ""
	}
	n, why := r.minimum(g)
	if why == "" && g.exist < n {
		why = gathering(g, n)
	}
	if why == "" || len(tell(g.leader, why)) == 0 {
		return "", ""
	}
	return g.leader.UID, why
}
