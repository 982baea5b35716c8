package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
)

// The plugins of tests. Both are at every extension point but QueueSort, of which there
// is one, and come after the plugins that ship, but at Bind.
const (
	first  = "First"
	second = "Second"
)

// script is what the two plugins answer, and what they were asked.
type script struct {
	mu      sync.Mutex
	calls   map[string][]call // by pod
	answers map[string]answer // by "plugin.point pod"
	// nodes, by "plugin.point pod", are those to which PreFilter narrows, and that PostFilter nominates.
	nodes  map[string][]string
	scores map[string]int64 // by "plugin node"
	// normalize changes the scores that a plugin gave for a pod.
	normalize func(plugin, pod string, scores fwk.NodeScoreList)
	// helps says whether an event can help a pod that one of the plugins refused.
	helps func(pod *v1.Pod, old, new any) bool
	// permit is for how long a pod that has to wait at Permit may, unless that is a minute.
	permit map[string]time.Duration
}

type call struct{ point, plugin, node string }

// answer is what a plugin answers at an extension point; nil is success. It may block.
type answer func(ctx context.Context, node string) *fwk.Status

func newScript() *script {
	return &script{calls: map[string][]call{}, answers: map[string]answer{}, nodes: map[string][]string{}, scores: map[string]int64{}, permit: map[string]time.Duration{}}
}

// on has a plugin answer so at an extension point, written "Plugin.Point", about a pod.
func (s *script) on(where, pod string, a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[where+" "+pod] = a
}

// says answers the same ever and again.
func says(code fwk.Code) answer {
	return func(context.Context, string) *fwk.Status {
		if code == fwk.Error {
			return fwk.AsStatus(errBroken)
		}
		return fwk.NewStatus(code, "not now")
	}
}

var errBroken = errors.New("broken")

// holds blocks whoever asks, until it is let go, and then answers as another would. held
// is closed when the first asks.
func holds(then answer) (a answer, held <-chan struct{}, letGo func()) {
	asked, gone := make(chan struct{}), make(chan struct{})
	var once, end sync.Once
	return func(ctx context.Context, node string) *fwk.Status {
		once.Do(func() { close(asked) })
		select {
		case <-gone:
		case <-ctx.Done():
		}
		if then == nil {
			return nil
		}
		return then(ctx, node)
	}, asked, func() { end.Do(func() { close(gone) }) }
}

func (s *script) ask(ctx context.Context, plugin, point string, pod *v1.Pod, node string) *fwk.Status {
	s.mu.Lock()
	s.calls[pod.Name] = append(s.calls[pod.Name], call{point, plugin, node})
	a := s.answers[plugin+"."+point+" "+pod.Name]
	s.mu.Unlock()
	if a == nil {
		return nil
	}
	return a(ctx, node)
}

// called tells which calls were made about a pod, a line for each point in a row: who was
// called, with the node if there is one. Where the order of calls is not of one's making,
// it is the order of nodes and plugins.
func (s *script) called(pod, ns string) (lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.calls[pod]
	for len(all) > 0 {
		n := slices.IndexFunc(all, func(c call) bool { return c.point != all[0].point })
		if n < 0 {
			n = len(all)
		}
		same := slices.Clone(all[:n])
		switch same[0].point {
		case "Filter", "Score": // nodes at the same time, plugins in order
			slices.SortStableFunc(same, func(a, b call) int { return cmp.Compare(a.node, b.node) })
		case "PreEnqueue", "NormalizeScore": // plugins in any order
			slices.SortFunc(same, func(a, b call) int { return cmp.Compare(a.plugin, b.plugin) })
		}
		line := same[0].point + ":"
		for _, c := range same {
			line += " " + c.plugin
			if c.node != "" {
				line += "@" + strings.TrimPrefix(c.node, ns+"-")
			}
		}
		lines = append(lines, line)
		all = all[n:]
	}
	return lines
}

// count tells how often a plugin was called at a point about a pod.
func (s *script) count(pod, plugin, point string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls[pod] {
		if c.plugin == plugin && c.point == point {
			n++
		}
	}
	return n
}

// actor is one of the two plugins.
type actor struct {
	*script
	name string
}

var (
	_ fwk.PreEnqueuePlugin    = &actor{}
	_ fwk.EnqueueExtensions   = &actor{}
	_ fwk.PreFilterPlugin     = &actor{}
	_ fwk.PreFilterExtensions = &actor{}
	_ fwk.FilterPlugin        = &actor{}
	_ fwk.PostFilterPlugin    = &actor{}
	_ fwk.PreScorePlugin      = &actor{}
	_ fwk.ScorePlugin         = &actor{}
	_ fwk.ScoreExtensions     = &actor{}
	_ fwk.ReservePlugin       = &actor{}
	_ fwk.PermitPlugin        = &actor{}
	_ fwk.PreBindPlugin       = &actor{}
	_ fwk.BindPlugin          = &actor{}
	_ fwk.PostBindPlugin      = &actor{}
)

func (s *script) factory(name string) func(context.Context, runtime.Object, fwk.Handle) (fwk.Plugin, error) {
	return func(context.Context, runtime.Object, fwk.Handle) (fwk.Plugin, error) { return &actor{s, name}, nil }
}

func (a *actor) Name() string { return a.name }

func (a *actor) PreEnqueue(ctx context.Context, pod *v1.Pod) *fwk.Status {
	return a.ask(ctx, a.name, "PreEnqueue", pod, "")
}

func (a *actor) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	hint := func(_ klog.Logger, pod *v1.Pod, old, new any) (fwk.QueueingHint, error) {
		if a.helps != nil && a.helps(pod, old, new) {
			return fwk.Queue, nil
		}
		return fwk.QueueSkip, nil
	}
	return []fwk.ClusterEventWithHint{
		{Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add | fwk.UpdateNodeLabel}, QueueingHintFn: hint},
	}, nil
}

