package gang

import (
	"fmt"
	"slices"

	"github.com/muster-scheduler/muster/pkg/queue"
)

// Roster knows all gangs and their members.
type Roster struct {
	maxMembers int
	keep       bool // gangs bound in part are not rolled back
	gangs      map[Key]*gang
	members    map[string]*member
	failed     map[string]Key
	jobs       map[string]Job
	owned      map[string]map[Key]bool // gangs with members of a controller
	keys       map[string]queue.Key
	retired    []string // UIDs whose keys outlive them, oldest first
	serial     int      // of plans, deadlines and proofs
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
		failed:     map[string]Key{},
		jobs:       map[string]Job{},
		owned:      map[string]map[Key]bool{},
		keys:       map[string]queue.Key{},
		touched:    map[Key]bool{},
	}
}

// SetMaxMembers sets the largest minimum that a gang may state, >= 1. It is for
// the start, before there are gangs.
func (r *Roster) SetMaxMembers(n int) { r.maxMembers = n }

// SetKeep says whether gangs that are bound in part are left so instead of
// rolled back. It is for the start, before there are gangs.
func (r *Roster) SetKeep(keep bool) { r.keep = keep }

// member is a Member with what the roster adds.
type member struct {
	Member
	key     Key
	fault   string // why it does not count: its own fault, or a disagreement with its gang
	found   int64  // its RefusedAt when it was first seen
	past    bool   // it succeeded in an earlier run of its gang, or was bound for an earlier gang of the name
	leaving bool   // it was told to give its node back: rejected if Reserved, evicted if Bound
	gated   bool   // the gate last kept it out of the queue
	slot    string // the node that is planned for it, or empty
	told    string // the last sentence sent to its owner
	plan    string // the name of the plan by which it got its node
}

// counts reports whether m is one of those who make its gang complete.
func (m *member) counts() bool { return m.fault == "" && m.Blocked == "" && !m.past }

// waits reports whether m is to be given a node.
func (m *member) waits() bool { return m.fault == "" && m.Blocked == "" && m.Phase == Pending }

// speaks reports whether m may speak for its gang.
func (m *member) speaks() bool { return m.Fault == "" && !m.past }

// gang is one gang and its state. The counts are kept with every change, so
// that no call does work in proportion to the members, but for the rare ones
// that say so.
type gang struct {
	r        *Roster
	key      Key
	group    *Group
	groupUID string // of the last group there was
	members  map[string]*member
	leader   *member // without a fault of its own; it speaks for the gang, see older
	claim    claim   // what the leader states

	all     tally
	roles   map[string]*tally  // of the members with a role, by role
	leaving int                // members that are to give their nodes back
	live    int                // members that have not succeeded, whether they count or not
	failed  int                // members that have failed and still exist
	owners  map[string]*owner  // the controllers of members
	outside map[string]*member // those that wait and are gated

	rep     string // UID of the representative
	planned bool   // it has a plan: members have slots, or had until all used them
	planID  string
	// order is the UIDs of members that have to take their slots one after the
	// other, because the plan may hold in no other order; empty if any order does.
	order []string
	// ahead are the UIDs of members that are bound before the others take their
	// slots; empty when they are.
	ahead map[string]bool
	born  int64 // rank in the queue, fixed when the first member enters; 0 before
	// vetoes are nodes that refused a member after a plan chose them. They last
	// until the next attempt, and keep a re-plan from choosing the same node for
	// ever. shun are nodes where a binding failed; the next attempt starts with
	// them as vetoes.
	vetoes, shun map[string]bool
	refusals     int // how many vetoes this attempt has brought
	// A gang whose plan broke rests before it is tried again, the longer the
	// more often that happens in a row.
	resting  bool
	broken   int
	outlook  string  // what was expected of the last plan
	imagesAt int64   // when its images were expected to be ready, see Status
	verdict  string  // why the last attempt came to nothing; empty if it did not
	last     Refused // how the planner refused it last; its verdict may be about something else since
	start
}

