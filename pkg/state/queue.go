package state

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/backend/queue"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/utils/clock"

	"github.com/muster-scheduler/muster/pkg/journal"
)

// Queue is a scheduling queue of whose moves a journal is told. The queue itself says
// each of them in its log, under its lock and with the event; that is listened to, for
// there is no other way to learn why a pod was moved.
type Queue struct {
	queue.SchedulingQueue
	journal *journal.Journal
	clock   clock.PassiveClock
	backoff Backoff
}

// Backoff is how long a pod is kept from its next attempt: First after the first
// refusal, twice as long after each further one, Most at most.
type Backoff struct{ First, Most time.Duration }

// after returns for how long a pod is kept that was refused so many times.
func (b Backoff) after(refusals int) time.Duration {
	d := b.First
	for ; refusals > 1 && d < b.Most; refusals-- {
		d *= 2
	}
	return min(d, b.Most)
}

// NewQueue returns a queue that tells a journal.
func NewQueue(inner queue.SchedulingQueue, j *journal.Journal, b Backoff) *Queue {
	return &Queue{SchedulingQueue: inner, journal: j, clock: clock.RealClock{}, backoff: b}
}

// Add implements queue.SchedulingQueue. Pods that have a node come for another reason.
func (q *Queue) Add(ctx context.Context, pod *v1.Pod) {
	if pod.Spec.NodeName == "" {
		q.came(pod)
	}
	q.SchedulingQueue.Add(klog.NewContext(ctx, q.ear(klog.FromContext(ctx)).logger()), pod)
}

func (q *Queue) came(pod *v1.Pod) {
	q.journal.Came(q.clock.Now(), nameOf(pod), string(pod.UID), corev1helpers.PodPriority(pod))
}

// Update implements queue.SchedulingQueue.
func (q *Queue) Update(ctx context.Context, old, pod *v1.Pod) {
	if pod.Spec.NodeName == "" && (old == nil || old.UID != pod.UID) {
		q.came(pod)
	}
	q.SchedulingQueue.Update(klog.NewContext(ctx, q.ear(klog.FromContext(ctx)).logger()), old, pod)
}

// Delete implements queue.SchedulingQueue. The queue is told so of pods that were
// bound as well, after it heard of the pod that has a node.
func (q *Queue) Delete(logger klog.Logger, pod *v1.Pod) {
	q.SchedulingQueue.Delete(logger, pod)
	q.gone(pod)
}

func (q *Queue) gone(pod *v1.Pod) {
	q.journal.Moved(q.clock.Now(), nameOf(pod), string(pod.UID), journal.Gone, journal.Cause{Event: framework.EventUnscheduledPodDelete.Label()})
}

// Activate implements queue.SchedulingQueue. Whom a gate kept outside until now comes as
// if new.
func (q *Queue) Activate(logger klog.Logger, pods map[string]*v1.Pod) {
	e := q.ear(logger)
	e.event = framework.ForceActivate
	q.SchedulingQueue.Activate(e.logger(), pods)
}

// Pop implements queue.SchedulingQueue. The turn of a pod that is being deleted ends at
// once.
func (q *Queue) Pop(logger klog.Logger) (framework.QueuedEntityInfo, error) {
	entity, err := q.SchedulingQueue.Pop(logger)
	if err == nil && entity != nil {
		entity.ForEachPodInfo(func(info *framework.QueuedPodInfo) bool {
			q.journal.Tried(q.clock.Now(), nameOf(info.Pod), string(info.Pod.UID))
			if info.Pod.DeletionTimestamp != nil {
				q.gone(info.Pod)
			}
			return true
		})
	}
	return entity, err
}

// AddUnschedulablePodIfNotPresent implements queue.SchedulingQueue.
func (q *Queue) AddUnschedulablePodIfNotPresent(logger klog.Logger, info *framework.QueuedPodInfo, cycle int64) error {
	// Read before the queue has it back, and others may change it.
	refusals, plugins := info.UnschedulableCount+1, info.UnschedulablePlugins.Union(info.PendingPlugins).UnsortedList()
	if len(plugins) == 0 {
		refusals = info.ConsecutiveErrorsCount + 1
	}
	slices.Sort(plugins)
	e := q.ear(logger)
	e.refusedBy = strings.Join(plugins, ",")
	now := q.clock.Now()
	// The queue tells times of back-off by the second.
	q.journal.Refused(now, nameOf(info.Pod), string(info.Pod.UID), e.refusedBy, now.Add(q.backoff.after(refusals)).Truncate(time.Second))
	return q.SchedulingQueue.AddUnschedulablePodIfNotPresent(e.logger(), info, cycle)
}

// MoveAllToActiveOrBackoffQueue implements queue.SchedulingQueue.
func (q *Queue) MoveAllToActiveOrBackoffQueue(logger klog.Logger, event fwk.ClusterEvent, old, now any, check queue.PreEnqueueCheck) {
	if pod, ok := now.(*v1.Pod); ok && event.Resource == fwk.AssignedPod && event.ActionType == fwk.Add {
		q.journal.Moved(q.clock.Now(), nameOf(pod), string(pod.UID), journal.Bound, journal.Cause{Event: event.Label(), Object: "Node " + pod.Spec.NodeName})
	}
	e := q.ear(logger)
	if e.about = now; now == nil {
		e.about = old
	}
	q.SchedulingQueue.MoveAllToActiveOrBackoffQueue(e.logger(), event, old, now, check)
}

