package gang

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/muster-scheduler/muster/pkg/queue"
)

// Action is something that the caller has to do for a gang.
type Action struct {
	Kind  ActionKind
	UID   string // the member it concerns; empty for Rest and Freed
	Why   string // for Reject and Tell: a sentence for the pod's owner
	Gang  Key    // for Rest
	Round int    // for Rest: how often in a row the gang had to; >= 1
}

// ActionKind is the kind of an Action.
type ActionKind uint8

// The kinds of actions.
const (
	Activate ActionKind = iota // let the member try to enter the queue, now
	Allow                      // end the member's wait: bind it
	Reject                     // end the member's wait: give its node back
	Unslot                     // the member's planned node is no longer kept for it
	Tell                       // tell the member's owner, once
	Rest                       // call Wake for the gang after a while, the longer the higher the round
	Freed                      // room that was kept for planned members is free for others
)

// member is a Member with what the roster adds.
type member struct {
	Member
	key     Key
	fault   string // why it does not count: its own fault, or a disagreement with its gang
	past    bool   // it succeeded in an earlier run of its gang
	leaving bool   // it is Reserved, and was told to give its node back
	gated   bool   // the gate last kept it out of the queue
	told    string // the last sentence sent to its owner
	plan    string // the name of the plan by which it got its node
}

// waits reports whether m is to be given a node.
func (m *member) waits() bool { return m.fault == "" && !m.Blocked && m.Phase == Pending }

// speaks reports whether m may speak for its gang.
func (m *member) speaks() bool { return m.Fault == "" && !m.past }

// gang is one gang and its state. The counts are kept with every change, so
// that no call does work in proportion to the members, but for the rare ones
// that say so.
type gang struct {
	key     Key
	group   *Group
	members map[string]*member
	leader  *member // without a fault of its own; it speaks for the gang, see older
	claim   claim   // what the leader states

	exist   int                // members that count, in any phase
	placed  int                // those that have a node for good: Binding, Bound, Done
	held    int                // those that are Reserved, and stay
	leaving int                // members that are to give their nodes back
	live    int                // members that have not succeeded, whether they count or not
	owners  map[string]int     // the same by owner
	outside map[string]*member // those that wait and are gated

	rep    string            // UID of the representative
	slots  map[string]string // planned node by UID; nil without a plan
	planID string
	born   int64 // rank in the queue, fixed when the first member enters; 0 before
	// vetoes are nodes that refused a member after a plan chose them. They last
	// until the next attempt, and keep a re-plan from choosing the same node for ever.
	vetoes map[string]bool
	// A gang whose plan broke rests before it is tried again, the longer the
	// more often that happens in a row.
	resting bool
	broken  int
}

// Roster knows all gangs and their members.
type Roster struct {
	maxMembers int
	gangs      map[Key]*gang
	members    map[string]*member
	keys       map[string]queue.Key
	retired    []string // UIDs whose keys outlive them, oldest first
	plans      int
	touched    map[Key]bool
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
		touched:    map[Key]bool{},
	}
}

// SetMaxMembers sets the largest minimum that a gang may state, >= 1. It is for
// the start, before there are gangs.
func (r *Roster) SetMaxMembers(n int) { r.maxMembers = n }

// Observe records what the API says of a member, new or known. A pod cannot
// change gangs: the first one counts.
func (r *Roster) Observe(key Key, seen Member) []Action {
	var todo []Action
	m := r.members[seen.UID]
	if m != nil && m.key != key {
		todo = tell(m, fmt.Sprintf("this pod is a member of gang %s and cannot change to %s: create it anew", m.key, key))
		key, seen.Spec, seen.Fault = m.key, m.Spec, m.Fault
	}
	g := r.gang(key)
	waited, claimed := m != nil && m.waits(), g.claim
	if m == nil {
		m = &member{key: key}
		r.members[seen.UID] = m
		g.members[seen.UID] = m
		m.past = seen.Phase == Done && !g.runs(seen.Owner)
	} else {
		g.count(m, -1)
		g.depart(m)
	}
	if own := m.Phase; seen.Phase == Pending && (own == Reserved || own == Binding) {
		seen.Phase = own
	}
	m.Member = seen
	m.fault = g.faultOf(m)
	g.count(m, +1)
	if g.arrive(m) {
		todo = append(todo, g.lead(nil)...)
	}
	if m.Phase >= Bound {
		g.stay(m)
		delete(g.slots, m.UID)
	}
	todo = append(todo, g.lead(m)...)
	if m.fault != "" {
		todo = append(todo, g.refuse(m)...)
	}
	if !waited && m.waits() || !g.claim.equal(claimed) {
		return append(todo, r.reconsider(g)...)
	}
	return append(todo, r.settle(g)...)
}

