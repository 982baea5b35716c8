package snapshot

import (
	"context"
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/reason"
	"github.com/muster-scheduler/muster/pkg/resources"
)

// World is the cluster as one scheduling cycle sees it, in which a gang can be
// tried: members are put on private copies of nodes, and the profile's own
// plugins say whether each is accepted. Nothing of it is seen outside.
//
// It implements gang.Trial. It is for one goroutine, within one scheduling cycle.
type World struct {
	ctx     context.Context
	fw      framework.Framework
	nodes   []fwk.NodeInfo
	private []bool // by node: it is our copy
	classes []class
	pods    map[string]*framework.PodInfo // by UID
	vetoed  sets.Set[string]
	err     error
}

// class is what all members of a gang.Class share.
type class struct {
	coupled  bool
	pod      *v1.Pod // its first member
	state    fwk.CycleState
	only     sets.Set[string] // nodes that PreFilter left; nil for all
	rejected *fwk.Status      // PreFilter refused the class everywhere
}

// whatIfKey marks the cycle states of trials, so that plugins that plan do not
// plan within a plan.
const whatIfKey = "muster.dev/what-if"

type whatIf struct{}

func (whatIf) Clone() fwk.StateData { return whatIf{} }

// InTrial reports whether a cycle state belongs to a trial.
func InTrial(state fwk.CycleState) bool {
	_, err := state.Read(whatIfKey)
	return err == nil
}

// NewWorld returns the world of one cycle for the given pods, and the question
// about them in the planner's terms. seconds returns the time until a pod's
// images are ready on each node, or nil.
func NewWorld(ctx context.Context, fw framework.Framework, nodes []fwk.NodeInfo, pods []*v1.Pod, veto []string,
	seconds func(*v1.Pod, []fwk.NodeInfo) []float64,
) (*World, gang.Cluster, []gang.Class, error) {
	w := &World{
		ctx:     ctx,
		fw:      fw,
		nodes:   append([]fwk.NodeInfo(nil), nodes...),
		private: make([]bool, len(nodes)),
		pods:    make(map[string]*framework.PodInfo, len(pods)),
		vetoed:  sets.New(veto...),
	}
	var classes []gang.Class
	byKey := map[string]int{}
	index := resources.Index{resources.CPU, resources.Memory, resources.Pods, string(v1.ResourceEphemeralStorage)}
	for _, pod := range pods {
		info, err := framework.NewPodInfo(pod)
		if err != nil {
			return nil, gang.Cluster{}, nil, fmt.Errorf("reading affinity of pod %s: %w", klog.KObj(pod), err)
		}
		w.pods[string(pod.UID)] = info
		key := classKey(pod)
		i, ok := byKey[key]
		if !ok {
			i = len(classes)
			byKey[key] = i
			classes = append(classes, gang.Class{Coupled: coupled(pod)})
			w.classes = append(w.classes, w.newClass(pod, classes[i].Coupled))
			if seconds != nil {
				classes[i].Seconds = seconds(pod, nodes)
			}
			for name := range info.CalculateResource().Resource.GetScalarResources() {
				if index.Position(string(name)) < 0 {
					index = append(index, string(name))
				}
			}
		}
		classes[i].UIDs = append(classes[i].UIDs, string(pod.UID))
	}
	for i := range classes {
		classes[i].Ask = ask(index, w.pods[classes[i].UIDs[0]])
	}
	return w, w.cluster(index, pods[0]), classes, w.err
}

func (w *World) newClass(pod *v1.Pod, coupled bool) class {
	c := class{coupled: coupled, pod: pod, state: framework.NewCycleState()}
	c.state.Write(whatIfKey, whatIf{})
	result, status, _ := w.fw.RunPreFilterPlugins(w.ctx, c.state, pod)
	switch {
	case status.IsRejected():
		c.rejected = status
	case !status.IsSuccess():
		w.fail(status.AsError())
	case !result.AllNodes():
		c.only = result.NodeNames
	}
	return c
}

func (w *World) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// Err returns what went wrong while the world was asked, if anything. An answer
// of a world with an error is no answer.
func (w *World) Err() error { return w.err }

// Note returns the words with which a plugin refused a class on every node, or "".
func (w *World) Note() string {
	for _, c := range w.classes {
		if c.rejected != nil {
			return c.rejected.Message()
		}
	}
	return ""
}

