package integration

import (
	"fmt"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/muster-scheduler/muster/pkg/gang"
)

// TestGangGrowsUpToItsMaximum: two of a gang start together, the third when there
// is room, the fourth never: three is the maximum, until one of them goes.
func TestGangGrowsUpToItsMaximum(t *testing.T) {
	c := newCluster(t, shared.start(t).sandbox.Config, "2")
	pods := c.members("grown", 4, "2", "1")
	for _, p := range pods {
		p.Annotations[gang.MaxAnnotation] = "3"
	}
	c.create(pods...)
	c.waitBound("grown", 2)
	c.addNode(c.ns+"-more", "4")
	c.waitBound("grown", 3)
	// A pod that comes later is bound while the fourth is not: it was passed over.
	c.create(c.pod("later", "1"))
	c.waitBound("later", 1)
	if got := c.bound("grown"); len(got) != 3 {
		t.Errorf("%v have a node, the maximum is 3", got)
	}
	c.remove1(c.bound("grown")[0])
	c.waitBound("grown", 3)
}

// zoned is a cluster with nodes of so much cpu in two zones.
func zoned(t *testing.T, a, b []string) *cluster {
	t.Helper()
	c := newCluster(t, shared.start(t).sandbox.Config, append(a, b...)...)
	for i := range len(a) + len(b) {
		zone := "a"
		if i >= len(a) {
			zone = "b"
		}
		patch := fmt.Sprintf(`{"metadata":{"labels":{%q:%q}}}`, v1.LabelTopologyZone, zone)
		if _, err := c.client.CoreV1().Nodes().Patch(t.Context(), fmt.Sprintf("%s-%d", c.ns, i), types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (c *cluster) zones(prefix string) map[string]int {
	c.t.Helper()
	zones := map[string]int{}
	for _, name := range c.bound(prefix) {
		node, err := c.client.CoreV1().Nodes().Get(c.t.Context(), c.get(name).Spec.NodeName, metav1.GetOptions{})
		if err != nil {
			c.t.Fatal(err)
		}
		zones[node.Labels[v1.LabelTopologyZone]]++
	}
	return zones
}

func (c *cluster) within(gangName string, n int, how string) []*v1.Pod {
	pods := c.members(gangName, n, fmt.Sprint(n), "1")
	for _, p := range pods {
		p.Annotations[gang.TopologyAnnotation] = v1.LabelTopologyZone + "=" + how
	}
	return pods
}

func TestGangWithinARequiredZone(t *testing.T) {
	c := zoned(t, []string{"2", "1"}, []string{"2", "2"}) // 3 in a, 4 in b
	c.create(c.within("three", 3, "required")...)
	c.waitBound("three", 3)
	if got := c.zones("three"); got["a"] != 3 {
		t.Errorf("members by zone: %v, want all in a, the tighter one", got)
	}
	c.create(c.within("five", 5, "required")...)
	c.waitEvent("five", "FailedScheduling", "4 of 5 members fit", v1.LabelTopologyZone+" b", "one more needs cpu 1")
	if got := c.bound("five"); len(got) > 0 {
		t.Errorf("%v have a node, and no zone has room for all", got)
	}
	for i := range 5 {
		c.remove1(fmt.Sprintf("five-%d", i))
	}
	c.create(c.within("four", 4, "required")...)
	c.waitBound("four", 4)
	if got := c.zones("four"); got["b"] != 4 {
		t.Errorf("members by zone: %v, want all in b", got)
	}
}

func TestGangWithinAPreferredZone(t *testing.T) {
	c := zoned(t, []string{"2", "1"}, []string{"2", "2"})
	c.create(c.within("four", 4, "preferred")...)
	c.waitBound("four", 4)
	if got := c.zones("four"); got["b"] != 4 {
		t.Errorf("members by zone: %v, want all in b", got)
	}
	for i := range 4 {
		c.remove1(fmt.Sprintf("four-%d", i))
	}
	c.create(c.within("five", 5, "preferred")...)
	c.waitBound("five", 5)
	if got := c.zones("five"); len(got) != 2 {
		t.Errorf("members by zone: %v, want both", got)
	}
}
