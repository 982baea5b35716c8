package snapshot

import (
	"fmt"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	st "k8s.io/kubernetes/pkg/scheduler/testing"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/reason"
	"github.com/muster-scheduler/muster/pkg/resources"
)

// cells returns a snapshot of nodes with 4 cpu each, on which these pods are.
func cells(names string, pods ...*v1.Pod) []fwk.NodeInfo {
	var nodes []fwk.NodeInfo
	for _, name := range names {
		var on []*v1.Pod
		for _, p := range pods {
			if p.Spec.NodeName == string(name) {
				on = append(on, p)
			}
		}
		info := framework.NewNodeInfo(on...)
		info.SetNode(cell(string(name), "4"))
		nodes = append(nodes, info)
	}
	return nodes
}

func cell(name, cpu string) *v1.Node {
	return st.MakeNode().Name(name).Capacity(map[v1.ResourceName]string{"cpu": cpu, "memory": "16Gi", "pods": "110"}).Obj()
}

func tenant(name, node, cpu string) *v1.Pod {
	return st.MakePod().Name(name).UID(name).Node(node).Req(map[v1.ResourceName]string{"cpu": cpu}).Obj()
}

// sleeper has a gang of one class wait for room for so many members of 2 cpu.
func sleeper(g *Gangs, name string, lack int, nodes []fwk.NodeInfo, nominated ...fwk.PodInfo) *v1.Pod {
	rep := member(name, 0, 4)
	g.see(rep)
	key, _, _ := MemberOf(rep)
	index := resources.Index{resources.CPU, "example.com/gpu"} // not the order in which the index has them
	g.Attempt(key, rep, 4).Refused(gang.Verdict{
		Resources: index,
		Hope:      gang.Hope{Room: []gang.Lack{{Ask: resources.Vector{2000, 0}, Members: lack}}},
	}, nodes, func(_ *v1.Pod, node fwk.NodeInfo) (on []fwk.PodInfo) {
		for _, info := range nominated {
			if info.GetPod().Status.NominatedNodeName == node.Node().Name {
				on = append(on, info)
			}
		}
		return on
	})
	return rep
}

func wantSent(t *testing.T, h *handle, uid types.UID, sent bool) {
	t.Helper()
	deadline := time.After(time.Second)
	for {
		h.mu.Lock()
		got := h.activated[uid] > 0
		h.mu.Unlock()
		switch {
		case got == sent && sent:
			return
		case got && !sent:
			t.Fatalf("%s was sent for", uid)
		}
		select {
		case <-deadline:
			t.Fatalf("%s was not sent for", uid)
		case <-time.After(time.Millisecond):
			if !sent {
				return
			}
		}
	}
}

func TestGangIsSentForWhenItHasRoom(t *testing.T) {
	g, h := newTestGangs(t)
	var full []*v1.Pod
	for _, node := range "abc" {
		for i := range 4 {
			full = append(full, tenant(fmt.Sprintf("%c%d", node, i), string(node), "1"))
		}
	}
	nodes := cells("abc", full...)
	two, one := sleeper(g, "two", 2, nodes), sleeper(g, "one", 1, nodes)
	ask := func(gone *v1.Pod) {
		t.Helper()
		for range 2 { // the queue may ask twice
			for _, rep := range []*v1.Pod{two, one} {
				if g.PodGone(rep, gone) {
					t.Fatalf("%s is queued by the queue's rules", rep.Name)
				}
			}
		}
	}
	ask(full[0])
	wantSent(t, h, one.UID, false) // 1 cpu is no room for 2
	ask(full[4])
	wantSent(t, h, one.UID, false) // nor is another on another node
	ask(full[1])
	wantSent(t, h, one.UID, true)
	wantSent(t, h, two.UID, false)
	if g.NodeChanged(two) || g.OtherChanged(two) {
		t.Fatal("what did not stand in its way has it queued")
	}
	wantSent(t, h, two.UID, false)
	if g.NodeGrew(two, nil, cell("d", "2")) {
		t.Fatal("a new node has it queued")
	}
	wantSent(t, h, two.UID, true)
	if !g.PodGone(tenant("plain", "", "1"), full[2]) {
		t.Error("a pod that waits for no gang is held back")
	}
}

// TestRoomThatWasTakenIsNone: between two attempts this scheduler gives the room
// that came free to others.
func TestRoomThatWasTakenIsNone(t *testing.T) {
	g, h := newTestGangs(t)
	big := tenant("big", "a", "4")
	nodes := cells("ab", big, tenant("other", "b", "4"))
	rep := sleeper(g, "three", 3, nodes)
	for i := range 3 {
		g.PodGone(rep, big)
		big = tenant(fmt.Sprint("next", i), "a", "4")
		g.Took(big, "a")
	}
	wantSent(t, h, rep.UID, false)
	g.PodGone(rep, big)
	wantSent(t, h, rep.UID, false) // room for 2
	g.NodeGrew(rep, cell("b", "4"), cell("b", "6"))
	wantSent(t, h, rep.UID, true)
}

// TestRoomThatWasKeptWakes: a plan that is given up leaves room of which no
// event tells.
func TestRoomThatWasKeptWakes(t *testing.T) {
	g, h := newTestGangs(t)
	planned := member("holder", 0, 1)
	planned.Spec.Containers = tenant("", "", "4").Spec.Containers
	planned.Status.NominatedNodeName = "a"
	info, err := framework.NewPodInfo(planned)
	if err != nil {
		t.Fatal(err)
	}
	early := sleeper(g, "early", 5, cells("ab"))
	late := sleeper(g, "late", 2, cells("ab"), info)
	if g.waitsForRoom(planned) || !g.waitsForRoom(late) {
		t.Error("who waits for room is not known")
	}
	g.roomGivenUp()
	wantSent(t, h, late.UID, true)
	wantSent(t, h, early.UID, false) // it could have had that room, and that was not enough
}

// TestWhoWasToldOfKeptRoomIsToldAnew: it is not kept any more, though that is not
// enough for the gang.
func TestWhoWasToldOfKeptRoomIsToldAnew(t *testing.T) {
	g, h := newTestGangs(t)
	told, other := sleeper(g, "told", 5, cells("ab")), sleeper(g, "other", 5, cells("ab"))
	key, _, _ := MemberOf(told)
	g.waits.gangs[key].last.Tally = reason.Tally{{Code: reason.Kept}: 1}
	g.roomGivenUp()
	wantSent(t, h, told.UID, true)
	wantSent(t, h, other.UID, false)
}

// TestHeedsWhomTheQuestionIsFor: who would be sent for, or is not ours to hold
// back, must be asked.
func TestHeedsWhomTheQuestionIsFor(t *testing.T) {
	g, _ := newTestGangs(t)
	nodes := cells("ab", tenant("big", "a", "4"), tenant("other", "b", "4"))
	room, due, anything := sleeper(g, "room", 2, nodes), sleeper(g, "due", 1, nodes), sleeper(g, "anything", 2, nodes)
	g.waits.wakes.Wait(string(anything.UID), gang.Hope{Anything: true}, nil)
	g.waits.wakes.Release("a", "change", func() resources.Vector { return resources.Vector{2000} })
	for _, tc := range []struct {
		pod  *v1.Pod
		want bool
	}{{room, false}, {due, true}, {anything, true}, {tenant("plain", "", "1"), true}} {
		if got := g.Heeds(tc.pod); got != tc.want {
			t.Errorf("%s is asked: %v, want %v", tc.pod.Name, got, tc.want)
		}
	}
}
