package snapshot

import (
	"context"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	typedv1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/muster-scheduler/muster/pkg/gang"
)

const (
	// noticeDelay is how long a gang may be incomplete before its owner is told.
	// Members and PodGroup are rarely created in one instant.
	noticeDelay = 2 * time.Second
	// noticePause is the shortest time from one notice about a gang to the next. The
	// recorder of events makes those after the tenth in ten minutes one event, and lets no
	// more than 25 at once, and then one in five minutes, through about one object.
	noticePause = 5 * time.Second
	// permitRetry is how soon a word is passed again to a member that is reserved
	// but does not stand at Permit yet; it gets there within one cycle.
	permitRetry = 5 * time.Millisecond
	// againFirst is how soon a member that was planned anew is sent for; the
	// delay doubles until againLast, because its cycle may take long to end.
	againFirst, againLast = 10 * time.Millisecond, 5 * time.Second
	// restFirst is how long a gang rests whose plan broke; the time doubles with
	// every plan that breaks in a row, until restLast.
	restFirst, restLast = time.Second, time.Minute
)

// PermitPlugin is the name under which members wait at Permit.
const PermitPlugin = "GangPlan"

// job is one thing to be done: an action, or a look at what to tell a gang's owner.
type job struct {
	action gang.Action
	pod    *v1.Pod
	notice *gang.Key
	tries  int // how often it was in vain
}

// courier carries out the roster's answers, in order, on a goroutine of its
// own: they take the queue's lock, under which the roster may be asked.
type courier struct {
	handle  fwk.Handle
	gangs   *Gangs
	events  record.EventRecorder
	wake    chan struct{}
	evictor chan struct{} // one element per eviction under way

	mu    sync.Mutex
	freed func(who func(*v1.Pod) bool) // set when this process schedules; a standby tells nobody anything
	jobs  []job
	// activate lets pods try to enter the queue.
	activate func(klog.Logger, map[string]*v1.Pod)
	notices  map[gang.Key]bool // those that will come
	evicted  map[types.UID]bool
}

// newCourier returns a courier. It has an event recorder of its own: the
// framework's takes two events with one reason for one, and keeps the first text
// when the number of members that are missing changes.
func newCourier(ctx context.Context, h fwk.Handle, g *Gangs) *courier {
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	broadcaster.StartRecordingToSink(&typedv1.EventSinkImpl{Interface: h.ClientSet().CoreV1().Events("")})
	return &courier{
		handle:   h,
		activate: h.Activate,
		gangs:    g,
		events:   broadcaster.NewRecorder(scheme.Scheme, v1.EventSource{Component: "muster"}),
		wake:     make(chan struct{}, 1),
		notices:  map[gang.Key]bool{},
		evicted:  map[types.UID]bool{},
		evictor:  make(chan struct{}, evictParallelism),
	}
}

// send takes jobs over. Room that is kept no more is given up at once, since the
// caller may be about to plan anew. What a standby has to tell is dropped: when
// it leads, it is told from the start.
func (c *courier) send(jobs []job) {
	for _, j := range jobs {
		if j.notice == nil && j.action.Kind == gang.Unslot {
			c.gangs.kept.drop(string(j.pod.UID))
		}
	}
	c.mu.Lock()
	before := len(c.jobs)
	for _, j := range jobs {
		if j.notice == nil && (j.action.Kind == gang.Unslot || j.action.Kind == gang.Tell && c.freed == nil) {
			continue
		}
		c.jobs = append(c.jobs, j)
	}
	sent := len(c.jobs) > before
	c.mu.Unlock()
	if !sent {
		return
	}
	select {
	case c.wake <- struct{}{}:
	default: // it is awake already
	}
}

// noticeLater has the owner of a gang told what it waits for, if it still does
// after a while.
func (c *courier) noticeLater(key gang.Key) { c.noticeAfter(key, noticeDelay) }

func (c *courier) noticeAfter(key gang.Key, delay time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.notices[key] {
		return
	}
	c.notices[key] = true
	time.AfterFunc(delay, func() { c.send([]job{{notice: &key}}) })
}

func (c *courier) run(ctx context.Context) {
	logger := klog.FromContext(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
		c.mu.Lock()
		jobs, activate := c.jobs, c.activate
		c.jobs = nil
		c.mu.Unlock()

		sent := map[string]*v1.Pod{}
		for _, j := range jobs {
			if j.notice == nil && j.action.Kind == gang.Activate {
				sent[string(j.pod.UID)] = j.pod
				continue
			}
			c.carryOut(ctx, j)
		}
		if len(sent) > 0 {
			activate(logger, sent)
		}
	}
}

