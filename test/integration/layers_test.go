package integration

import (
	"fmt"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/types"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-scheduler/muster/pkg/sandbox"
)

// TestANodeWithTheBaseOfAnImagePullsTheRest: what is published after the scheduler
// has started counts, and the scheduler says on the pod what it expects.
func TestANodeWithTheBaseOfAnImagePullsTheRest(t *testing.T) {
	c, allowed := newImageCluster(t), newImageRegistry(t)
	base := imageFor(t, "amd64", 3)
	top, err := random.Layer(500, types.DockerLayer)
	if err != nil {
		t.Fatal(err)
	}
	app, err := mutate.AppendLayers(base, top)
	if err != nil {
		t.Fatal(err)
	}
	size, err := top.Size()
	if err != nil {
		t.Fatal(err)
	}
	allowed.push("base:v1", base)
	tag := allowed.push("app:v1", app)
	byDigest := allowed.host + "/base@" + digestOf(t, base)
	amounts := v1.ResourceList{v1.ResourceCPU: resource.MustParse("8"), v1.ResourceMemory: resource.MustParse("64Gi"), v1.ResourcePods: resource.MustParse("110")}
	_, err = c.client.CoreV1().Nodes().Create(t.Context(), &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: c.ns + "-warm", Labels: map[string]string{"test": c.ns}},
		Status: v1.NodeStatus{
			Capacity: amounts, Allocatable: amounts, NodeInfo: v1.NodeSystemInfo{OperatingSystem: "linux", Architecture: "amd64"},
			Images:     []v1.ContainerImage{{Names: []string{byDigest, allowed.host + "/base:v1"}, SizeBytes: 1 << 20}},
			Conditions: []v1.NodeCondition{{Type: v1.NodeReady, Status: v1.ConditionTrue, LastHeartbeatTime: metav1.Now()}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.sandbox.StartScheduler(t.Context(), sandbox.Muster); err != nil {
		t.Fatal(err)
	}
	c.publisher([]*imageRegistry{allowed}, nil)
	c.using("first", tag)
	c.waitBound("first", 1)
	c.waitReferences(app, "linux/amd64", tag, allowed.host+"/app@"+digestOf(t, app))
	c.waitReferences(base, "linux/amd64", byDigest)
	c.remove1("first")

	// Each try is another pod: what the scheduler has read by then is not for the API to tell.
	want, n := fmt.Sprint(size), 0
	c.wait("the top layer to be all that is expected", func() (bool, string) {
		n++
		name := fmt.Sprintf("next-%d", n)
		c.using(name, tag)
		c.waitBound(name, 1)
		got := c.get(name).Annotations["muster.dev/expected-pull-bytes"]
		c.remove1(name)
		return got == want, got
	})
}
