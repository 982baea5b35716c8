package snapshot

import (
	"cmp"
	"slices"

	v1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/muster-scheduler/muster/pkg/reason"
	"github.com/muster-scheduler/muster/pkg/resources"
)

// table is what arithmetic needs to know of the nodes, in the order of their
// names. It is kept from one attempt to the next, and only nodes that changed are
// read again: for a small gang, reading all would be most of the work.
type table struct {
	listed     []fwk.NodeInfo // as the framework lists them
	nodes      []fwk.NodeInfo // the same, by row
	names      []string
	objects    []*v1.Node
	generation []int64

	resources resources.Index
	elsewhere []bool             // by resource: what nodes do not have, something else may provide
	has, free []resources.Vector // by row
	total     resources.Vector

	labels map[string][]string // by label, by row
	closed map[string]*closed  // by class key
}

// closed is which nodes a class can never be on, as long as the node stays as it is.
type closed struct {
	rows []bool
	why  []reason.Reason
}

// The table forgets labels and classes beyond these numbers.
const (
	maxLabels = 16
	maxClosed = 64
)

func newTable() *table {
	return &table{
		resources: resources.Index{resources.CPU, resources.Memory, resources.Pods, string(v1.ResourceEphemeralStorage)},
		elsewhere: make([]bool, 4),
		total:     make(resources.Vector, 4),
	}
}

// refresh brings the table up to date with the framework's nodes. The framework
// updates them in place, and counts their generations up.
func (t *table) refresh(nodes []fwk.NodeInfo) {
	if !slices.Equal(nodes, t.listed) {
		t.listed = slices.Clone(nodes)
		t.nodes = slices.SortedFunc(slices.Values(nodes), func(a, b fwk.NodeInfo) int { return cmp.Compare(a.Node().Name, b.Node().Name) })
		t.names = make([]string, len(nodes))
		t.objects = make([]*v1.Node, len(nodes))
		t.generation = make([]int64, len(nodes))
		t.labels, t.closed = map[string][]string{}, map[string]*closed{}
		t.resize()
		return
	}
	for row, node := range t.nodes {
		if node.GetGeneration() != t.generation[row] {
			t.read(row)
		}
	}
}

// need adds a resource to the table. elsewhere says that nodes which do not have
// it may take pods that ask for it.
func (t *table) need(name string, elsewhere bool) {
	switch at := t.resources.Position(name); {
	case at < 0:
		t.resources, t.elsewhere = append(t.resources, name), append(t.elsewhere, elsewhere)
	case t.elsewhere[at] != elsewhere:
		t.elsewhere[at] = elsewhere
	default:
		return
	}
	t.resize()
}

// resize reads all nodes, for resources or nodes that were not there before.
func (t *table) resize() {
	width := len(t.resources)
	t.total = make(resources.Vector, width)
	amounts := make(resources.Vector, 2*width*len(t.nodes))
	cut := func() resources.Vector {
		v := amounts[:width:width]
		amounts = amounts[width:]
		return v
	}
	t.has, t.free = make([]resources.Vector, len(t.nodes)), make([]resources.Vector, len(t.nodes))
	for row := range t.nodes {
		t.free[row], t.has[row] = cut(), cut()
	}
	for row := range t.nodes {
		t.read(row)
	}
}

// unbounded is more of a resource than any gang asks for.
const unbounded = int64(1) << 50

func (t *table) read(row int) {
	node := t.nodes[row]
	t.generation[row] = node.GetGeneration()
	allocatable, requested := node.GetAllocatable(), node.GetRequested()
	for i, name := range t.resources {
		has, used := amount(allocatable, name), amount(requested, name)
		if name == resources.Pods {
			has, used = int64(allocatable.GetAllowedPodNumber()), int64(len(node.GetPods()))
		}
		t.total[i] += has - t.has[row][i]
		t.has[row][i], t.free[row][i] = has, has-used
		if has <= 0 && t.elsewhere[i] {
			t.free[row][i] = unbounded
		}
	}
	object := node.Node()
	if object == t.objects[row] {
		return
	}
	t.names[row], t.objects[row] = object.Name, object
	for key, values := range t.labels {
		values[row] = object.Labels[key]
	}
	for _, c := range t.closed {
		c.rows[row] = false
	}
}

func amount(r fwk.Resource, name string) int64 {
	switch name {
	case resources.CPU:
		return r.GetMilliCPU()
	case resources.Memory:
		return r.GetMemory()
	case string(v1.ResourceEphemeralStorage):
		return r.GetEphemeralStorage()
	}
	return r.GetScalarResources()[v1.ResourceName(name)]
}

// ask is what a pod takes of a node.
func (t *table) ask(info fwk.PodInfo) resources.Vector {
	r := info.CalculateResource().Resource
	out := make(resources.Vector, len(t.resources))
	for i, name := range t.resources {
		out[i] = amountOf(r, name)
	}
	return out
}

// amountOf is what a pod that asks for r takes of a resource.
func amountOf(r fwk.Resource, name string) int64 {
	if name == resources.Pods {
		return 1
	}
	return amount(r, name)
}

// valuesOf returns the values of a label, by row.
func (t *table) valuesOf(key string) []string {
	values, ok := t.labels[key]
	if !ok {
		if len(t.labels) == maxLabels {
			clear(t.labels)
		}
		values = make([]string, len(t.nodes))
		for row, object := range t.objects {
			values[row] = object.Labels[key]
		}
		t.labels[key] = values
	}
	return values
}

// closedTo returns where a class can never be.
func (t *table) closedTo(key string) *closed {
	c, ok := t.closed[key]
	if !ok {
		if len(t.closed) == maxClosed {
			clear(t.closed)
		}
		c = &closed{rows: make([]bool, len(t.nodes)), why: make([]reason.Reason, len(t.nodes))}
		t.closed[key] = c
	}
	return c
}

// learn keeps a refusal that depends on the pod's spec and the node's own
// properties alone, so that it lasts until either changes.
func (c *closed) learn(row int, why reason.Reason) {
	switch why.Code {
	case reason.Taint, reason.Affinity, reason.Cordoned:
		c.rows[row], c.why[row] = true, why
	}
}
