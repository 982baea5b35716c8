package state

import (
	"cmp"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/image"
)

// Cache is the scheduler's own count of its nodes.
type Cache interface {
	// GetNode returns a copy of what is counted of a node, and an error if that is nothing.
	GetNode(name string) (*framework.NodeInfo, error)
}

// CountNodes has the state tell of the nodes that are listed, as the cache counts them. It is
// for the start.
//
// The cache is asked for one node after the other, and so nobody's scheduling cycle waits
// longer than for the copy of one; what is told of two nodes may be some milliseconds
// apart.
func (s *State) CountNodes(listed corelisters.NodeLister, counts Cache) {
	s.listed, s.counts = listed, counts
}

// Nodes returns the nodes, as of a short time ago. The list is not to be changed.
func (s *State) Nodes() v1alpha1.NodeList { return s.nodes.of(s.clock.Now(), s.countNodes) }

func (s *State) countNodes() v1alpha1.NodeList {
	list := v1alpha1.NodeList{TypeMeta: typeMeta("NodeList"), Items: []v1alpha1.Node{}}
	if s.listed == nil {
		return list
	}
	levels, kept := []string{v1.LabelTopologyZone, v1.LabelTopologyRegion}, map[string]int{}
	if s.gangs != nil {
		levels, kept = s.gangs.Levels(), s.gangs.Kept()
	}
	loads := map[string]image.Load{}
	if s.images != nil {
		loads = s.images.Loads()
	}
	listed, err := s.listed.List(labels.Everything())
	if err != nil {
		return list // there is none: it is a list in memory
	}
	for _, object := range listed {
		info, err := s.counts.GetNode(object.Name)
		if err != nil || info.Node() == nil {
			continue // the scheduler has not heard of it yet, or has heard of its end
		}
		load := loads[object.Name]
		node := v1alpha1.Node{
			Name: object.Name, Unschedulable: info.Node().Spec.Unschedulable, Ready: ready(info.Node()), Room: rooms(info), Kept: kept[object.Name],
			Images: v1alpha1.ImageSum{Count: load.Images, Bytes: load.Bytes, CutOff: load.Cut},
			Pulls:  v1alpha1.PullSum{Count: load.Pulls, Bytes: load.Coming},
		}
		for _, level := range levels {
			if value, ok := info.Node().Labels[level]; ok {
				if node.Labels == nil {
					node.Labels = map[string]string{}
				}
				node.Labels[level] = value
			}
		}
		list.Items = append(list.Items, node)
	}
	slices.SortFunc(list.Items, func(a, b v1alpha1.Node) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

func ready(node *v1.Node) bool {
	return slices.ContainsFunc(node.Status.Conditions, func(c v1.NodeCondition) bool { return c.Type == v1.NodeReady && c.Status == v1.ConditionTrue })
}

// rooms is what a node has of each resource, or is used of it.
func rooms(info *framework.NodeInfo) map[string]v1alpha1.Room {
	has, used := info.GetAllocatable(), info.GetRequested()
	all := map[string]v1alpha1.Room{
		string(v1.ResourceCPU):    {Has: *resource.NewMilliQuantity(has.GetMilliCPU(), resource.DecimalSI), Used: *resource.NewMilliQuantity(used.GetMilliCPU(), resource.DecimalSI)},
		string(v1.ResourceMemory): room(resource.BinarySI, has.GetMemory(), used.GetMemory()),
		string(v1.ResourcePods):   room(resource.DecimalSI, int64(has.GetAllowedPodNumber()), int64(len(info.GetPods()))),
	}
	if has, used := has.GetEphemeralStorage(), used.GetEphemeralStorage(); has+used > 0 {
		all[string(v1.ResourceEphemeralStorage)] = room(resource.BinarySI, has, used)
	}
	for _, amounts := range []fwk.Resource{has, used} {
		for name := range amounts.GetScalarResources() {
			format := resource.DecimalSI
			if strings.HasPrefix(string(name), v1.ResourceHugePagesPrefix) {
				format = resource.BinarySI
			}
			all[string(name)] = room(format, has.GetScalarResources()[name], used.GetScalarResources()[name])
		}
	}
	return all
}

func room(format resource.Format, has, used int64) v1alpha1.Room {
	return v1alpha1.Room{Has: *resource.NewQuantity(has, format), Used: *resource.NewQuantity(used, format)}
}
