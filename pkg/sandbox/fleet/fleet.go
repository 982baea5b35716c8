// Package fleet says what simulated nodes look like from outside: names, labels, capacity, and how they pull.
//
// Both kinds of node, real kubelets and light nodes, are made from it, so a scheduler cannot tell them apart.
// It starts nothing. A Fleet is plain data: it crosses a process boundary as JSON.
package fleet

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/muster-scheduler/muster/pkg/sandbox/pull"
)

// Labels that place a node in the data centre, from wide to narrow. A rack is in exactly one zone.
const (
	LabelZone = v1.LabelTopologyZone
	LabelRack = "topology.muster.dev/rack"
)

// RunSecondsAnnotation on a pod makes each of its containers exit with code 0 after that many seconds.
const RunSecondsAnnotation = "muster.dev/sandbox-run-seconds"

// Fleet is a number of alike nodes with consecutive indexes.
type Fleet struct {
	// First is the index of the first node, Count how many there are. Node i is called "node-i".
	First, Count int
	// Racks and Zones are how many there are in the whole sandbox; nodes are dealt out to racks like cards.
	Racks, Zones int

	CPU, Memory, Disk resource.Quantity
	Pods              int

	// Bandwidth of a node and RegistryBandwidth of the registry are in bytes per second; 0 is unlimited.
	Bandwidth, RegistryBandwidth int64
	// MaxParallelPulls is the kubelet setting; 0 and 1 are serial.
	MaxParallelPulls int
	// KubeletConfiguration is fields of one, as JSON, which real kubelets have instead of the sandbox's.
	KubeletConfiguration string
	// Images is what the registry serves.
	Images []pull.Image
}

// Name returns the name of the node with the given index.
func Name(index int) string { return fmt.Sprintf("node-%d", index) }

// IP returns the address of the node with the given index, and the prefix ("10.70.3") of the addresses of its pods.
// Both are unique up to 16,000 nodes; nothing listens there.
func IP(index int) (node, podPrefix string) {
	return fmt.Sprintf("10.%d.%d.1", 64+index/250, index%250), fmt.Sprintf("10.%d.%d", 128+index/250, index%250)
}

// Names returns the names of the fleet's nodes, in order.
func (f Fleet) Names() []string {
	names := make([]string, f.Count)
	for i := range names {
		names[i] = Name(f.First + i)
	}
	return names
}

// Labels returns the labels of the node with the given index, without those that say what the machine is.
func (f Fleet) Labels(index int) map[string]string {
	rack := index % max(f.Racks, 1)
	return map[string]string{
		v1.LabelHostname: Name(index),
		LabelRack:        fmt.Sprintf("rack-%d", rack),
		LabelZone:        fmt.Sprintf("zone-%d", rack%max(f.Zones, 1)),
	}
}

// Capacity returns what each node offers.
func (f Fleet) Capacity() v1.ResourceList {
	return v1.ResourceList{
		v1.ResourceCPU:              f.CPU,
		v1.ResourceMemory:           f.Memory,
		v1.ResourceEphemeralStorage: f.Disk,
		v1.ResourcePods:             *resource.NewQuantity(int64(f.Pods), resource.DecimalSI),
	}
}

// Split cuts the fleet into fleets of at most size nodes.
func (f Fleet) Split(size int) []Fleet {
	var parts []Fleet
	for done := 0; done < f.Count; done += size {
		part := f
		part.First, part.Count = f.First+done, min(size, f.Count-done)
		parts = append(parts, part)
	}
	return parts
}
