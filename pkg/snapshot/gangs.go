package snapshot

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/clock"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/metrics"
)

// Gangs is the roster of gangs as the plugins share it: safe for concurrent
// use, fed by informers, with a courier that carries out its answers.
type Gangs struct {
	clock clock.PassiveClock

	mu         sync.Mutex
	roster     *gang.Roster
	pods       map[string]*v1.Pod  // members by UID, as last seen
	lost       recent              // UIDs of members that went away
	hinted     recent              // UIDs of plain pods whose owners were told what they lack
	leavers    []string            // UIDs of members to drop from pods after what is to be done about them is sent
	schedulers []string            // the names of this process's profiles
	missing    map[string]gang.Key // members that left their nodes, by UID
	claimless  claimless
	deadline   time.Duration // for which a gang may be bound in part
	repairHold time.Duration // for which the room of a lost member is kept
	dryBind    func(ctx context.Context, pod *v1.Pod, node string) error

	touched  func([]gang.Key) // is told of the gangs about which something changed; may be nil
	courier  *courier
	kept     *kept
	waits    *waits
	marks    *marks
	observer *observer
}

func newGangs(ctx context.Context, h fwk.Handle) *Gangs {
	g := &Gangs{clock: clock.RealClock{}, roster: gang.NewRoster(1), pods: map[string]*v1.Pod{}, missing: map[string]gang.Key{}, kept: newKept(), waits: newWaits(), observer: newObserver()}
	g.courier, g.marks = newCourier(ctx, h, g), newMarks(g, h.ClientSet())
	go g.courier.run(ctx)
	go g.marks.run(ctx)
	return g
}

// StartBy sets how long a gang may be bound in part, and whether it is left so
// after that instead of rolled back. The profile that comes last decides.
func (g *Gangs) StartBy(deadline time.Duration, keep bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.deadline = deadline
	g.roster.SetKeep(keep)
}

// RepairWithin sets how long the room of a member that its gang lost is kept for
// another; 0 for not at all. The profile that comes last decides.
func (g *Gangs) RepairWithin(hold time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.repairHold = hold
}

// ActivateWith sets how pods are sent for, if not through the framework. It is
// for the start.
func (g *Gangs) ActivateWith(activate func(klog.Logger, map[string]*v1.Pod)) {
	g.courier.activate = activate
}

// ProveWith sets how a binding is tried dry.
func (g *Gangs) ProveWith(try func(ctx context.Context, pod *v1.Pod, node string) error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dryBind = try
}

// Serve adds a profile whose pods can be members. maxMembers is the largest
// minimum that a gang may state, >= 1; the profile that comes last decides.
func (g *Gangs) Serve(profile string, maxMembers int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.roster.SetMaxMembers(maxMembers)
	if !slices.Contains(g.schedulers, profile) {
		g.schedulers = append(g.schedulers, profile)
	}
}

// Lead lets what is to be told be told from now on, and tells what was to be
// told before. freed is called when room that was kept for planned members is
// free for others, with who is to be tried again: no event of the cluster says so.
func (g *Gangs) Lead(freed func(who func(*v1.Pod) bool)) {
	g.courier.lead(freed)
	var keys []gang.Key
	g.do(func(r *gang.Roster) (todo []gang.Action) {
		keys, todo = r.Retell()
		return append(todo, r.Deadlines()...)
	})
	for _, key := range keys {
		g.courier.noticeLater(key)
	}
	g.marks.lead(keys)
}

// do runs f on the roster and hands its answer to the courier.
func (g *Gangs) do(f func(r *gang.Roster) []gang.Action) {
	g.mu.Lock()
	todo := f(g.roster)
	for _, a := range todo {
		if a.Kind == gang.Keep { // now, so that it is not kept when the gang has gone
			g.keepLost(a.Gang, g.pods[a.UID])
		}
	}
	touched := g.roster.Touched()
	for _, key := range touched {
		status, exists := g.roster.Status(key)
		g.observer.see(key, status, exists, g.clock.Now())
		if !exists {
			g.waits.end(key)
		}
		if status.State != gang.Repairing && !g.isMissing(key) && g.kept.dropLost(key) {
			todo = append(todo, gang.Action{Kind: gang.Freed})
		}
	}
	jobs := make([]job, 0, len(todo))
	for _, a := range todo {
		if pod := g.pods[a.UID]; pod != nil || a.UID == "" {
			jobs = append(jobs, job{action: a, pod: pod})
			switch a.Kind {
			case gang.Activate:
				g.waits.summoned(pod)
			case gang.RolledBack:
				metrics.Rollbacks.Inc()
			}
		}
	}
	for _, uid := range g.leavers {
		delete(g.pods, uid)
	}
	g.leavers = nil
	g.mu.Unlock()
	g.courier.send(jobs)
	g.marks.touch(touched)
	if g.touched != nil {
		g.touched(touched)
	}
}