func (c *courier) carryOut(ctx context.Context, j job) {
	if j.notice != nil {
		c.mu.Lock()
		delete(c.notices, *j.notice)
		c.mu.Unlock()
		if c.leading() == nil {
			return
		}
		pod, why, tried := c.gangs.notice(*j.notice)
		if why == "" || pod == nil {
			return
		}
		c.noticeAfter(*j.notice, noticePause)
		about := "WaitingForGang"
		if tried {
			about = "FailedScheduling"
		} else {
			c.tell(pod, about, why)
		}
		if job := jobRef(pod); job != nil {
			c.events.Event(job, v1.EventTypeWarning, about, why)
		}
		return
	}
	switch j.action.Kind {
	case gang.Rest:
		time.AfterFunc(min(restLast, restFirst<<min(j.action.Round-1, 10)), func() {
			c.gangs.do(func(r *gang.Roster) []gang.Action { return r.Wake(j.action.Gang, j.action.Round) })
		})
	case gang.Freed:
		if freed := c.leading(); freed != nil {
			freed(func(pod *v1.Pod) bool { return !c.gangs.waitsForRoom(pod) })
			c.gangs.roomGivenUp()
		}
	case gang.Tell:
		c.tell(j.pod, "InvalidGangMember", j.action.Why)
	case gang.Deadline:
		c.deadline(j.action.Gang, j.action.Round)
	case gang.Prove:
		go c.prove(ctx, j.action.Gang, j.action.Round)
	case gang.Evict:
		c.evict(ctx, j.pod, j.action.Why)
	case gang.Allow:
		c.allow(j)
	case gang.Reject:
		c.reject(j)
	}
}

// allow ends a member's wait for its gang.
func (c *courier) allow(j job) {
	if waiting := c.handle.GetWaitingPod(j.pod.UID); waiting != nil {
		waiting.Allow(PermitPlugin)
		return
	}
	// It may have passed without waiting: then it is bound soon, or loses its node.
	// It may as well be late, however long: a word that is lost leaves a gang in pieces.
	if c.gangs.released(j.pod.UID) {
		pause := permitRetry << min(j.tries, 8)
		j.tries++
		time.AfterFunc(pause, func() { c.send([]job{j}) })
	}
}

// reject has a member give its node back, unless it did so by itself meanwhile.
func (c *courier) reject(j job) {
	if !c.gangs.leaving(j.pod.UID) {
		return
	}
	if waiting := c.handle.GetWaitingPod(j.pod.UID); waiting != nil {
		waiting.Reject(PermitPlugin, j.action.Why)
		return
	}
	time.AfterFunc(permitRetry, func() { c.send([]job{j}) })
}

// again sends for a pod until it has used its slot or lost it. The cycle in
// which the pod was planned anew ends as a failed one, and only after that can
// the pod be sent for.
func (c *courier) again(pod *v1.Pod, after time.Duration) {
	time.AfterFunc(after, func() {
		if c.gangs.Slot(pod.UID) == "" || after > againLast {
			return
		}
		c.send([]job{{action: gang.Action{Kind: gang.Activate, UID: string(pod.UID)}, pod: pod}})
		c.again(pod, 2*after)
	})
}

// lead lets what is to be told be told.
func (c *courier) lead(freed func(who func(*v1.Pod) bool)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.freed = freed
}

// leading returns what to call when room is free, nil for a standby.
func (c *courier) leading() func(who func(*v1.Pod) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.freed
}

// jobRef returns the Job that made a pod, whose owner looks there for what becomes of it;
// nil if none did.
func jobRef(pod *v1.Pod) *v1.ObjectReference {
	owner := metav1.GetControllerOf(pod)
	if !isJob(owner) {
		return nil
	}
	return &v1.ObjectReference{APIVersion: owner.APIVersion, Kind: owner.Kind, Namespace: pod.Namespace, Name: owner.Name, UID: owner.UID}
}

func (c *courier) tell(pod *v1.Pod, reason, why string) {
	c.events.Event(pod, v1.EventTypeWarning, reason, why)
}

// announce tells what is no reason to worry.
func (c *courier) announce(pod *v1.Pod, reason, what string) {
	c.events.Event(pod, v1.EventTypeNormal, reason, what)
}
