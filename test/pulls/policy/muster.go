package policy

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/image"
	"github.com/muster-scheduler/muster/pkg/reason"
	"github.com/muster-scheduler/muster/pkg/resources"
	"github.com/muster-scheduler/muster/test/pulls/trace"
)

// muster is the shipped code: the inventory, the ledger and the model of pulls
// of package image, and the planner of package gang. What plugins do in between
// is done here as they do it, with the shipped profile: gangs are planned, and a
// plain pod goes where the sum of the scores is highest, over all nodes.
//
// A manifest is known as soon as the first pod names the image.
type muster struct {
	c     *Cluster
	inv   *image.Inventory
	names []string         // of nodes, in ascending order
	index map[string]int   // of nodes by name
	known []bool           // by image: its manifest is
	keys  map[int][]string // by pod that has not ended: its images
	// price replaces the price that bytes have, to compare it with fixed ones; nil to leave it.
	price func(bytes, largest int64) float64

	plain *upstream // for the scores that the profile keeps
}

// What the shipped profile states: see pkg/scheduler/config.yaml and package imagepull.
const (
	imageWeight      = 5
	fullScoreSeconds = 200
)

const platform = "linux/amd64"

func newMuster(c *Cluster, rng *rand.Rand) *muster {
	m := &muster{
		c: c, inv: image.NewInventory(), index: map[string]int{}, known: make([]bool, len(c.Trace.Images)),
		keys: map[int][]string{}, plain: newUpstream(c, rng),
	}
	m.inv.SetRegistry(c.Known.Registry)
	for n := range c.Nodes {
		name := fmt.Sprintf("node-%05d", n)
		m.index[name] = n
		m.names = append(m.names, name)
	}
	for _, i := range c.Trace.Preloaded {
		m.learn(i)
	}
	return m
}

// clock is the time of day at so many seconds of the simulation.
func clock(now float64) time.Time { return time.Unix(0, int64(now*1e9)) }

func uid(pod int) string { return fmt.Sprintf("pod-%07d", pod) }

// learn tells the inventory of which layers an image is.
func (m *muster) learn(i int) {
	if m.known[i] {
		return
	}
	m.known[i] = true
	of := m.c.Trace.Images[i]
	manifest := image.Manifest{Digest: "sha256:" + of.Name, Keys: []string{of.Name}, Platform: platform}
	for _, l := range of.Layers {
		layer := m.c.Trace.Layers[l]
		manifest.Layers = append(manifest.Layers, image.Layer{Digest: layer.Digest, Bytes: layer.Bytes})
	}
	m.inv.SetManifest(manifest)
}

// Report has the inventory take over a node's status.
func (m *muster) Report(node int, images []int, now float64) {
	is := image.Node{Platform: platform, Puller: image.Puller{
		BytesPerSecond: m.c.Known.Unpack, Parallel: m.c.Known.Parallel, Eager: 1,
		SecondsPerLayer: m.c.Known.Layer, SecondsPerImage: m.c.Known.Resolve,
	}}
	for _, i := range images {
		of := m.c.Trace.Images[i]
		is.Images = append(is.Images, image.Report{Names: []string{of.Name}, Bytes: of.Bytes})
	}
	m.inv.SetNode(m.names[node], is, clock(now))
}

// Place plans a gang, or scores the nodes for a plain pod, and reserves.
func (m *muster) Place(g *trace.Gang, first int, now float64) Placement {
	m.inv.Advance(clock(now))
	ask := image.Ask{Others: g.Members - 1}
	for _, i := range g.Images {
		m.learn(i)
		ask.Needs = append(ask.Needs, image.Need{Key: m.c.Trace.Images[i].Name, Always: g.Always})
	}
	var p Placement
	if g.Members == 1 {
		p.Nodes = []int{m.score(g, m.estimates(ask))}
	} else {
		ask.Gang = fmt.Sprint("gang-", first)
		p.Nodes = m.plan(g, first, m.estimates(ask))
	}
	for i, n := range p.Nodes {
		m.inv.Reserve(uid(first+i), ask.Gang, m.names[n], ask.Needs, clock(now))
		p.Seconds = append(p.Seconds, m.inv.Expect(uid(first+i)).Seconds)
	}
	return p
}

// estimates is what the images cost on each node, or nil if it makes no difference.
func (m *muster) estimates(ask image.Ask) []image.Estimate {
	if m.inv.Same(ask.Needs) {
		return nil
	}
	all := m.inv.Estimate(ask)
	if !all.Known {
		return nil
	}
	of, differ := make([]image.Estimate, len(m.names)), false
	for n, name := range m.names {
		of[n] = all.Of(name)
		if m.price != nil {
			of[n].Price = m.price(of[n].Bytes, all.Largest)
		}
		differ = differ || of[n] != of[0]
	}
	if !differ {
		return nil
	}
	return of
}