// see records a pod as the API has it.
func (g *Gangs) see(pod *v1.Pod) {
	key, m, ok := MemberOf(pod)
	uid := string(pod.UID)
	if !ok {
		g.unlabelled(pod)
		g.hint(pod)
		return
	}
	if gone(pod) {
		g.lose(uid)
		if pod.Status.Phase == v1.PodFailed && pod.DeletionTimestamp == nil { // who is deleted often ends so
			g.fail(key, pod)
		}
		return
	}
	g.do(func(r *gang.Roster) []gang.Action {
		if !slices.Contains(g.schedulers, pod.Spec.SchedulerName) {
			return nil // another scheduler's pod
		}
		// The queue hears of updates and deletions later than the informer does,
		// and may ask about a pod as it was before.
		known := g.pods[uid]
		if known != nil && older(pod, known) || m.Phase != gang.Done && g.lost.has(uid) {
			return nil
		}
		g.pods[uid] = pod
		if len(pod.Spec.ResourceClaims) > 0 && m.Blocked == "" {
			m.Blocked = g.claimless.see(pod)
		}
		todo := r.Observe(key, m)
		if known != nil && m.Phase == gang.Pending && known.Generation != pod.Generation {
			todo = append(todo, r.Reconsider(uid)...) // its spec changed, a toleration perhaps
		}
		return todo
	})
}

// recent is a set of the last UIDs that were added.
type recent struct {
	set   map[string]bool
	order []string
}

// recentKept is how many there are at most: more than pods go away in the
// moment by which the queue is late.
const recentKept = 1 << 16

func (r *recent) has(uid string) bool { return r.set[uid] }

func (r *recent) add(uid string) {
	if r.set == nil {
		r.set = map[string]bool{}
	}
	if r.set[uid] {
		return
	}
	r.set[uid] = true
	if r.order = append(r.order, uid); len(r.order) > recentKept {
		delete(r.set, r.order[0])
		r.order = r.order[1:]
	}
}

func older(a, b *v1.Pod) bool {
	order, err := resourceversion.CompareResourceVersion(a.ResourceVersion, b.ResourceVersion)
	return err == nil && order < 0
}

// unlabelled keeps a member in its gang whose labels were taken away: what it
// joined with counts.
func (g *Gangs) unlabelled(pod *v1.Pod) {
	g.mu.Lock()
	old := g.pods[string(pod.UID)]
	g.mu.Unlock()
	if old == nil {
		return
	}
	joined := pod.DeepCopy()
	joined.Labels, joined.Annotations = old.Labels, old.Annotations
	g.see(joined)
}

// hint tells the owner of a plain pod, once, that it states a minimum for nothing.
func (g *Gangs) hint(pod *v1.Pod) {
	if _, stated := pod.Annotations[gang.MinAnnotation]; !stated || gone(pod) || g.courier.leading() == nil {
		return
	}
	g.mu.Lock()
	uid := string(pod.UID)
	news := slices.Contains(g.schedulers, pod.Spec.SchedulerName) && g.pods[uid] == nil && !g.hinted.has(uid)
	if news {
		g.hinted.add(uid)
	}
	g.mu.Unlock()
	if news {
		g.courier.tell(pod, "InvalidGangMember", fmt.Sprintf("annotation %s: does nothing without the label %s: this pod is scheduled alone", gang.MinAnnotation, gang.NameLabel))
	}
}

func (g *Gangs) lose(uid string) {
	g.kept.dropSlot(uid)
	var key gang.Key
	g.do(func(r *gang.Roster) []gang.Action {
		if g.pods[uid] != nil {
			key, _ = r.Gang(uid)
			g.lost.add(uid)
			g.leavers = append(g.leavers, uid)
		}
		delete(g.missing, uid)
		g.claimless.forget(uid)
		g.waits.forget(types.UID(uid))
		return r.Forget(uid)
	})
	if key != (gang.Key{}) {
		g.courier.noticeLater(key) // those that are left may be too few
	}
}

// fail records a pod that has failed, and exists.
func (g *Gangs) fail(key gang.Key, pod *v1.Pod) {
	g.do(func(r *gang.Roster) []gang.Action {
		if !slices.Contains(g.schedulers, pod.Spec.SchedulerName) {
			return nil
		}
		return r.Failed(key, string(pod.UID))
	})
}

