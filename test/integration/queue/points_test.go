package queue

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	featuregatetesting "k8s.io/component-base/featuregate/testing"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/features"
)

// way is how a pod goes past the extension points when nothing is in its way and two
// nodes are left to choose from, of which First likes node a better. QueueSort is asked
// whenever the queue has to know who goes first, and is not told here.
var way = []string{
	"PreEnqueue: First Second",                  // on the way to Active
	"PreFilter: First Second",                   // once in an attempt
	"Filter: First@a Second@a First@b Second@b", // once for each node, nodes at the same time
	"PreScore: First Second",                    // once in an attempt, as PostFilter was not needed
	"Score: First@a Second@a First@b Second@b",  // once for each node that is left
	"NormalizeScore: First Second",              // once, with the scores of all nodes
	"Reserve: First@a Second@a",                 // once, for the node that was chosen
	"Permit: First@a Second@a",                  // the last point of the cycle
	"PreBind: First@a Second@a",                 // beside the next pod's cycle, as all that follows
	"Bind: First@a Second@a",                    // as long as they skip, and at last the plugin that ships
	"PostBind: First@a Second@a",                // of a pod that has its node
}

// before returns the way up to a point.
func before(point string) []string {
	return way[:slices.IndexFunc(way, func(line string) bool { return strings.HasPrefix(line, point+":") })]
}

// attempt returns the calls of a pod's first attempt, and of its coming.
func (s *inside) attempt(pod string) []string {
	lines := s.called(pod, s.ns)
	for i, line := range lines {
		if i > 0 && strings.HasPrefix(line, "PreEnqueue:") {
			return lines[:i] // on the way to the next one
		}
	}
	return lines
}

// choosy returns a scheduler whose pods go to node a.
func choosy(t *testing.T) *inside {
	t.Helper()
	s := scripted(t, "a", "b")
	s.scores["First "+s.node("a")] = 100
	return s
}

// TestExtensionPointsInOrder is the way of a pod that nothing is in the way of: each point
// is passed once, in order, and each plugin is called once, and once for each node at
// Filter and Score. What a plugin writes down at PreFilter it finds at Filter.
func TestExtensionPointsInOrder(t *testing.T) {
	t.Parallel()
	s := choosy(t)
	s.create(s.pod("train", "1m"))
	s.went("train", "Active by UnscheduledPodAdd", "Scheduling by Turn", "Bound by AssignedPodAdd")
	s.wait("PostBind", func() (bool, string) { return s.count("train", second, "PostBind") > 0, "" })
	if diff := cmp.Diff(way, s.called("train", s.ns)); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if on := s.get("train").Spec.NodeName; on != s.node("a") {
		t.Errorf("it is on %s, want the node that has the most points", on)
	}
}

