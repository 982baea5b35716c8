package imagepull

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	st "k8s.io/kubernetes/pkg/scheduler/testing"

	"github.com/muster-scheduler/muster/pkg/image"
	"github.com/muster-scheduler/muster/pkg/snapshot"
)

// now is the time in these tests; nothing happens in them.
var now = time.Unix(1e9, 0)

// knows answers from an inventory.
type knows struct {
	*image.Inventory
	disks map[string]image.Disk // of nodes
	last  *image.Estimates
}

func (k *knows) estimate(ask image.Ask) *image.Estimates {
	if k.last == nil {
		k.last = k.Estimate(ask)
	} else {
		k.last = k.last.Again(ask)
	}
	return k.last
}

func (k *knows) Estimates(pod *v1.Pod, others int, nodes []fwk.NodeInfo) []image.Estimate {
	needs := snapshot.PodImages(pod)
	all := k.estimate(image.Ask{Needs: needs, Others: others})
	if !all.Known || k.Same(needs) {
		return nil
	}
	estimates := make([]image.Estimate, len(nodes)) // as package snapshot does
	for i, node := range nodes {
		estimates[i] = all.Of(node.Node().Name)
	}
	return estimates
}

func (k *knows) Warm(pod *v1.Pod) []string {
	return k.estimate(image.Ask{Needs: snapshot.PodImages(pod)}).Warm()
}

func (k *knows) Fit(pod *v1.Pod) func(*v1.Node) bool {
	needs := snapshot.PodImages(pod)
	if k.FitEverywhere(needs) {
		return nil
	}
	total := k.Totals(needs)("")
	return func(node *v1.Node) bool {
		disk := k.disks[node.Name]
		return disk.Fits(total)
	}
}

func (k *knows) Reserve(pod *v1.Pod, node string) {
	k.Inventory.Reserve(string(pod.UID), "", node, snapshot.PodImages(pod), now)
}
func (k *knows) Unreserve(pod *v1.Pod) { k.Undo(string(pod.UID)) }
func (k *knows) Bound(pod *v1.Pod)     { k.Bind(string(pod.UID), now) }

func node(images ...image.Report) image.Node {
	return image.Node{Images: images, Puller: DefaultArgs().Pulls().Node}
}

// inventory returns what three nodes hold of a 1.5 GB trainer and a 70 MB nginx.
func inventory() *knows {
	trainer := image.Report{Names: []string{"reg.io/train:v1"}, Bytes: 1_500_000_000}
	nginx := image.Report{Names: []string{"docker.io/library/nginx:latest"}, Bytes: 70_000_000}
	everywhere := image.Report{Names: []string{"reg.io/everywhere:v1"}, Bytes: 1}
	inv := image.NewInventory()
	inv.SetNode("both", node(trainer, nginx, everywhere), now)
	inv.SetNode("nginx", node(nginx, everywhere), now)
	inv.SetNode("none", node(everywhere), now)
	return &knows{Inventory: inv}
}