// seeGroup records what a PodGroup states.
func (g *Gangs) seeGroup(key gang.Key, group *gang.Group) {
	g.do(func(r *gang.Roster) []gang.Action { return r.SetGroup(key, group) })
	g.courier.noticeLater(key) // its members may still be too few
}

func (g *Gangs) loseGroup(key gang.Key) {
	g.do(func(r *gang.Roster) []gang.Action { return r.SetGroup(key, nil) })
	g.courier.noticeLater(key)
}

// seeJob records a Job, which may be a controller of members.
func (g *Gangs) seeJob(job *jobObject) {
	g.do(func(r *gang.Roster) []gang.Action { return r.SetJob(string(job.UID), &job.job) })
}

func (g *Gangs) loseJob(job *jobObject) {
	g.do(func(r *gang.Roster) []gang.Action { return r.SetJob(string(job.UID), nil) })
}

// status returns what is known of a gang.
func (g *Gangs) status(key gang.Key) (gang.Status, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.roster.Status(key)
}

// vanish records that the scheduler's pod informer no longer lists a pod. It
// leaves out pods that have ended, so a member that ran may have succeeded; the
// informer of succeeded members says so within limbo.
func (g *Gangs) vanish(pod *v1.Pod) {
	uid := string(pod.UID)
	switch seen, known := g.lastSeen(uid); {
	case !known:
	case seen == gang.Pending:
		g.lose(uid)
	case seen == gang.Bound:
		g.Missing(pod)
		time.AfterFunc(limbo, func() {
			switch seen, known := g.lastSeen(uid); {
			case known && seen != gang.Done:
				g.lose(uid)
			case known && g.found(uid):
				g.courier.send([]job{{action: gang.Action{Kind: gang.Freed}}})
			}
		})
	}
}

// Missing keeps the room of a member that left its node, if its gang needs
// another in its place: others see the room already.
func (g *Gangs) Missing(pod *v1.Pod) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if uid := string(pod.UID); g.roster.Needed(uid) {
		key, _ := g.roster.Gang(uid)
		g.missing[uid] = key
		g.keepLost(key, g.pods[uid])
	}
}

// isMissing reports whether a gang counts a member that left its node, until it
// is known how it ended. The lock is held.
func (g *Gangs) isMissing(key gang.Key) bool {
	for _, k := range g.missing {
		if k == key {
			return true
		}
	}
	return false
}

// found ends what Missing began for a member that has succeeded, and reports
// whether room was kept in its place.
func (g *Gangs) found(uid string) bool {
	g.mu.Lock()
	delete(g.missing, uid)
	g.mu.Unlock()
	return g.kept.drop(uid)
}

// limbo is how long one informer may be behind the other.
const limbo = 2 * time.Second

// lastSeen returns a member's phase as the API had it last; known is false for
// no member.
func (g *Gangs) lastSeen(uid string) (p gang.Phase, known bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if pod := g.pods[uid]; pod != nil {
		return phase(pod), true
	}
	return gang.Pending, false
}

// podHandler feeds the roster from the scheduler's own pod informer.
func (g *Gangs) podHandler() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { g.see(o.(*v1.Pod)) },
		UpdateFunc: func(old, o any) {
			if old, pod := old.(*v1.Pod), o.(*v1.Pod); old.UID != pod.UID {
				g.vanish(old) // the watch broke, and missed that one went and another of the name came
			}
			g.see(o.(*v1.Pod))
		},
		DeleteFunc: func(o any) {
			if pod, ok := LastKnown[*v1.Pod](o); ok {
				g.vanish(pod)
			}
		},
	}
}

// doneHandler feeds the roster from an informer of members that have ended.
func (g *Gangs) doneHandler() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { g.see(o.(*v1.Pod)) },
		UpdateFunc: func(old, o any) {
			if old, pod := old.(*v1.Pod), o.(*v1.Pod); old.UID != pod.UID {
				g.lose(string(old.UID))
			}
			g.see(o.(*v1.Pod))
		},
		DeleteFunc: func(o any) {
			if pod, ok := LastKnown[*v1.Pod](o); ok {
				g.lose(string(pod.UID))
			}
		},
	}
}

// LastKnown returns the object of a delete event, also when the event itself was missed.
func LastKnown[T any](o any) (T, bool) {
	if t, ok := o.(cache.DeletedFinalStateUnknown); ok {
		o = t.Obj
	}
	obj, ok := o.(T)
	return obj, ok
}
