package gang

import (
	"fmt"
	"maps"
	"slices"

	"pgregory.net/rapid"
)

// world drives a roster as the framework and the cluster do. It helps a pod no
// more than they would: one whose cycle failed is parked, and only an Activate
// brings it back; a gated one is not asked again unless it is sent for.
type world struct {
	r     *Roster
	keys  []Key
	specs map[Key]Spec
	pods  map[string]Key
	made  map[string]Member

	// Where a pod is; at most one of them.
	queue   map[string]bool // active or backing off
	outside map[string]bool // gated
	parked  map[string]bool // failed, waits for events
	used    map[string]bool // has a place; those in permit wait at Permit
	permit  map[string]bool

	ordered                  bool  // members have to take their slots in order
	ahead                    int   // of them have to be bound before the others
	nodes                    int   // places in the cluster
	clock                    int64 // grows when a run ends, by more than members of one differ
	job                      *Job
	group                    Group           // of the second gang, as the API has it
	rejects                  map[string]bool // pods that were told to give their places back
	evicts                   map[string]bool // bound pods that are to be deleted
	rests, deadlines, proofs map[Key]int     // rounds

	flight string // the pod whose cycle runs, or empty
	turn   Turn   // what it took
	refuse bool   // its node will refuse it
	forced bool   // it was activated while its cycle ran

	losing   string // the pod that is losing its node just now, or empty
	recalled bool   // it was activated meanwhile
}

func (w *world) do(todo []Action) {
	for _, a := range todo {
		switch a.Kind {
		case Activate:
			if a.UID == w.losing {
				w.recalled = true
			} else if a.UID == w.flight {
				w.forced = true
			} else if w.outside[a.UID] || w.parked[a.UID] {
				w.enqueue(a.UID)
			}
		case Reject:
			w.rejects[a.UID] = true
		case Rest:
			w.rests[a.Gang] = a.Round
		case Deadline:
			w.deadlines[a.Gang] = a.Round
		case Prove:
			w.proofs[a.Gang] = a.Round
		case Evict:
			if w.recorded(a.UID) {
				panic("a gang is rolled back that was whole: " + a.Why)
			}
			w.evicts[a.UID] = true
		case Allow:
			delete(w.permit, a.UID)
		}
	}
}

func (w *world) enqueue(uid string) {
	delete(w.outside, uid)
	delete(w.parked, uid)
	delete(w.queue, uid)
	if enter, _ := w.r.Admit(uid); enter {
		w.queue[uid] = true
	} else {
		w.outside[uid] = true
	}
}

// park ends a cycle that failed.
func (w *world) park(uid string) {
	if w.forced {
		w.enqueue(uid)
	} else {
		w.parked[uid] = true
	}
}

// lose takes a pod's place away. A failed binding is an error, which the queue
// retries by itself; any other loss is not.
func (w *world) lose(uid string, failedBinding bool) {
	delete(w.rejects, uid)
	delete(w.permit, uid)
	delete(w.used, uid)
	w.losing, w.recalled = uid, false
	w.do(w.r.Unreserve(uid))
	w.losing = ""
	if failedBinding || w.recalled {
		w.enqueue(uid)
	} else {
		w.parked[uid] = true
	}
}

// begin starts a pod's scheduling cycle; anything may happen until it ends.
func (w *world) begin(uid string, refuse bool) {
	delete(w.queue, uid)
	w.flight, w.forced, w.refuse = uid, false, refuse
	w.turn = w.r.Take(uid)
}