// cluster measures what the nodes have free. Room that is kept for nominated
// pods, of this pod's priority or above, is not free.
func (w *World) cluster(index resources.Index, pod *v1.Pod) gang.Cluster {
	c := gang.Cluster{
		Nodes:     make([]string, len(w.nodes)),
		Resources: index,
		Free:      make([]resources.Vector, len(w.nodes)),
		Total:     make(resources.Vector, len(index)),
	}
	room := make(resources.Vector, len(w.nodes)*len(index))
	for n, node := range w.nodes {
		c.Nodes[n] = node.Node().Name
		free := room[n*len(index) : (n+1)*len(index) : (n+1)*len(index)]
		has, used := node.GetAllocatable(), node.GetRequested()
		for i, name := range index {
			switch name {
			case resources.CPU:
				free[i] = has.GetMilliCPU() - used.GetMilliCPU()
				c.Total[i] += has.GetMilliCPU()
			case resources.Memory:
				free[i] = has.GetMemory() - used.GetMemory()
				c.Total[i] += has.GetMemory()
			case resources.Pods:
				free[i] = int64(has.GetAllowedPodNumber() - len(node.GetPods()))
				c.Total[i] += int64(has.GetAllowedPodNumber())
			case string(v1.ResourceEphemeralStorage):
				free[i] = has.GetEphemeralStorage() - used.GetEphemeralStorage()
				c.Total[i] += has.GetEphemeralStorage()
			default:
				amount, known := has.GetScalarResources()[v1.ResourceName(name)]
				if !known {
					// Not the arithmetic's to refuse: an extender or a resource
					// driver may provide it. The filters know.
					free[i] = unbounded
					continue
				}
				free[i] = amount - used.GetScalarResources()[v1.ResourceName(name)]
				c.Total[i] += amount
			}
		}
		for _, nominated := range w.fw.NominatedPodsForNode(c.Nodes[n]) {
			if _, own := w.pods[string(nominated.GetPod().UID)]; own || corev1helpers.PodPriority(nominated.GetPod()) < corev1helpers.PodPriority(pod) {
				continue
			}
			for i, a := range ask(index, nominated) {
				free[i] -= a
			}
		}
		c.Free[n] = free
	}
	return c
}

const unbounded = int64(1) << 50

func ask(index resources.Index, info fwk.PodInfo) resources.Vector {
	r := info.CalculateResource().Resource
	out := make(resources.Vector, len(index))
	for i, name := range index {
		switch name {
		case resources.CPU:
			out[i] = r.GetMilliCPU()
		case resources.Memory:
			out[i] = r.GetMemory()
		case resources.Pods:
			out[i] = 1
		case string(v1.ResourceEphemeralStorage):
			out[i] = r.GetEphemeralStorage()
		default:
			out[i] = r.GetScalarResources()[v1.ResourceName(name)]
		}
	}
	return out
}

// Fits implements gang.Trial.
func (w *World) Fits(i, n int, uid string) reason.Reason {
	c, node := &w.classes[i], w.nodes[n]
	switch {
	case w.err != nil:
		return reason.Reason{Code: reason.Other, Detail: "an error"}
	case c.rejected != nil:
		return reasonOf(c.rejected)
	case w.vetoed.Has(node.Node().Name):
		return reason.Reason{Code: reason.Excluded}
	case c.only != nil && !c.only.Has(node.Node().Name):
		return reason.Reason{Code: reason.Affinity}
	}
	status := w.fw.RunFilterPluginsWithNominatedPods(w.ctx, c.state, w.pods[uid].Pod, node)
	if !status.IsSuccess() && !status.IsRejected() {
		w.fail(status.AsError())
	}
	return reasonOf(status)
}

// Place implements gang.Trial.
func (w *World) Place(i, n int, uid string) {
	if !w.private[n] {
		w.nodes[n], w.private[n] = w.nodes[n].Snapshot(), true
	}
	info := w.pods[uid]
	w.nodes[n].AddPodInfo(info)
	for _, c := range w.classes {
		if !c.coupled || c.rejected != nil {
			continue
		}
		if s := w.fw.RunPreFilterExtensionAddPod(w.ctx, c.state, c.pod, info, w.nodes[n]); !s.IsSuccess() {
			w.fail(s.AsError())
		}
	}
}

// reasonOf translates a plugin's refusal into our vocabulary.
func reasonOf(s *fwk.Status) reason.Reason {
	if s.IsSuccess() {
		return reason.Reason{}
	}
	switch s.Plugin() {
	case "NodeResourcesFit":
		for _, text := range s.Reasons() {
			if what, ok := strings.CutPrefix(text, "Insufficient "); ok {
				return reason.Reason{Code: reason.Resource, Detail: what}
			}
			if strings.HasPrefix(text, "Too many pods") {
				return reason.Reason{Code: reason.Resource, Detail: resources.Pods}
			}
		}
		return reason.Reason{Code: reason.Resource, Detail: "resources"}
	case "TaintToleration":
		return reason.Reason{Code: reason.Taint}
	case "NodeAffinity", "NodeName":
		return reason.Reason{Code: reason.Affinity}
	case "NodeUnschedulable":
		return reason.Reason{Code: reason.Cordoned}
	case "NodePorts":
		return reason.Reason{Code: reason.Port}
	case "InterPodAffinity":
		return reason.Reason{Code: reason.PodRules}
	case "PodTopologySpread":
		return reason.Reason{Code: reason.Spread}
	case "VolumeBinding", "VolumeZone", "VolumeRestrictions", "NodeVolumeLimits":
		return reason.Reason{Code: reason.Volume}
	case PermitPlugin:
		return reason.Reason{Code: reason.Kept}
	case "DynamicResources":
		return reason.Reason{Code: reason.Claim}
	}
	return reason.Reason{Code: reason.Other, Detail: s.Plugin()}
}
