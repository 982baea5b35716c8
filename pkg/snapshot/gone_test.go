package snapshot

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/muster-scheduler/muster/pkg/gang"
)

// An informer whose watch broke tells of a pod that went and of another of its
// name as of one that changed.
func TestAPodOfTheSameNameIsAnother(t *testing.T) {
	g, _ := newTestGangs(t)
	old, now := member("g", 0, 2), member("g", 0, 2)
	now.UID = "anew"
	g.podHandler().OnAdd(old, false)
	g.podHandler().OnUpdate(old, now)
	if st, _ := g.status(gang.Key{Namespace: "ns", Name: "g"}); st.Pods != 1 {
		t.Errorf("the gang has %d pods, want 1: %s has gone", st.Pods, old.UID)
	}
}

// Members that cannot be deleted must not keep those of other gangs from it.
func TestEvictionsDoNotWaitForThoseThatFail(t *testing.T) {
	g, h := newTestGangs(t)
	h.client.(*fake.Clientset).PrependReactor("*", "pods", func(a clienttesting.Action) (bool, runtime.Object, error) {
		if p, ok := a.(clienttesting.PatchAction); ok && strings.HasPrefix(p.GetName(), "stuck") {
			return true, nil, apierrors.NewInternalError(errors.New("a webhook says no"))
		}
		return false, nil, nil
	})
	g.Lead(func(func(*v1.Pod) bool) {})
	for i := range 2 * evictParallelism {
		g.courier.evict(t.Context(), member("stuck", i, 2), "why")
	}
	eventually(t, "the first evictions to fail", func() bool {
		names := map[string]bool{}
		for _, a := range h.client.(*fake.Clientset).Actions() {
			if p, ok := a.(clienttesting.PatchAction); ok {
				names[p.GetName()] = true
			}
		}
		return len(names) >= evictParallelism
	})
	good := member("good", 0, 2)
	if _, err := h.client.CoreV1().Pods("ns").Create(t.Context(), good, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	g.courier.evict(t.Context(), good, "why")
	eventually(t, "the eviction of another gang's member", func() bool {
		_, err := h.client.CoreV1().Pods("ns").Get(t.Context(), good.Name, metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
}

// A gang that goes away whole leaves nothing kept: nobody takes its members' places.
func TestNoRoomIsKeptForAGangThatIsGone(t *testing.T) {
	g, _ := newTestGangs(t)
	g.RepairWithin(1 << 40)
	var pods []*v1.Pod
	for i := range 3 {
		pod := member("g", i, 3)
		pod.OwnerReferences = []metav1.OwnerReference{{UID: "job", Controller: new(true)}}
		pod.Spec.NodeName = fmt.Sprint("n", i)
		pods = append(pods, pod)
		g.see(pod)
	}
	g.lose(string(pods[0].UID))
	if g.kept.empty() {
		t.Error("no room is kept for the one that takes the place")
	}
	for _, pod := range pods[1:] {
		g.lose(string(pod.UID))
	}
	if !g.kept.empty() {
		t.Error("room is kept for a gang that is gone")
	}
}

// A pod can go away while its gang is planned.
func TestNothingIsRememberedOfAnAttemptByAPodThatIsGone(t *testing.T) {
	g, _ := newTestGangs(t)
	pod, key := member("g", 0, 1), gang.Key{Namespace: "ns", Name: "g"}
	g.see(pod)
	a := g.Attempt(key, pod, 1)
	g.lose(string(pod.UID))
	a.Refused(gang.Verdict{}, nil, nil)
	if n := len(g.waits.gangs); n > 0 || !g.waits.wakes.Idle() {
		t.Errorf("%d gangs are remembered, idle is %v", n, g.waits.wakes.Idle())
	}
}

// A member that may not be marked is deleted all the same.
func TestAMarkThatIsRefusedDoesNotKeepAMember(t *testing.T) {
	g, h := newTestGangs(t)
	pod := member("g", 0, 2)
	if _, err := h.client.CoreV1().Pods("ns").Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	h.client.(*fake.Clientset).PrependReactor("patch", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(v1.Resource("pods/status"), pod.Name, errors.New("a policy says no"))
	})
	g.Lead(func(func(*v1.Pod) bool) {})
	if err := g.courier.deleteMember(t.Context(), pod, "why"); err != nil {
		t.Errorf("it is not deleted: %v", err)
	}
}

// A pod stays in the gang that it joined, whatever its labels say later.
func TestRoomOfAnotherGangIsNotTaken(t *testing.T) {
	g, _ := newTestGangs(t)
	g.RepairWithin(time.Hour)
	for i := range 2 {
		pod := member("g", i, 2)
		pod.OwnerReferences = []metav1.OwnerReference{{UID: "job", Controller: new(true)}}
		pod.Spec.NodeName = "n"
		g.see(pod)
	}
	g.lose("g-0")
	stranger := member("h", 0, 1)
	g.see(stranger)
	changed := stranger.DeepCopy()
	changed.Labels[gang.NameLabel] = "g"
	g.see(changed)
	g.Reserve(stranger.UID, "n")
	if g.kept.empty() {
		t.Error("a member of another gang took the room that is kept")
	}
}
