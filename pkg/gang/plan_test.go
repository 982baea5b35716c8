package gang_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"

	"github.com/muster-scheduler/muster/pkg/explain"
	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/reason"
	"github.com/muster-scheduler/muster/pkg/resources"
)

// bench is a world of the tests' own: nodes with amounts, taints, and a rule
// that members of a class may not share a node.
type bench struct {
	index   resources.Index
	nodes   []string
	free    []resources.Vector
	tainted []bool
	apart   []bool   // by class
	near    []string // by class: the class that has to be on the node already
	names   []string // by class
	on      []map[int]int
	asks    []resources.Vector
}

func (b *bench) Fits(class, node int, _ string) reason.Reason {
	switch {
	case b.tainted[node]:
		return reason.Reason{Code: reason.Taint}
	case b.apart[class] && b.on[node][class] > 0:
		return reason.Reason{Code: reason.PodRules}
	case class < len(b.near) && b.near[class] != "" && b.on[node][slices.Index(b.names, b.near[class])] == 0:
		return reason.Reason{Code: reason.PodRules}
	}
	for r, a := range b.asks[class] {
		if a > b.free[node][r] {
			return reason.Reason{Code: reason.Resource, Detail: b.index[r]}
		}
	}
	return reason.Reason{}
}

func (b *bench) Place(class, node int, _ string) {
	b.on[node][class]++
	for r, a := range b.asks[class] {
		b.free[node][r] -= a
	}
}

func (b *bench) cluster() gang.Cluster {
	c := gang.Cluster{Nodes: b.nodes, Resources: b.index, Total: make(resources.Vector, len(b.index))}
	for _, free := range b.free {
		c.Free = append(c.Free, slices.Clone(free))
		for r, f := range free {
			c.Total[r] += f
		}
	}
	return c
}

func (b *bench) clone() *bench {
	n := *b
	n.free, n.on = nil, nil
	for i := range b.free {
		n.free = append(n.free, slices.Clone(b.free[i]))
		n.on = append(n.on, map[int]int{})
	}
	return &n
}

// TestPlanStories tells stories of the planner: a cluster, a gang, and what
// becomes of it.
func TestPlanStories(t *testing.T) {
	datadriven.Walk(t, "testdata/plan", func(t *testing.T, path string) {
		b := &bench{index: resources.Index{resources.CPU, resources.Memory, resources.Pods}}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "cluster":
				b.nodes, b.free, b.tainted, b.on = nil, nil, nil, nil
				for line := range strings.Lines(d.Input) {
					words := strings.Fields(line)
					b.nodes = append(b.nodes, words[0])
					b.free = append(b.free, amounts(t, b.index, words[1:], 110))
					b.tainted = append(b.tainted, slices.Contains(words, "tainted"))
					b.on = append(b.on, map[int]int{})
				}
				return ""
			case "plan":
				return story(t, b.clone(), d)
			}
			d.Fatalf(t, "unknown command %s", d.Cmd)
			return ""
		})
	})
}

// story reads a gang, one class a line as
// "name xN cpu=C [apart] [near=name] [warm=node,…]",
// and tells what the planner does with it.
func story(t *testing.T, b *bench, d *datadriven.TestData) string {
	var need int
	d.ScanArgs(t, "need", &need)
	var classes []gang.Class
	members := 0
	for line := range strings.Lines(d.Input) {
		words := strings.Fields(line)
		count, err := strconv.Atoi(strings.TrimPrefix(words[1], "x"))
		if err != nil {
			d.Fatalf(t, "%s: want name xN", line)
		}
		c := gang.Class{Ask: amounts(t, b.index, words[2:], 1), Coupled: slices.Contains(words, "apart")}
		for i := range count {
			c.UIDs = append(c.UIDs, fmt.Sprintf("%s-%d", words[0], i))
		}
		for _, w := range words {
			if warm, ok := strings.CutPrefix(w, "warm="); ok {
				for _, n := range b.nodes {
					seconds := 100.0
					if slices.Contains(strings.Split(warm, ","), n) {
						seconds = 0
					}
					c.Seconds = append(c.Seconds, seconds)
				}
			}
		}
		near := ""
		for _, w := range words {
			if n, ok := strings.CutPrefix(w, "near="); ok {
				near, c.Coupled = n, true
			}
		}
		b.names, b.near = append(b.names, words[0]), append(b.near, near)
		members += count
		classes = append(classes, c)
		b.asks, b.apart = append(b.asks, c.Ask), append(b.apart, slices.Contains(words, "apart"))
	}
	placed, v := gang.Plan(b.cluster(), classes, need, gang.HardestFirst, b)
	v.Gang, v.Min = gang.Key{Namespace: "default", Name: "story"}, need
	if placed == nil {
		return explain.NoFit(v) + "\n"
	}
	var out strings.Builder
	for _, uid := range slices.Sorted(maps.Keys(placed)) {
		fmt.Fprintf(&out, "%s -> %s\n", uid, placed[uid])
	}
	if left := members - len(placed); left > 0 {
		fmt.Fprintf(&out, "%d left out\n", left)
	}
	return out.String()
}

