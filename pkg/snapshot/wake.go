package snapshot

import (
	"slices"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/reason"
	"github.com/muster-scheduler/muster/pkg/resources"
)

// Cause is what a gang was tried for.
type Cause string

// The causes.
const (
	New     Cause = "new"     // it was never tried before
	Members Cause = "members" // the gang itself changed: a member came, its minimum was lowered
	Room    Cause = "room"    // enough room came free
	Node    Cause = "node"    // a node's labels, taints or conditions changed
	Other   Cause = "other"   // something changed that only the filters see
	Timer   Cause = "timer"   // nothing did that was noticed
)

// waits is the index of waiting gangs as the plugins share it. The queue asks
// it under its own lock, about every event for every gang that waits.
type waits struct {
	mu          sync.Mutex
	wakes       *gang.Wakes
	generations map[string]int64 // of the nodes, as last shown
	gangs       map[gang.Key]*attempts
	woken       map[types.UID]bool // representatives that are on their way to be tried
}

// attempts is what the next attempt at a gang needs to know of the last.
type attempts struct {
	by    types.UID    // who waits for the gang
	cause Cause        // of the next attempt
	since time.Time    // when the change happened that woke it; zero for none
	last  gang.Verdict // by which it was refused last; the zero value if it was not
}

func newWaits() *waits {
	wakes := gang.NewWakes()
	for _, name := range fixed {
		wakes.Position(name)
	}
	return &waits{
		wakes:       wakes,
		generations: map[string]int64{},
		gangs:       map[gang.Key]*attempts{},
		woken:       map[types.UID]bool{},
	}
}

// try records that a gang is tried. It returns what for, and since when there
// was reason to.
func (w *waits) try(key gang.Key) (Cause, time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.gangs[key]
	if a == nil {
		w.gangs[key] = &attempts{cause: Timer}
		return New, time.Time{}
	}
	w.wakes.End(string(a.by))
	delete(w.woken, a.by)
	cause, since := a.cause, a.since
	*a = attempts{cause: Timer}
	return cause, since
}

// end forgets a gang that has its nodes or is gone.
func (w *waits) end(key gang.Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if a := w.gangs[key]; a != nil {
		w.wakes.End(string(a.by))
		delete(w.woken, a.by)
		delete(w.gangs, key)
	}
}

// taken records that a pod has its turn: it is on its way no more.
func (w *waits) taken(uid types.UID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.woken, uid)
}

// forget records that a pod is gone. Who stands for its gang next is sent for.
func (w *waits) forget(uid types.UID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.woken, uid)
	w.wakes.End(string(uid))
}

// summoned records that the roster sends for a pod: its gang changed.
func (w *waits) summoned(pod *v1.Pod) {
	key, _, _ := keyOf(pod)
	w.mu.Lock()
	defer w.mu.Unlock()
	if a := w.gangs[key]; a != nil && a.cause == Timer {
		a.cause = Members
	}
}

// await records that a gang was refused on these nodes.
func (g *Gangs) await(key gang.Key, by *v1.Pod, verdict gang.Verdict, nodes []fwk.NodeInfo, keptOn func(*v1.Pod, fwk.NodeInfo) []fwk.PodInfo) {
	kept := keptFor(by, nodes, keptOn) // takes the queue's lock
	w := g.waits
	w.mu.Lock()
	defer w.mu.Unlock()
	w.show(nodes)
	seen := map[string]resources.Vector{}
	for n, infos := range kept {
		free := w.free(nodes[n])
		for _, info := range infos {
			for at, amount := range w.ask(info) {
				free[at] -= amount
			}
		}
		seen[nodes[n].Node().Name] = free
	}
	hope := verdict.Hope
	hope.Room = slices.Clone(hope.Room)
	for i, lack := range hope.Room {
		hope.Room[i].Ask = w.translate(verdict.Resources, lack.Ask)
	}
	a := w.gangs[key]
	if a == nil {
		a = &attempts{}
		w.gangs[key] = a
	}
	*a = attempts{by: by.UID, cause: Timer, last: verdict}
	w.wakes.Wait(string(by.UID), hope, seen)
}

// keptFor returns the pods for which room is kept from the gang of a pod, by
// the position of the node.
func keptFor(by *v1.Pod, nodes []fwk.NodeInfo, keptOn func(*v1.Pod, fwk.NodeInfo) []fwk.PodInfo) map[int][]fwk.PodInfo {
	own, _, _ := keyOf(by)
	kept := map[int][]fwk.PodInfo{}
	for n, node := range nodes {
		for _, info := range keptOn(by, node) {
			key, _, member := keyOf(info.GetPod())
			if member && key == own || corev1helpers.PodPriority(info.GetPod()) < corev1helpers.PodPriority(by) {
				continue
			}
			kept[n] = append(kept[n], info)
		}
	}
	return kept
}

// The questions that the queue asks about an event for a pod that waits. The
// answer is whether to queue it by the queue's own rules: a pod that waits for
// no room of a gang is not ours to hold back. A gang that the event can help is
// sent for instead, which spares it the wait for the back-off of the last
// attempt to end; the event was worth it.

