package snapshot

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	st "k8s.io/kubernetes/pkg/scheduler/testing"

	"github.com/muster-scheduler/muster/pkg/gang"
)

// handle is as much of a framework as the courier needs.
type handle struct {
	fwk.Handle
	client kubernetes.Interface

	mu        sync.Mutex
	activated map[types.UID]int
	nominated map[types.UID]string
	waiting   map[types.UID]*waitingPod
}

type waitingPod struct {
	fwk.WaitingPod
	said chan string
}

func (w *waitingPod) Allow(string) { w.say("allowed") }
func (w *waitingPod) Reject(_, why string) bool {
	w.say("rejected: " + why)
	return true
}

func (w *waitingPod) say(what string) {
	select {
	case w.said <- what:
	default: // the first word counts
	}
}

func newHandle() *handle {
	return &handle{
		client: fake.NewClientset(), activated: map[types.UID]int{},
		nominated: map[types.UID]string{}, waiting: map[types.UID]*waitingPod{},
	}
}

func (h *handle) ClientSet() kubernetes.Interface { return h.client }

func (h *handle) Activate(_ klog.Logger, pods map[string]*v1.Pod) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range pods {
		h.activated[p.UID]++
	}
}

func (h *handle) AddNominatedPod(_ klog.Logger, pi fwk.PodInfo, info *fwk.NominatingInfo) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.nominated[pi.GetPod().UID] = info.NominatedNodeName
}

func (h *handle) DeleteNominatedPodIfExists(pod *v1.Pod) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.nominated, pod.UID)
}

func (h *handle) GetWaitingPod(uid types.UID) fwk.WaitingPod {
	h.mu.Lock()
	defer h.mu.Unlock()
	if w := h.waiting[uid]; w != nil {
		return w
	}
	return nil // not a nil *waitingPod in an interface
}

// stand puts a pod to Permit.
func (h *handle) stand(uid types.UID) *waitingPod {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting[uid] = &waitingPod{said: make(chan string, 1)}
	return h.waiting[uid]
}

func member(gangName string, i, minimum int) *v1.Pod {
	name := fmt.Sprintf("%s-%d", gangName, i)
	return st.MakePod().Namespace("ns").Name(name).UID(name).SchedulerName("muster").
		Label(gang.NameLabel, gangName).Annotation(gang.MinAnnotation, fmt.Sprint(minimum)).Obj()
}

func newTestGangs(t *testing.T) (*Gangs, *handle) {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	h := newHandle()
	g := newGangs(ctx, h)
	g.Serve("muster", 100)
	return g, h
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), time.Millisecond, 10*time.Second, true, func(context.Context) (bool, error) {
		return condition(), nil
	})
	if err != nil {
		t.Fatalf("waiting for %s: %v", what, err)
	}
}

// TestWordsReachMembersThatComeToPermitLate: a release or a rejection may be
// decided a moment before its member stands at Permit.
func TestWordsReachMembersThatComeToPermitLate(t *testing.T) {
	tests := map[string]struct {
		then func(g *Gangs, last *v1.Pod)
		want string
	}{
		"the minimum is lowered to what is held": {
			func(g *Gangs, _ *v1.Pod) {
				g.do(func(r *gang.Roster) []gang.Action { return r.SetGroup(groupKey, &gang.Group{Spec: gang.Spec{Min: 1}}) })
			},
			"allowed",
		},
		"a planned member goes away": {
			func(g *Gangs, last *v1.Pod) { g.lose(string(last.UID)) },
			"rejected: gang ns/g: 1 of 2 members exist",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			g, h := newTestGangs(t)
			g.do(func(r *gang.Roster) []gang.Action { return r.SetGroup(groupKey, &gang.Group{Spec: gang.Spec{Min: 2}}) })
			a, b := member("g", 0, 2), member("g", 1, 2)
			for _, p := range []*v1.Pod{a, b} {
				p.Labels = map[string]string{gang.PodGroupLabel: "g"}
				g.Admit(p)
			}
			if _, _, ok := g.Commit(groupKey, a, nil, gang.Placement{"g-0": "n", "g-1": "n"}, gang.Sequence{}); !ok {
				t.Fatal("the plan was not taken")
			}
			g.Reserve(a.UID, "n")
			if wait, ok := g.Permit(a.UID); !wait || !ok {
				t.Fatal("the member does not wait")
			}
			tc.then(g, b)
			if got := <-h.stand(a.UID).said; got != tc.want {
				t.Errorf("the member was %s, want %s", got, tc.want)
			}
		})
	}
}

var groupKey = gang.Key{Namespace: "ns", Name: "g", Source: gang.PodGroup}

// TestStandbyTellsNobodyUntilItLeads: two replicas must not tell everything twice.
func TestStandbyTellsNobodyUntilItLeads(t *testing.T) {
	g, h := newTestGangs(t)
	bad := member("bad", 0, 0)
	g.Admit(bad)
	told := func() (times int32) {
		list, err := h.client.CoreV1().Events("ns").List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list.Items {
			times += e.Count
		}
		return times
	}
	freed := make(chan bool, 1)
	g.Lead(func(func(*v1.Pod) bool) { freed <- true })
	eventually(t, "the event of the member that was refused before", func() bool { return told() > 0 })
	// Who gives a plan up says that the room is free.
	a, b := member("g", 0, 2), member("g", 1, 2)
	g.Admit(a)
	g.Admit(b)
	if _, _, ok := g.Commit(gang.Key{Namespace: "ns", Name: "g"}, a, nil, gang.Placement{"g-0": "n", "g-1": "n"}, gang.Sequence{}); !ok {
		t.Fatal("the plan was not taken")
	}
	g.lose("g-1")
	<-freed
	if times := told(); times != 1 {
		t.Errorf("the member's owner was told %d times, want once", times)
	}
}

// TestGangsAreSafeForConcurrentUse lives many gangs at once, as the queue, the
// informers and the scheduling loop do. The race detector is the judge; in the
// end nothing is nominated for pods that are gone.
func TestGangsAreSafeForConcurrentUse(t *testing.T) {
	g, h := newTestGangs(t)
	g.Lead(func(func(*v1.Pod) bool) {})
	var wg sync.WaitGroup
	for n := range 8 {
		name := fmt.Sprint("g", n)
		pods := []*v1.Pod{member(name, 0, 3), member(name, 1, 3), member(name, 2, 3)}
		wg.Go(func() { // the queue
			for range 50 {
				for _, p := range pods {
					g.Admit(p)
					g.Rank(p.UID)
				}
			}
		})
		wg.Go(func() { // the informers
			for range 50 {
				for _, p := range pods {
					g.see(p)
				}
			}
			for _, p := range pods {
				g.lose(string(p.UID))
			}
		})
		wg.Go(func() { // the loop
			for range 50 {
				for _, p := range pods {
					turn, members := g.Take(p)
					if turn.Kind != gang.Try {
						continue
					}
					slots := gang.Placement{}
					for _, m := range members {
						slots[string(m.UID)] = "n"
					}
					g.Commit(turn.Gang, p, members, slots, gang.Sequence{})
					h.DeleteNominatedPodIfExists(p) // as the framework does when it assumes the pod
					g.Reserve(p.UID, "n")
					g.Permit(p.UID)
					g.Unreserve(p.UID)
				}
			}
		})
	}
	wg.Wait()
	eventually(t, "the nominations to end", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		left := []string{}
		for uid := range h.nominated {
			if g.Slot(uid) == "" {
				left = append(left, string(uid))
			}
		}
		return strings.Join(left, "") == ""
	})
}