// reconsider has a gang that has no plan tried again: it is not the gang that it
// was. Its representative may be in the middle of a try, or wait for events of
// the cluster after one; who is in the queue is not disturbed.
func (r *Roster) reconsider(g *gang) []Action {
	todo := r.settle(g)
	n, fault := r.minimum(g)
	if m := g.members[g.rep]; m == nil || !m.waits() || fault != "" || g.exist < n || g.placed >= n || g.slots != nil || g.leaving > 0 || g.resting ||
		slices.ContainsFunc(todo, func(a Action) bool { return a.Kind == Activate && a.UID == g.rep }) {
		return todo
	}
	return append(todo, g.summon(g.members[g.rep]))
}

// Forget records that a pod is gone, or on its way out.
func (r *Roster) Forget(uid string) []Action {
	m := r.members[uid]
	if m == nil {
		return nil
	}
	g := r.gangs[m.key]
	g.stay(m)
	g.count(m, -1)
	delete(r.members, uid)
	delete(g.members, uid)
	delete(g.slots, uid)
	g.depart(m)
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
	return r.reconsider(g)
}

func (r *Roster) gang(key Key) *gang {
	g := r.gangs[key]
	if g == nil {
		g = &gang{key: key, members: map[string]*member{}, outside: map[string]*member{}, owners: map[string]int{}}
		r.gangs[key] = g
	}
	return g
}

