package world

import (
	"math"
	"reflect"
	"testing"

	"github.com/muster-scheduler/muster/test/pulls/policy"
	"github.com/muster-scheduler/muster/test/pulls/trace"
)

// script places gangs where a test says, and notes when nodes report.
type script struct {
	nodes   [][]int // by gang
	next    int
	reports map[int][]float64 // by node
	lists   map[int][]int     // by node, the last one
}

func (s *script) Report(node int, images []int, now float64) {
	s.reports[node] = append(s.reports[node], now)
	s.lists[node] = images
}

func (s *script) Place(*trace.Gang, int, float64) policy.Placement {
	s.next++
	return policy.Placement{Nodes: s.nodes[s.next-1]}
}
func (s *script) Bound(*trace.Gang, int, int, float64)    {}
func (s *script) Started(int, int, float64)               {}
func (s *script) Finished(*trace.Gang, int, int, float64) {}

// tiny is three images of 400 MB on two nodes: A and B share a layer of 300 MB, C is apart.
func tiny() *trace.Trace {
	mb := func(name string, n int64) trace.Layer { return trace.Layer{Digest: name, Bytes: n * 1e6} }
	image := func(name string, layers ...int) trace.Image {
		return trace.Image{Name: name, Layers: layers, Bytes: 400e6}
	}
	return &trace.Trace{
		Size:   trace.Size{Nodes: 2, Slots: 16, Seconds: 1000, Load: 0.5},
		Layers: []trace.Layer{mb("shared", 300), mb("a", 100), mb("b", 100), mb("c", 400)},
		Images: []trace.Image{image("A", 0, 1), image("B", 0, 2), image("C", 3)},
	}
}

const imageA, imageB, imageC = 0, 1, 2

// plain makes pulls take 10 s for 400 MB and nothing besides.
func plain() Config {
	c := Defaults()
	c.Layer, c.Resolve = 0, 0
	return c
}

func run(t *testing.T, c Config, w *trace.Trace, s *script) Result {
	t.Helper()
	s.reports, s.lists = map[int][]float64{}, map[int][]int{}
	return Run(c, w, policy.NewCluster(w, c.Known()), s, 1)
}

func submit(w *trace.Trace, at float64, members int, images ...int) {
	w.Gangs = append(w.Gangs, trace.Gang{At: at, Members: members, Images: images, Seconds: 500, CPU: 1, Memory: 1})
}

func wantWaits(t *testing.T, r Result, want ...float64) {
	t.Helper()
	for i, seconds := range want {
		if got := r.Pods[i].Wait(); math.Abs(got-seconds) > 1e-3 {
			t.Errorf("pod %d waits %.4f s, want %.4f", i, got, seconds)
		}
	}
}

func TestSerialKubelet(t *testing.T) {
	w := tiny()
	submit(w, 0, 1, imageA)
	submit(w, 1, 1, imageC)
	submit(w, 2, 1, imageB)
	r := run(t, plain(), w, &script{nodes: [][]int{{0}, {0}, {0}}})
	// One after the other; B finds the shared layer there.
	wantWaits(t, r, 10, 19, 20.5)
	if r.Fetched != 900e6 || math.Abs(r.Bytes-900e6) > 10 {
		t.Errorf("fetched %d, gave %.0f bytes, want 900e6", r.Fetched, r.Bytes)
	}
}

func TestParallelKubelet(t *testing.T) {
	w := tiny()
	submit(w, 0, 1, imageA)
	submit(w, 1, 1, imageC)
	submit(w, 2, 1, imageB)
	c := plain()
	c.Parallel = 3
	r := run(t, c, w, &script{nodes: [][]int{{0}, {0}, {0}}})
	// B waits for the shared layer, which A pulls until 7.5, and pulls its own.
	wantWaits(t, r, 10, 10, 8)
}

func TestOnePodPullsOneAfterTheOther(t *testing.T) {
	w := tiny()
	submit(w, 0, 1, imageA, imageC)
	c := plain()
	c.Parallel = 3
	wantWaits(t, run(t, c, w, &script{nodes: [][]int{{0}}}), 20)
}

// TestSiblings checks that members on one node fetch once, but each asks.
func TestSiblings(t *testing.T) {
	w := tiny()
	submit(w, 0, 3, imageA)
	c := plain()
	c.Resolve, c.Layer = 0.5, 0.25
	r := run(t, c, w, &script{nodes: [][]int{{0, 0, 0}}})
	wantWaits(t, r, 11, 11.5, 12)
	if r.Fetched != 400e6 {
		t.Errorf("fetched %d", r.Fetched)
	}
}

func TestPullPolicyAlways(t *testing.T) {
	w := tiny()
	w.Preloaded = []int{imageA}
	submit(w, 0, 1, imageA)
	submit(w, 0, 1, imageA)
	submit(w, 1, 1, imageC)
	submit(w, 2, 1, imageA)
	w.Gangs[1].Always, w.Gangs[3].Always = true, true
	c := plain()
	c.Resolve = 0.5
	// A registry is asked even for what is there, and a long pull is waited for.
	wantWaits(t, run(t, c, w, &script{nodes: [][]int{{0}, {0}, {0}, {0}}}), 0, 0.5, 10.5, 10)
}

