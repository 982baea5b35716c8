// Package state is what a scheduler knows, for those who ask: which pods wait where in
// the queue and what moved them there, which gangs there are and what they wait for, where
// images are and how fast they are pulled. It is served read-only on the scheduler's own port.
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
	gangs   *snapshot.Gangs  // nil if nobody minds gangs
	images  *snapshot.Images // nil if nobody minds images
	clock   clock.Clock

	reviewer Reviewer // nil if nobody plans

	mu      sync.Mutex
	at      time.Time         // when positions were counted
	counted map[types.UID]int // not changed after that
}

// New returns the state of a scheduler.
func New(j *journal.Journal, gangs *snapshot.Gangs, images *snapshot.Images) *State {
	return &State{journal: j, gangs: gangs, images: images, clock: clock.RealClock{}}
}

// order is how places stand in a list.
var order = map[journal.Place]int{journal.Trying: 0, journal.Active: 1, journal.Backoff: 2, journal.Unschedulable: 3, journal.Gated: 4}

// Pods returns the pods that wait, of one namespace or of all if it is empty.
func (s *State) Pods(namespace string) v1alpha1.PodList {
	entries, unknown, next := s.journal.Waiting(namespace)
	keys := make(map[journal.Name]queue.Key, len(entries))
	for i := range entries {
		e := &entries[i]
		keys[e.Name] = s.key(e.UID, e.Priority, e.Queued)
	}
	slices.SortFunc(entries, func(a, b journal.Entry) int {
		byTime := 0
		if a.Place == journal.Backoff {
			byTime = a.BackoffUntil.Compare(b.BackoffUntil)
		}
		return cmp.Or(cmp.Compare(order[a.Place], order[b.Place]), byTime, queue.Compare(keys[a.Name], keys[b.Name]))
	})
	list := v1alpha1.PodList{TypeMeta: typeMeta("PodList"), Items: []v1alpha1.Pod{}, Next: next, Unknown: unknown}
	positions := s.positions()
	for i := range entries {
		pod := pod(&entries[i], namespace)
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
		p.Position = s.positions()[p.UID]
	}
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

// positionsFor is for how long the positions of Active pods are taken to be the same: to
// count them is work in proportion to all of them, whoever asks.
const positionsFor = time.Second

// positions returns the positions of the Active pods, from 1, as of a short time ago.
func (s *State) positions() map[types.UID]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.clock.Now(); s.counted == nil || now.Sub(s.at) >= positionsFor {
		active := s.journal.Active()
		keys := make([]queue.Key, len(active))
		for i, a := range active {
			keys[i] = s.key(a.UID, a.Priority, a.Queued)
		}
		slices.SortFunc(keys, queue.Compare)
		s.at, s.counted = now, make(map[types.UID]int, len(keys))
		for i, key := range keys {
			s.counted[types.UID(key.UID)] = i + 1
		}
	}
	return s.counted
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
	for _, g := range s.gangs.List(namespace) {
		list.Items = append(list.Items, gangOf(g))
	}
	return list
}

// Gang returns the gangs of that name with their members: those whose members name it in
// different ways are different ones.
func (s *State) Gang(namespace, name string) v1alpha1.GangList {
	list := v1alpha1.GangList{TypeMeta: typeMeta("GangList"), Items: []v1alpha1.Gang{}}
	if s.gangs == nil {
		return list
	}
	for _, g := range s.gangs.Find(namespace, name) {
		out := gangOf(g)
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

func gangOf(g snapshot.GangState) v1alpha1.Gang {
	return v1alpha1.Gang{
		Namespace: g.Key.Namespace, Name: g.Key.Name, Source: sources[g.Key.Source], State: string(g.Status.State), Min: g.Status.Spec.Min,
		Members: g.Status.Exist, Bound: g.Status.Bound, Running: g.Status.Ready, Succeeded: g.Status.Succeeded, Failed: g.Status.Failed,
		Message: g.Status.Why, Outlook: g.Status.Outlook, Representative: g.Representative,
	}
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