// Observe records what the API says of a member, new or known. A pod cannot
// change gangs: the first one counts.
func (r *Roster) Observe(key Key, seen Member) []Action {
	var todo []Action
	m := r.members[seen.UID]
	if m != nil && m.key != key {
		todo = tell(m, fmt.Sprintf("this pod is a member of gang %s and cannot change to %s: create it anew", m.key, key))
		key, seen.Spec, seen.Role, seen.Fault = m.key, m.Spec, m.Role, m.Fault
	}
	g := r.gang(key)
	waited, claimed := m != nil && m.waits(), g.claim
	isNew := m == nil
	if isNew {
		m = &member{key: key, found: seen.RefusedAt}
		r.members[seen.UID] = m
		g.members[seen.UID] = m
		m.past = seen.Phase == Done && !g.runs(seen.Owner) || seen.Phase >= Bound && g.precedes(seen.BoundAt)
	} else {
		g.count(m, -1)
		g.depart(m)
	}
	own := m.Phase
	if seen.Phase == Pending && (own == Reserved || own == Binding) {
		seen.Phase, seen.Node = own, m.Node
	}
	m.Member = seen
	m.fault = g.faultOf(m)
	g.count(m, +1)
	if g.arrive(m) {
		todo = append(todo, g.lead(nil)...)
	}
	if m.Phase >= Bound {
		todo = append(todo, g.landed(m, own, isNew)...)
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
	s, fault := r.spec(g)
	if m := g.members[g.rep]; m == nil || !m.waits() || fault != "" || !g.complete(s, existing) || g.complete(s, placed) || !g.free() ||
		slices.ContainsFunc(todo, func(a Action) bool { return a.Kind == Activate && a.UID == g.rep }) {
		return todo
	}
	return append(todo, g.summon(g.members[g.rep]))
}

// free reports whether a gang may be tried: it has no plan, and nothing of an
// earlier one is in the way.
func (g *gang) free() bool { return !g.planned && g.leaving == 0 && !g.resting }

// Forget records that a pod is gone, or on its way out. If it leaves room that
// its gang will need again, the answer has it kept.
func (r *Roster) Forget(uid string) []Action {
	if key, ok := r.failed[uid]; ok {
		delete(r.failed, uid)
		g := r.gangs[key]
		g.failed--
		r.drop(g)
		return nil
	}
	return r.forget(r.members[uid])
}

func (r *Roster) forget(m *member) []Action {
	if m == nil {
		return nil
	}
	g, uid, left := r.gangs[m.key], m.UID, m.leaving
	var todo []Action
	if r.Needed(uid) {
		todo = append(todo, Action{Kind: Keep, UID: uid, Gang: g.key, Node: m.Node})
	}
	g.stay(m)
	g.count(m, -1)
	delete(r.members, uid)
	delete(g.members, uid)
	g.depart(m)
	r.retire(uid)
	if len(g.members) == 0 {
		r.drop(g)
		return todo
	}
	if g.leader == m {
		todo = append(todo, g.lead(nil)...)
	}
	if left && g.leaving == 0 {
		return append(todo, r.reconsider(g)...)
	}
	return append(todo, r.settle(g)...)
}

// Needed reports whether a running gang would have to have another member in the
// place of this one, and can expect it: nobody makes a bare pod anew.
func (r *Roster) Needed(uid string) bool {
	m := r.members[uid]
	if m == nil || m.Phase != Bound || !m.counts() || m.leaving || m.Owner == "" {
		return false
	}
	g := r.gangs[m.key]
	s, fault := r.spec(g)
	return g.whole && fault == "" && !g.spares(s, m, secured)
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

// drop forgets what a gang went through if it has no members. A gang of that
// name may come again, as a new one.
func (r *Roster) drop(g *gang) {
	g.touch()
	if len(g.members) > 0 {
		return
	}
	delete(r.gangs, g.key)
	if g.group != nil || g.failed > 0 {
		n := r.gang(g.key)
		n.group, n.groupUID, n.failed = g.group, g.groupUID, g.failed
	}
}

// Failed records that a member has failed. It exists, and counts no more.
func (r *Roster) Failed(key Key, uid string) []Action {
	if _, known := r.failed[uid]; known {
		return nil
	}
	if m := r.members[uid]; m != nil {
		key = m.key
	}
	r.failed[uid] = key
	g := r.gang(key)
	g.failed++
	g.touch()
	return r.forget(r.members[uid])
}

// SetGroup records the object that states what is asked for a gang; nil means
// that there is none. An object with another UID is another gang: members that
// were bound for the one before do not count for it.
func (r *Roster) SetGroup(key Key, group *Group) []Action {
	if group == nil && r.gangs[key] == nil {
		return nil
	}
	g := r.gang(key)
	g.touch()
	g.group = group
	if group == nil && len(g.members) == 0 && g.failed == 0 {
		delete(r.gangs, key)
		return nil
	}
	var todo []Action
	if group != nil {
		if g.groupUID != "" && g.groupUID != group.UID {
			todo = g.renew()
		} else if g.groupUID == "" {
			for _, m := range g.members {
				if m.Phase >= Bound && g.precedes(m.BoundAt) {
					g.remember(m, true)
				}
			}
		}
		g.groupUID = group.UID
		todo = append(todo, g.lead(nil)...)
	}
	return append(todo, r.reconsider(g)...)
}

// SetJob records a controller of members; nil means that it is gone.
func (r *Roster) SetJob(uid string, job *Job) []Action {
	if job == nil {
		delete(r.jobs, uid)
	} else {
		r.jobs[uid] = *job
	}
	var todo []Action
	for _, key := range sortedKeys(r.owned[uid]) {
		g := r.gangs[key]
		g.credit(uid)
		todo = append(todo, r.reconsider(g)...)
	}
	return todo
}

func (r *Roster) gang(key Key) *gang {
	g := r.gangs[key]
	if g == nil {
		g = &gang{
			r: r, key: key, members: map[string]*member{}, roles: map[string]*tally{}, outside: map[string]*member{},
			owners: map[string]*owner{},
		}
		r.gangs[key] = g
	}
	return g
}

// spec returns what is asked for a gang, or why that cannot be said.
func (r *Roster) spec(g *gang) (Spec, string) {
	s, field := Spec{}, "metadata.annotations[muster.dev/min-member]"
	switch {
	case g.key.Source != Label && g.group == nil:
		label := PodGroupLabel
		if g.key.Source == Native {
			return s, fmt.Sprintf("PodGroup %s does not exist: create it, or create the pod without spec.schedulingGroup", g.key)
		}
		return s, fmt.Sprintf("PodGroup %s does not exist: create it, or create the pod without the label %s", g.key, label)
	case g.key.Source != Label && g.group.Fault != "":
		return s, g.group.Fault
	case g.key.Source != Label:
		s, field = g.group.Spec, fmt.Sprintf("PodGroup %s: spec.minMember", g.key)
		if g.key.Source == Native {
			field = fmt.Sprintf("PodGroup %s: spec.schedulingPolicy.gang.minCount", g.key)
		}
	case g.leader == nil:
		return s, fmt.Sprintf("gang %s has no valid member", g.key)
	default:
		if s = g.leader.Spec; s.Min == 0 {
			job, ok := r.jobs[g.leader.Owner]
			if !ok {
				return s, fmt.Sprintf("gang %s has no annotation muster.dev/min-member, and the Job whose parallelism holds then is not seen yet", g.key)
			}
			s.Min, field = job.Parallelism, "spec.parallelism of the Job"
		}
	}
	return s, s.fault(field, r.maxMembers)
}

// Pending returns the UIDs of a gang's members that are to be given a node, in the
// order in which they are tried.
func (r *Roster) Pending(key Key) []string {
	g := r.gangs[key]
	if g == nil {
		return nil
	}
	var uids []string
	for _, m := range g.sorted() {
		if m.waits() {
			uids = append(uids, m.UID)
		}
	}
	return uids
}

// Group returns what a gang's own object states, nil if there is none.
func (r *Roster) Group(key Key) *Group {
	if g := r.gangs[key]; g != nil {
		return g.group
	}
	return nil
}

// MaxMembers is the largest minimum that a gang may state.
func (r *Roster) MaxMembers() int { return r.maxMembers }