func TestShares(t *testing.T) {
	for name, limit := range map[string]func(*Config){
		"registry": func(c *Config) { c.Registry = 40e6 },
		"rack":     func(c *Config) { c.Rack = 40e6 },
	} {
		w := tiny()
		submit(w, 0, 2, imageA)
		c := plain()
		limit(&c)
		r := run(t, c, w, &script{nodes: [][]int{{0, 1}}})
		wantWaits(t, r, 20, 20)
		if math.Abs(r.Peak-40e6) > 1 {
			t.Errorf("%s: the peak is %g", name, r.Peak)
		}
	}
}

// TestStatusLag checks that statuses come late as kubelets' do, and are cut off.
func TestStatusLag(t *testing.T) {
	w := tiny()
	submit(w, 100, 1, imageA)
	submit(w, 300, 1, imageC)
	submit(w, 999, 1, imageC)
	c := plain()
	c.ListCap = 1
	s := &script{nodes: [][]int{{0}, {0}, {1}}}
	run(t, c, w, s)
	reports := s.reports[0]
	if len(reports) != 3 {
		t.Fatalf("reports at %v, want one at boot and one for each image", reports)
	}
	for i, ready := range []float64{110, 310} {
		if lag := reports[i+1] - ready; lag <= 0 || lag > 40 {
			t.Errorf("image %d is reported %g s late", i, lag)
		}
	}
	if !reflect.DeepEqual(s.lists[0], []int{imageA}) {
		t.Errorf("the list is %v, want the first of the largest images alone", s.lists[0])
	}
}

// TestCollection fills a store with two images. While pods use them they stay;
// then the one goes that was used last the longer ago, with its layers.
func TestCollection(t *testing.T) {
	w := tiny()
	submit(w, 0, 1, imageA)
	submit(w, 20, 1, imageC)
	submit(w, 450, 1, imageA)
	submit(w, 1500, 1, imageA)
	submit(w, 1501, 1, imageB)
	submit(w, 1502, 1, imageC)
	w.Gangs[0].Seconds, w.Gangs[1].Seconds, w.Gangs[2].Seconds = 440, 480, 61 // A ends at 511, C at 510
	c := plain()
	c.Store = 900e6
	r := run(t, c, w, &script{nodes: [][]int{{0}, {0}, {0}, {0}, {0}, {0}}})
	wantWaits(t, r, 10, 10, 0, 0, 2.5, 11.5)
	if r.Evicted != 1 {
		t.Errorf("%d images were collected, want 1", r.Evicted)
	}
}

// TestConservation runs real traces: what the registry gives is what nodes lacked.
func TestConservation(t *testing.T) {
	size := trace.Size{Nodes: 60, Slots: 16, Seconds: 1800, Load: 0.6}
	catalog, err := trace.Catalog(1, size)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []*trace.Trace{catalog, trace.Shop(1, size)} {
		for _, name := range policy.Names {
			for _, parallel := range []int{1, 3} {
				c := Defaults()
				c.Registry, c.Parallel = 5e8, parallel
				first := conserve(t, c, w, name)
				if second := conserve(t, c, w, name); !reflect.DeepEqual(fingerprint(first), fingerprint(second)) {
					t.Errorf("%s, %s: two runs differ", w.Name, name)
				}
			}
		}
	}
}

func conserve(t *testing.T, c Config, w *trace.Trace, name string) Result {
	t.Helper()
	cluster := policy.NewCluster(w, c.Known())
	p, err := policy.New(name, cluster, 1)
	if err != nil {
		t.Fatal(err)
	}
	r := Run(c, w, cluster, p, 1)
	if math.Abs(r.Bytes-float64(r.Fetched)) > 1e-6*r.Bytes {
		t.Errorf("%s, %s: the registry gave %.0f bytes, nodes got %d", w.Name, name, r.Bytes, r.Fetched)
	}
	if r.Peak > c.Registry*(1+1e-9) {
		t.Errorf("%s, %s: the registry gave %g at a time, and has %g", w.Name, name, r.Peak, c.Registry)
	}
	lacked := int64(0)
	onNode := make([]map[int]bool, w.Size.Nodes)
	for n := range onNode {
		onNode[n] = map[int]bool{}
		for _, i := range w.Preloaded {
			for _, l := range w.Images[i].Layers {
				onNode[n][l] = true
			}
		}
	}
	for _, pod := range r.Pods {
		has := onNode[pod.Node]
		for _, l := range w.Missing(w.Gangs[pod.Gang].Images, func(l int) bool { return has[l] }) {
			has[l] = true
			lacked += w.Layers[l].Bytes
		}
		if pod.Ready < pod.Bound || pod.Bound < w.Gangs[pod.Gang].At {
			t.Fatalf("%s, %s: impossible pod %+v", w.Name, name, pod)
		}
	}
	_, seeds := p.(policy.Seeder) // what no pod asked for as well
	if lacked > r.Fetched || lacked < r.Fetched && !seeds {
		t.Errorf("%s, %s: nodes lacked %d bytes and got %d", w.Name, name, lacked, r.Fetched)
	}
	return r
}

// fingerprint is a result that can be compared: NaN is not equal to itself.
func fingerprint(r Result) Result {
	for i := range r.Pods {
		if math.IsNaN(r.Pods[i].Predicted) {
			r.Pods[i].Predicted = -1
		}
	}
	return r
}