// TestWhatAFailureDoes, at each extension point: who is called after it, where the pod
// goes, and what it says. First fails, time and again.
//
// By older descriptions a pod that fails goes to the unschedulable ones, in binding too. In
// 1.37 only who refuses a pod up to Permit is asked what would help it. All who fail
// otherwise are tried again by time, and so is whom PreBind or Bind refuses.
func TestWhatAFailureDoes(t *testing.T) {
	t.Parallel()
	const (
		refused    = "Unschedulable by ScheduleAttemptFailure, refused by First"
		byTime     = "Backoff by ScheduleAttemptFailure"
		cannot     = v1.PodReasonUnschedulable // what PodScheduled says
		broke      = v1.PodReasonSchedulerError
		postFilter = "PostFilter: First Second"
		unreserve  = "Unreserve: Second@a First@a" // both, in reverse, also who had no Reserve
	)
	type fate struct {
		then          []string // calls from the point on; nil if who is called is a matter of chance
		place, reason string
	}
	refuse, never, fail := fwk.Unschedulable, fwk.UnschedulableAndUnresolvable, fwk.Error
	fates := map[string]map[fwk.Code]fate{
		"PreFilter": {
			refuse: {[]string{"PreFilter: First Second", postFilter}, refused, cannot}, // victims may help: what PreFilter prepares is needed
			never:  {[]string{"PreFilter: First", postFilter}, refused, cannot},
			fail:   {[]string{"PreFilter: First"}, byTime, broke},
		},
		"Filter": {
			refuse: {[]string{"Filter: First@a First@b", postFilter}, refused, cannot},
			never:  {[]string{"Filter: First@a First@b", postFilter}, refused, cannot},
			fail:   {nil, byTime, broke},
		},
		"PreScore": {
			refuse: {[]string{"PreScore: First"}, byTime, broke}, // who scores refuses nobody
			fail:   {[]string{"PreScore: First"}, byTime, broke},
		},
		"Score":          {refuse: {nil, byTime, broke}, fail: {nil, byTime, broke}},
		"NormalizeScore": {refuse: {nil, byTime, broke}, fail: {nil, byTime, broke}},
		"Reserve": {
			refuse: {[]string{"Reserve: First@a", unreserve}, refused, cannot},
			fail:   {[]string{"Reserve: First@a", unreserve}, byTime, broke},
		},
		"Permit": {
			refuse: {[]string{"Permit: First@a", unreserve}, refused, cannot},
			never:  {[]string{"Permit: First@a", unreserve}, refused, cannot},
			fail:   {[]string{"Permit: First@a", unreserve}, byTime, broke},
		},
		"PreBind": {
			refuse: {[]string{"PreBind: First@a", unreserve}, byTime, cannot},
			fail:   {[]string{"PreBind: First@a", unreserve}, byTime, broke},
		},
		"Bind": {
			refuse: {[]string{"Bind: First@a", unreserve}, byTime, cannot},
			fail:   {[]string{"Bind: First@a", unreserve}, byTime, broke},
		},
	}
	s := choosy(t)
	name := func(point string, code fwk.Code) string { return strings.ToLower(fmt.Sprint(point, "-", code)) }
	for point, codes := range fates {
		for code := range codes {
			s.on("First."+point, name(point, code), says(code))
			s.create(s.pod(name(point, code), "1m"))
		}
	}
	for point, codes := range fates {
		for code, want := range codes {
			pod := name(point, code)
			s.wait(pod+" to fail", func() (bool, string) { return len(s.moves(pod)) > 2, strings.Join(s.moves(pod), "\n") })
			if got := s.moves(pod)[2]; got != want.place {
				t.Errorf("%s: it is %s, want %s", pod, got, want.place)
			}
			s.condition(pod, want.reason)
			wanted, calls := slices.Concat(before(point), want.then), s.attempt(pod)
			if want.then == nil && len(calls) == len(wanted)+1 && strings.HasPrefix(calls[len(wanted)], point+":") {
				calls = calls[:len(wanted)] // and no point after it
			}
			if diff := cmp.Diff(wanted, calls); diff != "" {
				t.Errorf("%s: calls (-want +got):\n%s", pod, diff)
			}
		}
	}
}

// TestFailureIsToldInAnEvent, in the words of who refused the pod, and of how many nodes.
func TestFailureIsToldInAnEvent(t *testing.T) {
	t.Parallel()
	c := shipped(t, "a")
	c.create(c.pod("train", "2"))
	c.wait("an event FailedScheduling", func() (bool, string) {
		list, err := c.client.CoreV1().Events(c.ns).List(t.Context(), metav1.ListOptions{FieldSelector: "involvedObject.name=train,reason=FailedScheduling"})
		if err != nil || len(list.Items) == 0 {
			return false, fmt.Sprint(err)
		}
		text := list.Items[0].Message
		return strings.Contains(text, "nodes are available:") && strings.Contains(text, "1 Insufficient cpu"), text
	})
}

// TestPreFilterNarrowsTheNodes to those that all plugins name. None in common is a refusal
// by all who named some, and no node is looked at. A single node is not scored.
func TestPreFilterNarrowsTheNodes(t *testing.T) {
	t.Parallel()
	s := scripted(t, "a", "b", "c")
	s.nodes["First.PreFilter one"] = []string{s.node("a"), s.node("b")}
	s.nodes["Second.PreFilter one"] = []string{s.node("b"), s.node("c")}
	s.nodes["First.PreFilter none"] = []string{s.node("a")}
	s.nodes["Second.PreFilter none"] = []string{s.node("b")}
	s.create(s.pod("one", "1m"), s.pod("none", "1m"))
	s.await("one", "Bound", 1)
	s.wait("PostBind", func() (bool, string) { return s.count("one", second, "PostBind") > 0, "" })
	want := []string{
		"PreEnqueue: First Second", "PreFilter: First Second", "Filter: First@b Second@b",
		"Reserve: First@b Second@b", "Permit: First@b Second@b", "PreBind: First@b Second@b", "Bind: First@b Second@b", "PostBind: First@b Second@b",
	}
	if diff := cmp.Diff(want, s.called("one", s.ns)); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	s.went("none", "Active by UnscheduledPodAdd", "Scheduling by Turn", "Unschedulable by ScheduleAttemptFailure, refused by First Second")
	if n := s.count("none", first, "Filter"); n != 0 {
		t.Errorf("%d nodes were filtered, want none", n)
	}
}