// Run implements queue.SchedulingQueue.
func (q *Queue) Run(logger klog.Logger) { q.SchedulingQueue.Run(q.ear(logger).logger()) }

// OnFailure returns a handler of failed attempts that tells the journal what was said
// of the pod, and has the given one do the rest.
func (q *Queue) OnFailure(next scheduler.FailureHandlerFn) scheduler.FailureHandlerFn {
	return func(ctx context.Context, fw framework.Framework, info *framework.QueuedPodInfo, status *fwk.Status, nominating *fwk.NominatingInfo, start time.Time) {
		q.journal.Said(nameOf(info.Pod), string(info.Pod.UID), status.Message())
		next(ctx, fw, info, status, nominating, start)
	}
}

// movesLevel is the most detailed level at which the queue logs its moves.
const movesLevel = 5

// ear hears what the queue logs in one call, under the queue's lock, and passes on what
// the logger would have taken.
type ear struct {
	logr.LogSink // which is not initialised by us a second time
	to           klog.Logger
	q            *Queue
	about        any    // the object of the event at hand, or nil
	object       string // its name, once that was asked for
	event        string // of the call, instead of a pod's coming; empty if that is what it is
	refusedBy    string // of the attempt at hand
	heard        bool
}

func (q *Queue) ear(to klog.Logger) *ear {
	sink := to.GetSink()
	switch deeper := sink.(type) {
	case nil:
		sink = silence{}
	case logr.CallDepthLogSink:
		sink = deeper.WithCallDepth(1)
	}
	return &ear{LogSink: sink, to: to, q: q}
}

// silence is the sink of a logger that has none.
type silence struct{}

func (silence) Init(logr.RuntimeInfo)          {}
func (silence) Enabled(int) bool               { return false }
func (silence) Info(int, string, ...any)       {}
func (silence) Error(error, string, ...any)    {}
func (silence) WithName(string) logr.LogSink   { return silence{} }
func (silence) WithValues(...any) logr.LogSink { return silence{} }

func (e *ear) logger() klog.Logger { return e.to.WithSink(e) }

// Init implements logr.LogSink.
func (e *ear) Init(logr.RuntimeInfo) {}

// Enabled implements logr.LogSink.
func (e *ear) Enabled(level int) bool { return level <= movesLevel || e.takes(level) }

func (e *ear) takes(level int) bool { return e.LogSink.Enabled(level) }

// Info implements logr.LogSink.
func (e *ear) Info(level int, message string, values ...any) {
	e.hear(message, values)
	if e.takes(level) {
		e.LogSink.Info(level, message, values...)
	}
}

// hear tells the journal of a move, if a message is about one. Two are about moves that
// were told already, when another may have taken the pod from where it was put: the last one
// of a failed attempt, unless it is the only one, and that about an update.
func (e *ear) hear(message string, values []any) {
	ofAttempt := strings.HasPrefix(message, "Pod moved")
	if !ofAttempt && !strings.HasPrefix(message, "Entity moved") || ofAttempt && e.heard || strings.HasSuffix(message, "because the Pod is updated") {
		return
	}
	var ref klog.ObjectRef
	var event, place string
	for i := 0; i+1 < len(values); i += 2 {
		switch values[i] {
		case "pod", "entity":
			ref, _ = values[i+1].(klog.ObjectRef)
		case "event":
			event, _ = values[i+1].(string)
		case "queue":
			place, _ = values[i+1].(string)
		}
	}
	to := placeOf(place)
	if strings.HasSuffix(message, "because it is gated") {
		to = journal.Gated
	}
	if ref.Name == "" || to == 0 {
		return
	}
	e.heard = true
	if event == journal.Arrival && e.event != "" {
		event = e.event
	}
	if e.object == "" && e.about != nil {
		e.object = objectOf(e.about)
	}
	e.q.journal.Moved(e.q.clock.Now(), journal.Name{Namespace: ref.Namespace, Name: ref.Name}, "", to, journal.Cause{Event: event, Object: e.object, RefusedBy: e.refusedBy})
}

// placeOf is a place by the queue's name for it.
func placeOf(queue string) journal.Place {
	switch queue {
	case "Active":
		return journal.Active
	case "Backoff":
		return journal.Backoff
	case "Unschedulable":
		return journal.Unschedulable
	}
	return 0
}

// objectOf names an object by kind, namespace and name.
func objectOf(about any) string {
	object, ok := about.(metav1.Object)
	if !ok {
		return ""
	}
	kind := fmt.Sprintf("%T", about)
	kind = kind[strings.LastIndexByte(kind, '.')+1:]
	if object.GetNamespace() == "" {
		return kind + " " + object.GetName()
	}
	return kind + " " + object.GetNamespace() + "/" + object.GetName()
}

func nameOf(pod *v1.Pod) journal.Name {
	return journal.Name{Namespace: pod.Namespace, Name: pod.Name}
}
