// Package journal keeps the way of every pod through the scheduling queue: the
// places it was in, since when, and what moved it.
//
// It is told of moves and decides nothing. It is no log of all that ever
// happened: of each pod the last moves are kept, and of pods that have left the
// last of these. Invariants: moves are in the order in which they were told; a pod is
// never in the place in which it was already, but for a new attempt.
package journal

import (
	"runtime"
	"sync"
	"time"
)

// Place is where on its way to a node a pod is.
type Place uint8

// The places. A pod is Trying while it has its turn, and while it is bound to the
// node that it got. It leaves the queue as Bound or Gone.
const (
	Gated         Place = iota + 1 // kept out of the queue by a gate, or by its gang's
	Active                         // waits for its turn
	Backoff                        // was refused a short time ago, and waits before it may be tried again
	Unschedulable                  // was refused, and waits for an event that may help it
	Trying
	Bound
	Gone
)

var places = [...]string{Gated: "Gated", Active: "Active", Backoff: "Backoff", Unschedulable: "Unschedulable", Trying: "Scheduling", Bound: "Bound", Gone: "Gone"}

// String returns the place as users read it, or "" for none.
func (p Place) String() string {
	if int(p) < len(places) {
		return places[p]
	}
	return ""
}

// left reports whether a pod in this place is in the queue no more.
func (p Place) left() bool { return p == Bound || p == Gone }

// Name is a pod's.
type Name struct{ Namespace, Name string }

// Cause is what moved a pod.
type Cause struct {
	// Event is the queue's own name for it, such as NodeUpdate or BackoffComplete.
	Event string
	// Object is what the event was about, such as "Node n1"; empty if it is about nothing, or
	// about the pod itself.
	Object string
	// RefusedBy is the plugins that refused the pod, separated by commas, if it comes from
	// an attempt; empty if that failed otherwise.
	RefusedBy string
}

// The events that are told by others than the queue, and that by which a pod comes.
const (
	Arrival   = "UnscheduledPodAdd"
	Turn      = "Turn"            // it was the first of those who are Active
	EarlyTurn = "PopFromBackoffQ" // nobody was Active, so nobody has to wait
)

// Move is a pod's coming to a place.
type Move struct {
	At    time.Time
	Place Place
	Cause
}

// Entry is what is known of one pod.
type Entry struct {
	Name
	UID      string
	Place    Place
	Since    time.Time // when it came to the place
	Priority int32
	Came     time.Time // when it was seen first
	Queued   time.Time // since when it stands in the queue: since its last attempt, if it had one
	Attempts int       // turns that it has had
	// BackoffUntil is until when the last attempt keeps it from the next one; zero if there
	// was none.
	BackoffUntil time.Time
	RefusedBy    string // the plugins that refused it last, separated by commas
	Verdict      string // what the last attempt said
	Moves        []Move // the last ones, the oldest first
	Before       int    // moves before these
}

// Step is a move as the stream of all moves has it. Its numbers grow by one.
type Step struct {
	Number uint64
	Name
	UID string
	Move
}

const (
	// keep is how many moves of a pod are kept.
	keep = 8
	// steps is how many moves of all pods are kept for those who follow.
	steps = 4096
	// atOnce is how many of these, or of pods, are read at a time: the queue waits meanwhile.
	atOnce = 256
	// gone is how many pods that have left are kept.
	gone = 1024
)

// Journal keeps the moves of pods. It is safe for concurrent use.
type Journal struct {
	mu      sync.Mutex
	limit   int
	pods    map[string]map[string]*record // by namespace, then by name; to read of one namespace is no work for the others
	waiting int                           // those of pods that have not left
	left    []Name                        // that have left, the first to go leading; one that came again and left again is there twice
	last    []Step                        // a ring, a step at its number-1 % steps
	next    uint64                        // number of the next step
	words   words
	// unknown counts pods of which nothing is kept, because there are too many.
	unknown uint64
	changed chan struct{} // closed at the next step; nil if nobody waits for it
}

// record is what is kept of one pod: small, for there may be 100,000.
type record struct {
	uid, verdict string
	came, queued int64 // nanoseconds since 1970, as all times here
	backoff      int64
	moves        []move // a ring once it has keep
	priority     int32
	first        uint32 // the oldest in the ring
	before       uint32
	attempts     uint32
	refusedBy    word
	leavings     uint32 // times that the name is in Journal.left
}

type move struct {
	at               int64
	object           string
	event, refusedBy word
	place            Place
}

// New returns a journal of at most so many pods. Of others it counts no more than
// that they came.
func New(limit int) *Journal {
	return &Journal{limit: limit, pods: map[string]map[string]*record{}, next: 1}
}

