package snapshot

import (
	"slices"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/muster-scheduler/muster/pkg/gang"
)

// TestTheWayOfAGang: its states and what was said of it there last; forgotten with the gang.
func TestTheWayOfAGang(t *testing.T) {
	g, _ := newTestGangs(t)
	now := clocktesting.NewFakePassiveClock(time.Unix(1e9, 0))
	g.clock = now
	for i := range 3 {
		now.SetTime(time.Unix(1e9+int64(i), 0))
		g.Admit(member("g", i, 3))
	}
	by := member("g", 0, 3)
	now.SetTime(time.Unix(1e9+3, 0))
	g.Take(by)
	g.Fail(gang.Key{Namespace: "ns", Name: "g"}, by, gang.Refused{Why: "0 of 3 members fit"})
	now.SetTime(time.Unix(1e9+4, 0))
	g.Fail(gang.Key{Namespace: "ns", Name: "g"}, by, gang.Refused{Why: "2 of 3 members fit"})
	var lines []string
	for _, stay := range g.Find("ns", "g")[0].Way {
		lines = append(lines, stay.Since.UTC().Format("05")+" "+stay.State+" "+stay.Said)
	}
	if got, want := strings.Join(lines, "\n"), "40 Gathering gang ns/g: 2 of 3 members exist\n42 Queued \n43 Waiting 2 of 3 members fit"; got != want {
		t.Errorf("the way of the gang is\n%s\nwant\n%s", got, want)
	}
	if listed := g.List(""); len(listed) != 1 || listed[0].Way != nil || listed[0].Members != nil {
		t.Errorf("List() = %v, want the gang without its way and members", listed)
	}
	for i := range 3 {
		g.lose(string(member("g", i, 3).UID))
	}
	if got, _ := g.observer.ways.Of(gang.Key{Namespace: "ns", Name: "g"}); got != nil {
		t.Errorf("the way of a gang that is no more is %v", got)
	}
}

// TestLevels of nodes are those by which somebody could draw them, and never a node's own name.
func TestLevels(t *testing.T) {
	g, _ := newTestGangs(t)
	pod := member("g", 0, 2)
	pod.Annotations[gang.TopologyAnnotation] = "rack=preferred, " + v1.LabelHostname + "=preferred"
	g.see(pod)
	got := g.Levels()
	slices.Sort(got)
	if want := []string{"rack", v1.LabelTopologyRegion, v1.LabelTopologyZone}; !slices.Equal(got, want) {
		t.Errorf("Levels() = %v, want %v", got, want)
	}
}