// plan gives the members of a turn as many places as there are, those first
// whose roles are asked for, and reports whether the pod whose cycle it is has one.
func (w *world) plan(turn Turn) bool {
	room := max(0, w.nodes-len(w.used))
	if turn.Need.Limit > 0 {
		room = min(room, turn.Need.Limit)
	}
	slots, lack := Placement{}, map[string]int{}
	for _, role := range turn.Need.Roles {
		lack[role.Name] = role.Min
	}
	for _, asked := range []bool{true, false} {
		for _, uid := range turn.UIDs {
			role := w.made[uid].Role
			if len(slots) == room || slots[uid] != "" || asked && lack[role] == 0 {
				continue
			}
			slots[uid] = "n"
			lack[role] = max(0, lack[role]-1)
		}
	}
	for _, n := range lack {
		if n > 0 {
			slots = nil
		}
	}
	if len(slots) < turn.Need.Need {
		w.do(w.r.Fail(turn.Gang, w.flight, Refused{Why: "no room", NodesHelp: true}))
		return false
	}
	placed, seq := slices.Sorted(maps.Keys(slots)), Sequence{}
	seq.Ahead = slices.Clone(placed[:min(w.ahead, len(placed))])
	if w.ordered {
		slices.Reverse(placed)
		seq.Order = placed
	}
	todo, _, goes, ok := w.r.Commit(turn.Gang, w.flight, slots, seq)
	w.do(todo)
	return ok && goes
}

func (w *world) end() {
	uid := w.flight
	if uid == "" {
		return
	}
	defer func() { w.flight = "" }()
	if _, ok := w.pods[uid]; !ok {
		return // it was deleted meanwhile
	}
	if w.turn.Kind == Wait || w.turn.Kind == Try && !w.plan(w.turn) {
		w.park(uid)
		return
	}
	if w.refuse && w.turn.Kind == Go || w.nodes <= len(w.used) {
		turn, todo, ok := w.r.Retry(uid)
		w.do(todo)
		if ok && w.plan(turn) {
			w.forced = true // Again sends for it
		}
		w.park(uid)
		return
	}
	w.used[uid] = true
	w.do(w.r.Reserve(uid, "n"))
	wait, ok, todo := w.r.Permit(uid)
	if !ok {
		w.lose(uid, false)
		return
	}
	if wait {
		w.permit[uid] = true
	}
	w.do(todo)
}

func (w *world) see(uid string, phase Phase) {
	m := w.made[uid]
	m.Phase = phase
	if w.pods[uid].Source == Label {
		m.Spec = w.specs[w.pods[uid]]
	}
	w.do(w.r.Observe(w.pods[uid], m))
}

func (w *world) create(t *rapid.T) {
	uid := fmt.Sprintf("p%02d", len(w.made))
	w.pods[uid] = rapid.SampledFrom(w.keys).Draw(t, "gang")
	w.made[uid] = Member{
		UID: uid, Name: uid,
		Owner:    rapid.SampledFrom([]string{"", "job"}).Draw(t, "owner"),
		Created:  w.clock + rapid.Int64Range(0, 3).Draw(t, "created"),
		Priority: rapid.SampledFrom([]int32{0, 0, 0, 1}).Draw(t, "priority"),
		Fault:    rapid.SampledFrom([]string{"", "", "", "bad"}).Draw(t, "fault"),
		Blocked:  rapid.SampledFrom([]string{"", "", "", "gates"}).Draw(t, "gates"),
		Role:     rapid.SampledFrom([]string{"", "", "launcher", "worker"}).Draw(t, "role"),
	}
	w.see(uid, Pending)
	w.enqueue(uid)
}

func (w *world) remove(uid string) {
	for _, set := range []map[string]bool{w.queue, w.outside, w.parked, w.used, w.permit, w.rejects, w.evicts} {
		delete(set, uid)
	}
	key := w.pods[uid]
	delete(w.pods, uid)
	w.do(w.r.Forget(uid))
	w.tick(key)
}

// tick has time pass if a gang's run is over.
func (w *world) tick(key Key) {
	if g := w.r.gangs[key]; g == nil || g.live == 0 {
		w.clock += 10
	}
}

