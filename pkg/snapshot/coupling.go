package snapshot

import (
	v1 "k8s.io/api/core/v1"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/muster-scheduler/muster/pkg/gang"
)

// This file makes up for what the plugins' AddPod and RemovePod leave out. They
// are made for preemption, where a wrong guess costs little; a plan stands on them.

// repulsion counts the placed members that a class must not share a domain with
// by their anti-affinity, not its own: a plugin that had nothing to do for the
// class at first is not told of what is placed later.
type repulsion struct {
	of   [][]repelled // by class: whom its members keep away
	keys [][]string   // by class: the labels by which others keep it away
	on   map[repelled]map[string]int
}

// repelled is a class that is kept away from nodes with the same value of a label.
type repelled struct {
	class int
	key   string
}

// apart reports whether a pod keeps others away.
func apart(pod *v1.Pod) bool {
	a := pod.Spec.Affinity
	return a != nil && a.PodAntiAffinity != nil && len(a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution) > 0
}

// findRepulsion finds which classes keep which away, and has those be coupled.
func (w *World) findRepulsion(classes []gang.Class) {
	w.repulsion = repulsion{of: make([][]repelled, len(classes)), keys: make([][]string, len(classes)), on: map[repelled]map[string]int{}}
	for i := range w.classes {
		for _, term := range w.pods[string(w.classes[i].pod.UID)].GetRequiredAntiAffinityTerms() {
			for j := range w.classes {
				c := &w.classes[j]
				if !term.Matches(c.pod, nil) {
					continue
				}
				c.coupled, classes[j].Coupled = true, true
				if !c.state.GetSkipFilterPlugins().Has("InterPodAffinity") {
					continue // the plugin minds it
				}
				r := repelled{j, term.TopologyKey}
				w.repulsion.of[i] = append(w.repulsion.of[i], r)
				if w.repulsion.on[r] == nil {
					w.repulsion.on[r] = map[string]int{}
					w.repulsion.keys[j] = append(w.repulsion.keys[j], term.TopologyKey)
				}
			}
		}
	}
}

// move counts a member of class i that comes to a node, or leaves it.
func (r *repulsion) move(i int, node *v1.Node, by int) {
	for _, who := range r.of[i] {
		if value, ok := node.Labels[who.key]; ok {
			r.on[who][value] += by
		}
	}
}

// repels reports whether a placed member keeps class i off a node.
func (r *repulsion) repels(i int, node *v1.Node) bool {
	for _, key := range r.keys[i] {
		if value, ok := node.Labels[key]; ok && r.on[repelled{i, key}][value] > 0 {
			return true
		}
	}
	return false
}

// spread has the nodes that remind the plugin PodTopologySpread of domains. It
// knows the two emptiest only, and when these fill up, none of the others, until
// a pod comes there or goes.
type spread []fwk.NodeInfo // one of each domain

// maxDomains is how many domains of a constraint are minded. In finer ones, such
// as single nodes, placing one member on each node in turn keeps them even.
const maxDomains = 64

// newSpread returns the domains that a class has to be spread over.
func (w *World) newSpread(pod *v1.Pod) spread {
	var s spread
	for i := range pod.Spec.TopologySpreadConstraints {
		if c := &pod.Spec.TopologySpreadConstraints[i]; c.WhenUnsatisfiable == v1.DoNotSchedule {
			s = append(s, w.domains(pod, c)...)
		}
	}
	return s
}

// domains returns one node of each domain of a constraint, none if there are too many.
func (w *World) domains(pod *v1.Pod, c *v1.TopologySpreadConstraint) []fwk.NodeInfo {
	affinity := nodeaffinity.GetRequiredNodeAffinity(pod)
	seen := map[string]bool{}
	var nodes []fwk.NodeInfo
	for row, value := range w.table.valuesOf(c.TopologyKey) {
		if value == "" || seen[value] || !counts(klog.FromContext(w.ctx), c, pod, affinity, w.table.objects[row]) {
			continue
		}
		if seen[value] = true; len(seen) > maxDomains {
			return nil
		}
		nodes = append(nodes, w.table.nodes[row])
	}
	return nodes
}

// counts reports whether a constraint of the pod minds the node.
func counts(logger klog.Logger, c *v1.TopologySpreadConstraint, pod *v1.Pod, affinity nodeaffinity.RequiredNodeAffinity, node *v1.Node) bool {
	if c.NodeAffinityPolicy == nil || *c.NodeAffinityPolicy == v1.NodeInclusionPolicyHonor {
		if match, _ := affinity.Match(node); !match {
			return false
		}
	}
	if c.NodeTaintsPolicy == nil || *c.NodeTaintsPolicy != v1.NodeInclusionPolicyHonor {
		return true
	}
	_, untolerated := corev1helpers.FindMatchingUntoleratedTaint(logger, node.Spec.Taints, pod.Spec.Tolerations, func(t *v1.Taint) bool {
		return t.Effect == v1.TaintEffectNoSchedule || t.Effect == v1.TaintEffectNoExecute
	}, false)
	return !untolerated
}

// remind has the plugin look at every domain again, by a pod that comes and goes.
func (w *World) remind(c *class, info fwk.PodInfo) {
	for _, node := range c.spread {
		if s := w.fw.RunPreFilterExtensionAddPod(w.ctx, c.state, c.pod, info, node); !s.IsSuccess() {
			w.fail(s.AsError())
		}
		if s := w.fw.RunPreFilterExtensionRemovePod(w.ctx, c.state, c.pod, info, node); !s.IsSuccess() {
			w.fail(s.AsError())
		}
	}
}
