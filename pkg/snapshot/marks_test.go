package snapshot

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/events"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	st "k8s.io/kubernetes/pkg/scheduler/testing"

	"github.com/muster-scheduler/muster/pkg/gang"
)

// patches returns the patches of pods so far.
func (h *handle) patches() (all []string) {
	for _, a := range h.client.(*fake.Clientset).Actions() {
		if p, ok := a.(clienttesting.PatchAction); ok {
			all = append(all, p.GetName()+" "+string(p.GetPatch()))
		}
	}
	return all
}

// refusedGang is a gang of three that was refused: more nodes would help.
func refusedGang(t *testing.T) (*Gangs, *handle, gang.Key) {
	g, h := newTestGangs(t)
	g.MarkMembers(true)
	for i := range 3 {
		pod := member("g", i, 3)
		pod.ResourceVersion = fmt.Sprint(10 + i)
		if _, err := h.client.CoreV1().Pods("ns").Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		g.see(pod)
		g.Admit(pod)
	}
	key := gang.Key{Namespace: "ns", Name: "g"}
	pod := member("g", 0, 3)
	g.Take(pod)
	g.Fail(key, pod, gang.Refused{Why: "gang ns/g: 0 of 3 members fit", NodesHelp: true})
	return g, h, key
}

func TestMarks(t *testing.T) {
	since := metav1.NewTime(time.Unix(1000, 0))
	unschedulable := v1.PodCondition{Type: v1.PodScheduled, Status: v1.ConditionFalse, Reason: v1.PodReasonUnschedulable, LastTransitionTime: since}
	tests := map[string]struct {
		before func(g *Gangs, key gang.Key)
		want   []string
	}{
		"all that it needs, each by its version, the one who speaks first": {
			func(*Gangs, gang.Key) {},
			[]string{"g-0: gang ns/g: 0 of 3 members fit", "g-1: gang ns/g does not fit; its events say why", "g-2: gang ns/g does not fit; its events say why"},
		},
		"who says so is not written to again, but that the speaker has another text": {
			func(g *Gangs, _ gang.Key) {
				for i := range 3 {
					pod := member("g", i, 3)
					pod.ResourceVersion, pod.Status.Conditions = "20", []v1.PodCondition{unschedulable}
					g.see(pod)
				}
			},
			[]string{"g-0: gang ns/g: 0 of 3 members fit"},
		},
		"it comes to lack something else": {
			func(g *Gangs, key gang.Key) {
				pod := member("g", 1, 3)
				pod.ResourceVersion, pod.Status.Conditions = "20", []v1.PodCondition{unschedulable}
				g.see(pod)
				g.Fail(key, pod, gang.Refused{Why: "a volume is missing"})
			},
			[]string{"g-1: "},
		},
		"it is planned": {
			func(g *Gangs, key gang.Key) {
				pod := member("g", 0, 3)
				g.Commit(key, pod, []*v1.Pod{pod, member("g", 1, 3), member("g", 2, 3)}, gang.Placement{"g-0": "n", "g-1": "n", "g-2": "n"}, gang.Sequence{})
			},
			nil,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			g, _, key := refusedGang(t)
			tc.before(g, key)
			var got []string
			for _, w := range g.unlike(key) {
				got = append(got, w.pod.Name+": "+w.says)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

// A condition that changes its reason is as old as it was; one that is new is not.
func TestMarkIsOfAVersionAndATime(t *testing.T) {
	now, since := time.Unix(2000, 0), metav1.NewTime(time.Unix(1000, 0))
	pod := member("g", 0, 3)
	pod.ResourceVersion = "7"
	for _, conditions := range [][]v1.PodCondition{nil, {{Type: v1.PodScheduled, Status: v1.ConditionFalse, Reason: "SchedulerError", LastTransitionTime: since}}} {
		pod.Status.Conditions = conditions
		patch := marking{pod, "why"}.patch(now)
		want := now
		if conditions != nil {
			want = since.Time
		}
		condition := patch["status"].(map[string]any)["conditions"].([]any)[0].(map[string]any)
		if got := condition["lastTransitionTime"].(metav1.Time); !got.Equal(&metav1.Time{Time: want}) {
			t.Errorf("with %v: since %v, want %v", conditions, got, want)
		}
		if version := patch["metadata"].(map[string]any)["resourceVersion"]; version != "7" {
			t.Errorf("it names the version %v", version)
		}
	}
}

func TestStandbyMarksNobody(t *testing.T) {
	g, h, key := refusedGang(t)
	g.marks.touch([]gang.Key{key})
	if n := g.marks.queue.Len(); n > 0 || len(h.patches()) > 0 {
		t.Errorf("%d gangs are queued, written is %v", n, h.patches())
	}
	g.Lead(func(func(*v1.Pod) bool) {})
	eventually(t, "three members to be marked", func() bool { return len(h.patches()) >= 3 })
}

func TestMarksThatAreForbiddenAreGivenUp(t *testing.T) {
	g, h, key := refusedGang(t)
	h.client.(*fake.Clientset).PrependReactor("patch", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "pods/status"}, "g-0", nil)
	})
	if err := g.marks.mark(t.Context(), key); err != nil || len(h.patches()) != 1 {
		t.Errorf("%v after %v: it goes on", err, h.patches())
	}
}

// A mark is no refusal of the pod itself, by which a restarted scheduler tells those apart
// who were to start with their gang.
func TestMarkIsNoRefusalOfThePodItself(t *testing.T) {
	pod := member("g", 0, 3)
	for says, want := range map[string]int64{
		"gang ns/g: 0 of 3 members fit":                                     0,
		"gang ns/g does not fit; its events say why":                        0,
		"0/3 nodes are available: 3 Insufficient cpu.":                      time.Unix(1000, 0).UnixNano(),
		"0/3 nodes are available: gang ns/g: 0 of 1 members fit in zone a.": time.Unix(1000, 0).UnixNano(),
	} {
		pod.Status.Conditions = []v1.PodCondition{{Type: v1.PodScheduled, Status: v1.ConditionFalse, Message: says, LastTransitionTime: metav1.Unix(1000, 0)}}
		if _, m, _ := MemberOf(pod); m.RefusedAt != want {
			t.Errorf("%q: refused at %d, want %d", says, m.RefusedAt, want)
		}
	}
}

// frame is a framework with a client and a recorder.
type frame struct {
	framework.Framework
	h *handle
}

func (f frame) ClientSet() kubernetes.Interface           { return f.h.client }
func (f frame) APICacher() fwk.APICacher                  { return nil }
func (f frame) EventRecorder() events.EventRecorderLogger { return spoken{} }

// spoken is a recorder that is not silent.
type spoken struct{ silence }

// TestOnFailure: what the handler of failed attempts may say of a member.
func TestOnFailure(t *testing.T) {
	refusal := fwk.NewStatus(fwk.Unschedulable, "no")
	tests := map[string]struct {
		pod       string
		status    *fwk.Status
		on        bool
		wantEvent bool
		wantPatch bool
	}{
		"the one who speaks is told, and is marked by us": {"g-0", refusal, true, true, false},
		"others are silent":           {"g-1", refusal, true, false, false},
		"an error is told":            {"g-1", fwk.AsStatus(fmt.Errorf("the API says no")), true, true, true},
		"a plain pod is none of ours": {"plain", refusal, true, true, true},
		"nobody is marked":            {"g-1", refusal, false, true, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			g, h, _ := refusedGang(t)
			g.MarkMembers(tc.on)
			pod := member("g", int(tc.pod[len(tc.pod)-1]-'0'), 3)
			if tc.pod == "plain" {
				pod = st.MakePod().Namespace("ns").Name("plain").UID("plain").Obj()
				if _, err := h.client.CoreV1().Pods("ns").Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			before := len(h.patches())
			g.OnFailure(func(ctx context.Context, fw framework.Framework, _ *framework.QueuedPodInfo, _ *fwk.Status, _ *fwk.NominatingInfo, _ time.Time) {
				if _, speaks := fw.EventRecorder().(spoken); speaks != tc.wantEvent {
					t.Errorf("an event is told: %v, want %v", speaks, tc.wantEvent)
				}
				cacher, patched := fw.APICacher(), true
				if cacher != nil { // else the handler writes by itself
					if _, err := cacher.PatchPodStatus(pod, []*v1.PodCondition{{Type: v1.PodScheduled, Status: v1.ConditionFalse, Reason: "r"}}, nil); err != nil {
						t.Error(err)
					}
					patched = len(h.patches()) > before
				}
				if patched != tc.wantPatch {
					t.Errorf("a condition is written: %v, want %v", patched, tc.wantPatch)
				}
			})(t.Context(), frame{h: h}, &framework.QueuedPodInfo{PodInfo: &framework.PodInfo{Pod: pod}}, tc.status, nil, time.Time{})
		})
	}
}

// TestARefusalAfterAMarkIsNew: since when a member is refused for itself tells who was to
// start with the gang, after a restart.
func TestARefusalAfterAMarkIsNew(t *testing.T) {
	_, h, _ := refusedGang(t)
	for says, isNew := range map[string]bool{"gang ns/g does not fit; its events say why": true, "0/3 nodes are available": false} {
		pod := member("g", 0, 3)
		pod.Status.Conditions = []v1.PodCondition{{Type: v1.PodScheduled, Status: v1.ConditionFalse, Message: says, LastTransitionTime: metav1.Unix(1000, 0)}}
		w := muted{Framework: frame{h: h}, ctx: t.Context()}.APICacher()
		if _, err := w.PatchPodStatus(pod, []*v1.PodCondition{{Type: v1.PodScheduled, Status: v1.ConditionFalse, Message: "0/4 nodes are available"}}, nil); err != nil {
			t.Fatal(err)
		}
		patches := h.patches()
		if last := patches[len(patches)-1]; strings.Contains(last, "lastTransitionTime") != isNew {
			t.Errorf("after %q, its time is new: want %v: %s", says, isNew, last)
		}
	}
}
