package demo

import (
	"slices"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// state is a pod of the gang red as a watch shows it.
func state(name, node string, phase v1.PodPhase) *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: metav1.NamespaceDefault, UID: types.UID(name), Labels: map[string]string{gangLabel: "red"},
		},
		Spec:   v1.PodSpec{NodeName: node},
		Status: v1.PodStatus{Phase: phase},
	}
}

func TestPartial(t *testing.T) {
	for _, test := range []struct {
		name  string
		bound []time.Duration // of four pods; 0 is not yet
		want  time.Duration
	}{
		{"none is bound", []time.Duration{0, 0, 0, 0}, 0},
		{"from the first to the third, which completes it", []time.Duration{7, 0, 5, 6}, 2},
		{"a fourth is one more than it takes", []time.Duration{5, 6, 7, 100}, 2},
		{"all at once", []time.Duration{5, 5, 5, 5}, 0},
		{"it goes on while some are missing", []time.Duration{5, 0, 8, 0}, 45},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := group{name: "red"}
			for _, at := range test.bound {
				g.pods = append(g.pods, &pod{bound: at})
			}
			if got := g.partial(3, 50); got != test.want {
				t.Errorf("partial for %d, want %d", got, test.want)
			}
		})
	}
}

func TestRecordKeepsTheFirstOfEachTime(t *testing.T) {
	r := newRecord()
	r.seePod(1, state("a", "", v1.PodPending))
	r.seePod(2, state("a", "node-0", v1.PodPending))
	r.seePod(3, state("a", "node-0", v1.PodRunning))
	r.seePod(4, state("a", "node-0", v1.PodRunning))
	r.seePod(5, state("a", "node-0", v1.PodSucceeded))
	r.seePod(6, state("a", "node-0", v1.PodSucceeded))
	r.seeGone(7, "a")
	r.seePod(4, state("b", "node-1", v1.PodPending))
	r.seePod(5, state("b", "node-1", v1.PodSucceeded)) // its start was missed

	g := r.group("red")
	for what, test := range map[string]struct {
		of   func(*pod) time.Duration
		want []time.Duration
	}{
		"bound":   {bound, []time.Duration{2, 4}},
		"started": {started, []time.Duration{3, 5}},
		"ended":   {ended, []time.Duration{5, 5}},
		"gone":    {gone, []time.Duration{7}},
	} {
		if got := g.times(test.of); !slices.Equal(got, test.want) {
			t.Errorf("%s at %v, want %v", what, got, test.want)
		}
	}
}

func TestGroups(t *testing.T) {
	r := newRecord()
	r.seePod(1, state("a", "node-1", v1.PodPending))
	r.seePod(2, state("b", "node-0", v1.PodPending))
	r.seePod(3, state("c", "node-1", v1.PodPending))
	elsewhere := state("d", "node-2", v1.PodPending)
	elsewhere.Namespace = "elsewhere"
	r.seePod(4, elsewhere)
	failed := state("b", "node-0", v1.PodFailed)
	failed.Status.Reason = "OutOfcpu"
	r.seePod(5, failed)

	if got, want := r.group("red").places(), "node-0, node-1 ×2"; got != want {
		t.Errorf("red is on %q, want %q", got, want)
	}
	if got, want := r.group("elsewhere/red").places(), "node-2"; got != want {
		t.Errorf("elsewhere/red is on %q, want %q", got, want)
	}
	want := "red has 3 pods: 3 got a node, 0 have started, 0 have ended, 1 failed (OutOfcpu)"
	if got := r.group("red").String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRefusals(t *testing.T) {
	r := newRecord()
	event := func(at time.Duration, pod, reason, text string) {
		r.seeEvent(at, &v1.Event{InvolvedObject: v1.ObjectReference{UID: types.UID(pod)}, Reason: reason, Message: text, Type: v1.EventTypeWarning})
	}
	event(1, "b", "FailedScheduling", "too big") // before the pod itself
	event(2, "a", "Pulling", "an image")
	event(3, "b", "FailedScheduling", "still too big")
	r.seePod(4, state("a", "", v1.PodPending))
	r.seePod(5, state("b", "", v1.PodPending))
	event(6, "a", "FailedScheduling", "no room")

	var got []string
	for _, n := range r.refusals("red") {
		got = append(got, n.text)
	}
	if want := "too big, no room"; strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
	state := `red has 2 pods: 0 got a node, 0 have started, 0 have ended; FailedScheduling: "no room"; FailedScheduling: "still too big"`
	if got := r.state("red"); got != state {
		t.Errorf("got %q, want %q", got, state)
	}
}

func TestHolders(t *testing.T) {
	r := newRecord()
	node := func(name string, images ...string) {
		r.seeNode(&v1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Status:     v1.NodeStatus{Images: []v1.ContainerImage{{Names: images}}},
		})
	}
	node("node-2", trainer, "registry.example/trainer@sha256:0")
	node("node-1", trainer)
	node("node-0", "registry.example/other:v1")
	node("node-2", trainer)
	if got := r.holders(trainer); !slices.Equal(got, []string{"node-1", "node-2"}) {
		t.Errorf("holders %v", got)
	}
}

func TestExpectation(t *testing.T) {
	pulling := func(bytes, seconds string) *pod {
		return &pod{annotations: map[string]string{pullBytesNote: bytes, pullSecondNote: seconds}}
	}
	for _, test := range []struct {
		name string
		pods []*pod
		want string
	}{
		{"nothing was noted", []*pod{{}, {}}, "unknown"},
		{"the images are there", []*pod{pulling("0", "0.0"), pulling("0", "0.0")}, "nothing to pull"},
		{"the slowest counts", []*pod{pulling("0", "0.0"), pulling("8000000000", "200.2")}, "8.0 GB to pull in 200 s in life, 20 s here"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := expectation(group{pods: test.pods}); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
