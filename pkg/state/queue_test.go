package state

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/backend/queue"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/metrics"
	"k8s.io/utils/clock"

	"github.com/muster-scheduler/muster/pkg/journal"
	"github.com/muster-scheduler/muster/pkg/plugins/queueorder"
	rank "github.com/muster-scheduler/muster/pkg/queue"
)

// TestMoves tells stories of kube-scheduler's own queue: each step is followed by the
// moves that the journal heard of.
func TestMoves(t *testing.T) {
	metrics.Register()
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		synctest.Test(t, func(t *testing.T) {
			var s *story
			defer func() { s.end() }()
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				switch {
				case d.Cmd == "new": // another queue
					if s != nil {
						s.end()
					}
					s = newStory(t)
				default:
					s.step(t, d)
				}
				synctest.Wait()
				return s.heard()
			})
		})
	})
}

// story is a queue, with a clock that runs when everybody waits, in which nodes, and what is bound to them, can help pods that the
// plugin "Fit" refused, and which the plugin "Gate" keeps closed to pods whose name
// begins with "gated".
type story struct {
	ctx    context.Context
	end    func()
	began  time.Time
	q      *Queue
	taken  map[string]*framework.QueuedPodInfo
	open   bool // the gate
	next   uint64
	resist bool // no event helps
}

func newStory(t *testing.T) *story {
	_, ctx := ktesting.NewTestContext(t)
	ctx, cancel := context.WithCancel(ctx)
	s := &story{ctx: ctx, began: clock.RealClock{}.Now(), taken: map[string]*framework.QueuedPodInfo{}}
	helps := func(klog.Logger, *v1.Pod, any, any) (fwk.QueueingHint, error) {
		if s.resist {
			return fwk.QueueSkip, nil
		}
		return fwk.Queue, nil
	}
	hints := queue.QueueingHintMap{}
	for _, event := range []fwk.ClusterEvent{{Resource: fwk.Node, ActionType: fwk.Add}, {Resource: fwk.AssignedPod, ActionType: fwk.Delete}} {
		hints[event] = []*queue.QueueingHintFunction{{PluginName: "Fit", QueueingHintFn: helps}, {PluginName: "Gate", QueueingHintFn: helps}}
	}
	inner := queue.NewPriorityQueue(queueorder.New(noGangs{}).Less, informers.NewSharedInformerFactory(fake.NewClientset(), 0),
		queue.WithMetricsRecorder(metrics.NewMetricsAsyncRecorder(1000, time.Minute, ctx.Done())),
		queue.WithQueueingHintMapPerProfile(queue.QueueingHintMapPerProfile{"muster": hints}),
		queue.WithPreEnqueuePluginMap(map[string]map[string]fwk.PreEnqueuePlugin{"muster": {"Gate": s}}))
	s.next = 1
	s.q = NewQueue(inner, journal.New(100), Backoff{First: time.Second, Most: 10 * time.Second})
	s.q.Run(klog.FromContext(ctx))
	s.end = func() {
		s.q.Close()
		cancel()
		synctest.Wait()
	}
	return s
}

// noGangs has every pod be a plain one.
type noGangs struct{}

func (noGangs) Rank(types.UID) (rank.Key, bool) { return rank.Key{}, false }

// Name and PreEnqueue make the story the plugin "Gate".
func (s *story) Name() string { return "Gate" }

func (s *story) PreEnqueue(_ context.Context, pod *v1.Pod) *fwk.Status {
	if strings.HasPrefix(pod.Name, "gated") && !s.open {
		return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "the gate is closed")
	}
	return nil
}

func (s *story) step(t *testing.T, d *datadriven.TestData) {
	logger, name := klog.FromContext(s.ctx), ""
	if len(d.CmdArgs) > 0 {
		name = d.CmdArgs[0].Key
	}
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(name)}, Spec: v1.PodSpec{SchedulerName: "muster"}}
	for _, arg := range d.CmdArgs[min(1, len(d.CmdArgs)):] {
		switch arg.Key {
		case "uid":
			pod.UID = types.UID(arg.Vals[0])
		case "priority":
			priority, err := strconv.ParseInt(arg.Vals[0], 10, 32)
			if err != nil {
				t.Fatal(err)
			}
			pod.Spec.Priority = new(int32(priority))
		}
	}
	node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}}
	switch d.Cmd {
	case "add":
		s.q.Add(s.ctx, pod)
	case "update":
		s.q.Update(s.ctx, pod, pod)
	case "delete":
		s.q.Delete(logger, pod)
	case "pop":
		entity, err := s.q.Pop(logger)
		if err != nil {
			t.Fatal(err)
		}
		info := entity.(*framework.QueuedPodInfo)
		s.taken[info.Pod.Name] = info
	case "refuse", "fail": // by Fit, or by an error
		info := s.taken[name]
		info.UnschedulablePlugins = sets.New[string]()
		if d.Cmd == "refuse" {
			info.UnschedulablePlugins.Insert("Fit")
		}
		if err := s.q.AddUnschedulablePodIfNotPresent(logger, info, s.q.SchedulingCycle()); err != nil {
			t.Fatal(err)
		}
	case "bind":
		pod.Spec.NodeName = "n1"
		s.q.MoveAllToActiveOrBackoffQueue(logger, framework.EventAssignedPodAdd, nil, pod, nil)
		s.q.Done(pod.UID)
		pod.Spec.NodeName = ""
		s.q.Delete(logger, pod)
	case "close":
		s.open = false
	case "quota":
		s.q.MoveAllToActiveOrBackoffQueue(logger, fwk.ClusterEvent{Resource: fwk.PersistentVolumeClaim, ActionType: fwk.Add}, nil, nil, nil)
	case "node":
		s.q.MoveAllToActiveOrBackoffQueue(logger, fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add}, nil, node, nil)
	case "given-up":
		s.q.MoveAllToActiveOrBackoffQueue(logger, fwk.ClusterEvent{Resource: fwk.WildCard, ActionType: fwk.All, CustomLabel: "RoomGivenUp"}, nil, nil,
			func(p *v1.Pod) bool { return p.Name == name })
	case "pod-gone":
		s.q.MoveAllToActiveOrBackoffQueue(logger, framework.EventAssignedPodDelete, pod, nil, nil)
	case "activate":
		s.q.Activate(logger, map[string]*v1.Pod{"ns/" + name: pod})
	case "open":
		s.open = true
	case "nothing-helps":
		s.resist = true
	case "pass":
		d, err := time.ParseDuration(name)
		if err != nil {
			t.Fatal(err)
		}
		clock.RealClock{}.Sleep(d) // of the story's clock
	default:
		t.Fatalf("unknown step %s", d.Cmd)
	}
}

