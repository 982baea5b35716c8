// Package state is what a scheduler knows, for those who ask: which pods wait where in
// the queue and what moved them there, which gangs there are and what they wait for, what
// nodes have room for, where images are and how fast they are pulled. It is served read-only
// on the scheduler's own port.
//
// It decides nothing. Invariant: what is served for a namespace names no object
// of another.
package state

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/utils/clock"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/journal"
	"github.com/muster-scheduler/muster/pkg/queue"
	"github.com/muster-scheduler/muster/pkg/snapshot"
)

// State answers from a journal, the roster of gangs and the inventory of images. It is
// safe for concurrent use.
type State struct {
	journal *journal.Journal
	gangs   *snapshot.Gangs        // nil if nobody minds gangs
	images  *snapshot.Images       // nil if nobody minds images
	listed  corelisters.NodeLister // nil if nobody counts nodes
	counts  Cache
	clock   clock.Clock

	reviewer Reviewer            // nil if nobody plans
	events   map[string][]string // after which a plugin is asked again, by its name

	positions recent[map[types.UID]int]
	nodes     recent[v1alpha1.NodeList]
}

// recent is an answer that is good for a short time, and not changed: to give it is work in
// proportion to the cluster, whoever asks, and however often.
type recent[T any] struct {
	mu    sync.Mutex
	since time.Time // zero if there is none
	is    T
}

// goodFor is for how long.
const goodFor = time.Second

// of returns the answer, anew if the last one is too old.
func (r *recent[T]) of(now time.Time, anew func() T) T {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.since.IsZero() || now.Sub(r.since) >= goodFor {
		r.is, r.since = anew(), now
	}
	return r.is
}

// New returns the state of a scheduler.
func New(j *journal.Journal, gangs *snapshot.Gangs, images *snapshot.Images) *State {
	return &State{journal: j, gangs: gangs, images: images, clock: clock.RealClock{}}
}

// order is how places stand in a list.
var order = map[journal.Place]int{journal.Trying: 0, journal.Active: 1, journal.Backoff: 2, journal.Unschedulable: 3, journal.Gated: 4}

// Pods returns the pods that wait, of one namespace or of all if it is empty.
func (s *State) Pods(namespace string) v1alpha1.PodList {
	type standing struct {
		*journal.Entry
		place int
		key   queue.Key
	}
	entries, unknown, next := s.journal.Waiting(namespace)
	all := make([]standing, len(entries))
	for i := range entries {
		e := &entries[i]
		all[i] = standing{e, order[e.Place], s.key(e.UID, e.Priority, e.Queued)}
	}
	slices.SortFunc(all, func(a, b standing) int {
		if a.place != b.place {
			return cmp.Compare(a.place, b.place)
		}
		if a.Place == journal.Backoff && !a.BackoffUntil.Equal(b.BackoffUntil) {
			return a.BackoffUntil.Compare(b.BackoffUntil)
		}
		return queue.Compare(a.key, b.key)
	})
	list := v1alpha1.PodList{TypeMeta: typeMeta("PodList"), Items: make([]v1alpha1.Pod, 0, len(all)), Next: next, Unknown: unknown}
	positions := s.standing()
	for i := range all {
		pod := pod(all[i].Entry, namespace)
		if pod.Place == v1alpha1.Active {
			pod.Position = positions[pod.UID]
		}
		list.Items = append(list.Items, pod)
	}
	s.addGangs(list.Items)
	return list
}

// Pod returns what is known of one pod; ok is false if that is nothing.
func (s *State) Pod(namespace, name string) (p v1alpha1.Pod, ok bool) {
	e, ok := s.journal.Pod(journal.Name{Namespace: namespace, Name: name})
	if !ok {
		return v1alpha1.Pod{}, false
	}
	p = pod(&e, namespace)
	p.TypeMeta = typeMeta("Pod")
	if e.Place == journal.Active {
		p.Position = s.standing()[p.UID]
	}
	s.wakes(&p)
	one := []v1alpha1.Pod{p}
	s.addGangs(one)
	return one[0], true
}

// key is where a pod stands among those who are Active.
func (s *State) key(uid string, priority int32, since time.Time) queue.Key {
	if s.gangs != nil {
		if key, ok := s.gangs.Rank(types.UID(uid)); ok {
			return key
		}
	}
	return queue.Key{Priority: priority, Since: since.UnixNano(), UID: uid}
}

// standing returns the positions of the Active pods, from 1, as of a short time ago.
func (s *State) standing() map[types.UID]int {
	return s.positions.of(s.clock.Now(), func() map[types.UID]int {
		active := s.journal.Active()
		keys := make([]queue.Key, len(active))
		for i, a := range active {
			keys[i] = s.key(a.UID, a.Priority, a.Queued)
		}
		slices.SortFunc(keys, queue.Compare)
		positions := make(map[types.UID]int, len(keys))
		for i, key := range keys {
			positions[types.UID(key.UID)] = i + 1
		}
		return positions
	})
}

// addGangs tells which pods are members, and for what these wait.
func (s *State) addGangs(pods []v1alpha1.Pod) {
	if s.gangs == nil {
		return
	}
	uids := make([]types.UID, len(pods))
	for i := range pods {
		uids[i] = pods[i].UID
	}
	waits := s.gangs.Waits(uids)
	for i := range pods {
		p := &pods[i]
		wait, ok := waits[p.UID]
		if !ok {
			continue
		}
		p.Gang = wait.Gang.Name
		if wait.Why != "" && p.Place != v1alpha1.Bound && p.Place != v1alpha1.Gone {
			p.Message = wait.Why
		}
	}
}