func amounts(t *testing.T, index resources.Index, words []string, pods int64) resources.Vector {
	t.Helper()
	v := make(resources.Vector, len(index))
	v[index.Position(resources.Pods)] = pods
	for _, w := range words {
		name, text, ok := strings.Cut(w, "=")
		if !ok || name == "warm" || name == "near" {
			continue
		}
		factor := int64(1)
		switch {
		case name == resources.CPU && !strings.HasSuffix(text, "m"):
			factor = 1000
		case strings.HasSuffix(text, "Gi"):
			factor = 1 << 30
		}
		n, err := strconv.ParseInt(strings.TrimRight(text, "mGi"), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		v[index.Position(name)] = n * factor
	}
	return v
}

// exhaustive says whether the members of one class after another can be placed
// at all, by trying everything.
func exhaustive(free []resources.Vector, asks []resources.Vector) bool {
	if len(asks) == 0 {
		return true
	}
	for n := range free {
		if resources.Room(free[n], asks[0]) == 0 {
			continue
		}
		rest := slices.Clone(free)
		rest[n] = slices.Clone(free[n])
		for r, a := range asks[0] {
			rest[n][r] -= a
		}
		if exhaustive(rest, asks[1:]) {
			return true
		}
	}
	return false
}

func drawBench(t *rapid.T, classes int) (*bench, []gang.Class) {
	b := &bench{index: resources.Index{resources.CPU, resources.Memory}}
	for n := range rapid.IntRange(1, 4).Draw(t, "nodes") {
		b.nodes = append(b.nodes, fmt.Sprintf("n%d", n))
		b.free = append(b.free, resources.Vector{rapid.Int64Range(-1, 6).Draw(t, "cpu"), rapid.Int64Range(0, 6).Draw(t, "memory")})
		b.tainted = append(b.tainted, false)
		b.on = append(b.on, map[int]int{})
	}
	var out []gang.Class
	for i := range classes {
		c := gang.Class{Ask: resources.Vector{rapid.Int64Range(1, 4).Draw(t, "ask cpu"), rapid.Int64Range(0, 4).Draw(t, "ask memory")}}
		for m := range rapid.IntRange(1, 4).Draw(t, "members") {
			c.UIDs = append(c.UIDs, fmt.Sprintf("c%d-%d", i, m))
		}
		for range b.nodes {
			c.Seconds = append(c.Seconds, rapid.SampledFrom([]float64{0, 10}).Draw(t, "seconds"))
		}
		out = append(out, c)
		b.asks, b.apart = append(b.asks, c.Ask), append(b.apart, false)
	}
	return b, out
}

func TestPlanOfOneClassAgreesWithTryingEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, classes := drawBench(t, 1)
		need := rapid.IntRange(1, len(classes[0].UIDs)).Draw(t, "need")
		want := exhaustive(b.free, slices.Repeat([]resources.Vector{classes[0].Ask}, need))
		placed, v := gang.Plan(b.cluster(), classes, need, gang.HardestFirst, b.clone())
		if got := placed != nil; got != want {
			t.Fatalf("planned: %v, possible: %v, verdict %+v", got, want, v)
		}
	})
}

func TestPlanNeverPromisesMoreThanThereIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, classes := drawBench(t, rapid.IntRange(1, 3).Draw(t, "classes"))
		members := 0
		for _, c := range classes {
			members += len(c.UIDs)
		}
		need := rapid.IntRange(1, members).Draw(t, "need")
		placed, v := gang.Plan(b.cluster(), classes, need, gang.HardestFirst, b.clone())
		if placed == nil {
			if v.Fit >= need {
				t.Fatalf("%d of %d fit, and no plan", v.Fit, need)
			}
			return
		}
		if len(placed) < need {
			t.Fatalf("%d placed, %d needed", len(placed), need)
		}
		for i, c := range classes {
			for _, uid := range c.UIDs {
				if n := slices.Index(b.nodes, placed[uid]); n >= 0 {
					for r, a := range classes[i].Ask {
						b.free[n][r] -= a
						if a > 0 && b.free[n][r] < 0 {
							t.Fatalf("node %s is short of %s: %v", b.nodes[n], b.index[r], placed)
						}
					}
				}
			}
		}
	})
}

func TestPlanDoesNotDependOnTheOrderOfNodes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, classes := drawBench(t, 2)
		placed, _ := gang.Plan(b.cluster(), classes, 1, gang.HardestFirst, b.clone())

		order := rapid.Permutation([]int{0, 1, 2, 3}[:len(b.nodes)]).Draw(t, "order")
		s := &bench{index: b.index, asks: b.asks, apart: b.apart, tainted: b.tainted}
		shuffled := slices.Clone(classes)
		for i := range shuffled {
			shuffled[i].Seconds = nil
			for _, o := range order {
				shuffled[i].Seconds = append(shuffled[i].Seconds, classes[i].Seconds[o])
			}
		}
		for _, o := range order {
			s.nodes, s.free, s.on = append(s.nodes, b.nodes[o]), append(s.free, b.free[o]), append(s.on, nil)
		}
		again, _ := gang.Plan(s.cluster(), shuffled, 1, gang.HardestFirst, s.clone())
		if !maps.Equal(placed, again) {
			t.Fatalf("order %v: %v, then %v", order, placed, again)
		}
	})
}

func BenchmarkPlan(b *testing.B) {
	for _, nodes := range []int{100, 5000} {
		for _, members := range []int{4, 1000} {
			b.Run(fmt.Sprintf("nodes=%d/members=%d", nodes, members), func(b *testing.B) {
				w := &bench{index: resources.Index{resources.CPU, resources.Memory}}
				for n := range nodes {
					w.nodes = append(w.nodes, fmt.Sprintf("n%04d", n))
					w.free = append(w.free, resources.Vector{32000, 128 << 30})
					w.tainted = append(w.tainted, false)
				}
				c := gang.Class{Ask: resources.Vector{1000, 1 << 30}}
				for m := range members {
					c.UIDs = append(c.UIDs, fmt.Sprint(m))
				}
				w.asks, w.apart = append(w.asks, c.Ask), append(w.apart, false)
				for b.Loop() {
					placed, _ := gang.Plan(w.cluster(), []gang.Class{c}, members, gang.HardestFirst, w.clone())
					if len(placed) != members {
						b.Fatal(cmp.Or(len(placed), -1))
					}
				}
			})
		}
	}
}
