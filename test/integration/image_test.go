package integration

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/muster-scheduler/muster/pkg/plugins/gangbind"
	"github.com/muster-scheduler/muster/pkg/sandbox"
	"github.com/muster-scheduler/muster/pkg/sandbox/pull"
)

// TestPlainPodsAndTheirImages runs pods on 300 nodes that pull at 40 MB/s, one
// after the other. The framework's sample of those is 142.
func TestPlainPodsAndTheirImages(t *testing.T) {
	t.Parallel()
	const warm = 3
	rare := pull.Image{Name: "registry.example/rare:v1", Layers: []pull.Layer{{Digest: "sha256:rare", Size: resource.MustParse("8G")}}}
	for n := range warm {
		rare.Preloaded = append(rare.Preloaded, fmt.Sprintf("node-%d", 100*n+50))
	}
	fresh := pull.Image{Name: "registry.example/fresh:v1", Layers: []pull.Layer{{Digest: "sha256:fresh", Size: resource.MustParse("120M")}}}
	s, _ := own(t, sandbox.Options{Nodes: 300, Images: []pull.Image{rare, fresh}, Bandwidth: resource.MustParse("40M"), CPU: resource.MustParse("4")})
	client, err := kubernetes.NewForConfig(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{t: t, client: client, ns: "default", scheduler: "muster"}
	pod := func(name, image string, cpu int) *v1.Pod {
		p := c.pod(name, fmt.Sprintf("%dm", cpu))
		p.Spec.NodeSelector = nil
		p.Spec.Containers[0].Image = image
		return p
	}
	has := map[string]bool{}
	c.wait("the warm nodes to say so", func() (bool, string) {
		nodes, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
		if err != nil {
			return false, err.Error()
		}
		for _, node := range nodes.Items {
			for _, image := range node.Status.Images {
				for _, name := range image.Names {
					if name == rare.Name {
						has[node.Name] = true
					}
				}
			}
		}
		return len(has) == warm, fmt.Sprint(has)
	})

	// They differ, so none is scheduled in the wake of another.
	const pods = 15
	for i := range pods {
		c.create(pod(fmt.Sprintf("rare-%d", i), rare.Name, 100+i))
	}
	c.wait("all to have a node", func() (bool, string) { got := c.bound("rare"); return len(got) == pods, fmt.Sprint(got) })
	for node, n := range c.byNode("rare") {
		if !has[node] {
			t.Errorf("%d pods are on %s, which has to pull 8 GB", n, node)
		}
	}

	// Where there is no room, the others are as good as ever.
	for i := range 2 * warm {
		c.create(pod(fmt.Sprintf("large-%d", i), rare.Name, 2000+i))
	}
	c.wait("all to have a node", func() (bool, string) { got := c.bound("large"); return len(got) == 2*warm, fmt.Sprint(got) })
	if refused := c.events("large", "FailedScheduling"); len(refused) > 0 {
		t.Errorf("pods were refused: %v", refused)
	}

	// What is expected of a pull is what it takes. Its size is known once one node has it.
	running := func(name string) {
		c.wait(name+" to run", func() (bool, string) {
			p := c.get(name)
			return p.Status.Phase == v1.PodRunning, string(p.Status.Phase)
		})
	}
	c.create(pod("fresh-0", fresh.Name, 100))
	running("fresh-0")
	where := c.get("fresh-0").Spec.NodeName
	c.wait("its node to say so", func() (bool, string) {
		node, err := client.CoreV1().Nodes().Get(t.Context(), where, metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		return len(node.Status.Images) > 0, fmt.Sprint(node.Status.Images)
	})
	elsewhere := pod("fresh-1", fresh.Name, 100)
	elsewhere.Spec.Affinity = &v1.Affinity{NodeAffinity: &v1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &v1.NodeSelector{
		NodeSelectorTerms: []v1.NodeSelectorTerm{{MatchFields: []v1.NodeSelectorRequirement{{Key: "metadata.name", Operator: v1.NodeSelectorOpNotIn, Values: []string{where}}}}},
	}}}
	c.create(elsewhere)
	running("fresh-1")
	p := c.get("fresh-1")
	expected, err := strconv.ParseFloat(p.Annotations[gangbind.PullSecondsAnnotation], 64)
	if err != nil {
		t.Fatal(err)
	}
	var bound time.Time
	for _, condition := range p.Status.Conditions {
		if condition.Type == v1.PodScheduled {
			bound = condition.LastTransitionTime.Time
		}
	}
	took := p.Status.ContainerStatuses[0].State.Running.StartedAt.Sub(bound).Seconds()
	t.Logf("expected %v s, took %v s in whole seconds", expected, took)
	if expected < 3 || expected > 4 || took < expected-1.5 || took > expected+3 {
		t.Errorf("a pull of 120 MB at 40 MB/s was expected to take %v s, and took %v", expected, took)
	}
}
