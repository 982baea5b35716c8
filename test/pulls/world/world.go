package world

import (
	"container/heap"
	"math"
	"math/rand/v2"

	"github.com/muster-scheduler/muster/test/pulls/policy"
	"github.com/muster-scheduler/muster/test/pulls/trace"
)

// World is one run of a trace under a policy.
type World struct {
	cfg     Config
	trace   *trace.Trace
	cluster *policy.Cluster
	policy  policy.Policy

	now    float64
	events events
	serial int
	flows  *flows
	nodes  []*kubelet

	queue   []int // gangs that wait for room, by position in the trace, in order of submission
	first   []int // by gang: the number of its first pod
	pods    []Pod
	loads   []float64
	pending int     // pods whose images are not ready
	seeding int     // seeds whose images are not
	end     float64 // when the last pod was ready
}

// Pod is what happened to one pod. Times are in seconds since the begin of the trace.
type Pod struct {
	Gang      int
	Node      int
	Bound     float64 // when it was placed
	Ready     float64 // when its images were there
	Predicted float64 // seconds from Bound to Ready that the policy expected; NaN if it does not predict
	Missing   int64   // bytes of its images that were not on its node when it was bound
	Warm      bool    // all its images were there when it was bound
}

// Wait is how long the pod waited for its images.
func (p Pod) Wait() float64 { return p.Ready - p.Bound }

// Result is what happened in a run.
type Result struct {
	Pods    []Pod
	Bytes   float64 // that the registry gave
	Fetched int64   // of the layers that came to nodes
	Peak    float64 // the registry's highest rate, bytes per second
	Evicted int     // images that nodes collected
	End     float64 // when the last pod had its images
	// Loads is the coefficient of variation of the number of pods over nodes, once
	// a minute after the first quarter of the submissions.
	Loads []float64
}

// Known is what an operator would tell a scheduler about the cluster.
func (c Config) Known() policy.Known {
	return policy.Known{
		Unpack: c.Unpack, Registry: c.Registry, Layer: c.Layer, Resolve: c.Resolve,
		Parallel: c.Parallel, ListCap: c.ListCap, Store: c.Store, GCHigh: c.GCHigh, GCLow: c.GCLow,
	}
}

// Run submits the trace to a new cluster and returns when all images are ready.
// The seed draws when each kubelet reports.
func Run(cfg Config, t *trace.Trace, cluster *policy.Cluster, p policy.Policy, seed uint64) Result {
	w := &World{cfg: cfg, trace: t, cluster: cluster, policy: p}
	w.flows = newFlows(&w.cfg, t.Size.Nodes)
	w.boot(rand.New(rand.NewPCG(seed, 200)))
	for i := range t.Gangs {
		w.first = append(w.first, w.pending)
		w.pending += t.Gangs[i].Members
		w.at(t.Gangs[i].At, func() {
			w.queue = append(w.queue, i)
			w.place()
		})
	}
	w.pods = make([]Pod, w.pending)
	for at := t.Size.Seconds / 4; at < t.Size.Seconds; at += 60 {
		w.at(at, w.sample)
	}
	if s, ok := p.(policy.Seeder); ok {
		w.after(policy.SeedPeriod, func() { w.seed(s) })
	}
	for w.pending > 0 || w.seeding > 0 {
		w.step()
	}
	return w.result()
}

// boot makes the nodes.
func (w *World) boot(rng *rand.Rand) {
	for n := range w.trace.Size.Nodes {
		k := &kubelet{w: w, node: n, store: newStore(w.trace)}
		k.listAt, k.statusAt = rng.Float64()*w.cfg.ListPeriod, rng.Float64()*w.cfg.StatusPeriod
		for _, image := range w.trace.Preloaded {
			k.store.preload(image)
		}
		w.nodes = append(w.nodes, k)
		w.policy.Report(n, k.store.list(w.cfg.ListCap), 0)
		w.at(rng.Float64()*w.cfg.GCPeriod, k.collect)
	}
}

// step goes to the next event, or to the next end of a flow.
func (w *World) step() {
	ends, next := w.flows.next(w.now), math.Inf(1)
	if len(w.events) > 0 {
		next = w.events[0].at
	}
	if ends < next {
		w.now = ends
		w.flows.end(w.now)
		return
	}
	w.now = next
	heap.Pop(&w.events).(event).do()
}

// place gives nodes to the gangs that wait, the oldest first; one that does not
// fit does not hold up smaller ones behind it.
func (w *World) place() {
	kept := w.queue[:0]
	for _, g := range w.queue {
		if gang := &w.trace.Gangs[g]; gang.Members <= w.cluster.Free {
			w.bind(g, w.policy.Place(gang, w.first[g], w.now))
		} else {
			kept = append(kept, g)
		}
	}
	w.queue = kept
}

// bind puts the members of a gang on their nodes.
func (w *World) bind(g int, placement policy.Placement) {
	gang := &w.trace.Gangs[g]
	for i, n := range placement.Nodes {
		number := w.first[g] + i
		pod := &w.pods[number]
		*pod = Pod{Gang: g, Node: n, Bound: w.now, Predicted: math.NaN()}
		if placement.Seconds != nil {
			pod.Predicted = placement.Seconds[i]
		}
		k := w.nodes[n]
		for _, l := range w.trace.Missing(gang.Images, func(l int) bool { return k.store.layers[l].there }) {
			pod.Missing += w.trace.Layers[l].Bytes
		}
		pod.Warm = true
		for _, image := range gang.Images {
			pod.Warm = pod.Warm && k.store.images[image] != nil
		}
		w.cluster.Add(gang, n, 1)
		w.policy.Bound(gang, number, n, w.now)
	}
	for i, n := range placement.Nodes {
		number := w.first[g] + i
		w.nodes[n].start(gang.Images, gang.Always, func() { w.ready(gang, number) })
	}
}

// ready is when a pod's images are there.
func (w *World) ready(gang *trace.Gang, number int) {
	pod := &w.pods[number]
	pod.Ready = w.now
	w.pending--
	w.end = w.now
	w.policy.Started(number, pod.Node, w.now)
	w.after(gang.Seconds, func() {
		w.nodes[pod.Node].finish(gang.Images)
		w.cluster.Add(gang, pod.Node, -1)
		w.policy.Finished(gang, number, pod.Node, w.now)
		w.place()
	})
}

// seed has nodes pull what the policy wants to have there ahead.
func (w *World) seed(s policy.Seeder) {
	if w.pending == 0 {
		return
	}
	for _, seed := range s.Seeds(w.now) {
		w.seeding++
		k := w.nodes[seed.Node]
		k.start(seed.Images, false, func() {
			w.seeding--
			k.finish(seed.Images)
			s.Seeded(seed, w.now)
		})
	}
	w.after(policy.SeedPeriod, func() { w.seed(s) })
}

// sample notes how evenly the pods are spread.
func (w *World) sample() {
	sum, squares, nodes := 0.0, 0.0, float64(len(w.cluster.Nodes))
	for _, n := range w.cluster.Nodes {
		sum += float64(n.Pods)
		squares += float64(n.Pods) * float64(n.Pods)
	}
	if mean := sum / nodes; mean > 0 {
		w.loads = append(w.loads, math.Sqrt(max(squares/nodes-mean*mean, 0))/mean)
	}
}

func (w *World) result() Result {
	r := Result{Pods: w.pods, Bytes: w.flows.bytes, Peak: w.flows.peak, End: w.end, Loads: w.loads}
	for _, k := range w.nodes {
		r.Fetched += k.store.fetched
		r.Evicted += k.store.evicted
	}
	return r
}
