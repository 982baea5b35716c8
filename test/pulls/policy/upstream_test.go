package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	kubecache "k8s.io/client-go/tools/cache"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/latest"
	"k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	"k8s.io/kubernetes/pkg/scheduler/metrics"

	"github.com/muster-scheduler/muster/test/pulls/trace"
)

// TestUpstreamScores runs the real default profile of kube-scheduler on a
// cluster of random pods and images, and expects of each decision that our sum
// is its sum, but for a constant: what the plugins that are left out give to all.
func TestUpstreamScores(t *testing.T) {
	metrics.Register()
	size := trace.Size{Nodes: 120, Slots: 16, Seconds: 3600, Load: 0.6}
	catalog, err := trace.Catalog(1, size)
	if err != nil {
		t.Fatal(err)
	}
	locality, spreading := 0, 0
	for _, work := range []*trace.Trace{catalog, trace.Shop(1, size)} {
		for seed := range uint64(10) {
			s := randomScene(work, seed)
			s.start(t)
			for range 20 {
				gang := &work.Gangs[s.rng.IntN(len(work.Gangs))]
				l, p := s.compare(t, gang)
				locality, spreading = locality+l, spreading+p
			}
		}
	}
	if locality == 0 || spreading == 0 {
		t.Errorf("%d nodes had a score for images and %d differed in spread: nothing was compared", locality, spreading)
	}
}

// scene is one cluster, as we and as Kubernetes see it.
type scene struct {
	rng   *rand.Rand
	u     *upstream
	nodes []*v1.Node
	pods  []*v1.Pod

	profile framework.Framework
	infos   []fwk.NodeInfo
	sets    kubecache.Store // of ReplicaSets
}

func randomScene(work *trace.Trace, seed uint64) *scene {
	rng := rand.New(rand.NewPCG(seed, 1))
	cluster := NewCluster(work, Known{})
	s := &scene{rng: rng, u: newUpstream(cluster, rng)}
	for n := range work.Size.Nodes {
		var list []int
		for range rng.IntN(40) {
			if image := min(rng.IntN(len(work.Images)), rng.IntN(len(work.Images))); !slices.Contains(list, image) {
				list = append(list, image)
			}
		}
		s.u.Report(n, list, 0)
		s.nodes = append(s.nodes, s.node(n, list))
	}
	for i := 0; cluster.Free > len(s.nodes)*work.Size.Slots/2; i++ {
		gang := &work.Gangs[i]
		for range gang.Members {
			n := rng.IntN(len(s.nodes))
			if !cluster.Fits(n) {
				continue
			}
			cluster.Add(gang, n, 1)
			s.u.Bound(gang, 0, n, 0)
			pod := s.pod(gang)
			pod.Name = fmt.Sprint("pod-", len(s.pods))
			pod.Spec.NodeName = s.nodes[n].Name
			s.pods = append(s.pods, pod)
		}
	}
	return s
}

func (s *scene) node(n int, images []int) *v1.Node {
	cpu, memory := s.u.capacity()
	room := v1.ResourceList{
		v1.ResourceCPU:    *resource.NewMilliQuantity(cpu, resource.DecimalSI),
		v1.ResourceMemory: *resource.NewQuantity(memory, resource.BinarySI),
		v1.ResourcePods:   *resource.NewQuantity(110, resource.DecimalSI),
	}
	name := fmt.Sprintf("node-%04d", n)
	node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
		v1.LabelHostname: name, v1.LabelTopologyZone: fmt.Sprint("zone-", n%zones),
	}}}
	node.Status.Capacity, node.Status.Allocatable = room, room
	for _, i := range images {
		image := s.u.c.Trace.Images[i]
		node.Status.Images = append(node.Status.Images, v1.ContainerImage{Names: []string{image.Name}, SizeBytes: image.Bytes})
	}
	return node
}

func (s *scene) pod(gang *trace.Gang) *v1.Pod {
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "new", Namespace: "default"}}
	for c, i := range gang.Images {
		container := v1.Container{Name: fmt.Sprint("c", c), Image: s.u.c.Trace.Images[i].Name}
		if c == 0 {
			container.Resources.Requests = v1.ResourceList{
				v1.ResourceCPU:    *resource.NewMilliQuantity(gang.CPU, resource.DecimalSI),
				v1.ResourceMemory: *resource.NewQuantity(gang.Memory, resource.BinarySI),
			}
			pod.Spec.Containers = append(pod.Spec.Containers, container)
		} else {
			// As init containers they add nothing to what the pod asks for.
			pod.Spec.InitContainers = append(pod.Spec.InitContainers, container)
		}
	}
	if gang.Service {
		name := fmt.Sprint("set-", gang.Images[0])
		pod.Labels = map[string]string{"set": name}
		yes := true
		pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: name, Controller: &yes}}
	}
	return pod
}

