package snapshot

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-scheduler/muster/pkg/gang"
)

const (
	// markDelay is for how long the members of a gang are left as they are marked after
	// something changed about it.
	markDelay = time.Second
	// markRate is how many writes there may be in a second, about all members, and
	// markBurst how many of them at once.
	markRate, markBurst = 100, 200
	// markTurn is how many members of one gang are marked before other gangs have a turn.
	markTurn = 100
)

// marks has members say that more nodes would have a place for them: the condition
// PodScheduled is False with the reason Unschedulable. By that autoscalers choose for whom
// they add nodes. The framework would say so of the one member by which a gang was
// tried, whatever it was refused for, and a node for that one is of no use.
//
// So all members that a gang needs say it, or none (see gang.Roster.Calls): one write each when
// that begins, and one when it ends without a node. What is said is compared with what the
// API has; that the verdict changes meanwhile is written at the representative alone.
type marks struct {
	gangs  *Gangs
	client kubernetes.Interface
	clock  clock.PassiveClock
	queue  workqueue.TypedRateLimitingInterface[gang.Key]
	limit  flowcontrol.RateLimiter

	mu        sync.Mutex
	on        bool
	leads     bool
	forbidden bool // that was said
}

func newMarks(g *Gangs, client kubernetes.Interface) *marks {
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[gang.Key](reportRetryFirst, reportRetryLast)
	return &marks{
		gangs:  g,
		client: client,
		clock:  g.clock,
		queue:  workqueue.NewTypedRateLimitingQueueWithConfig(limiter, workqueue.TypedRateLimitingQueueConfig[gang.Key]{Name: "member_conditions"}),
		limit:  flowcontrol.NewTokenBucketRateLimiter(markRate, markBurst),
	}
}

// MarkMembers says whether it is told of all members that a gang needs, or only of the
// representative, that more nodes would help. The profile that comes last decides.
func (g *Gangs) MarkMembers(on bool) {
	g.marks.mu.Lock()
	defer g.marks.mu.Unlock()
	g.marks.on = on
}

// marked reports whether PodScheduled of members is ours to write.
func (m *marks) marked() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.on
}

// lead lets members be marked from now on.
func (m *marks) lead(keys []gang.Key) {
	m.mu.Lock()
	m.leads = true
	m.mu.Unlock()
	m.touch(keys)
}

// touch has the members of gangs looked at.
func (m *marks) touch(keys []gang.Key) {
	m.mu.Lock()
	active := m.on && m.leads
	m.mu.Unlock()
	if !active {
		return
	}
	for _, key := range keys {
		m.queue.AddAfter(key, markDelay)
	}
}

func (m *marks) run(ctx context.Context) {
	stop := context.AfterFunc(ctx, m.queue.ShutDown)
	defer stop()
	for {
		key, end := m.queue.Get()
		if end {
			return
		}
		if err := m.mark(ctx, key); err != nil {
			klog.FromContext(ctx).Error(err, "Writing the condition PodScheduled of a member", "gang", key)
			m.queue.AddRateLimited(key)
		} else {
			m.queue.Forget(key)
		}
		m.queue.Done(key)
	}
}

// mark writes what members are not marked as they should be.
func (m *marks) mark(ctx context.Context, key gang.Key) error {
	todo := m.gangs.unlike(key)
	if len(todo) > markTurn {
		todo = todo[:markTurn]
		m.queue.AddAfter(key, markDelay) // when the API has told of these
	}
	for _, w := range todo {
		if m.limit.Wait(ctx) != nil {
			return nil // the process ends
		}
		patch, err := json.Marshal(w.patch(m.clock.Now()))
		if err != nil {
			return err
		}
		_, err = m.client.CoreV1().Pods(w.pod.Namespace).Patch(ctx, w.pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{FieldManager: fieldManager}, "status")
		switch {
		case apierrors.IsForbidden(err):
			m.forbid(ctx, err)
			return nil
		case gonePod(err): // or has changed: then it is looked at again
		case err != nil:
			return err
		}
	}
	return nil
}

func (m *marks) forbid(ctx context.Context, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.forbidden {
		klog.FromContext(ctx).Error(err, "Not allowed to write conditions of pods: grant patch on pods/status, as manifests/install/rbac.yaml does")
	}
	m.forbidden = true
}

// marking is what is to be written about a member: that more nodes would help it, in
// words; or, if these are empty, that nothing is known of that.
type marking struct {
	pod  *v1.Pod
	says string
}

// patch names the version of the pod: it must not have got a node meanwhile.
func (w marking) patch(now time.Time) map[string]any {
	condition := map[string]any{"type": v1.PodScheduled}
	if w.says == "" {
		condition["$patch"] = "delete"
	} else {
		since := metav1.NewTime(now)
		if c := scheduledCondition(w.pod); c != nil && c.Status == v1.ConditionFalse {
			since = c.LastTransitionTime
		}
		condition["status"], condition["reason"], condition["message"] = v1.ConditionFalse, v1.PodReasonUnschedulable, w.says
		condition["lastTransitionTime"], condition["observedGeneration"] = since, w.pod.Generation
	}
	return map[string]any{
		"metadata": map[string]any{"uid": w.pod.UID, "resourceVersion": w.pod.ResourceVersion},
		"status":   map[string]any{"conditions": []any{condition}},
	}
}

// unlike returns the members of a gang that are not marked as they should be, the
// representative first.
func (g *Gangs) unlike(key gang.Key) (todo []marking) {
	g.mu.Lock()
	defer g.mu.Unlock()
	calls, settled := g.roster.Calls(key)
	if !settled {
		return nil
	}
	status, _ := g.roster.Status(key)
	speaker := g.roster.Representative(key)
	for uid, called := range calls {
		pod := g.pods[uid]
		if pod == nil {
			continue
		}
		is, says := scheduledCondition(pod), ""
		if called {
			says = markedWith(key) + " does not fit; its events say why"
		}
		if called && pod.Name == speaker {
			says = message(status.Why)
		}
		switch marked := is != nil && is.Status == v1.ConditionFalse && is.Reason == v1.PodReasonUnschedulable; {
		case called != marked, called && pod.Name == speaker && is.Message != says:
			todo = append(todo, marking{pod, says})
		}
	}
	slices.SortFunc(todo, func(a, b marking) int {
		first := func(w marking) int {
			if w.pod.Name == speaker {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(first(a), first(b)), cmp.Compare(a.pod.Name, b.pod.Name))
	})
	return todo
}

// markedWith begins the words of all marks of a gang's members. Of a member that is
// refused for itself, the framework says how many nodes there are first.
func markedWith(key gang.Key) string { return fmt.Sprintf("gang %s", key) }

func scheduledCondition(pod *v1.Pod) *v1.PodCondition {
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.Type == v1.PodScheduled {
			return c
		}
	}
	return nil
}