// TestSkip leaves a plugin out of what its point prepares: who skips PreFilter is not asked
// at Filter, and who skips PreScore not at Score.
func TestSkip(t *testing.T) {
	t.Parallel()
	s := scripted(t, "a", "b")
	s.on("First.PreFilter", "train", says(fwk.Skip))
	s.on("Second.PreScore", "train", says(fwk.Skip))
	s.create(s.pod("train", "1m"))
	s.await("train", "Bound", 1)
	want := []string{"PreEnqueue: First Second", "PreFilter: First Second", "Filter: Second@a Second@b", "PreScore: First Second", "Score: First@a First@b", "NormalizeScore: First"}
	if diff := cmp.Diff(want, s.called("train", s.ns)[:len(want)]); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// TestScoresAreNormalizedAndWeighed: a plugin may count as it likes, has to bring its
// scores to 0 to 100, and counts by its weight; First has 100 times that of Second.
func TestScoresAreNormalizedAndWeighed(t *testing.T) {
	t.Parallel()
	s := scripted(t, "a", "b")
	s.scores["First "+s.node("a")], s.scores["First "+s.node("b")] = 1000, 2000
	s.scores["Second "+s.node("a")], s.scores["Second "+s.node("b")] = 100, 0
	s.normalize = func(plugin, pod string, scores fwk.NodeScoreList) {
		if plugin == first && pod == "good" {
			for i := range scores {
				scores[i].Score /= 20
			}
		}
	}
	s.create(s.pod("good", "1m"))
	s.await("good", "Bound", 1)
	if on := s.get("good").Spec.NodeName; on != s.node("b") {
		t.Errorf("it is on %s, want b, which the plugin of more weight likes better", on)
	}
	s.create(s.pod("bad", "1m"))
	if message := s.condition("bad", v1.PodReasonSchedulerError); !strings.Contains(message, "invalid score") {
		t.Errorf("scores out of range: %s", message)
	}
}

// TestPostFilterIfNoNodeFits, and not otherwise. Plugins are asked in order, until one has
// found a way or says that there is none. A node that is nominated is not yet the pod's.
func TestPostFilterIfNoNodeFits(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer fwk.Code
		then   string
	}{
		"no help":     {fwk.Unschedulable, "PostFilter: First Second"},
		"no way":      {fwk.UnschedulableAndUnresolvable, "PostFilter: First"},
		"found a way": {fwk.Success, "PostFilter: First"},
		"broken":      {fwk.Error, "PostFilter: First"}, // the pod was refused all the same
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := scripted(t, "a")
			s.on("Second.Filter", "train", says(fwk.Unschedulable))
			s.on("First.PostFilter", "train", says(tc.answer))
			if tc.answer == fwk.Success {
				s.nodes["First.PostFilter train"] = []string{s.node("a")}
			}
			s.create(s.pod("train", "1m"))
			s.went("train", "Active by UnscheduledPodAdd", "Scheduling by Turn", "Unschedulable by ScheduleAttemptFailure, refused by Second")
			s.condition("train", v1.PodReasonUnschedulable)
			want := []string{"PreEnqueue: First Second", "PreFilter: First Second", "Filter: First@a Second@a", tc.then}
			if diff := cmp.Diff(want, s.called("train", s.ns)); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			nominated := ""
			if tc.answer == fwk.Success {
				nominated = s.node("a")
			}
			if got := s.get("train").Status; got.NominatedNodeName != nominated {
				t.Errorf("nominated is %q, want %q", got.NominatedNodeName, nominated)
			}
		})
	}
}

