package snapshot

import (
	"fmt"
	"reflect"
	"testing"

	v1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	st "k8s.io/kubernetes/pkg/scheduler/testing"

	"github.com/muster-scheduler/muster/pkg/gang"
)

// crowd is a world of nodes with so many pods each, every fourth of them of the namespace
// ml and of one of ten gangs there.
func crowd(nodes, pods int) *World {
	w := &World{Worlds: &Worlds{table: newTable()}}
	var infos []fwk.NodeInfo
	for n := range nodes {
		info := framework.NewNodeInfo()
		for i := range pods {
			id := n*pods + i
			pod := st.MakePod().Namespace("web").Name(fmt.Sprint("p", id)).Req(map[v1.ResourceName]string{v1.ResourceCPU: "1"})
			if id%4 == 0 {
				pod = pod.Namespace("ml").Label(gang.NameLabel, fmt.Sprint("g", id/4%10))
			}
			info.AddPod(pod.Obj())
		}
		info.SetNode(st.MakeNode().Name(fmt.Sprintf("n%05d", n)).Capacity(map[v1.ResourceName]string{v1.ResourceCPU: fmt.Sprint(pods)}).Obj())
		infos = append(infos, info)
	}
	w.table.refresh(infos)
	return w
}

func contested(nodes int) gang.Verdict {
	v := gang.Verdict{Gang: gang.Key{Namespace: "ml", Name: "train"}, Short: []gang.Shortage{{Resource: "cpu", Ask: 2000}}}
	for n := range nodes {
		v.Contested = append(v.Contested, n)
	}
	return v
}

func TestHolders(t *testing.T) {
	w := crowd(4, 4)
	v := contested(2)
	want := gang.Holders{Own: []gang.Holder{{Name: "g0", Gang: true, Pods: 1}, {Name: "g1", Gang: true, Pods: 1}}, Pods: []string{"p0", "p4"}, Others: 6}
	if got := w.Holders(v); !reflect.DeepEqual(got, want) {
		t.Errorf("on two of the nodes: %+v, want %+v", got, want)
	}
	v.Short = []gang.Shortage{{Resource: "pods", Ask: 1}}
	if got := w.Holders(v); !reflect.DeepEqual(got, want) {
		t.Errorf("every pod takes a place for one: %+v, want %+v", got, want)
	}
	v.Short = []gang.Shortage{{Resource: "memory", Ask: 1}}
	if got := w.Holders(v); !reflect.DeepEqual(got, gang.Holders{}) {
		t.Errorf("none asks for memory: %+v", got)
	}
}

// BenchmarkHolders is what it costs a refused attempt to tell who holds the room, of as many
// nodes as a verdict names.
func BenchmarkHolders(b *testing.B) {
	w, v := crowd(5000, 30), contested(32)
	for b.Loop() {
		w.Holders(v)
	}
}
