package snapshot

import (
	"maps"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	st "k8s.io/kubernetes/pkg/scheduler/testing"

	"github.com/muster-scheduler/muster/pkg/gang"
)

// TestKeptIsCounted by node, for planned members and for lost ones.
func TestKeptIsCounted(t *testing.T) {
	g, _ := newTestGangs(t)
	key := gang.Key{Namespace: "ns", Name: "g"}
	for i, node := range []string{"n1", "n1", "n2"} {
		g.kept.keep(key, member("g", i, 3), node)
	}
	lost := member("g", 3, 3)
	lost.Spec.NodeName = "n2"
	g.kept.keepLost(key, lost)
	if got, want := g.Kept(), map[string]int{"n1": 2, "n2": 2}; !maps.Equal(got, want) {
		t.Errorf("Kept() = %v, want %v", got, want)
	}
	g.kept.drop("g-0")
	g.kept.drop("g-2")
	g.kept.drop("g-3")
	if got, want := g.Kept(), map[string]int{"n1": 1}; !maps.Equal(got, want) {
		t.Errorf("Kept() = %v, want %v", got, want)
	}
}

// TestRoomIsKept: a node with room for two pods of one core and one GPU, on which
// room for one is kept.
func TestRoomIsKept(t *testing.T) {
	const gpu = "nvidia.com/gpu"
	own, other := gang.Key{Namespace: "ns", Name: "g"}, gang.Key{Namespace: "ns", Name: "h"}
	pod := func(name, gangName string, cpu, gpus string, priority int32) *v1.Pod {
		p := st.MakePod().Namespace("ns").Name(name).UID(name).Priority(priority).
			Label(gang.NameLabel, gangName).Annotation(gang.MinAnnotation, "2").
			Req(map[v1.ResourceName]string{v1.ResourceCPU: cpu, gpu: gpus})
		return p.Obj()
	}
	node := func(on ...*v1.Pod) *framework.NodeInfo {
		info := framework.NewNodeInfo(on...)
		info.SetNode(st.MakeNode().Name("n").Capacity(map[v1.ResourceName]string{v1.ResourceCPU: "2", gpu: "2", v1.ResourcePods: "9"}).Obj())
		return info
	}
	planned := pod("planned", "g", "1", "1", 0)
	gone := pod("gone", "g", "1", "1", 0)
	gone.Spec.NodeName = "n"
	keepPlanned := func(k *kept) { k.keep(own, planned, "n") }
	keepLost := func(k *kept) { k.keepLost(own, gone) }

	tests := map[string]struct {
		keep func(*kept)
		pod  *v1.Pod
		on   []*v1.Pod
		want bool
	}{
		"beside what is kept there is room":             {keepPlanned, pod("p", "h", "1", "1", 0), nil, true},
		"what is kept is not for others":                {keepPlanned, pod("p", "h", "2", "0", 0), nil, false},
		"nor what it has of other resources":            {keepPlanned, pod("p", "h", "0", "2", 0), nil, false},
		"who asks for nothing that is short may come":   {keepPlanned, pod("p", "h", "0", "0", 0), nil, true},
		"it is for the one it is kept for":              {keepPlanned, planned, []*v1.Pod{pod("q", "h", "1", "1", 0)}, true},
		"and not for its siblings":                      {keepPlanned, pod("p", "g", "2", "0", 0), nil, false},
		"a higher priority takes it":                    {keepPlanned, pod("p", "h", "2", "0", 1), nil, true},
		"a lost member's is not for others":             {keepLost, pod("p", "h", "2", "0", 0), nil, false},
		"a lost member's is for its gang":               {keepLost, pod("p", "g", "2", "0", 0), nil, true},
		"a lost member that is there still counts once": {keepLost, pod("p", "h", "1", "1", 0), []*v1.Pod{gone}, true},
		"given up, it is for all": {func(k *kept) {
			keepPlanned(k)
			k.drop("planned")
		}, pod("p", "h", "2", "0", 0), nil, true},
		"taken by a member that was reserved elsewhere": {func(k *kept) {
			keepLost(k)
			k.take(own, "m")
		}, pod("p", "h", "2", "0", 0), nil, true},
		"another gang's members take nothing": {func(k *kept) {
			keepLost(k)
			k.take(other, "n")
		}, pod("p", "h", "2", "0", 0), nil, false},
		"given up by the gang": {func(k *kept) {
			keepLost(k)
			k.dropLost(own)
		}, pod("p", "h", "2", "0", 0), nil, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			g := &Gangs{kept: newKept()}
			tc.keep(g.kept)
			if got := g.Spares(tc.pod, node(tc.on...)); got != tc.want {
				t.Errorf("the node spares room: %v, want %v", got, tc.want)
			}
		})
	}
}
