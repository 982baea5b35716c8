package snapshot

import (
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-scheduler/muster/pkg/resources"
)

// show tells the index what a snapshot says of the nodes.
func (w *waits) show(nodes []fwk.NodeInfo) {
	for _, node := range nodes {
		name := node.Node().Name
		if generation := node.GetGeneration(); w.generations[name] != generation || w.wakes.Moved(name) {
			w.generations[name] = generation
			w.wakes.Show(name, w.free(node), func(change string) bool { return lacks(node, change) })
		}
	}
	if w.wakes.Nodes() == len(nodes) {
		return
	}
	names := make(map[string]bool, len(nodes))
	for _, node := range nodes {
		names[node.Node().Name] = true
	}
	w.wakes.GoneBut(func(name string) bool { return names[name] })
	for name := range w.generations {
		if !names[name] {
			delete(w.generations, name)
		}
	}
}

// The names of changes: what, whose, and from which version of it on.
func podGone(pod *v1.Pod) string    { return "pod " + string(pod.UID) }
func podShrunk(pod *v1.Pod) string  { return "pod " + string(pod.UID) + " " + pod.ResourceVersion }
func podTook(pod *v1.Pod) string    { return "take " + string(pod.UID) }
func nodeGrew(node *v1.Node) string { return "node " + node.ResourceVersion }

// lacks reports whether a node of a snapshot does not show a change yet.
func lacks(node fwk.NodeInfo, change string) bool {
	words := strings.Split(change, " ")
	switch words[0] {
	case "node":
		return before(node.Node().ResourceVersion, words[1])
	case "take":
		return false // it was taken before the snapshot was
	}
	for _, info := range node.GetPods() {
		if pod := info.GetPod(); string(pod.UID) == words[1] {
			return len(words) == 2 || before(pod.ResourceVersion, words[2])
		}
	}
	return false
}

func before(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order < 0
}

// free is what a node has free, whoever it may be kept for; Unbounded for what
// it was never seen with.
func (w *waits) free(node fwk.NodeInfo) resources.Vector {
	has, used := node.GetAllocatable(), node.GetRequested()
	free := w.vector(has, has.GetAllowedPodNumber(), resources.Unbounded)
	for at, amount := range w.vector(used, len(node.GetPods()), 0) {
		if at < len(free) {
			free[at] -= amount
		}
	}
	return free
}

// ask is what a pod takes from its node.
func (w *waits) ask(pod fwk.PodInfo) resources.Vector {
	return w.vector(pod.CalculateResource().Resource, 1, 0)
}

// askOf is what a pod takes from its node; nothing if it can be on none.
func (w *waits) askOf(pod *v1.Pod) resources.Vector {
	info, err := framework.NewPodInfo(pod)
	if err != nil {
		return nil
	}
	return w.ask(info)
}

// less is what a has more than b, nothing where it has less.
func less(a, b resources.Vector) resources.Vector {
	d := make(resources.Vector, len(a))
	for at := range d {
		d[at] = a[at]
		if at < len(b) {
			d[at] = max(0, a[at]-b[at])
		}
	}
	return d
}

// fixed is the order in which the index has the resources that every node has.
var fixed = resources.Index{resources.CPU, resources.Memory, resources.Pods, string(v1.ResourceEphemeralStorage)}

// vector is amounts in the order of the index; others is for what r does not name.
func (w *waits) vector(r fwk.Resource, pods int, others int64) resources.Vector {
	v := append(make(resources.Vector, 0, len(fixed)+4), r.GetMilliCPU(), r.GetMemory(), int64(pods), r.GetEphemeralStorage())
	put := func(at int, amount int64) {
		for len(v) <= at {
			v = append(v, others)
		}
		v[at] = amount
	}
	for name, amount := range r.GetScalarResources() {
		put(w.wakes.Position(string(name)), amount)
	}
	for len(v) < w.wakes.Resources() {
		v = append(v, others)
	}
	return v
}

// translate gives what is asked for in the order of one index in that of this one.
func (w *waits) translate(index resources.Index, ask resources.Vector) resources.Vector {
	var v resources.Vector
	for from, name := range index {
		at := w.wakes.Position(name)
		for len(v) <= at {
			v = append(v, 0)
		}
		v[at] = ask[from]
	}
	return v
}