// heard returns the moves since it was last asked.
func (s *story) heard() string {
	steps, next, _, _ := s.q.journal.Steps(s.next)
	s.next = next
	var lines []string
	for _, step := range steps {
		line := fmt.Sprintf("%.1f s %s: %s by %s", step.At.Sub(s.began).Seconds(), step.Name.Name, step.Place, step.Event)
		if step.Object != "" {
			line += " of " + step.Object
		}
		if step.RefusedBy != "" {
			line += ", refused by " + step.RefusedBy
		}
		if e, ok := s.q.journal.Pod(step.Name); ok && step.Event == framework.ScheduleAttemptFailure {
			line += fmt.Sprintf(", back-off until %.0f s", e.BackoffUntil.Sub(s.began).Seconds())
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// TestSilentLogger: the queue may log, and log errors, to a logger that says nothing.
func TestSilentLogger(t *testing.T) {
	j := journal.New(1)
	name := journal.Name{Namespace: "ns", Name: "train"}
	j.Came(clock.RealClock{}.Now(), name, "u", 0)
	logger := NewQueue(nil, j, Backoff{}).ear(klog.Logger{}).logger()
	klog.LoggerWithName(logger, "errors").Error(nil, "The queue is closed")
	logger.Error(nil, "The queue is closed")
	logger.V(5).Info("Entity moved to an internal scheduling queue", "entity", klog.KRef("ns", "train"), "event", "NodeAdd", "queue", "Active")
	if e, ok := j.Pod(name); !ok || e.Place != journal.Active {
		t.Errorf("the journal heard %v, want that the pod is Active", e)
	}
}

// BenchmarkQueue is what the journal adds to the queue's own work: for a pod that is
// bound at its first attempt, and for an event that helps none of many that wait.
func BenchmarkQueue(b *testing.B) {
	metrics.Register()
	for _, journalled := range []bool{false, true} {
		queueOf := func(b *testing.B, hints queue.QueueingHintMap) queue.SchedulingQueue {
			inner := queue.NewPriorityQueue(queueorder.New(noGangs{}).Less, informers.NewSharedInformerFactory(fake.NewClientset(), 0),
				queue.WithMetricsRecorder(metrics.NewMetricsAsyncRecorder(1000, time.Second, b.Context().Done())),
				queue.WithQueueingHintMapPerProfile(queue.QueueingHintMapPerProfile{"muster": hints}))
			if journalled {
				return NewQueue(inner, journal.New(100_000), Backoff{First: time.Second, Most: 10 * time.Second})
			}
			return inner
		}
		logger := klog.Background()
		pod := func(i int) *v1.Pod {
			name := fmt.Sprint("pod-", i)
			return &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(name)}, Spec: v1.PodSpec{SchedulerName: "muster"}}
		}
		b.Run(fmt.Sprintf("bound/journal=%v", journalled), func(b *testing.B) {
			q := queueOf(b, nil)
			b.ReportAllocs()
			for i := range b.N {
				p := pod(i)
				q.Add(b.Context(), p)
				if _, err := q.Pop(logger); err != nil {
					b.Fatal(err)
				}
				bound := *p
				bound.Spec.NodeName = "n1"
				q.MoveAllToActiveOrBackoffQueue(logger, framework.EventAssignedPodAdd, nil, &bound, nil)
				q.Done(p.UID)
				q.Delete(logger, p)
			}
		})
		b.Run(fmt.Sprintf("event/waiting=1000/journal=%v", journalled), func(b *testing.B) {
			event := fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add}
			skip := func(klog.Logger, *v1.Pod, any, any) (fwk.QueueingHint, error) { return fwk.QueueSkip, nil }
			q := queueOf(b, queue.QueueingHintMap{event: {{PluginName: "Fit", QueueingHintFn: skip}}})
			for i := range 1000 {
				q.Add(b.Context(), pod(i))
				entity, err := q.Pop(logger)
				if err != nil {
					b.Fatal(err)
				}
				info := entity.(*framework.QueuedPodInfo)
				info.UnschedulablePlugins = sets.New("Fit")
				if err := q.AddUnschedulablePodIfNotPresent(logger, info, q.SchedulingCycle()); err != nil {
					b.Fatal(err)
				}
			}
			node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}}
			b.ReportAllocs()
			for b.Loop() {
				q.MoveAllToActiveOrBackoffQueue(logger, event, nil, node, nil)
			}
		})
	}
}