// start makes the real scheduler's profile for the scene.
func (s *scene) start(t *testing.T) {
	t.Helper()
	snapshot := cache.NewSnapshot(s.pods, s.nodes)
	factory := informers.NewSharedInformerFactory(fake.NewClientset(), 0)
	s.sets = factory.Apps().V1().ReplicaSets().Informer().GetStore()
	configuration, err := latest.Default()
	if err != nil {
		t.Fatal(err)
	}
	// These pods have no claims and no volumes, and these two want to be asked first.
	multi := &configuration.Profiles[0].Plugins.MultiPoint
	multi.Enabled = slices.DeleteFunc(multi.Enabled, func(p config.Plugin) bool {
		return p.Name == "DynamicResources" || p.Name == "VolumeBinding"
	})
	s.profile, err = frameworkruntime.NewFramework(t.Context(), plugins.NewInTreeRegistry(), &configuration.Profiles[0],
		frameworkruntime.WithSnapshotSharedLister(snapshot), frameworkruntime.WithInformerFactory(factory), frameworkruntime.WithParallelism(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range s.nodes {
		info, err := snapshot.NodeInfos().Get(node.Name)
		if err != nil {
			t.Fatal(err)
		}
		s.infos = append(s.infos, info)
	}
}

// compare scores all nodes for one more pod in both ways. It returns how many
// nodes got something for images, and how many differ in spread.
func (s *scene) compare(t *testing.T, gang *trace.Gang) (locality, spreading int) {
	t.Helper()
	pod := s.pod(gang)
	if gang.Service {
		set := &appsv1.ReplicaSet{
			ObjectMeta: metav1.ObjectMeta{Name: pod.OwnerReferences[0].Name, Namespace: pod.Namespace},
			Spec:       appsv1.ReplicaSetSpec{Selector: &metav1.LabelSelector{MatchLabels: pod.Labels}},
		}
		if err := s.sets.Add(set); err != nil {
			t.Fatal(err)
		}
	}
	s.u.feasible = s.u.feasible[:0]
	for n := range s.nodes {
		s.u.feasible = append(s.u.feasible, n)
	}
	ctx, f, nodes := t.Context(), s.profile, s.infos
	state := framework.NewCycleState()
	if status := f.RunPreScorePlugins(ctx, state, pod, nodes); !status.IsSuccess() {
		t.Fatal(status)
	}
	theirs, status := f.RunScorePlugins(ctx, state, pod, nodes)
	if !status.IsSuccess() {
		t.Fatal(status)
	}
	s.u.score(gang)
	images := s.u.imageScores(gang)
	by := func(n int, plugin string) int64 {
		for _, score := range theirs[n].Scores {
			if score.Name == plugin {
				return score.Score
			}
		}
		return -1
	}
	for n := range s.nodes {
		if got, want := images(n), by(n, "ImageLocality"); got != want {
			t.Errorf("images of gang %+v on node %d: %d, ImageLocality says %d", gang, n, got, want)
		} else if want > 0 {
			locality++
		}
		if by(n, "PodTopologySpread") != by(0, "PodTopologySpread") {
			spreading++
		}
		if got, want := s.u.scores[n]-s.u.scores[0], theirs[n].TotalScore-theirs[0].TotalScore; got != want {
			t.Errorf("node %d is %d above node 0, kube-scheduler says %d: %+v", n, got, want, theirs[n].Scores)
		}
	}
	return locality, spreading
}

func TestSampleSize(t *testing.T) {
	for nodes, want := range map[int]int{60: 60, 99: 99, 100: 100, 300: 144, 1300: 520, 5000: 500, 10000: 500} {
		if got := sampleSize(nodes); got != want {
			t.Errorf("of %d nodes %d are scored, want %d", nodes, got, want)
		}
	}
}

// TestSearch checks that each search for nodes begins where the last one ended,
// and passes over full nodes.
func TestSearch(t *testing.T) {
	c := NewCluster(trace.Shop(1, trace.Size{Nodes: 300, Slots: 16, Seconds: 60, Load: 0.5}), Known{})
	c.Add(&trace.Gang{}, 5, 16)
	u := newUpstream(c, nil)
	for _, want := range [][2]int{{0, 144}, {145, 288}, {289, 133}, {134, 277}} {
		u.find()
		if first, last := u.feasible[0], u.feasible[len(u.feasible)-1]; len(u.feasible) != 144 || first != want[0] || last != want[1] {
			t.Errorf("%d nodes from %d to %d, want 144 from %d to %d", len(u.feasible), first, last, want[0], want[1])
		}
	}
}