// record writes into the status of the second gang's object whether the gang has
// been whole; not if some are on their way out by an earlier roll-back.
func (w *world) record() {
	w.group.WholeAt = 0
	if g := w.r.gangs[w.keys[1]]; g != nil && g.whole && g.leaving == 0 {
		w.group.WholeAt = w.clock + 5
	}
}

// recorded reports whether a member's gang must not be rolled back, by the status.
func (w *world) recorded(uid string) bool {
	if w.pods[uid] != w.keys[1] || w.group.WholeAt == 0 {
		return false
	}
	for _, m := range w.r.gangs[w.keys[1]].members {
		if m.Phase != Done && !m.past && m.Created <= w.group.WholeAt {
			return true
		}
	}
	return false
}

// restart has another scheduler take over: what the API does not have is lost, and
// what it has is seen in any order.
func (w *world) restart(t *rapid.T) {
	was := w.r.members
	w.r, w.flight = NewRoster(10), ""
	for _, set := range []map[string]bool{w.queue, w.outside, w.parked, w.used, w.permit, w.rejects, w.evicts} {
		clear(set)
	}
	for _, rounds := range []map[Key]int{w.rests, w.deadlines, w.proofs} {
		clear(rounds)
	}
	early := rapid.Bool().Draw(t, "groups first")
	if early {
		w.objects()
	}
	for _, uid := range rapid.Permutation(slices.Sorted(maps.Keys(w.pods))).Draw(t, "order") {
		phase := Pending
		if m := was[uid]; m != nil && m.Phase >= Bound {
			phase = m.Phase
		}
		if phase == Bound {
			w.used[uid] = true
		}
		if w.see(uid, phase); phase == Pending {
			w.enqueue(uid)
		}
	}
	if !early {
		w.objects()
	}
}

// objects has the roster see what is no pod.
func (w *world) objects() {
	group := w.group
	w.do(w.r.SetGroup(w.keys[1], &group))
	if w.job != nil {
		w.do(w.r.SetJob("job", w.job))
	}
}

// plenty is room for everybody, always.
const plenty = 1000

// calm gives everybody who is in the queue, or is sent for, as many turns as it
// takes, with room for all. If there was less before, the nodes that come are an
// event that whoever failed waits for; else nobody is reminded.
func (w *world) calm() {
	w.end()
	if w.nodes < plenty {
		w.nodes = plenty
		for _, uid := range slices.Sorted(maps.Keys(w.parked)) {
			w.enqueue(uid)
		}
	}
	for range 4 * len(w.made) {
		for _, key := range w.keys {
			w.wake(key)
			w.prove(key, nil)
		}
		for _, uid := range slices.Sorted(maps.Keys(w.rejects)) {
			w.obey(uid)
		}
		for _, uid := range slices.Sorted(maps.Keys(w.used)) {
			switch m := w.r.members[uid]; {
			case w.permit[uid] || m.Phase != Binding:
			case m.leaving:
				w.lose(uid, true)
			default:
				w.see(uid, Bound)
			}
		}
		for _, uid := range slices.Sorted(maps.Keys(w.evicts)) {
			w.remove(uid)
		}
		for _, uid := range slices.Sorted(maps.Keys(w.queue)) {
			if w.queue[uid] {
				w.begin(uid, false)
				w.end()
			}
		}
	}
}

func (w *world) wake(key Key) {
	round := w.rests[key]
	delete(w.rests, key)
	w.do(w.r.Wake(key, round))
}

func (w *world) prove(key Key, refused map[string]string) {
	round := w.proofs[key]
	delete(w.proofs, key)
	w.do(w.r.Proved(key, round, refused))
}

func (w *world) expire(key Key) {
	round := w.deadlines[key]
	delete(w.deadlines, key)
	todo, _ := w.r.Expire(key, round)
	w.do(todo)
}

// obey carries a rejection out.
func (w *world) obey(uid string) {
	if w.permit[uid] && w.r.Leaving(uid) {
		w.lose(uid, false)
	}
}
