package ganggate

import (
	"context"
	"slices"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/backend/queue"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	st "k8s.io/kubernetes/pkg/scheduler/testing"

	order "github.com/muster-scheduler/muster/pkg/queue"
)

// inner is a queue that remembers who came in.
type inner struct {
	queue.SchedulingQueue
	in    []types.UID
	asked []types.UID // about the last event, of a, b and c
}

func (q *inner) Add(_ context.Context, pod *v1.Pod)       { q.in = append(q.in, pod.UID) }
func (q *inner) Update(_ context.Context, _, pod *v1.Pod) { q.in = append(q.in, pod.UID) }
func (q *inner) Delete(klog.Logger, *v1.Pod)              {}
func (q *inner) MoveAllToActiveOrBackoffQueue(_ klog.Logger, _ fwk.ClusterEvent, _, _ any, check queue.PreEnqueueCheck) {
	q.asked = nil
	for _, uid := range []string{"a", "b", "c"} {
		if check == nil || check(pod(uid)) {
			q.asked = append(q.asked, types.UID(uid))
		}
	}
}
func (q *inner) UnschedulablePods() []*v1.Pod { return nil }

// doors lets in whom it names.
type doors map[types.UID]bool

func (d doors) Admit(pod *v1.Pod) (bool, string) { return d[pod.UID], "" }

func (doors) Missing(*v1.Pod) {}

func (d doors) Heeds(pod *v1.Pod) bool { return d[pod.UID] }

func (d doors) Rank(uid types.UID) (order.Key, bool) {
	return order.Key{UID: string(uid)}, d[uid]
}

func pod(uid string) *v1.Pod { return st.MakePod().Namespace("ns").Name("p").UID(uid).Obj() }

// An informer whose watch broke tells of a pod that went and of another of its
// name as of one that changed.
func TestAPodOfTheSameNameIsAnother(t *testing.T) {
	for _, tc := range []struct {
		name string
		open doors
		in   []types.UID
		held int
	}{
		{"which may enter", doors{"new": true}, []types.UID{"new"}, 0},
		{"which may not", doors{}, nil, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			q := &inner{}
			a := NewAnteroom(q, tc.open)
			a.Add(t.Context(), pod("old"))
			a.Update(t.Context(), pod("old"), pod("new"))
			if held := a.UnschedulablePods(); !slices.Equal(q.in, tc.in) || len(held) != tc.held || tc.held == 1 && held[0].UID != "new" {
				t.Errorf("in the queue are %v, before it %d pods; want %v and %d", q.in, len(held), tc.in, tc.held)
			}
			a.Delete(klog.Background(), pod("new"))
			if held := a.UnschedulablePods(); len(held) > 0 {
				t.Errorf("%d pods are held that are gone", len(held))
			}
		})
	}
}

// The members of a plan come in the order in which they are to be tried: the
// first may have its turn before the others are there.
func TestMembersComeInInOrder(t *testing.T) {
	q, open, sent := &inner{}, doors{}, map[string]*v1.Pod{}
	a := NewAnteroom(q, open)
	want := []types.UID{}
	for i := range 20 {
		p := pod(string(rune('a' + i)))
		a.Add(t.Context(), p)
		want, sent[string(p.UID)] = append(want, p.UID), p
	}
	for _, uid := range want {
		open[uid] = true
	}
	a.Activate(klog.Background(), sent)
	if !slices.Equal(q.in, want) {
		t.Errorf("they came in as %v, want %v", q.in, want)
	}
}

// Whoever waits for room is not asked about a pod that takes some, which is what
// happens most often of all: each question costs more than the answer.
func TestWhoWaitsForRoomIsNotAskedAboutPodsThatTakeIt(t *testing.T) {
	q := &inner{}
	a := NewAnteroom(q, doors{"b": true, "c": true})
	notC := func(pod *v1.Pod) bool { return pod.UID != "c" }
	for _, tc := range []struct {
		name  string
		event fwk.ClusterEvent
		check queue.PreEnqueueCheck
		want  []types.UID
	}{
		{"a pod is placed", framework.EventAssignedPodAdd, nil, []types.UID{"b", "c"}},
		{"a pod is placed, of interest to some", framework.EventAssignedPodAdd, notC, []types.UID{"b"}},
		{"a pod goes", framework.EventAssignedPodDelete, notC, []types.UID{"a", "b"}},
		{"a label of a pod that is placed changes", fwk.ClusterEvent{Resource: fwk.AssignedPod, ActionType: fwk.UpdatePodLabel}, nil, []types.UID{"a", "b", "c"}},
	} {
		a.MoveAllToActiveOrBackoffQueue(klog.Background(), tc.event, nil, pod("x"), tc.check)
		if !slices.Equal(q.asked, tc.want) {
			t.Errorf("%s: asked %v, want %v", tc.name, q.asked, tc.want)
		}
	}
}
