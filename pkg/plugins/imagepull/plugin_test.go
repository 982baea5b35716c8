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
type knows struct{ *image.Inventory }

func (k knows) Estimates(pod *v1.Pod, others int, nodes []fwk.NodeInfo) []image.Estimate {
	needs := snapshot.PodImages(pod)
	all := k.Estimate(image.Ask{Needs: needs, Others: others})
	if !all.Known || k.Same(needs) {
		return nil
	}
	var estimates []image.Estimate
	for _, node := range nodes {
		estimates = append(estimates, all.Of(node.Node().Name))
	}
	return estimates
}

func (k knows) Warm(pod *v1.Pod) []string {
	return k.Estimate(image.Ask{Needs: snapshot.PodImages(pod)}).Warm()
}

func (k knows) Reserve(pod *v1.Pod, node string) {
	k.Inventory.Reserve(string(pod.UID), "", node, snapshot.PodImages(pod), now)
}
func (k knows) Unreserve(pod *v1.Pod) { k.Undo(string(pod.UID)) }
func (k knows) Bound(pod *v1.Pod)     { k.Bind(string(pod.UID), now) }

func node(images ...image.Report) image.Node {
	return image.Node{Images: images, Puller: DefaultArgs().Pulls().Node}
}

// inventory returns what three nodes hold of a 1.5 GB trainer and a 70 MB nginx.
func inventory() knows {
	trainer := image.Report{Names: []string{"reg.io/train:v1"}, Bytes: 1_500_000_000}
	nginx := image.Report{Names: []string{"docker.io/library/nginx:latest"}, Bytes: 70_000_000}
	everywhere := image.Report{Names: []string{"reg.io/everywhere:v1"}, Bytes: 1}
	inv := image.NewInventory()
	inv.SetNode("both", node(trainer, nginx, everywhere), now)
	inv.SetNode("nginx", node(nginx, everywhere), now)
	inv.SetNode("none", node(everywhere), now)
	return knows{inv}
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

// score runs the plugin as the framework does.
func score(t *testing.T, pl *ImagePull, pod *v1.Pod) map[string]int64 {
	t.Helper()
	ctx, state := t.Context(), framework.NewCycleState()
	var nodes []fwk.NodeInfo
	for _, name := range []string{"both", "nginx", "none"} {
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
	got := score(t, New(DefaultArgs(), nil, knows{inv}), st.MakePod().Containers([]v1.Container{{Image: "reg.io/huge:v1"}}).Obj())
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