func TestScore(t *testing.T) {
	tests := map[string]struct {
		pod  *v1.Pod
		want map[string]int64 // nil if the plugin takes no part
	}{
		"the node that has the image is best": {
			pod:  st.MakePod().Containers([]v1.Container{{Image: "reg.io/train:v1"}}).Obj(),
			want: map[string]int64{"both": 100, "nginx": 81, "none": 81},
		},
		"a small image makes a small difference": {
			pod:  st.MakePod().Containers([]v1.Container{{Image: "nginx"}}).Obj(),
			want: map[string]int64{"both": 100, "nginx": 100, "none": 99},
		},
		"init containers count": {
			pod: &v1.Pod{Spec: v1.PodSpec{
				InitContainers: []v1.Container{{Image: "reg.io/train:v1"}},
				Containers:     []v1.Container{{Image: "nginx"}},
			}},
			want: map[string]int64{"both": 100, "nginx": 81, "none": 80},
		},
		"image volumes count": {
			pod: st.MakePod().Volumes([]v1.Volume{{VolumeSource: v1.VolumeSource{
				Image: &v1.ImageVolumeSource{Reference: "reg.io/train:v1"},
			}}}).Obj(),
			want: map[string]int64{"both": 100, "nginx": 81, "none": 81},
		},
		"an image that nobody knows makes no difference": {
			pod: st.MakePod().Containers([]v1.Container{{Image: "reg.io/unknown:v1"}}).Obj(),
		},
		"nor does one that is everywhere": {
			pod: st.MakePod().Containers([]v1.Container{{Image: "reg.io/everywhere:v1"}}).Obj(),
		},
		"nor does none": {
			pod: st.MakePod().Obj(),
		},
		"an unknown image leaves the others their weight": {
			pod:  st.MakePod().Containers([]v1.Container{{Image: "reg.io/unknown:v1"}, {Image: "reg.io/train:v1"}}).Obj(),
			want: map[string]int64{"both": 100, "nginx": 81, "none": 81},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			pl := New(DefaultArgs(), nil, inventory())
			if diff := cmp.Diff(tc.want, score(t, pl, tc.pod)); diff != "" {
				t.Errorf("scores (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDisks: a disk that is stated to be too small keeps the pod off, one that seems
// to be makes a node the last choice.
func TestDisks(t *testing.T) {
	k := inventory()
	k.disks = map[string]image.Disk{}
	disk := func(gb float64, certain bool) image.Disk {
		return image.Disk{Bytes: int64(gb * 1e9), Certain: certain, LayerExpansion: 3.5, ImageExpansion: 3.5, Collect: 0.85, Keep: 0.8, Evict: 0.85}
	}
	set := func(name string, d image.Disk) {
		n := node()
		n.Disk, k.disks[name] = d, d
		k.SetNode(name, n, now)
	}
	set("stated", disk(1.5, true)) // 1.275 GB for images
	set("enough", disk(10, true))
	set("seems", disk(5, false)) // 4.25 GB for an image that takes up 5.25
	pl := New(DefaultArgs(), nil, k)
	for name, want := range map[string]bool{"stated": false, "enough": true, "seems": true, "none": true} {
		pod := st.MakePod().Containers([]v1.Container{{Image: "reg.io/train:v1"}}).Obj()
		state := framework.NewCycleState()
		if _, status := pl.PreFilter(t.Context(), state, pod, nil); !status.IsSuccess() {
			t.Fatalf("PreFilter = %v: Filter is left out", status)
		}
		info := framework.NewNodeInfo()
		info.SetNode(st.MakeNode().Name(name).Obj())
		if status := pl.Filter(t.Context(), state, pod, info); status.IsSuccess() != want {
			t.Errorf("Filter of %s = %v, want accepted: %v", name, status, want)
		}
	}
	small := st.MakePod().Containers([]v1.Container{{Image: "nginx"}}).Obj()
	if _, status := pl.PreFilter(t.Context(), framework.NewCycleState(), small, nil); !status.IsSkip() {
		t.Errorf("PreFilter of a small image = %v: Filter costs time", status)
	}
	k.RemoveNode("stated")
	k.RemoveNode("enough")
	got := score(t, pl, st.MakePod().Containers([]v1.Container{{Image: "reg.io/train:v1"}}).Obj(), "both", "none", "seems")
	if want := map[string]int64{"both": 100, "none": 84, "seems": 0}; !cmp.Equal(got, want) {
		t.Errorf("scores %v, want %v", got, want)
	}
}

// score runs the plugin as the framework does, on the nodes of inventory or others.
func score(t *testing.T, pl *ImagePull, pod *v1.Pod, names ...string) map[string]int64 {
	t.Helper()
	if names == nil {
		names = []string{"both", "nginx", "none"}
	}
	ctx, state := t.Context(), framework.NewCycleState()
	var nodes []fwk.NodeInfo
	for _, name := range names {
		info := framework.NewNodeInfo()
		info.SetNode(st.MakeNode().Name(name).Obj())
		nodes = append(nodes, info)
	}
	if status := pl.PreScore(ctx, state, pod, nodes); status.IsSkip() {
		return nil
	} else if !status.IsSuccess() {
		t.Fatalf("PreScore() = %v", status)
	}
	var list fwk.NodeScoreList
	for _, node := range nodes {
		raw, status := pl.Score(ctx, state, pod, node)
		if !status.IsSuccess() {
			t.Fatalf("Score() = %v", status)
		}
		list = append(list, fwk.NodeScore{Name: node.Node().Name, Score: raw})
	}
	if status := pl.ScoreExtensions().NormalizeScore(ctx, state, pod, list); !status.IsSuccess() {
		t.Fatalf("NormalizeScore() = %v", status)
	}
	got := map[string]int64{}
	for _, s := range list {
		got[s.Name] = s.Score
	}
	return got
}

func TestScoreStaysInRangeForAbsurdSizes(t *testing.T) {
	inv := image.NewInventory()
	slow := image.Puller{BytesPerSecond: 1, Eager: 1}
	inv.SetNode("both", image.Node{Images: []image.Report{{Names: []string{"reg.io/huge:v1"}, Bytes: math.MaxInt64}}, Puller: slow}, now)
	inv.SetNode("nginx", image.Node{Puller: slow}, now)
	inv.SetNode("none", image.Node{Puller: slow}, now)
	got := score(t, New(DefaultArgs(), nil, &knows{Inventory: inv}), st.MakePod().Containers([]v1.Container{{Image: "reg.io/huge:v1"}}).Obj())
	if diff := cmp.Diff(map[string]int64{"both": 100, "nginx": 0, "none": 0}, got); diff != "" {
		t.Errorf("scores (-want +got):\n%s", diff)
	}
}

func TestAPullUnderWayIsAPullLess(t *testing.T) {
	known := inventory()
	pl := New(DefaultArgs(), nil, known)
	trainer := st.MakePod().UID("first").Containers([]v1.Container{{Image: "reg.io/train:v1"}}).Obj()
	if status := pl.Reserve(t.Context(), nil, trainer, "none"); !status.IsSuccess() {
		t.Fatal(status.AsError())
	}
	next := trainer.DeepCopy()
	next.UID = "next"
	cold := map[string]int64{"both": 100, "nginx": 81, "none": 81}
	if diff := cmp.Diff(cold, score(t, pl, next)); diff != "" {
		t.Errorf("a reservation counts for others (-want +got):\n%s", diff)
	}
	pl.PostBind(t.Context(), nil, trainer, "none")
	nginx := st.MakePod().UID("nginx").Containers([]v1.Container{{Image: "nginx"}}).Obj()
	if diff := cmp.Diff(map[string]int64{"both": 100, "nginx": 100, "none": 80}, score(t, pl, nginx)); diff != "" {
		t.Errorf("a pod does not wait behind the pull before it (-want +got):\n%s", diff)
	}
	pl.Unreserve(t.Context(), nil, trainer, "none")
	if diff := cmp.Diff(cold, score(t, pl, next)); diff != "" {
		t.Errorf("an undone promise is left (-want +got):\n%s", diff)
	}
}

func TestANodeThatIsFarFullerGetsNoBonus(t *testing.T) {
	var nodes []fwk.NodeInfo
	for i := range 20 {
		info := framework.NewNodeInfo()
		info.SetNode(st.MakeNode().Name(fmt.Sprint("n", i)).Capacity(map[v1.ResourceName]string{"cpu": "10", "memory": "10Gi"}).Obj())
		if i == 0 {
			info.AddPod(st.MakePod().Req(map[v1.ResourceName]string{"cpu": "9"}).Obj())
		}
		nodes = append(nodes, info)
	}
	full := overfull(nodes)
	if full == nil || !full[0] || slices.Contains(full[1:], true) {
		t.Errorf("overfull() = %v, want the first alone", full)
	}
	if full := overfull(nodes[1:]); full != nil {
		t.Errorf("overfull() of equal nodes = %v, want none", full)
	}
}

func TestScoreWithoutPreScoreIsAnError(t *testing.T) {
	node := framework.NewNodeInfo()
	node.SetNode(st.MakeNode().Name("both").Obj())
	pl := New(DefaultArgs(), nil, inventory())
	if _, status := pl.Score(t.Context(), framework.NewCycleState(), st.MakePod().Obj(), node); status.Code() != fwk.Error {
		t.Errorf("Score() = %v, want an error", status)
	}
}

func TestSignPod(t *testing.T) {
	sign := func(images ...string) string {
		var containers []v1.Container
		for _, image := range images {
			containers = append(containers, v1.Container{Image: image})
		}
		fragments, status := New(DefaultArgs(), nil, inventory()).SignPod(t.Context(), st.MakePod().Containers(containers).Obj())
		if !status.IsSuccess() || len(fragments) != 1 || fragments[0].Key != fwk.ImageNamesSignerName {
			t.Fatalf("SignPod() = %v, %v", fragments, status)
		}
		value, err := json.Marshal(fragments[0].Value)
		if err != nil {
			t.Fatal(err)
		}
		return string(value)
	}
	if a, b := sign("nginx", "redis"), sign("docker.io/library/redis:latest", "nginx:latest", "nginx"); a != b {
		t.Errorf("the same images sign as %s and as %s", a, b)
	}
	if a, b := sign("nginx"), sign("nginx:1.27"); a == b {
		t.Errorf("different images both sign as %s", a)
	}
}

// BenchmarkCycle is what a plain pod's scheduling cycle costs for its images: 5,000
// nodes with 50 images each, of which 49,500 layers are known. Narrowing has the
// framework ask one node more, which is not in it.
func BenchmarkCycle(b *testing.B) {
	const nodes, images, listed = 5000, 9000, 50
	name := func(i int) string { return fmt.Sprintf("registry.example.org/team/image-%d:v1", i) }
	inv := image.NewInventory()
	for i := range images {
		m := image.Manifest{Digest: fmt.Sprintf("sha256:%064d", i), Keys: []string{name(i)}}
		for l := range 5 {
			m.Layers = append(m.Layers, image.Layer{Digest: fmt.Sprintf("base-%d-%d", i/10, l), Bytes: 90e6}, image.Layer{Digest: fmt.Sprintf("own-%d-%d", i, l), Bytes: 10e6})
		}
		inv.SetManifest(m)
	}
	infos := make([]fwk.NodeInfo, nodes)
	for n := range infos {
		is := node()
		for i := range listed {
			is.Images = append(is.Images, image.Report{Names: []string{name((n*31 + i*i*8) % images)}, Bytes: 500e6})
		}
		info := framework.NewNodeInfo()
		info.SetNode(st.MakeNode().Name(fmt.Sprintf("node-%04d", n)).Capacity(map[v1.ResourceName]string{v1.ResourceCPU: "8", v1.ResourceMemory: "64Gi"}).Obj())
		inv.SetNode(info.Node().Name, is, now)
		infos[n] = info
	}
	pl := New(DefaultArgs(), nil, &knows{Inventory: inv})
	alike := st.MakePod().Name("p").UID("p").Containers([]v1.Container{{Image: name(7)}, {Image: name(4000)}}).Obj()
	other := st.MakePod().Name("p").UID("p").Containers([]v1.Container{{Image: name(8)}, {Image: name(4001)}}).Obj()
	for _, tc := range []struct {
		name   string
		sample int
		pods   []*v1.Pod // in turns
	}{
		{"narrowed/pods=alike", maxWarm + maxOthers, []*v1.Pod{alike}},
		{"narrowed/pods=different", maxWarm + maxOthers, []*v1.Pod{alike, other}},
		{"sample=500/pods=alike", 500, []*v1.Pod{alike}},
		{"sample=500/pods=different", 500, []*v1.Pod{alike, other}},
	} {
		b.Run(tc.name, func(b *testing.B) {
			b.ReportAllocs()
			for turn := 0; b.Loop(); turn++ {
				pod, sample := tc.pods[turn%len(tc.pods)], tc.sample
				if len(pl.images.Warm(pod)) == 0 || pl.images.Fit(pod) != nil {
					b.Fatal("the images make no difference")
				}
				state := framework.NewCycleState()
				if status := pl.PreScore(b.Context(), state, pod, infos[:sample]); !status.IsSuccess() {
					b.Fatal(status)
				}
				scores := make(fwk.NodeScoreList, sample)
				for i, info := range infos[:sample] {
					score, status := pl.Score(b.Context(), state, pod, info)
					if !status.IsSuccess() {
						b.Fatal(status)
					}
					scores[i] = fwk.NodeScore{Name: info.Node().Name, Score: score}
				}
				if status := pl.NormalizeScore(b.Context(), state, pod, scores); !status.IsSuccess() {
					b.Fatal(status)
				}
				pl.Reserve(b.Context(), state, pod, infos[0].Node().Name)
				pl.PostBind(b.Context(), state, pod, infos[0].Node().Name)
				pl.images.Unreserve(pod)
			}
		})
	}
}