// TestPreFilterExtensions are for who tries what would be without some pods: preemption
// takes victims off a node, and puts back whom it can spare.
func TestPreFilterExtensions(t *testing.T) {
	t.Parallel()
	s := scripted(t, "a")
	s.create(s.pod("victim", "900m"))
	s.await("victim", "Bound", 1)
	urgent := s.pod("urgent", "900m")
	urgent.Spec.PriorityClassName = s.priority(1000)
	s.create(urgent)
	s.await("urgent", "Bound", 2)
	calls := s.attempt("urgent")
	if got := strings.Join(calls, "\n"); !strings.Contains(got, "RemovePod: First@a Second@a") || !strings.Contains(got, "AddPod: First@a Second@a") {
		t.Errorf("the victim is not taken off and put back:\n%s", got)
	}
	if s.count("victim", first, "AddPod")+s.count("victim", first, "RemovePod") > 0 {
		t.Error("who needs no victims tried to do without some")
	}
}

// priority makes a class of priority that pods may be of, and returns its name.
func (s *inside) priority(value int32) string {
	s.t.Helper()
	name := fmt.Sprintf("%s-%d", s.ns, value)
	class := &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Value: value}
	if _, err := s.client.SchedulingV1().PriorityClasses().Create(s.t.Context(), class, metav1.CreateOptions{}); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := s.client.SchedulingV1().PriorityClasses().Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil {
			s.t.Error(err)
		}
	})
	pod := s.pod("any", "1m")
	pod.Spec.PriorityClassName = name
	s.wait("the class to be known", func() (bool, string) {
		_, err := s.client.CoreV1().Pods(s.ns).Create(s.t.Context(), pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err == nil, fmt.Sprint(err)
	})
	return name
}

// TestTheFirstBinderThatDoesNotSkipBinds, and no other is asked.
func TestTheFirstBinderThatDoesNotSkipBinds(t *testing.T) {
	t.Parallel()
	s := scripted(t, "a")
	s.on("First.Bind", "train", func(ctx context.Context, node string) *fwk.Status {
		binding := &v1.Binding{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "train"}, Target: v1.ObjectReference{Kind: "Node", Name: node}}
		if err := s.client.CoreV1().Pods(s.ns).Bind(ctx, binding, metav1.CreateOptions{}); err != nil {
			return fwk.AsStatus(err)
		}
		return fwk.NewStatus(fwk.Success)
	})
	s.create(s.pod("train", "1m"))
	s.await("train", "Bound", 1)
	s.wait("PostBind", func() (bool, string) { return s.count("train", second, "PostBind") > 0, "" })
	if n := s.count("train", second, "Bind"); n != 0 {
		t.Errorf("Second was asked to bind %d times", n)
	}
}

// TestPreBindPreFlight is a point that older descriptions do not know: before a pod waits at Permit,
// plugins are asked whether they have something to do at PreBind, and who skips is not
// called there. If one has, the node is written down as nominated. Muster turns off the
// feature that this comes with, NominatedNodeNameForExpectation. Then nobody is asked, and
// all are called: TestExtensionPointsInOrder.
func TestPreBindPreFlight(t *testing.T) { // by itself: the feature is the process's
	control.start(t)
	featuregatetesting.SetFeatureGateDuringTest(t, utilfeature.DefaultFeatureGate, features.NominatedNodeNameForExpectation, true)
	s := scripted(t, "a")
	s.on("Second.PreBindPreFlight", "train", says(fwk.Skip))
	held, asked, letGo := holds(nil)
	s.on("First.PreBind", "train", held)
	s.on("First.PreBindPreFlight", "broken", says(fwk.Error))
	s.create(s.pod("train", "1m"))
	s.reached(asked)
	s.wait("the node to be nominated", func() (bool, string) {
		nominated := s.get("train").Status.NominatedNodeName
		return nominated == s.node("a"), nominated
	})
	letGo()
	s.await("train", "Bound", 1)
	s.wait("PostBind", func() (bool, string) { return s.count("train", second, "PostBind") > 0, "" })
	want := []string{"Permit: First@a Second@a", "PreBindPreFlight: First@a Second@a", "PreBind: First@a", "Bind: First@a Second@a", "PostBind: First@a Second@a"}
	calls := s.called("train", s.ns)
	if diff := cmp.Diff(want, calls[len(calls)-len(want):]); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	s.create(s.pod("broken", "1m"))
	s.condition("broken", v1.PodReasonSchedulerError)
	calls = s.attempt("broken")
	if diff := cmp.Diff([]string{"PreBindPreFlight: First@a", "Unreserve: Second@a First@a"}, calls[len(calls)-2:]); diff != "" {
		t.Errorf("calls after a failure (-want +got):\n%s", diff)
	}
}