// of returns what is kept of a pod; nil if that is nothing.
func (j *Journal) of(name Name) *record { return j.pods[name.Namespace][name.Name] }

func (j *Journal) put(name Name, r *record) {
	if j.pods[name.Namespace] == nil {
		j.pods[name.Namespace] = map[string]*record{}
	}
	j.pods[name.Namespace][name.Name] = r
}

func (j *Journal) drop(name Name) {
	if delete(j.pods[name.Namespace], name.Name); len(j.pods[name.Namespace]) == 0 {
		delete(j.pods, name.Namespace)
	}
}

// each calls f for the pods of a namespace, or for all if it is empty. The lock is held, but
// given up now and then: who comes or goes meanwhile may be left out.
func (j *Journal) each(namespace string, f func(Name, *record)) {
	n := 0
	some := func(namespace string) {
		for name, r := range j.pods[namespace] {
			f(Name{namespace, name}, r)
			if n++; n%atOnce == 0 {
				j.mu.Unlock()
				runtime.Gosched() // or who waits would see the lock taken again before it wakes
				j.mu.Lock()
			}
		}
	}
	if namespace != "" {
		some(namespace)
		return
	}
	for namespace := range j.pods {
		some(namespace)
	}
}

// Came tells of a pod that is seen for the first time. What is known of another of its
// name is forgotten; if that one waits, the pod has come in its place.
func (j *Journal) Came(at time.Time, name Name, uid string, priority int32) {
	j.mu.Lock()
	defer j.mu.Unlock()
	was := j.of(name)
	if was != nil && was.uid == uid {
		return
	}
	waits := was != nil && !was.latest().place.left()
	if !waits && j.waiting >= j.limit {
		j.unknown++
		return
	}
	r := &record{uid: uid, priority: priority, came: at.UnixNano(), queued: at.UnixNano()}
	j.put(name, r)
	if was != nil {
		r.leavings = was.leavings
	}
	if !waits {
		j.waiting++
	} else if place := was.latest().place; place != 0 {
		j.add(at, name, r, place, Cause{Event: Arrival})
	}
}

// Moved tells of a pod that came to a place; the UID is empty if it is not known. To come
// to where it is already is no move, and what has left does not come back.
func (j *Journal) Moved(at time.Time, name Name, uid string, place Place, cause Cause) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if r := j.waits(name, uid); r != nil && r.latest().place != place {
		j.add(at, name, r, place, cause)
	}
}

// Tried tells of a pod that has its turn.
func (j *Journal) Tried(at time.Time, name Name, uid string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := j.waits(name, uid)
	if r == nil {
		return
	}
	event := Turn
	if r.latest().place == Backoff {
		event = EarlyTurn
	}
	r.attempts++
	j.add(at, name, r, Trying, Cause{Event: event})
}

// Said tells what was said of a pod that got no node.
func (j *Journal) Said(name Name, uid, verdict string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if r := j.waits(name, uid); r != nil {
		r.verdict = verdict
	}
}

// Refused tells who refused a pod that got no node, none of them if the attempt failed
// otherwise, and until when it may not be tried again.
func (j *Journal) Refused(at time.Time, name Name, uid, refusedBy string, until time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if r := j.waits(name, uid); r != nil {
		r.queued, r.refusedBy, r.backoff = at.UnixNano(), j.words.of(refusedBy), nanos(until)
	}
}

// Knows reports whether a pod of this name is on its way.
func (j *Journal) Knows(name Name) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.waits(name, "") != nil
}

// waits returns the record of a pod that has not left, whatever its UID if that is
// empty; nil if nothing is kept of it.
func (j *Journal) waits(name Name, uid string) *record {
	r := j.of(name)
	if r == nil || uid != "" && r.uid != uid || r.latest().place.left() {
		return nil
	}
	return r
}

func (j *Journal) add(at time.Time, name Name, r *record, place Place, cause Cause) {
	m := move{at: at.UnixNano(), object: cause.Object, event: j.words.of(cause.Event), refusedBy: j.words.of(cause.RefusedBy), place: place}
	if len(r.moves) < keep {
		r.moves = append(r.moves, m)
	} else {
		r.moves[r.first] = m
		r.first = (r.first + 1) % keep
		r.before++
	}
	if place.left() {
		j.waiting--
		r.leavings++
		j.left = append(j.left, name)
		j.forget()
	}
	step := Step{Number: j.next, Name: name, UID: r.uid, Move: j.move(m)}
	if len(j.last) < steps {
		j.last = append(j.last, step)
	} else {
		j.last[(j.next-1)%steps] = step
	}
	j.next++
	if j.changed != nil {
		close(j.changed)
		j.changed = nil
	}
}