// plan asks the planner for the nodes of a gang.
func (m *muster) plan(g *trace.Gang, first int, estimates []image.Estimate) []int {
	cluster := gang.Cluster{Nodes: m.names, Resources: resources.Index{resources.CPU, resources.Memory, resources.Pods}}
	cpu, memory := m.plain.capacity()
	slots := int64(m.c.Trace.Size.Slots)
	for _, n := range m.c.Nodes {
		cluster.Has = append(cluster.Has, resources.Vector{cpu, memory, slots})
		cluster.Free = append(cluster.Free, resources.Vector{cpu - n.CPU, memory - n.Memory, slots - int64(n.Pods)})
	}
	all := int64(len(m.names))
	cluster.Total = resources.Vector{all * cpu, all * memory, all * slots}
	class := gang.Class{Ask: resources.Vector{g.CPU, g.Memory, 1}}
	for _, e := range estimates {
		class.Images = "of the gang"
		class.Seconds, class.Price = append(class.Seconds, e.Seconds), append(class.Price, e.Price)
	}
	for i := range g.Members {
		class.UIDs = append(class.UIDs, uid(first+i))
	}
	turn := gang.Turn{Kind: gang.Try, Need: gang.Quota{Need: g.Members, Limit: g.Members}, UIDs: class.UIDs}
	placed, verdict := gang.Plan(cluster, turn, []gang.Class{class}, willing{})
	nodes := make([]int, 0, g.Members)
	for _, member := range class.UIDs {
		node, ok := placed[member]
		if !ok {
			panic(fmt.Sprintf("no place for %d members in %d free slots: %+v", g.Members, m.c.Free, verdict))
		}
		nodes = append(nodes, m.index[node])
	}
	return nodes
}

// score is the node of a plain pod.
func (m *muster) score(g *trace.Gang, estimates []image.Estimate) int {
	p := m.plain
	p.feasible, p.scores = p.feasible[:0], p.scores[:0]
	for n := range m.names {
		if m.c.Fits(n) {
			p.feasible = append(p.feasible, n)
			p.scores = append(p.scores, p.leastAllocated(g, n)+p.balanced(g, n))
		}
	}
	if estimates != nil {
		for at, score := range image.Scores(m.seconds(p.feasible, estimates), fullScoreSeconds) {
			p.scores[at] += imageWeight * score
		}
	}
	return p.best()
}

// seconds are what images cost on the nodes, as the plugin ImagePull counts: with
// the price of bytes, and without a bonus for what a node holds that is far fuller
// than the others.
func (m *muster) seconds(nodes []int, estimates []image.Estimate) []float64 {
	seconds, slowest := make([]float64, len(nodes)), 0.0
	loads, sum, squares := make([]float64, len(nodes)), 0.0, 0.0
	cpu, memory := m.plain.capacity()
	for at, n := range nodes {
		seconds[at] = estimates[n].Seconds * (1 + estimates[n].Price)
		slowest = max(slowest, seconds[at])
		loads[at] = max(float64(m.c.Nodes[n].CPU)/float64(cpu), float64(m.c.Nodes[n].Memory)/float64(memory))
		sum += loads[at]
		squares += loads[at] * loads[at]
	}
	mean := sum / float64(len(nodes))
	limit := mean + max(0.1, 2*math.Sqrt(max(0, squares/float64(len(nodes))-mean*mean)))
	for at := range seconds {
		if loads[at] > limit {
			seconds[at] = slowest
		}
	}
	return seconds
}

// Bound makes a promise firm.
func (m *muster) Bound(g *trace.Gang, pod, _ int, now float64) {
	m.inv.Bind(uid(pod), clock(now))
	for _, i := range g.Images {
		m.keys[pod] = append(m.keys[pod], m.c.Trace.Images[i].Name)
	}
}

// Started turns what was promised into what is there.
func (m *muster) Started(pod, node int, now float64) {
	m.inv.Ran(m.names[node], m.keys[pod], clock(now))
	m.inv.Undo(uid(pod))
}

// Finished forgets the pod.
func (m *muster) Finished(_ *trace.Gang, pod, node int, now float64) {
	m.inv.Ended(m.names[node], m.keys[pod], clock(now))
	delete(m.keys, pod)
}

// willing is a trial in which nodes refuse nobody for whom they have room.
type willing struct{}

func (willing) Fits(int, int, string) reason.Reason { return reason.Reason{} }

func (willing) Survey(_ int, nodes []int, _ string) []reason.Reason {
	return make([]reason.Reason, len(nodes))
}

func (willing) Kept(int) resources.Vector { return nil }
func (willing) Place(int, int, string)    {}
func (willing) Undo(int, int, string)     {}
