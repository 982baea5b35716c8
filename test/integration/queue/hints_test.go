package queue

import (
	"slices"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestEventsThatHelp move a pod, and others do not: the plugin that refused it looks at
// each. A witness, which the useless event helps, tells when the queue has had it.
//
// Up to 1.31, an event of a kind that the plugin asked for was enough.
func TestEventsThatHelp(t *testing.T) { // by itself: what other tests do can help as well
	relabel := func(c *cluster) { c.label("a", "colour", "red") }
	for name, tc := range map[string]struct {
		taint     bool // node a has one
		pod       func(c *cluster) *v1.Pod
		refusedBy string
		witness   func(c *cluster) *v1.Pod // nil if it waits for the label colour=red
		useless   func(c *cluster)
		helps     func(c *cluster)
		event     string
	}{
		"a label": {
			pod:       func(c *cluster) *v1.Pod { return c.only("train", "1m", "disk", "ssd") },
			refusedBy: "NodeAffinity",
			useless:   relabel,
			helps:     func(c *cluster) { c.label("a", "disk", "ssd") },
			event:     "NodeUpdateNodeLabel",
		},
		"a node": {
			pod:       func(c *cluster) *v1.Pod { return c.only("train", "1m", "disk", "ssd") },
			refusedBy: "NodeAffinity",
			useless:   func(c *cluster) { c.addNode("b", func(n *v1.Node) { n.Labels["colour"] = "red" }) },
			helps:     func(c *cluster) { c.addNode("c", func(n *v1.Node) { n.Labels["disk"] = "ssd" }) },
			event:     "NodeAdd",
		},
		"room": {
			pod:       func(c *cluster) *v1.Pod { return c.pod("train", "1500m") },
			refusedBy: "NodeResourcesFit",
			useless:   relabel,
			helps:     func(c *cluster) { c.patchNode("a", `{"status":{"allocatable":{"cpu":"2"}}}`, "status") },
			event:     "NodeUpdateNodeAllocatable",
		},
		"a pod's end": {
			pod: func(c *cluster) *v1.Pod {
				c.create(c.pod("tenant", "600m"))
				c.await("tenant", "Bound", 1)
				return c.pod("train", "600m")
			},
			refusedBy: "NodeResourcesFit",
			useless:   relabel,
			helps:     func(c *cluster) { c.delete("tenant") },
			event:     "AssignedPodDelete",
		},
		"a taint's end": {
			taint: true,
			pod: func(c *cluster) *v1.Pod {
				p := c.pod("train", "1m")
				p.Spec.Tolerations = []v1.Toleration{{Key: v1.TaintNodeNotReady, Operator: v1.TolerationOpExists}, {Key: v1.TaintNodeUnreachable, Operator: v1.TolerationOpExists}}
				return p
			},
			refusedBy: "TaintToleration",
			useless:   relabel,
			helps:     func(c *cluster) { c.patchNode("a", `{"spec":{"taints":null}}`) },
			event:     "NodeUpdateNodeTaint",
		},
		"a pod beside": {
			pod:       func(c *cluster) *v1.Pod { return c.beside("train", "db") },
			refusedBy: "InterPodAffinity",
			witness:   func(c *cluster) *v1.Pod { return c.beside("witness", "cache") },
			useless:   func(c *cluster) { c.app("cache") },
			helps:     func(c *cluster) { c.app("db") },
			event:     "AssignedPodAdd",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := shipped(t)
			c.addNode("a", func(n *v1.Node) {
				if tc.taint {
					n.Spec.Taints = []v1.Taint{{Key: "spec", Effect: v1.TaintEffectNoSchedule}}
				}
			})
			witness := c.only("witness", "1m", "colour", "red")
			if tc.witness != nil {
				witness = tc.witness(c)
			}
			c.create(tc.pod(c), witness)
			c.await("witness", "Unschedulable", 1)
			refused := []string{"Active by UnscheduledPodAdd", "Scheduling by Turn", "Unschedulable by ScheduleAttemptFailure, refused by " + tc.refusedBy}
			c.went("train", refused...)
			tc.useless(c)
			c.await("witness", "Bound", 2)
			if got := c.moves("train"); !slices.Equal(got, refused) {
				t.Errorf("an event that cannot help moved it: %v", got)
			}
			tc.helps(c)
			c.await("train", "Bound", 2)
			if got := c.moves("train")[3]; got != "Active by "+tc.event && got != "Backoff by "+tc.event {
				t.Errorf("it became %s, want it moved by %s", got, tc.event)
			}
		})
	}
}

// beside is a pod that wants to be where one of an app is.
func (c *cluster) beside(name, app string) *v1.Pod {
	p := c.pod(name, "1m")
	p.Spec.Affinity = &v1.Affinity{PodAffinity: &v1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []v1.PodAffinityTerm{{
		LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}, TopologyKey: "test",
	}}}}
	return p
}

// app makes a pod of an app.
func (c *cluster) app(name string) {
	p := c.pod(name, "1m")
	p.Labels = map[string]string{"app": name}
	c.create(p)
}
