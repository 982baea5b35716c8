package snapshot

import (
	"fmt"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	st "k8s.io/kubernetes/pkg/scheduler/testing"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/muster-scheduler/muster/pkg/image"
)

// shop is two nodes, one of which has an image of 400 MB.
type shop struct {
	*Images
	clock *testingclock.FakePassiveClock
	nodes []fwk.NodeInfo
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{Images: newImages(), clock: testingclock.NewFakePassiveClock(time.Unix(1e9, 0))}
	s.Images.clock = s.clock
	if err := s.Serve("muster", Pulls{Node: image.Puller{BytesPerSecond: 40e6, Parallel: 1, Eager: 1}}); err != nil {
		t.Fatal(err)
	}
	warm := st.MakeNode().Name("warm").Obj()
	warm.Status.Images = []v1.ContainerImage{{Names: []string{"reg.io/app:v1"}, SizeBytes: 400e6}}
	for _, node := range []*v1.Node{warm, st.MakeNode().Name("cold").Obj()} {
		s.nodeHandler().OnAdd(node, true)
		info := framework.NewNodeInfo()
		info.SetNode(node)
		s.nodes = append(s.nodes, info)
	}
	return s
}

// pod is one of the image, as old as the shop.
func (s *shop) pod(uid, node string, phase v1.PodPhase) *v1.Pod {
	pod := st.MakePod().Name(uid).UID(uid).SchedulerName("muster").Node(node).Phase(phase).Containers([]v1.Container{{Name: "c", Image: "reg.io/app:v1"}}).Obj()
	pod.CreationTimestamp = metav1.NewTime(s.clock.Now())
	return pod
}

// cold is what the image costs on the cold node, in seconds.
func (s *shop) cold() float64 {
	if e := s.Estimates(s.pod("asks", "", v1.PodPending), 0, s.nodes); e != nil {
		return e[1].Seconds
	}
	return 0
}

func TestPullsFollowThePods(t *testing.T) {
	backOff := func(pod *v1.Pod) *v1.Pod {
		pod.Status.ContainerStatuses = []v1.ContainerStatus{{State: v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}}}
		return pod
	}
	tests := map[string]struct {
		states func(s *shop) []*v1.Pod // of one pod; nil at the end for its deletion
		want   float64                 // seconds on the cold node, 4 s after the last of them
	}{
		"a pod without a node says nothing": {func(s *shop) []*v1.Pod { return []*v1.Pod{s.pod("p", "", v1.PodPending)} }, 10},
		"a bound pod is a pull under way, whoever bound it": {func(s *shop) []*v1.Pod {
			pod := s.pod("p", "cold", v1.PodPending)
			pod.Spec.SchedulerName = "default-scheduler"
			return []*v1.Pod{s.pod("p", "", v1.PodPending), pod}
		}, 6},
		"one that runs has its images": {func(s *shop) []*v1.Pod {
			return []*v1.Pod{s.pod("p", "cold", v1.PodPending), s.pod("p", "cold", v1.PodRunning)}
		}, 0},
		"also if it ran before anybody looked": {func(s *shop) []*v1.Pod { return []*v1.Pod{s.pod("p", "cold", v1.PodRunning)} }, 0},
		"and if it has ended a moment ago": {func(s *shop) []*v1.Pod {
			return []*v1.Pod{s.pod("p", "cold", v1.PodRunning), s.pod("p", "cold", v1.PodSucceeded)}
		}, 0},
		"one whose pull fails brings nothing": {func(s *shop) []*v1.Pod {
			return []*v1.Pod{s.pod("p", "cold", v1.PodPending), backOff(s.pod("p", "cold", v1.PodPending))}
		}, 10},
		"nor does one that is deleted": {func(s *shop) []*v1.Pod { return []*v1.Pod{s.pod("p", "cold", v1.PodPending), nil} }, 10},
		"nor one that has failed to start for long": {func(s *shop) []*v1.Pod {
			pod := s.pod("p", "cold", v1.PodPending)
			pod.CreationTimestamp = metav1.NewTime(s.clock.Now().Add(-time.Hour))
			return []*v1.Pod{pod}
		}, 10},
		"one of its name that is another takes over": {func(s *shop) []*v1.Pod {
			return []*v1.Pod{s.pod("p", "cold", v1.PodPending), s.pod("q", "", v1.PodPending)}
		}, 10},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			var before *v1.Pod
			for _, state := range tc.states(s) {
				s.podChanged(before, state)
				before = state
			}
			s.clock.SetTime(s.clock.Now().Add(4 * time.Second))
			if got := s.cold(); got != tc.want {
				t.Errorf("the image costs %v s, want %v", got, tc.want)
			}
			if before != nil {
				s.podChanged(before, nil)
				s.clock.SetTime(s.clock.Now().Add(time.Hour))
				if got := s.cold(); got != 10 {
					t.Errorf("an hour after the pod is gone the image costs %v s, want 10", got)
				}
			}
		})
	}
}

func TestAReservationIsExpectedUntilItIsUndone(t *testing.T) {
	s := newShop(t)
	pod := s.pod("p", "", v1.PodPending)
	s.Reserve(pod, "cold")
	if e, known := s.Expected(pod); !known || e.Bytes != 400e6 || e.Seconds != 10 {
		t.Errorf("Expected() = %+v, %v, want 400 MB in 10 s", e, known)
	}
	s.Unreserve(pod)
	if e, known := s.Expected(pod); !known || e.Bytes != 0 {
		t.Errorf("Expected() = %+v, %v after Unreserve, want nothing", e, known)
	}
	other := s.pod("o", "", v1.PodPending)
	other.Spec.SchedulerName = "default-scheduler"
	if s.Estimates(other, 0, s.nodes) != nil {
		t.Error("a profile without the plugin minds images")
	}
}