// PodGone is asked when a pod left its node.
func (g *Gangs) PodGone(waiting, gone *v1.Pod) bool {
	return g.asked(waiting, Room, func(w *waits, h gang.Hope) bool {
		node := gone.Spec.NodeName
		if node == "" {
			return true // room was kept for it, by somebody else than us
		}
		w.wakes.Release(node, podGone(gone), func() resources.Vector { return w.askOf(gone) })
		return h.Anything
	})
}

// PodShrunk is asked when a pod on a node asks for less than before.
func (g *Gangs) PodShrunk(waiting, old, now *v1.Pod) bool {
	return g.asked(waiting, Room, func(w *waits, h gang.Hope) bool {
		w.wakes.Release(now.Spec.NodeName, podShrunk(now), func() resources.Vector { return less(w.askOf(old), w.askOf(now)) })
		return h.Anything
	})
}

// NodeGrew is asked when a node is new, with old nil, or has more than before.
func (g *Gangs) NodeGrew(waiting *v1.Pod, old, now *v1.Node) bool {
	return g.asked(waiting, Room, func(w *waits, h gang.Hope) bool {
		w.wakes.Release(now.Name, nodeGrew(now), func() resources.Vector {
			if old == nil {
				has := framework.NewResource(now.Status.Allocatable)
				return w.vector(has, has.AllowedPodNumber, resources.Unbounded)
			}
			was, is := framework.NewResource(old.Status.Allocatable), framework.NewResource(now.Status.Allocatable)
			return less(w.vector(is, is.AllowedPodNumber, 0), w.vector(was, was.AllowedPodNumber, 0))
		})
		return h.Anything
	})
}

// Took records that a pod has a node in the scheduler's memory, as of now.
func (g *Gangs) Took(pod *v1.Pod, node string) {
	w := g.waits
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.wakes.Idle() {
		w.wakes.Take(node, podTook(pod), w.askOf(pod))
	}
}

// NodeChanged is asked when a node has other labels, taints or conditions.
func (g *Gangs) NodeChanged(waiting *v1.Pod) bool {
	return g.asked(waiting, Node, func(_ *waits, h gang.Hope) bool { return h.Nodes || h.Anything })
}

// OtherChanged is asked when something changed that only the filters see.
func (g *Gangs) OtherChanged(waiting *v1.Pod) bool {
	return g.asked(waiting, Other, func(_ *waits, h gang.Hope) bool { return h.Anything })
}

// Heeds reports whether OtherChanged would do anything about a pod.
func (g *Gangs) Heeds(waiting *v1.Pod) bool {
	w := g.waits
	w.mu.Lock()
	defer w.mu.Unlock()
	hope, waits := w.wakes.Waits(string(waiting.UID))
	return !waits || hope.Anything || w.wakes.Due(string(waiting.UID))
}

func (g *Gangs) asked(waiting *v1.Pod, cause Cause, matters func(*waits, gang.Hope) bool) bool {
	w := g.waits
	w.mu.Lock()
	defer w.mu.Unlock()
	hope, waits := w.wakes.Waits(string(waiting.UID))
	if !waits {
		return !w.woken[waiting.UID]
	}
	if matters(w, hope) || w.wakes.Due(string(waiting.UID)) {
		g.wake(waiting, cause)
	}
	return false
}

// wake sends for the representative of a gang that waits.
func (g *Gangs) wake(pod *v1.Pod, cause Cause) {
	w := g.waits
	key, _, _ := keyOf(pod)
	if a := w.gangs[key]; a != nil && a.by == pod.UID {
		a.cause, a.since = cause, g.clock.Now()
	}
	w.wakes.End(string(pod.UID))
	w.woken[pod.UID] = true
	g.courier.send([]job{{action: gang.Action{Kind: gang.Activate, UID: string(pod.UID)}, pod: pod}})
}

// roomGivenUp wakes who can fit now that room is no longer kept for others, and who was
// told that it is: the verdict stands for as long as the gang waits.
func (g *Gangs) roomGivenUp() {
	w := g.waits
	w.mu.Lock()
	due := w.wakes.AllDue()
	for _, a := range w.gangs {
		if a.last.Tally[reason.Reason{Code: reason.Kept}] > 0 {
			due = append(due, string(a.by))
		}
	}
	w.mu.Unlock()
	slices.Sort(due)
	for _, uid := range due {
		g.mu.Lock()
		pod := g.pods[uid]
		g.mu.Unlock()
		if pod != nil {
			g.asked(pod, Room, func(*waits, gang.Hope) bool { return true })
		}
	}
}

// waitsForRoom reports whether the index alone says when to try a pod again.
func (g *Gangs) waitsForRoom(pod *v1.Pod) bool {
	g.waits.mu.Lock()
	defer g.waits.mu.Unlock()
	_, ok := g.waits.wakes.Waits(string(pod.UID))
	return ok
}