// mark is what PreFilter leaves for Filter: the plugin's name. The planner of gangs asks
// once for all members that are alike.
type mark string

func (m mark) Clone() fwk.StateData { return m }

func (a *actor) PreFilter(ctx context.Context, state fwk.CycleState, pod *v1.Pod, _ []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	state.Write(fwk.StateKey(a.name), mark(a.name))
	status := a.ask(ctx, a.name, "PreFilter", pod, "")
	a.mu.Lock()
	defer a.mu.Unlock()
	if nodes, ok := a.nodes[a.name+".PreFilter "+pod.Name]; ok && status.IsSuccess() {
		return &fwk.PreFilterResult{NodeNames: sets.New(nodes...)}, nil
	}
	return nil, status
}

func (a *actor) PreFilterExtensions() fwk.PreFilterExtensions { return a }

func (a *actor) AddPod(ctx context.Context, _ fwk.CycleState, pod *v1.Pod, _ fwk.PodInfo, node fwk.NodeInfo) *fwk.Status {
	return a.ask(ctx, a.name, "AddPod", pod, node.Node().Name)
}

func (a *actor) RemovePod(ctx context.Context, _ fwk.CycleState, pod *v1.Pod, _ fwk.PodInfo, node fwk.NodeInfo) *fwk.Status {
	return a.ask(ctx, a.name, "RemovePod", pod, node.Node().Name)
}

// Filter holds the framework to its word that what PreFilter wrote is there.
func (a *actor) Filter(ctx context.Context, state fwk.CycleState, pod *v1.Pod, node fwk.NodeInfo) *fwk.Status {
	if left, err := state.Read(fwk.StateKey(a.name)); err != nil || left != mark(a.name) {
		return fwk.AsStatus(fmt.Errorf("PreFilter left %v, %w", left, err))
	}
	return a.ask(ctx, a.name, "Filter", pod, node.Node().Name)
}

// PostFilter helps nobody, unless told otherwise.
func (a *actor) PostFilter(ctx context.Context, _ fwk.CycleState, pod *v1.Pod, _ fwk.NodeToStatusReader) (*fwk.PostFilterResult, *fwk.Status) {
	status := a.ask(ctx, a.name, "PostFilter", pod, "")
	a.mu.Lock()
	defer a.mu.Unlock()
	if nodes := a.nodes[a.name+".PostFilter "+pod.Name]; status != nil && status.IsSuccess() && len(nodes) > 0 {
		return &fwk.PostFilterResult{NominatingInfo: &fwk.NominatingInfo{NominatingMode: fwk.ModeOverride, NominatedNodeName: nodes[0]}}, nil
	}
	if status == nil {
		status = fwk.NewStatus(fwk.Unschedulable)
	}
	return nil, status
}

func (a *actor) PreScore(ctx context.Context, _ fwk.CycleState, pod *v1.Pod, _ []fwk.NodeInfo) *fwk.Status {
	return a.ask(ctx, a.name, "PreScore", pod, "")
}

func (a *actor) Score(ctx context.Context, _ fwk.CycleState, pod *v1.Pod, node fwk.NodeInfo) (int64, *fwk.Status) {
	status := a.ask(ctx, a.name, "Score", pod, node.Node().Name)
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.scores[a.name+" "+node.Node().Name], status
}

func (a *actor) ScoreExtensions() fwk.ScoreExtensions { return a }

func (a *actor) NormalizeScore(ctx context.Context, _ fwk.CycleState, pod *v1.Pod, scores fwk.NodeScoreList) *fwk.Status {
	if a.normalize != nil {
		a.normalize(a.name, pod.Name, scores)
	}
	return a.ask(ctx, a.name, "NormalizeScore", pod, "")
}

func (a *actor) Reserve(ctx context.Context, _ fwk.CycleState, pod *v1.Pod, node string) *fwk.Status {
	return a.ask(ctx, a.name, "Reserve", pod, node)
}

func (a *actor) Unreserve(ctx context.Context, _ fwk.CycleState, pod *v1.Pod, node string) {
	a.ask(ctx, a.name, "Unreserve", pod, node)
}

func (a *actor) Permit(ctx context.Context, _ fwk.CycleState, pod *v1.Pod, node string) (*fwk.Status, time.Duration) {
	a.mu.Lock()
	within := cmp.Or(a.permit[pod.Name], time.Minute)
	a.mu.Unlock()
	return a.ask(ctx, a.name, "Permit", pod, node), within
}

func (a *actor) PreBindPreFlight(ctx context.Context, _ fwk.CycleState, pod *v1.Pod, node string) (*fwk.PreBindPreFlightResult, *fwk.Status) {
	return nil, a.ask(ctx, a.name, "PreBindPreFlight", pod, node)
}

func (a *actor) PreBind(ctx context.Context, _ fwk.CycleState, pod *v1.Pod, node string) *fwk.Status {
	return a.ask(ctx, a.name, "PreBind", pod, node)
}

// Bind leaves the binding to the plugin that ships, unless told otherwise.
func (a *actor) Bind(ctx context.Context, _ fwk.CycleState, pod *v1.Pod, node string) *fwk.Status {
	if status := a.ask(ctx, a.name, "Bind", pod, node); status != nil {
		return status
	}
	return fwk.NewStatus(fwk.Skip)
}

func (a *actor) PostBind(ctx context.Context, _ fwk.CycleState, pod *v1.Pod, node string) {
	a.ask(ctx, a.name, "PostBind", pod, node)
}
