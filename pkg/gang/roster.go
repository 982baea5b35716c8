package gang

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/muster-scheduler/muster/pkg/queue"
)

// Action is something that the caller has to do for a gang.
type Action struct {
	Kind ActionKind
	UID  string // the member it concerns
	Why  string // for Reject and Tell: a sentence for the pod's owner
}

// ActionKind is the kind of an Action.
type ActionKind uint8

const (
	Activate ActionKind = iota // let the member try to enter the queue, now
	Allow                      // end the member's wait: bind it
	Reject                     // end the member's wait: give its node back
	Unslot                     // the member's planned node is no longer kept for it
	Tell                       // tell the member's owner, once
)

// member is a Member with what the roster adds.
type member struct {
	Member
	key   Key
	fault string // why it does not count: its own fault, or a disagreement with its gang
	gated bool   // the gate last kept it out of the queue
	told  string // the last sentence sent to its owner
	plan  string // the name of the plan by which it got its node
}

// waits reports whether m is to be given a node.
func (m *member) waits() bool { return m.fault == "" && !m.Blocked && m.Phase == Pending }

// gang is one gang and its state. The counts are kept with every change, so
// that no call does work in proportion to the members, but for the rare ones
// that say so.
type gang struct {
	key     Key
	group   *Group
	members map[string]*member
	leader  *member // the oldest without a fault of its own; it speaks for the gang

	exist   int                // members that count, in any phase
	placed  int                // those that have a node for good: Binding, Bound, Done
	held    int                // those that are Reserved
	outside map[string]*member // those that wait and are gated

	rep     string            // UID of the representative
	slots   map[string]string // planned node by UID; nil without a plan
	planID  string
	born    int64 // rank in the queue, fixed when the first member enters; 0 before
	verdict *Verdict
	// vetoes are nodes that refused a member after a plan chose them. They last
	// until the next attempt, and keep a re-plan from choosing the same node for ever.
	vetoes map[string]bool
}

// Roster knows all gangs and their members.
type Roster struct {
	maxMembers int
	gangs      map[Key]*gang
	members    map[string]*member
	keys       map[string]queue.Key
	retired    []string // UIDs whose keys outlive them, oldest first
	plans      int
}

// keysKept is how many keys of members that went away are kept. A pod is taken
// out of the queue a moment after the roster hears of its end; until then its
// rank must not change.
const keysKept = 1 << 16

// NewRoster returns an empty roster. maxMembers is the largest minimum that a
// gang may state, >= 1.
func NewRoster(maxMembers int) *Roster {
	return &Roster{
		maxMembers: maxMembers,
		gangs:      map[Key]*gang{},
		members:    map[string]*member{},
		keys:       map[string]queue.Key{},
	}
}

// SetMaxMembers sets the largest minimum that a gang may state, >= 1. It is for
// the start, before there are gangs.
func (r *Roster) SetMaxMembers(n int) { r.maxMembers = n }

// Observe records what the API says of a member, new or known. A pod cannot
// change gangs: the first one counts.
func (r *Roster) Observe(key Key, seen Member) []Action {
	m := r.members[seen.UID]
	if m != nil && m.key != key {
		return tell(m, fmt.Sprintf("this pod is a member of gang %s and cannot change to %s: create it anew", m.key, key))
	}
	g := r.gang(key)
	if m == nil {
		m = &member{Member: seen, key: key}
		r.members[seen.UID] = m
		g.members[seen.UID] = m
	} else {
		g.count(m, -1)
		own := m.Phase
		m.Member = seen
		if seen.Phase == Pending && (own == Reserved || own == Binding) {
			m.Phase = own
		}
	}
	m.fault = g.faultOf(m)
	g.count(m, +1)
	if m.Phase >= Bound {
		delete(g.slots, m.UID)
	}
	todo := g.lead(m)
	if m.fault != "" {
		todo = append(todo, tell(m, m.fault)...)
	}
	return append(todo, r.settle(g)...)
}

// Forget records that a pod is gone, or on its way out.
func (r *Roster) Forget(uid string) []Action {
	m := r.members[uid]
	if m == nil {
		return nil
	}
	g := r.gangs[m.key]
	g.count(m, -1)
	delete(r.members, uid)
	delete(g.members, uid)
	delete(g.slots, uid)
	r.retire(uid)
	if len(g.members) == 0 {
		delete(r.gangs, g.key)
		if g.group != nil {
			r.gang(g.key).group = g.group // a gang of that name may come again, as a new one
		}
		return nil
	}
	var todo []Action
	if g.leader == m {
		todo = g.lead(nil)
	}
	return append(todo, r.settle(g)...)
}

// SetGroup records the object that states a gang's minimum; nil means that
// there is none.
func (r *Roster) SetGroup(key Key, group *Group) []Action {
	if group == nil && r.gangs[key] == nil {
		return nil
	}
	g := r.gang(key)
	g.group = group
	if group == nil && len(g.members) == 0 {
		delete(r.gangs, key)
		return nil
	}
	return r.settle(g)
}

func (r *Roster) gang(key Key) *gang {
	g := r.gangs[key]
	if g == nil {
		g = &gang{key: key, members: map[string]*member{}, outside: map[string]*member{}}
		r.gangs[key] = g
	}
	return g
}

// count adds m to the gang's counts, or takes it out of them.
func (g *gang) count(m *member, by int) {
	delete(g.outside, m.UID)
	if m.fault != "" || m.Blocked {
		return
	}
	g.exist += by
	switch {
	case m.Phase >= Binding:
		g.placed += by
	case m.Phase == Reserved:
		g.held += by
	case by > 0 && m.Phase == Pending && m.gated:
		g.outside[m.UID] = m
	}
}

