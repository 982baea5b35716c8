package ganggate

import (
	"context"
	"slices"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/backend/queue"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	order "github.com/muster-scheduler/muster/pkg/queue"
)

// Anteroom is a scheduling queue with a room before it, in which members stay
// that the gate would not let in. In the queue itself they would be gated all
// the same, but every event of the cluster would walk past each of them: beside
// 100 waiting gangs of 1,000, plain pods were scheduled at a twentieth of their rate.
//
// It decides nothing: the gate is asked, and the roster sends for those who may
// enter. Members that fail later stay in the queue.
type Anteroom struct {
	queue.SchedulingQueue
	gangs Members

	mu   sync.Mutex // is held while the gate is asked: nobody is sent for in between
	held map[types.UID]*v1.Pod
	stop chan struct{}
}

// Members are those that wait, and those that went away.
type Members interface {
	Gangs
	// Missing is told of a pod that has left its node.
	Missing(pod *v1.Pod)
	// Heeds reports whether it can matter to a pod that waits in the queue that
	// another got a node.
	Heeds(pod *v1.Pod) bool
}

// sweepPeriod is how often the gate is asked again about everybody, as the queue
// itself does with those who fail: a net under the roster.
const sweepPeriod = 5 * time.Minute

// NewAnteroom returns a queue with an anteroom.
func NewAnteroom(inner queue.SchedulingQueue, gangs Members) *Anteroom {
	return &Anteroom{SchedulingQueue: inner, gangs: gangs, held: map[types.UID]*v1.Pod{}, stop: make(chan struct{})}
}

// Add implements queue.SchedulingQueue.
func (a *Anteroom) Add(ctx context.Context, pod *v1.Pod) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.admit(ctx, pod)
}

// admit lets a pod in, or keeps it. The lock is held until it is in, so that no
// update overtakes it.
func (a *Anteroom) admit(ctx context.Context, pod *v1.Pod) {
	if enter, _ := a.gangs.Admit(pod); !enter {
		a.held[pod.UID] = pod
		// In the words of the queue, for those who listen to it.
		klog.FromContext(ctx).V(5).Info("Entity moved to an internal scheduling queue, because it is gated",
			"type", fwk.PodKeyType, "entity", klog.KObj(pod), "event", framework.EventUnscheduledPodAdd.Label(), "queue", "Anteroom")
		return
	}
	delete(a.held, pod.UID)
	a.SchedulingQueue.Add(ctx, pod)
}

// Update implements queue.SchedulingQueue. What a member's new version changes
// for its gang, the roster hears by itself.
func (a *Anteroom) Update(ctx context.Context, old, pod *v1.Pod) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.held[pod.UID] != nil:
		a.held[pod.UID] = pod
	case a.held[old.UID] != nil: // that one is gone, and another of its name has come
		delete(a.held, old.UID)
		a.admit(ctx, pod)
	default:
		a.SchedulingQueue.Update(ctx, old, pod)
	}
}

// Delete implements queue.SchedulingQueue.
func (a *Anteroom) Delete(logger klog.Logger, pod *v1.Pod) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.held, pod.UID)
	a.SchedulingQueue.Delete(logger, pod)
}

// Activate implements queue.SchedulingQueue. The first that comes in may have its
// turn before the next does, so they come in the order of the queue.
func (a *Anteroom) Activate(logger klog.Logger, pods map[string]*v1.Pod) {
	ctx := klog.NewContext(context.Background(), logger)
	within := make(map[string]*v1.Pod, len(pods))
	var enter []*v1.Pod
	a.mu.Lock()
	for key, pod := range pods {
		if held := a.held[pod.UID]; held == nil {
			within[key] = pod
		} else if ok, _ := a.gangs.Admit(held); ok {
			enter = append(enter, held)
		}
	}
	slices.SortFunc(enter, func(p, q *v1.Pod) int {
		first, _ := a.gangs.Rank(p.UID)
		second, _ := a.gangs.Rank(q.UID)
		return order.Compare(first, second)
	})
	for _, pod := range enter {
		delete(a.held, pod.UID)
		a.SchedulingQueue.Add(ctx, pod)
	}
	a.mu.Unlock()
	if len(within) > 0 {
		a.SchedulingQueue.Activate(logger, within)
	}
}

// MoveAllToActiveOrBackoffQueue implements queue.SchedulingQueue. Before anybody
// is told that a pod has left its node, its gang may keep the room. When one got
// a node, which happens for every pod that is scheduled, only those are asked to
// whom it can matter: the question costs the queue many times the answer.
func (a *Anteroom) MoveAllToActiveOrBackoffQueue(logger klog.Logger, event fwk.ClusterEvent, old, now any, check queue.PreEnqueueCheck) {
	if pod, ok := old.(*v1.Pod); ok && event.Resource == fwk.AssignedPod && event.ActionType == fwk.Delete {
		a.gangs.Missing(pod)
	}
	if event.Resource == fwk.AssignedPod && event.ActionType == fwk.Add {
		all := check
		check = func(pod *v1.Pod) bool { return a.gangs.Heeds(pod) && (all == nil || all(pod)) }
	}
	a.SchedulingQueue.MoveAllToActiveOrBackoffQueue(logger, event, old, now, check)
}

// PendingPods implements queue.SchedulingQueue.
func (a *Anteroom) PendingPods() ([]*v1.Pod, string) {
	pods, summary := a.SchedulingQueue.PendingPods()
	return append(pods, a.all()...), summary
}

// UnschedulablePods implements queue.SchedulingQueue.
func (a *Anteroom) UnschedulablePods() []*v1.Pod {
	return append(a.SchedulingQueue.UnschedulablePods(), a.all()...)
}

func (a *Anteroom) all() []*v1.Pod {
	a.mu.Lock()
	defer a.mu.Unlock()
	pods := make([]*v1.Pod, 0, len(a.held))
	for _, pod := range a.held {
		pods = append(pods, pod)
	}
	return pods
}

// Run implements queue.SchedulingQueue.
func (a *Anteroom) Run(logger klog.Logger) {
	a.SchedulingQueue.Run(logger)
	go wait.Until(func() {
		for _, pod := range a.all() {
			if enter, _ := a.gangs.Admit(pod); enter {
				a.Activate(logger, map[string]*v1.Pod{string(pod.UID): pod})
			}
		}
	}, sweepPeriod, a.stop)
}

// Close implements queue.SchedulingQueue.
func (a *Anteroom) Close() {
	close(a.stop)
	a.SchedulingQueue.Close()
}
