package policy

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
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
// plain pod goes where the sum of the scores is highest, among a sample of nodes.
//
// A manifest is known as soon as the first pod names the image.
type muster struct {
	c     *Cluster
	inv   *image.Inventory
	names []string         // of nodes, in ascending order
	index map[string]int   // of nodes by name
	all   []int            // nodes
	known []bool           // by image: its manifest is
	keys  map[int][]string // by pod that has not ended: its images
	// price replaces the price that bytes have, to compare it with fixed ones; nil to leave it.
	price func(bytes, largest int64) float64

	cluster gang.Cluster // as the planner sees it
	plain   *upstream    // for the scores and the sampling that the profile keeps
	next    int          // node from which the next other nodes are taken
}

// What the shipped profile and the plugin ImagePull state: see
// pkg/scheduler/config.yaml and package imagepull.
const (
	imageWeight      = 5
	fullScoreSeconds = 200
	maxWarm          = 48
	maxOthers        = 48
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
		m.names, m.all = append(m.names, name), append(m.all, n)
	}
	m.cluster = gang.Cluster{Nodes: m.names, Resources: resources.Index{resources.CPU, resources.Memory, resources.Pods}}
	cpu, memory := m.plain.capacity()
	slots, all := int64(c.Trace.Size.Slots), int64(len(c.Nodes))
	for range c.Nodes {
		m.cluster.Has = append(m.cluster.Has, resources.Vector{cpu, memory, slots})
		m.cluster.Free = append(m.cluster.Free, make(resources.Vector, 3))
	}
	m.cluster.Total = resources.Vector{all * cpu, all * memory, all * slots}
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
	}, Disk: image.Disk{
		Bytes: m.c.Known.Store, LayerExpansion: 1, ImageExpansion: 1, Collect: m.c.Known.GCHigh, Keep: m.c.Known.GCLow, Evict: 1,
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
	ask := image.Ask{}
	for _, i := range g.Images {
		m.learn(i)
		ask.Needs = append(ask.Needs, image.Need{Key: m.c.Trace.Images[i].Name, Always: g.Always})
	}
	var p Placement
	if g.Members == 1 {
		m.sample(ask)
		p.Nodes = []int{m.score(g, m.estimates(ask, m.plain.feasible))}
	} else {
		ask.Gang, ask.Others = fmt.Sprint("gang-", first), m.fewest(g)-1
		p.Nodes = m.plan(g, first, m.estimates(ask, m.all))
	}
	for i, n := range p.Nodes {
		m.inv.Reserve(uid(first+i), ask.Gang, m.names[n], ask.Needs, clock(now))
	}
	for i := range p.Nodes { // as at the bindings, which follow the last reservation
		p.Seconds = append(p.Seconds, m.inv.Expect(uid(first+i)).Seconds)
	}
	return p
}

// estimates is what the images cost on each of the nodes, or nil if it makes no difference.
func (m *muster) estimates(ask image.Ask, nodes []int) []image.Estimate {
	if m.inv.Same(ask.Needs) {
		return nil
	}
	all := m.inv.Estimate(ask)
	if !all.Known {
		return nil
	}
	of, differ := make([]image.Estimate, len(nodes)), false
	for at, n := range nodes {
		of[at] = all.Of(m.names[n])
		if m.price != nil {
			of[at].Price = m.price(of[at].Bytes, all.Largest)
		}
		differ = differ || of[at] != of[0]
	}
	if !differ {
		return nil
	}
	return of
}

// fewest reads what is free, and returns on how few nodes there is room for a gang.
func (m *muster) fewest(g *trace.Gang) int {
	most := 1
	for n, node := range m.c.Nodes {
		has, free := m.cluster.Has[n], m.cluster.Free[n]
		free[0], free[1], free[2] = has[0]-node.CPU, has[1]-node.Memory, has[2]-int64(node.Pods)
		most = max(most, resources.Room(free, resources.Vector{g.CPU, g.Memory, 1}))
	}
	return (g.Members + most - 1) / most
}

// plan asks the planner for the nodes of a gang, by what fewest read.
func (m *muster) plan(g *trace.Gang, first int, estimates []image.Estimate) []int {
	class := gang.Class{Ask: resources.Vector{g.CPU, g.Memory, 1}}
	for _, e := range estimates {
		class.Images = "of the gang"
		class.Pulls = append(class.Pulls, gang.Pull{Seconds: e.Seconds, Wait: e.Wait, Again: e.Again, Bytes: e.Bytes, Price: e.Price})
	}
	for i := range g.Members {
		class.UIDs = append(class.UIDs, uid(first+i))
	}
	turn := gang.Turn{Kind: gang.Try, Need: gang.Quota{Need: g.Members, Limit: g.Members}, UIDs: class.UIDs}
	placed, verdict := gang.Plan(m.cluster, turn, []gang.Class{class}, willing{})
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

// sample finds the nodes that are looked at for a plain pod: those that stand out
// because they have its images, and others in turn; or the framework's own sample.
func (m *muster) sample(ask image.Ask) {
	p := m.plain
	p.feasible = p.feasible[:0]
	if len(m.names) > maxWarm+maxOthers && !m.inv.Same(ask.Needs) {
		for _, name := range m.inv.Estimate(ask).Warm() {
			if n := m.index[name]; m.c.Fits(n) && len(p.feasible) < maxWarm {
				p.feasible = append(p.feasible, n)
			}
		}
	}
	warm := len(p.feasible)
	if warm == 0 {
		p.find()
		return
	}
	for range m.names {
		if len(p.feasible) == warm+maxOthers {
			break
		}
		m.next = (m.next + 1) % len(m.names)
		if m.c.Fits(m.next) && !slices.Contains(p.feasible, m.next) {
			p.feasible = append(p.feasible, m.next)
		}
	}
}

// score is the best of the nodes that are looked at for a plain pod.
func (m *muster) score(g *trace.Gang, estimates []image.Estimate) int {
	p := m.plain
	p.scores = p.scores[:0]
	for _, n := range p.feasible {
		p.scores = append(p.scores, p.leastAllocated(g, n)+p.balanced(g, n))
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
		seconds[at] = estimates[at].Seconds * (1 + estimates[at].Price)
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
	m.inv.Started(uid(pod), clock(now))
	m.inv.Ran(m.names[node], m.keys[pod], clock(now))
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