// move brings m into another phase.
func (g *gang) move(m *member, to Phase) {
	g.count(m, -1)
	m.Phase = to
	g.count(m, +1)
}

// gate records whether m is kept out of the queue.
func (g *gang) gate(m *member, gated bool) {
	g.count(m, -1)
	m.gated = gated
	g.count(m, +1)
}

func (g *gang) faultOf(m *member) string {
	if m.Fault != "" || g.leader == nil || m == g.leader {
		return m.Fault
	}
	return disagreement(m, g.leader, g.key)
}

// lead finds the gang's leader after m changed, or, if m is nil, after the
// leader left. Work in proportion to the members is done only when the leader
// changes.
func (g *gang) lead(m *member) []Action {
	before := g.leader
	switch {
	case m != nil && m != g.leader && (m.Fault != "" || g.leader != nil && older(g.leader, m) <= 0):
		return nil
	case m != nil && m.Fault == "":
		g.leader = m
	default:
		g.leader = nil
		for _, o := range g.members {
			if o.Fault == "" && (g.leader == nil || older(o, g.leader) < 0) {
				g.leader = o
			}
		}
	}
	if g.leader == nil || before != nil && disagreement(g.leader, before, g.key) == "" && g.leader.fault == "" {
		return nil
	}
	var todo []Action
	for _, o := range g.sorted() {
		if f := g.faultOf(o); f != o.fault {
			g.count(o, -1)
			o.fault = f
			g.count(o, +1)
			if f != "" {
				todo = append(todo, tell(o, f)...)
			}
		}
	}
	return todo
}

// minimum returns the gang's minimum, or why it has none.
func (r *Roster) minimum(g *gang) (int, string) {
	n, field := 0, "metadata.annotations[muster.dev/min-member]"
	switch {
	case g.leader == nil:
		return 0, fmt.Sprintf("gang %s has no valid member", g.key)
	case g.key.Source == Label:
		n = g.leader.Min
	case g.group == nil:
		return 0, fmt.Sprintf("PodGroup %s does not exist: create it, or create the pod without the label %s", g.key, PodGroupLabel)
	case g.group.Fault != "":
		return 0, g.group.Fault
	default:
		n, field = g.group.Min, fmt.Sprintf("PodGroup %s: spec.minMember", g.key)
	}
	if n < 1 || n > r.maxMembers {
		return 0, fmt.Sprintf("%s: Invalid value: %d: must be between 1 and %d", field, n, r.maxMembers)
	}
	return n, ""
}

// settle brings a gang in order after something changed: it gives up a plan
// that can no longer be completed, elects a representative, and lets in those
// who may enter.
func (r *Roster) settle(g *gang) []Action {
	n, fault := r.minimum(g)
	switch {
	case fault != "":
		return g.abandon(fault)
	case g.exist < n:
		return g.abandon(gathering(g, n))
	case g.placed >= n:
		todo := make([]Action, 0, len(g.outside))
		for _, m := range inOrder(g.outside) {
			todo = append(todo, Action{Kind: Activate, UID: m.UID})
		}
		return todo
	case g.slots != nil && g.placed+g.held+len(g.slots) < n:
		todo := g.abandon(fmt.Sprintf("a planned member of gang %s went away", g.key))
		return append(todo, g.elect()...)
	case g.slots == nil:
		return g.elect()
	}
	return nil
}

func gathering(g *gang, n int) string {
	return fmt.Sprintf("gang %s: %d of %d members exist", g.key, g.exist, n)
}

// elect makes sure that a gang without a plan has a representative at the queue.
func (g *gang) elect() []Action {
	if m := g.members[g.rep]; m != nil && m.waits() {
		if m.gated {
			return []Action{{Kind: Activate, UID: m.UID}}
		}
		return nil
	}
	g.rep = ""
	for _, m := range g.sorted() {
		if m.waits() {
			g.rep = m.UID
			return []Action{{Kind: Activate, UID: m.UID}}
		}
	}
	return nil
}

// abandon gives up a plan: what is reserved is given back, nothing is kept.
func (g *gang) abandon(why string) []Action {
	if g.slots == nil && g.held == 0 {
		return nil
	}
	var todo []Action
	for _, m := range g.sorted() {
		if m.Phase == Reserved {
			todo = append(todo, Action{Kind: Reject, UID: m.UID, Why: why})
		}
		if g.slots[m.UID] != "" {
			todo = append(todo, Action{Kind: Unslot, UID: m.UID})
		}
	}
	g.slots = nil
	return todo
}

// sorted returns the members in the order in which they are planned and tried.
func (g *gang) sorted() []*member { return inOrder(g.members) }

func inOrder(set map[string]*member) []*member {
	all := make([]*member, 0, len(set))
	for _, m := range set {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *member) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Name, b.Name), cmp.Compare(a.UID, b.UID))
	})
	return all
}

// tell returns the action that tells m's owner, unless the last one said the same.
func tell(m *member, why string) []Action {
	if m.told == why {
		return nil
	}
	m.told = why
	return []Action{{Kind: Tell, UID: m.UID, Why: why}}
}

// retire lets the key of a member that went away live on for a while.
func (r *Roster) retire(uid string) {
	if _, ok := r.keys[uid]; !ok {
		return
	}
	if r.retired = append(r.retired, uid); len(r.retired) > keysKept {
		delete(r.keys, r.retired[0])
		r.retired = r.retired[1:]
	}
}

func sortedNames(set map[string]bool) []string {
	names := make([]string, 0, len(set))
	for n := range set {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