// count adds m to the gang's counts, or takes it out of them.
func (g *gang) count(m *member, by int) {
	delete(g.outside, m.UID)
	if m.fault != "" || m.Blocked || m.past {
		return
	}
	g.exist += by
	switch {
	case m.Phase >= Binding:
		g.placed += by
	case m.Phase == Reserved && !m.leaving:
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

// leave has m give its node back. Until it has, it is in nobody's way and counts
// for nothing: neither for the plan it leaves nor for the next.
func (g *gang) leave(m *member, why string) Action {
	g.count(m, -1)
	m.leaving = true
	g.leaving++
	g.count(m, +1)
	return Action{Kind: Reject, UID: m.UID, Why: why}
}

// stay ends what leave began.
func (g *gang) stay(m *member) {
	if m.leaving {
		g.count(m, -1)
		m.leaving = false
		g.leaving--
		g.count(m, +1)
	}
}

// gate records whether m is kept out of the queue.
func (g *gang) gate(m *member, gated bool) {
	g.count(m, -1)
	m.gated = gated
	g.count(m, +1)
}

func (g *gang) faultOf(m *member) string {
	if m.Fault != "" || m.past || g.leader == nil {
		return m.Fault
	}
	return g.claim.disagreement(m)
}

// lead finds the gang's leader after m changed, or, if m is nil, after the
// leader left, and holds every member to what it states. Work in proportion to
// the members is done only when the leader leaves or states something else.
func (g *gang) lead(m *member) []Action {
	switch {
	case m == nil || m == g.leader && !m.speaks():
		g.leader = g.oldest()
	case m.Phase == Pending && g.placed+g.held > 0 && g.leader != nil:
		// A gang that has nodes is spoken for, if by a member without one.
	case m.speaks() && (g.leader == nil || older(m, g.leader) < 0):
		g.leader = m
	}
	var now claim
	if g.leader != nil {
		now = g.leader.claim()
	}
	if now.equal(g.claim) {
		return nil
	}
	g.claim = now
	var todo []Action
	for _, o := range g.sorted() {
		if f := g.faultOf(o); f != o.fault {
			g.count(o, -1)
			o.fault = f
			g.count(o, +1)
			if f != "" {
				todo = append(todo, g.refuse(o)...)
			}
		}
	}
	return todo
}

// refuse tells the owner of a member with a fault, and takes back what is
// planned or held for it.
func (g *gang) refuse(m *member) []Action {
	todo := tell(m, m.fault)
	if m.Phase == Reserved && !m.leaving {
		todo = append(todo, g.leave(m, m.fault))
	}
	if g.slots[m.UID] != "" {
		delete(g.slots, m.UID)
		todo = append(todo, Action{Kind: Unslot, UID: m.UID})
	}
	return todo
}

// oldest returns the first of older's order without a fault of its own, or nil.
func (g *gang) oldest() *member {
	var oldest *member
	for _, m := range g.members {
		if m.speaks() && (oldest == nil || older(m, oldest) < 0) {
			oldest = m
		}
	}
	return oldest
}

// minimum returns the gang's minimum, or why it has none.
func (r *Roster) minimum(g *gang) (int, string) {
	n, field := 0, "metadata.annotations[muster.dev/min-member]"
	switch {
	case g.leader == nil:
		return 0, fmt.Sprintf("gang %s has no valid member", g.key)
	case g.key.Source == Label:
		n = g.leader.Spec.Min
	case g.group == nil:
		return 0, fmt.Sprintf("PodGroup %s does not exist: create it, or create the pod without the label %s", g.key, PodGroupLabel)
	case g.group.Fault != "":
		return 0, g.group.Fault
	default:
		n, field = g.group.Spec.Min, fmt.Sprintf("PodGroup %s: spec.minMember", g.key)
	}
	if n < 1 || n > r.maxMembers {
		return 0, fmt.Sprintf("%s: Invalid value: %d: must be between 1 and %d", field, n, r.maxMembers)
	}
	return n, ""
}

// settle brings a gang in order after something changed: it gives up a plan
// that can no longer be completed, releases one that needs no more, elects a
// representative, and lets in those who may enter.
func (r *Roster) settle(g *gang) []Action {
	n, fault := r.minimum(g)
	switch {
	case fault != "":
		return g.abandon(fault)
	case g.exist < n:
		return g.abandon(gathering(g, n))
	case g.held > 0 && g.placed+g.held >= n:
		return append(g.release(nil), r.settle(g)...)
	case g.placed >= n:
		g.broken = 0
		todo := make([]Action, 0, len(g.outside))
		for _, m := range inOrder(g.outside) {
			todo = append(todo, g.summon(m))
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

// summon has m try to enter the queue. It is not sent for again until the gate
// has seen it.
func (g *gang) summon(m *member) Action {
	g.gate(m, false)
	return Action{Kind: Activate, UID: m.UID}
}

// elect makes sure that a gang without a plan has a representative at the
// queue. It does work in proportion to the members only if it has to choose one.
func (g *gang) elect() []Action {
	if g.leaving > 0 || g.resting {
		return nil // Unreserve and Wake come back to it
	}
	if m := g.members[g.rep]; m != nil && m.waits() {
		if m.gated {
			return []Action{g.summon(m)}
		}
		return nil
	}
	first := g.firstWaiting()
	if first == nil {
		g.rep = ""
		return nil
	}
	g.rep = first.UID
	return []Action{g.summon(first)}
}

// firstWaiting returns the first member that is to be given a node, or nil.
func (g *gang) firstWaiting() *member {
	var first *member
	for _, m := range g.members {
		if m.waits() && (first == nil || before(m, first) < 0) {
			first = m
		}
	}
	return first
}

// abandon gives up a plan: what is reserved is given back, nothing is kept.
func (g *gang) abandon(why string) []Action {
	if g.slots == nil && g.held == 0 {
		return nil
	}
	var todo []Action
	for _, m := range g.sorted() {
		if m.Phase == Reserved && !m.leaving {
			todo = append(todo, g.leave(m, why))
		}
		if g.slots[m.UID] != "" {
			todo = append(todo, Action{Kind: Unslot, UID: m.UID})
		}
	}
	g.slots = nil
	return append(todo, Action{Kind: Freed})
}

// rest keeps a gang whose plan broke from being tried again at once: what broke
// it may be there still, and every attempt holds nodes for a moment.
func (g *gang) rest() Action {
	g.resting = true
	g.broken++
	return Action{Kind: Rest, Gang: g.key, Round: g.broken}
}

// release lets everybody who is reserved be bound; but is the member whose own
// cycle it is, or nil.
func (g *gang) release(but *member) []Action {
	var todo []Action
	for _, m := range g.sorted() {
		if m.Phase != Reserved || m.leaving {
			continue
		}
		g.move(m, Binding)
		if m != but {
			todo = append(todo, Action{Kind: Allow, UID: m.UID})
		}
	}
	if len(g.slots) == 0 {
		g.slots = nil
	}
	return todo
}

// sorted returns the members in the order in which they are planned and tried.
func (g *gang) sorted() []*member { return inOrder(g.members) }

func inOrder(set map[string]*member) []*member {
	all := make([]*member, 0, len(set))
	for _, m := range set {
		all = append(all, m)
	}
	slices.SortFunc(all, before)
	return all
}

// before is the order in which members are planned and tried.
func before(a, b *member) int {
	return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Name, b.Name), cmp.Compare(a.UID, b.UID))
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
