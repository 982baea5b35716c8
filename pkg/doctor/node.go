package doctor

import (
	"fmt"
	"strconv"
	"time"

	v1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/doctor/v1alpha1"
)

// Node is what the API server knows of a node.
type Node struct {
	Name string
	// Conditions are those of its status; one that is missing is not known.
	Conditions map[v1.NodeConditionType]v1.ConditionStatus
	// Images is how many it lists. Cap is how many it may list, by its kubelet's
	// nodeStatusMaxImages: -1 is no limit, nil not known.
	Images int
	Cap    *int32
	// RunsPods is whether containers of pods have run there; false if that is not known.
	RunsPods bool
	// UnusedImageBytes is what the images of the list that no pod of the node uses take; 0 if it
	// is not known. DiskBytes is its disk, 0 if that is not known.
	UnusedImageBytes, DiskBytes int64
	// Ahead is how far its clock, and Late how far its heartbeat, is beyond what it may be,
	// by the API server's clock; 0 if it is not, or not known.
	Ahead, Late time.Duration
}

const (
	// defaultCap is how many images a kubelet lists unless told otherwise.
	defaultCap = 50
	// muchUnused is the part of a disk that unused images may take.
	muchUnused = 0.3
)

// The conditions that keep pods away, with what they cost. That a node is not ready comes
// first: the others follow from it.
var badConditions = []struct {
	condition  v1.NodeConditionType
	good       v1.ConditionStatus
	rule, cost string
	fix        string
}{
	{
		v1.NodeReady, v1.ConditionTrue, "node-not-ready",
		"takes no pods, and those that run there are made anew elsewhere after 5 min", "kubectl describe node tells what its kubelet last said; look at kubelet and container runtime there",
	},
	{
		v1.NodeNetworkUnavailable, v1.ConditionFalse, "node-network-unavailable",
		"takes no pods until the network plug-in says that it is set up", "look at the pods of the network plug-in on the node",
	},
	{
		v1.NodeDiskPressure, v1.ConditionFalse, "node-disk-pressure",
		"takes no pods, and deletes images that no pod uses: the next pods pull them again", "a larger disk for images, or fewer and smaller ones; look at imageGCHighThresholdPercent",
	},
	{
		v1.NodeMemoryPressure, v1.ConditionFalse, "node-memory-pressure",
		"takes no pods without memory requests, and evicts others, which start once more elsewhere", "memory requests that say what pods use, and kubeReserved and systemReserved that say what the node does",
	},
	{
		v1.NodePIDPressure, v1.ConditionFalse, "node-pid-pressure",
		"takes no pods: it has hardly any process numbers left", "find the pod that makes so many processes; podPidsLimit bounds each",
	},
}

// Nodes finds what keeps pods from starting on nodes, or has them pull what is there.
func Nodes(nodes []Node) []v1alpha1.Finding {
	all := symptoms{}
	for i := range nodes {
		n := &nodes[i]
		ready := n.Conditions[v1.NodeReady] == v1.ConditionTrue
		for _, bad := range badConditions {
			status, known := n.Conditions[bad.condition]
			if !known || status == bad.good || !ready && bad.condition != v1.NodeReady {
				continue
			}
			all.add(n.Name, symptom{
				severity: v1alpha1.Warning, rule: bad.rule, setting: string(bad.condition), value: string(status), recommended: string(bad.good), cost: bad.cost, fix: bad.fix,
			})
		}
		if ready {
			all.add(n.Name, n.images()...)
			all.add(n.Name, n.clocks()...)
		}
	}
	findings := all.findings("nodes", len(nodes))
	for i := range findings {
		findings[i].Subject = "node"
		if findings[i].Rule == "node-not-ready" && unready(nodes) == len(nodes) {
			findings[i].Severity, findings[i].Cost = v1alpha1.Error, "no node takes pods"
		}
	}
	Sort(findings)
	return findings
}

func unready(nodes []Node) (n int) {
	for i := range nodes {
		if nodes[i].Conditions[v1.NodeReady] != v1.ConditionTrue {
			n++
		}
	}
	return n
}

// images looks at the list of images that is in the node's status.
func (n *Node) images() []symptom {
	limit := int32(defaultCap)
	if n.Cap != nil {
		limit = *n.Cap
	}
	var found []symptom
	if n.Images == 0 && n.RunsPods && limit != 0 {
		found = append(found, symptom{
			severity: v1alpha1.Warning, rule: "node-lists-no-images", setting: "status.images", value: "none", recommended: "what it has",
			cost: "runs pods, and lists no images: the scheduler takes every image for one that has to be pulled there, and starts pods elsewhere",
			fix:  "look at the kubelet's log for the container runtime's answer to ListImages",
		})
	}
	if limit > 0 && n.Images >= int(limit) {
		found = append(found, symptom{
			severity: v1alpha1.Warning, rule: "node-image-list-cut-off", setting: "status.images", value: strconv.Itoa(n.Images), recommended: "all it has",
			cost: "lists as many images as it may: it can have others, which the scheduler takes for images that have to be pulled, so that pods start elsewhere and pull",
			fix:  inKubelet("nodeStatusMaxImages: -1"),
		})
	}
	if n.DiskBytes > 0 && float64(n.UnusedImageBytes) > muchUnused*float64(n.DiskBytes) {
		found = append(found, symptom{
			severity: v1alpha1.Info, rule: "node-unused-images", setting: "status.images", value: fmt.Sprintf("over %.0f %% of the disk unused", 100*muchUnused), recommended: "as it is, while the disk has room",
			cost: "images that no pod of the node uses are what a full disk costs first, by when they were last used: those that were pulled ahead too",
			fix:  "a larger disk for images, or smaller images",
		})
	}
	return found
}

// clocks looks at the node's lease, which it dates by its own clock.
func (n *Node) clocks() []symptom {
	switch {
	case n.Ahead > 0:
		return []symptom{{
			severity: v1alpha1.Warning, rule: "node-clock", setting: "clock", value: "ahead", recommended: "that of the API server",
			cost: "what the node says of itself is dated in the future: start times and pull times are wrong, and certificates and tokens count as not valid yet or as expired",
			fix:  "time synchronisation on the node, such as chrony",
		}}
	case n.Late > 0:
		return []symptom{{
			severity: v1alpha1.Warning, rule: "node-heartbeat", setting: "lease", value: "older than it may be", recommended: "renewed every 10 s",
			cost: "the node is ready, but its heartbeats come late, or its clock is behind: with some more it counts as lost, and its pods are made anew elsewhere",
			fix:  "look at the load of the node and at the kubelet's log; time synchronisation on the node",
		}}
	}
	return nil
}
