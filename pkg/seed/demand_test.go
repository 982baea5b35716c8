package seed

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/image"
	"github.com/muster-scheduler/muster/pkg/snapshot"
)

// newSeeder returns a seeder without a cluster.
func newSeeder(nodes []*v1.Node, pods ...*v1.Pod) *Seeder {
	return &Seeder{
		options: Options{Gangs: true, MaxBytes: 100e9, MaxSeeds: 10}, clock: testingclock.NewFakeClock(epoch),
		actuator: &fakeActuator{at: map[string]progress{}}, rooms: roomsOf(nodes, pods...),
		flying: map[string]flight{}, avoided: newAvoided(), failed: newAvoided(), doubted: map[string]string{},
	}
}

func TestNodesThatAPodMayNotGetAreNotSeeded(t *testing.T) {
	t.Parallel()
	pool, err := nodeaffinity.NewNodeSelector(&v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{{
		MatchExpressions: []v1.NodeSelectorRequirement{{Key: "pool", Operator: v1.NodeSelectorOpIn, Values: []string{"training"}}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	gpu := v1.Taint{Key: "gpu", Effect: v1.TaintEffectNoSchedule}
	tests := map[string]struct {
		node   func(*v1.Node)
		pod    func(*v1.Pod)
		labels map[string]string
		want   bool
	}{
		"any node":               {want: true},
		"cordoned":               {node: func(n *v1.Node) { n.Spec.Unschedulable = true }},
		"tainted":                {node: func(n *v1.Node) { n.Spec.Taints = []v1.Taint{gpu} }},
		"of another pool":        {node: func(n *v1.Node) { n.Labels["pool"] = "web" }},
		"of another zone":        {labels: map[string]string{"zone": "b"}},
		"of the gang's zone":     {labels: map[string]string{"zone": "a"}, want: true},
		"not selected":           {pod: func(p *v1.Pod) { p.Spec.NodeSelector = map[string]string{"zone": "b"} }},
		"where a seed failed":    {node: func(n *v1.Node) { n.Name = "failed" }},
		"that cannot":            {node: func(n *v1.Node) { n.Name = "unable" }},
		"tainted, and tolerated": {node: func(n *v1.Node) { n.Spec.Taints = []v1.Taint{gpu} }, pod: func(p *v1.Pod) { p.Spec.Tolerations = []v1.Toleration{{Key: "gpu", Operator: v1.TolerationOpExists}} }, want: true},
		"that prefers others":    {node: func(n *v1.Node) { n.Spec.Taints = []v1.Taint{{Key: "gpu", Effect: v1.TaintEffectPreferNoSchedule}} }, want: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSeeder(nil)
			s.pools = map[string]*nodeaffinity.NodeSelector{"muster": pool}
			s.avoided.add("failed", epoch)
			node, pod := newNode("node", "4"), newPod("pod", "", "1")
			node.Labels["pool"] = "training"
			if tc.node != nil {
				tc.node(node)
			}
			if tc.pod != nil {
				tc.pod(pod)
			}
			if got := s.may(pod, tc.labels)(node); got != tc.want {
				t.Errorf("may be seeded: %v, want %v", got, tc.want)
			}
		})
	}
}

func TestGangsAskByAlikeMembersInTheDomainTheyCameNearestToFit(t *testing.T) {
	t.Parallel()
	here, there := newNode("here", "4"), newNode("there", "8")
	there.Labels["zone"] = "b"
	leader, worker := newPod("leader", "", "1"), newPod("worker", "", "2")
	second := worker.DeepCopy()
	second.Name, second.UID = "second", "second"
	s := newSeeder([]*v1.Node{here, there})
	got := s.ofGangs([]snapshot.WaitingGang{{
		Key:  gang.Key{Namespace: "default", Name: "train"},
		Pods: []*v1.Pod{leader, worker, second},
		Spec: gang.Spec{Topology: []gang.Level{{Key: "zone"}}},
		Verdict: gang.Verdict{
			Domain: gang.Domain{Key: "zone", Values: []string{"a"}},
		},
	}}, func() map[string][]end { return nil })
	var demands []image.Demand
	for _, d := range got {
		d.Places = d.places()
		demands = append(demands, d.Demand)
		if want := "gang default/train waits for room"; d.why != want {
			t.Errorf("it is for %q, want %q", d.why, want)
		}
	}
	want := []image.Demand{
		{Needs: snapshot.PodImages(leader), Pods: 1, Sure: true, Places: []image.Place{{Node: "here", Room: 4}}},
		{Needs: snapshot.PodImages(worker), Pods: 2, Sure: true, Places: []image.Place{{Node: "here", Room: 2}}},
	}
	if diff := cmp.Diff(want, demands); diff != "" {
		t.Errorf("demands (-want +got):\n%s", diff)
	}
}

func TestFailuresAreLeftAloneForLonger(t *testing.T) {
	t.Parallel()
	a, now := newAvoided(), epoch
	for _, pause := range []time.Duration{10 * time.Minute, 20 * time.Minute, 40 * time.Minute} {
		a.add("node", now)
		a.add("node", now.Add(time.Second)) // of the same time
		if !a.has("node", now.Add(pause-time.Second)) || a.has("node", now.Add(pause)) {
			t.Errorf("it is not left alone for %s", pause)
		}
		now = now.Add(pause)
	}
	for range 20 {
		a.add("node", now)
		now = a["node"].until
	}
	if got := a["node"].pause; got != lastPause {
		t.Errorf("it is left alone for %s at last, want %s", got, lastPause)
	}
	a.add("node", now.Add(2*lastPause))
	if got := a["node"].pause; got != firstPause {
		t.Errorf("long after a failure it is left alone for %s, want %s", got, firstPause)
	}
}