func TestNodesSayHowTheyPull(t *testing.T) {
	defaults := Pulls{Node: image.Puller{BytesPerSecond: 40e6, Parallel: 1, Eager: 1}, RackLabel: "rack"}
	tests := map[string]struct {
		labels map[string]string
		want   func(*image.Puller)
	}{
		"a node without labels pulls as the arguments say": {nil, func(*image.Puller) {}},
		"each label changes one thing": {
			map[string]string{BandwidthLabel: "80M", LinkLabel: "1G", PeersLabel: "200M", ParallelLabel: "4", LazyLabel: "0.1", "rack": "r1"},
			func(p *image.Puller) {
				*p = image.Puller{BytesPerSecond: 80e6, Link: 1e9, Peers: 200e6, Parallel: 4, Eager: 0.1, Rack: "r1"}
			},
		},
		"values that are none count as absent": {
			map[string]string{BandwidthLabel: "0", LinkLabel: "fast", ParallelLabel: "-1", LazyLabel: "2"}, func(*image.Puller) {},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			want := defaults.Node
			tc.want(&want)
			node := st.MakeNode().Name("n").Obj()
			node.Labels = tc.labels
			if got := defaults.of(node); got != want {
				t.Errorf("of() = %+v, want %+v", got, want)
			}
		})
	}
}

func TestProfilesPullInOneWay(t *testing.T) {
	s := newShop(t)
	err := s.Serve("other", Pulls{Node: image.Puller{BytesPerSecond: 80e6, Parallel: 1, Eager: 1}})
	if err == nil || !strings.Contains(err.Error(), "profile other") {
		t.Errorf("Serve() = %v, want an error that names the profile", err)
	}
}

// teach has five pods start on five nodes of a pool, and returns what was learnt.
func teach(t *testing.T, change func(pod *v1.Pod), age, takes time.Duration) []image.Learnt {
	t.Helper()
	clock := testingclock.NewFakePassiveClock(time.Unix(1e9, 0))
	i := newImages()
	i.clock = clock
	if err := i.Serve("muster", Pulls{PoolLabel: "pool", Node: image.Puller{BytesPerSecond: 40e6, Parallel: 1, Eager: 1}}); err != nil {
		t.Fatal(err)
	}
	i.SetManifest(image.Manifest{Digest: "m", Keys: []string{"reg.io/app:v1"}, Layers: []image.Layer{{Digest: "l", Bytes: 1e9}}})
	for n := range 5 {
		name := fmt.Sprint("n", n)
		i.nodeHandler().OnAdd(st.MakeNode().Name(name).Label("pool", "p").Obj(), true)
		pod := st.MakePod().Name(name).UID(name).SchedulerName("muster").Phase(v1.PodPending).Containers([]v1.Container{{Name: "c", Image: "reg.io/app:v1"}}).Obj()
		pod.CreationTimestamp = metav1.NewTime(clock.Now().Add(-age))
		change(pod)
		if age == 0 {
			i.Reserve(pod, name)
			i.Bound(pod)
		}
		bound := pod.DeepCopy()
		bound.Spec.NodeName = name
		i.podHandler().OnAdd(bound, true)
		clock.SetTime(clock.Now().Add(takes))
		running := bound.DeepCopy()
		running.Status.Phase = v1.PodRunning
		i.podHandler().OnUpdate(bound, running)
	}
	return i.inventory.Learnt()
}

func TestOnlyPullsThatWereSeenWholeTeach(t *testing.T) {
	tests := map[string]struct {
		change     func(pod *v1.Pod)
		age, takes time.Duration
		want       float64 // MB/s; 0 for nothing
	}{
		"a pull of 1 GB in 20 s, and a second for the start": {func(*v1.Pod) {}, 0, 21 * time.Second, 50},
		"one that began before this process":                 {func(*v1.Pod) {}, 20 * time.Second, 6 * time.Second, 0},
		"one before an init container that sleeps": {func(pod *v1.Pod) {
			pod.Spec.InitContainers = []v1.Container{{Name: "i", Image: "reg.io/app:v1"}}
		}, 0, 80 * time.Second, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := 0.0
			if learnt := teach(t, tc.change, tc.age, tc.takes); len(learnt) > 0 {
				got = learnt[0].BytesPerSecond / 1e6
			}
			if got != tc.want {
				t.Errorf("learnt %v MB/s, want %v", got, tc.want)
			}
		})
	}
}

func TestAnImageThatAPodWaitsForIsNotThere(t *testing.T) {
	s := newShop(t)
	pod := s.pod("p", "cold", v1.PodRunning)
	pod.Spec.Containers[0].Image = "reg.io/small:v1"
	s.podHandler().OnAdd(pod, false)
	patched := pod.DeepCopy()
	patched.Spec.Containers[0].Image = "reg.io/app:v1"
	patched.Status.ContainerStatuses = []v1.ContainerStatus{{Name: "c", State: v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}}}
	s.podHandler().OnUpdate(pod, patched)
	if got := s.cold(); got != 10 {
		t.Errorf("an image that a running pod fails to pull costs %v s, want 10", got)
	}
}

func TestPodsThatComeBeforeTheirNodePull(t *testing.T) {
	s := newShop(t)
	s.podHandler().OnAdd(s.pod("p", "late", v1.PodPending), true)
	s.nodeHandler().OnAdd(st.MakeNode().Name("late").Obj(), true)
	if node, ok := s.inventory.Promised("p"); !ok || node != "late" {
		t.Errorf("the pull of a pod that was seen before its node is on %q, want late", node)
	}
}
