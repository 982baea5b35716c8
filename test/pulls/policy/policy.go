// Package policy holds the ways to place gangs that are compared: exact or
// faithful copies of what exists, and Muster's own code.
//
// A policy is told what a scheduler can see and nothing else: the statuses of
// nodes, late and cut off as kubelets send them, its own bindings, and that a
// pod runs. What nodes really have and how fast the registry is at the moment,
// only package world knows.
//
// Invariant: a placement never gives a node more pods than it has slots; all
// members of a gang get a node or none does.
package policy

import (
	"fmt"
	"math/rand/v2"

	"github.com/muster-scheduler/muster/test/pulls/trace"
)

// Policy places gangs. Calls come one at a time, in the order of time.
type Policy interface {
	// Report says what the node's newest status lists: images, the largest first.
	Report(node int, images []int, now float64)
	// Place chooses a node for each member of the gang, whose first pod has the
	// number first; the others follow. It is called only if as many slots are free.
	// The cluster is as it was afterwards.
	Place(gang *trace.Gang, first int, now float64) Placement
	// Bound follows a placement, for each pod.
	Bound(gang *trace.Gang, pod, node int, now float64)
	// Started says that the images of a pod are ready and it runs.
	Started(pod, node int, now float64)
	// Finished says that a pod has ended and its slot is free.
	Finished(gang *trace.Gang, pod, node int, now float64)
}

// Seeder is a policy that has nodes pull images ahead.
type Seeder interface {
	// Seeds returns what is to be pulled ahead from now on. It is asked every SeedPeriod.
	Seeds(now float64) []Seed
	// Seeded says that the images of a seed are on its node.
	Seeded(s Seed, now float64)
}

// SeedPeriod is how often a Seeder is asked, in seconds.
const SeedPeriod = 5.0

// Seed is images that a node pulls before a pod asks for them. It takes no slot.
type Seed struct {
	ID     int
	Node   int
	Images []int
}

// Placement is a node for each member, and what the policy expects of it.
type Placement struct {
	Nodes []int
	// Seconds that each member will wait for its images; nil if the policy does not predict.
	Seconds []float64
}

// Known is what an operator can tell a scheduler about the cluster.
type Known struct {
	Unpack   float64 // bytes per second that a node downloads and unpacks at most
	Registry float64 // bytes per second that the registry gives to all nodes together
	Layer    float64 // seconds that every layer costs besides
	Resolve  float64 // seconds that every pull costs besides
	Parallel int     // pulls that a kubelet does at a time
	ListCap  int     // images that a status lists at most
	// Store is how many bytes of layers a node keeps, and GCHigh and GCLow the shares of
	// it from which on, and down to which, it collects images.
	Store         int64
	GCHigh, GCLow float64
}

// Cluster is what every scheduler keeps about nodes from its own bindings.
type Cluster struct {
	Trace *trace.Trace
	Known Known
	Nodes []Node
	// Free is the number of free slots on all nodes.
	Free int
}

// Node is the bookkeeping of one node.
type Node struct {
	Pods        int // 0 <= Pods <= Trace.Size.Slots
	CPU, Memory int64
}

// NewCluster returns the bookkeeping of a cluster without pods.
func NewCluster(t *trace.Trace, known Known) *Cluster {
	return &Cluster{Trace: t, Known: known, Nodes: make([]Node, t.Size.Nodes), Free: t.Size.Nodes * t.Size.Slots}
}

// Add counts n more members of the gang on the node; n < 0 takes some off.
func (c *Cluster) Add(gang *trace.Gang, node, n int) {
	c.Nodes[node].Pods += n
	c.Nodes[node].CPU += int64(n) * gang.CPU
	c.Nodes[node].Memory += int64(n) * gang.Memory
	c.Free -= n
}

// Fits reports whether the node has a free slot.
func (c *Cluster) Fits(node int) bool { return c.Nodes[node].Pods < c.Trace.Size.Slots }

// Muster with a price of bytes that stays the same whatever the registry is
// asked for: nothing, and the most that it rises to.
const (
	Free = "muster-free"
	Dear = "muster-dear"
)

// Muster that is not told what the registry serves, and has to learn it; and that
// pulls images ahead on nodes which pods are expected to get.
const (
	Untold  = "muster-untold"
	Seeding = "muster-seeding"
)

// Names are the policies that New knows, those to compare with first.
var Names = []string{"spread", "default", "image", "layer", "muster", Seeding, Untold, Free, Dear}

// New returns the policy of that name.
func New(name string, c *Cluster, seed uint64) (Policy, error) {
	rng := rand.New(rand.NewPCG(seed, 100))
	switch name {
	case "spread":
		return &greedy{c: c, rng: rng, status: newStatuses(c)}, nil
	case "default":
		return newUpstream(c, rng), nil
	case "image":
		return &greedy{c: c, rng: rng, status: newStatuses(c), worth: wholeImages}, nil
	case "layer":
		return &greedy{c: c, rng: rng, status: newStatuses(c), worth: layers}, nil
	case "muster":
		return newMuster(c, rng), nil
	case Seeding:
		return newSeeding(newMuster(c, rng)), nil
	case Untold:
		m := newMuster(c, rng)
		m.inv.SetRegistry(0)
		return m, nil
	case Free:
		m := newMuster(c, rng)
		m.price = func(_, _ int64) float64 { return 0 }
		return m, nil
	case Dear:
		m := newMuster(c, rng)
		m.price = func(bytes, largest int64) float64 { return 0.1 * float64(bytes) / float64(max(1, largest)) }
		return m, nil
	}
	return nil, fmt.Errorf("no policy is named %q", name)
}