func pod(e *journal.Entry, namespace string) v1alpha1.Pod {
	pod := v1alpha1.Pod{
		Namespace: e.Namespace, Name: e.Name.Name, UID: types.UID(e.UID), Place: e.Place.String(), Since: metav1.NewMicroTime(e.Since),
		Came: metav1.NewMicroTime(e.Came), Priority: e.Priority, Attempts: e.Attempts, RefusedBy: plugins(e.RefusedBy), Message: e.Verdict, EarlierMoves: e.Before,
	}
	if e.Place == journal.Backoff {
		pod.BackoffUntil = &metav1.MicroTime{Time: e.BackoffUntil}
	}
	for _, m := range e.Moves {
		pod.Moves = append(pod.Moves, move(m, namespace))
	}
	return pod
}

// steps returns some of the moves in a namespace, or in all if it is empty, from a number
// on; the number of the one after them; whether some before them are lost; and a channel
// that is closed when there is one after all that there are now.
func (s *State) steps(namespace string, from uint64) (moves []v1alpha1.Step, next uint64, lost bool, more <-chan struct{}) {
	steps, next, missed, more := s.journal.Steps(from)
	for _, step := range steps {
		if namespace != "" && step.Namespace != namespace {
			continue
		}
		moves = append(moves, v1alpha1.Step{
			TypeMeta: typeMeta("Step"), Number: step.Number, Namespace: step.Namespace, Name: step.Name.Name, UID: types.UID(step.UID),
			Move: move(step.Move, namespace),
		})
	}
	return moves, next, missed > 0, more
}

// move is one as it may be read in a namespace, or by those who may read of all if
// it is empty.
func move(m journal.Move, namespace string) v1alpha1.Move {
	return v1alpha1.Move{
		At: metav1.NewMicroTime(m.At), Place: m.Place.String(), Event: m.Event, Object: within(namespace, m.Object), RefusedBy: plugins(m.RefusedBy),
	}
}

// within leaves the name of an object away that is of no concern in a namespace: it is of
// another, or of none and no node either.
func within(namespace, object string) string {
	kind, name, _ := strings.Cut(object, " ")
	if of, _, _ := strings.Cut(name, "/"); namespace != "" && of != namespace && kind != "Node" {
		return kind
	}
	return object
}

// Gangs returns the gangs of a namespace, or all if it is empty, without their members.
func (s *State) Gangs(namespace string) v1alpha1.GangList {
	list := v1alpha1.GangList{TypeMeta: typeMeta("GangList"), Items: []v1alpha1.Gang{}}
	if s.gangs == nil {
		return list
	}
	now := s.clock.Now()
	for _, g := range s.gangs.List(namespace) {
		list.Items = append(list.Items, gangOf(g, now))
	}
	return list
}

// Gang returns the gangs of that name with their members and moves: those whose members name
// it in different ways are different ones.
func (s *State) Gang(namespace, name string) v1alpha1.GangList {
	list := v1alpha1.GangList{TypeMeta: typeMeta("GangList"), Items: []v1alpha1.Gang{}}
	if s.gangs == nil {
		return list
	}
	for _, g := range s.gangs.Find(namespace, name) {
		out := gangOf(g, s.clock.Now())
		for _, stay := range g.Way {
			out.Moves = append(out.Moves, v1alpha1.GangMove{At: metav1.NewMicroTime(stay.Since), State: stay.State, Message: stay.Said})
		}
		out.EarlierMoves = g.Earlier
		for _, m := range g.Members {
			member := v1alpha1.Member{Name: m.Name, Role: m.Role, Node: m.Node, Planned: m.Slot}
			if e, ok := s.journal.Pod(journal.Name{Namespace: namespace, Name: m.Name}); ok && e.UID == m.UID {
				member.Place = e.Place.String()
			} else if m.Node != "" {
				member.Place = v1alpha1.Bound
			}
			out.Pods = append(out.Pods, member)
		}
		list.Items = append(list.Items, out)
	}
	return list
}

func gangOf(g snapshot.GangState, now time.Time) v1alpha1.Gang {
	out := v1alpha1.Gang{
		Namespace: g.Key.Namespace, Name: g.Key.Name, Source: sources[g.Key.Source], State: string(g.Status.State), Min: g.Status.Spec.Min,
		Members: g.Status.Exist, Bound: g.Status.Bound, Running: g.Status.Ready, Succeeded: g.Status.Succeeded, Failed: g.Status.Failed,
		Planned: g.Status.Planned, Reserved: g.Status.Reserved,
		Message: g.Status.Why + g.Status.Refused.Held, Outlook: g.Status.Outlook, Representative: g.Representative,
	}
	if at := time.Unix(0, g.Status.ImagesAt); at.After(now) {
		out.ImagesReadyAt = &metav1.MicroTime{Time: at}
	}
	if h := g.Status.Refused.Holders; len(h.Pods)+h.Others > 0 {
		out.Contested = &v1alpha1.Contested{Pods: h.Pods, More: h.More, Others: h.Others}
	}
	return out
}

var sources = map[gang.Source]string{gang.Label: "Label", gang.PodGroup: "PodGroup", gang.Native: "Native"}

func typeMeta(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: kind}
}

func plugins(joined string) []string {
	if joined == "" {
		return nil
	}
	return strings.Split(joined, ",")
}
