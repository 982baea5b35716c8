package seed

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	"github.com/muster-scheduler/muster/pkg/image"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newNode(name, cpu string) *v1.Node {
	return &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"zone": "a"}},
		Status: v1.NodeStatus{
			Allocatable: v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu), v1.ResourcePods: resource.MustParse("110")},
			NodeInfo:    v1.NodeSystemInfo{KubeletVersion: "v1.37.1", OperatingSystem: "linux"},
		},
	}
}

// newPod is a pod that asks for so much, on a node unless that is empty.
func newPod(name, node, cpu string) *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)},
		Spec: v1.PodSpec{NodeName: node, SchedulerName: "muster", Containers: []v1.Container{{
			Name: "main", Image: "registry.example/" + name + ":v1",
			Resources: v1.ResourceRequirements{Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu)}},
		}}},
	}
}

// ending has a pod end at a time.
func ending(pod *v1.Pod, at time.Time) *v1.Pod {
	start, deadline := metav1.NewTime(epoch), int64(at.Sub(epoch).Seconds())
	pod.Status.StartTime, pod.Spec.ActiveDeadlineSeconds = &start, &deadline
	return pod
}

func roomsOf(nodes []*v1.Node, pods ...*v1.Pod) *rooms {
	r := newRooms()
	for _, pod := range pods {
		r.podHandler().OnAdd(pod, true)
	}
	for _, n := range nodes {
		r.nodeHandler().OnAdd(n, true)
	}
	return r
}

func anyNode(*v1.Node) bool { return true }

func TestFreeIsWhatIsLeft(t *testing.T) {
	t.Parallel()
	held, moved := newPod("held", "a", "3"), newPod("moved", "", "2")
	r := roomsOf([]*v1.Node{newNode("a", "4"), newNode("b", "4"), newNode("c", "500m")}, held, moved)
	check := func(when string, want ...image.Place) {
		t.Helper()
		if diff := cmp.Diff(want, r.free(newPod("new", "", "1"), anyNode)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	check("at first", image.Place{Node: "b", Room: 4}, image.Place{Node: "a", Room: 1})

	bound := moved.DeepCopy()
	bound.Spec.NodeName = "b"
	r.podHandler().OnUpdate(moved, bound)
	check("once a pod has a node", image.Place{Node: "b", Room: 2}, image.Place{Node: "a", Room: 1})

	r.podHandler().OnDelete(cache.DeletedFinalStateUnknown{Key: "default/held", Obj: held})
	check("once one is gone", image.Place{Node: "a", Room: 4}, image.Place{Node: "b", Room: 2})

	r.nodeHandler().OnDelete(newNode("b", "4"))
	check("without a node", image.Place{Node: "a", Room: 4})

	r.nodeHandler().OnAdd(newNode("b", "8"), false)
	check("once it is back, with its pods", image.Place{Node: "b", Room: 6}, image.Place{Node: "a", Room: 4})

	r.nodeHandler().OnDelete(newNode("b", "8"))
	r.podHandler().OnDelete(bound)
	if len(r.nodes) != 2 {
		t.Errorf("%d nodes are kept, want a and c: b is gone with all its pods", len(r.nodes))
	}
}

func TestLikelyAreTheFreeThenTheFirstToEndThenTheEmptiest(t *testing.T) {
	t.Parallel()
	pods := []*v1.Pod{
		ending(newPod("late", "late", "4"), epoch.Add(time.Hour)),
		ending(newPod("soon", "soon", "4"), epoch.Add(time.Minute)),
		newPod("full", "full", "4"), newPod("half", "half", "2"), newPod("little", "roomy", "1"),
		newPod("most", "tight", "2"),
		newPod("first", "both", "1"), newPod("second", "both", "3"),
	}
	crowded := newNode("crowded", "4") // a kubelet would refuse the pod that pulls
	crowded.Status.Allocatable[v1.ResourcePods] = resource.MustParse("1")
	pods = append(pods, newPod("only", "crowded", "4"))
	gone := metav1.NewTime(epoch.Add(30 * time.Second))
	pods[7].DeletionTimestamp = &gone // ends before all, and one ends with it that is too small
	ending(pods[6], epoch.Add(time.Second))
	r := roomsOf([]*v1.Node{
		newNode("late", "4"), newNode("soon", "4"), newNode("full", "4"), newNode("half", "4"), newNode("roomy", "8"),
		newNode("tight", "5"), newNode("both", "4"), newNode("small", "2"), crowded,
	}, pods...)
	got := r.likely(newPod("member", "", "3"), 100, anyNode, endsOf(pods))
	want := []image.Place{
		{Node: "roomy", Room: 2}, {Node: "tight", Room: 1}, // free
		{Node: "both", Room: 1}, {Node: "soon", Room: 1}, {Node: "late", Room: 1}, // by their ends
		{Node: "half", Room: 1}, {Node: "full", Room: 1}, // by what is in use
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("likely (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[:3], r.likely(newPod("member", "", "3"), 4, anyNode, endsOf(pods))); diff != "" {
		t.Errorf("likely for four (-want +got):\n%s", diff)
	}
	if got := r.likely(newPod("huge", "", "9"), 1, anyNode, endsOf(pods)); len(got) != 0 {
		t.Errorf("a pod that fits no node is likely to get %v", got)
	}
}