// forget drops those who left first, if there are too many.
func (j *Journal) forget() {
	for len(j.left) > gone {
		name := j.left[0]
		j.left = j.left[1:]
		r := j.of(name)
		if r.leavings--; r.leavings == 0 && r.latest().place.left() {
			j.drop(name)
		}
	}
}

// latest is the last move; the zero value if there is none.
func (r *record) latest() move {
	if len(r.moves) == 0 {
		return move{}
	}
	return r.moves[(int(r.first)+len(r.moves)-1)%len(r.moves)]
}

// Pod returns what is known of a pod; ok is false if that is nothing.
func (j *Journal) Pod(name Name) (e Entry, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := j.of(name)
	if r == nil {
		return Entry{}, false
	}
	e = j.entry(name, r)
	e.Before = int(r.before)
	for i := range r.moves {
		e.Moves = append(e.Moves, j.move(r.moves[(int(r.first)+i)%len(r.moves)]))
	}
	return e, true
}

// Waiting returns the pods of a namespace, or of all if it is empty, that are on their
// way, in no order and without their moves; how many came of which nothing is kept; and the
// number of a step. Of many pods, some are as they were then and some as they are later,
// so who goes on with that step misses nothing and may be told of some moves again.
func (j *Journal) Waiting(namespace string) (entries []Entry, unknown, next uint64) {
	entries = make([]Entry, 0, j.count(namespace)) // without the lock: to make room for all takes a while
	j.mu.Lock()
	defer j.mu.Unlock()
	unknown, next = j.unknown, j.next
	j.each(namespace, func(name Name, r *record) {
		if place := r.latest().place; place != 0 && !place.left() {
			entries = append(entries, j.entry(name, r))
		}
	})
	return entries, unknown, next
}

// count is how many pods of a namespace there may be to read, or of all if it is empty.
func (j *Journal) count(namespace string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	if namespace == "" {
		return j.waiting
	}
	return len(j.pods[namespace])
}

// Standing is what decides where a pod that is Active stands.
type Standing struct {
	Name
	UID      string
	Priority int32
	Queued   time.Time // see Entry
}

// Active returns the pods that wait for their turn, in no order.
func (j *Journal) Active() (all []Standing) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.each("", func(name Name, r *record) {
		if r.latest().place == Active {
			all = append(all, Standing{name, r.uid, r.priority, time.Unix(0, r.queued)})
		}
	})
	return all
}

// Steps returns some moves from a number on, the number of the one after them, and a
// channel that is closed when there is another after all that there are now. From 0 on are
// all that are kept; of others that are kept no more, lost says how many they are.
func (j *Journal) Steps(from uint64) (moves []Step, next, lost uint64, more <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	first := j.next - uint64(len(j.last))
	if from != 0 && from < first {
		lost = first - from
	}
	from = max(from, first)
	for next = from; next < j.next && next < from+atOnce; next++ {
		moves = append(moves, j.last[(next-1)%steps])
	}
	if j.changed == nil {
		j.changed = make(chan struct{})
	}
	return moves, next, lost, j.changed
}

// Next is the number of the next step.
func (j *Journal) Next() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.next
}

func (j *Journal) entry(name Name, r *record) Entry {
	latest := r.latest()
	e := Entry{
		Name: name, UID: r.uid, Place: latest.place, Since: time.Unix(0, latest.at), Came: time.Unix(0, r.came), Queued: time.Unix(0, r.queued),
		Attempts: int(r.attempts), Priority: r.priority, RefusedBy: j.words.text(r.refusedBy), Verdict: r.verdict,
	}
	if r.backoff != 0 {
		e.BackoffUntil = time.Unix(0, r.backoff)
	}
	return e
}

func (j *Journal) move(m move) Move {
	return Move{At: time.Unix(0, m.at), Place: m.place, Cause: Cause{Event: j.words.text(m.event), Object: m.object, RefusedBy: j.words.text(m.refusedBy)}}
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// word stands for one of the few texts that come again and again.
type word uint16

// words are these texts. The zero value knows the empty one.
type words struct {
	all []string
	at  map[string]word
}

func (w *words) of(text string) word {
	if text == "" {
		return 0
	}
	if at, ok := w.at[text]; ok {
		return at
	}
	if len(w.all) == 0 {
		w.all, w.at = []string{""}, map[string]word{}
	}
	if len(w.all) == 1<<16 {
		return 0 // events and sets of plugins are some hundred; texts that are made up are lost
	}
	w.all = append(w.all, text)
	w.at[text] = word(len(w.all) - 1)
	return w.at[text]
}

func (w *words) text(at word) string {
	if at == 0 {
		return ""
	}
	return w.all[at]
}
