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

	"github.com/muster-scheduler/muster/pkg/explain"
	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/reason"
	"github.com/muster-scheduler/muster/pkg/resources"
)

// bench is a world of the tests' own: nodes with amounts and obstacles, and
// rules about members. Its answers depend on the node and on what is there, but
// for classes that are coupled.
type bench struct {
	index   resources.Index
	nodes   []string
	free    []resources.Vector
	tainted []bool
	labels  [][]string // by level, by node
	kept    map[int]resources.Vector
	used    map[int]int64 // by node: of its CPU, beside what is free

	asks   []resources.Vector
	names  []string       // by class
	near   []string       // by class: the class that has to be on the node already
	apart  []bool         // by class: no two of them on one node
	port   []bool         // by class: no two of those classes on one node
	refuse []map[int]bool // by class: nodes that refuse it

	on    []map[int]int // by node, by class: members
	stack []string
	asked int
}

// add adds a class with rules.
func (b *bench) add(c gang.Class, name, near string, apart, port bool, refuse map[int]bool) {
	b.asks, b.names, b.near = append(b.asks, c.Ask), append(b.names, name), append(b.near, near)
	b.apart, b.port, b.refuse = append(b.apart, apart), append(b.port, port), append(b.refuse, refuse)
}

func (b *bench) Fits(class, node int, _ string) reason.Reason {
	b.asked++
	on := b.on[node]
	switch {
	case b.tainted[node] || b.refuse[class][node]:
		return reason.Reason{Code: reason.Taint}
	case b.apart[class] && on[class] > 0, b.near[class] != "" && on[slices.Index(b.names, b.near[class])] == 0:
		return reason.Reason{Code: reason.PodRules}
	}
	for other, n := range on {
		if b.port[class] && b.port[other] && n > 0 {
			return reason.Reason{Code: reason.Port}
		}
	}
	for r, a := range b.asks[class] {
		if a > 0 && a > b.free[node][r] {
			return reason.Reason{Code: reason.Resource, Detail: b.index[r]}
		}
	}
	return reason.Reason{}
}

func (b *bench) Survey(class int, nodes []int, uid string) []reason.Reason {
	answers := make([]reason.Reason, len(nodes))
	for i, n := range nodes {
		answers[i] = b.Fits(class, n, uid)
	}
	return answers
}

func (b *bench) Kept(node int) resources.Vector { return b.kept[node] }

func (b *bench) Place(class, node int, uid string) {
	b.stack = append(b.stack, uid)
	b.move(class, node, 1)
}

func (b *bench) Undo(class, node int, uid string) {
	if last := b.stack[len(b.stack)-1]; last != uid {
		panic(fmt.Sprintf("%s is taken back before %s", uid, last))
	}
	b.stack = b.stack[:len(b.stack)-1]
	b.move(class, node, -1)
}

func (b *bench) move(class, node, by int) {
	b.on[node][class] += by
	for r, a := range b.asks[class] {
		b.free[node][r] -= a * int64(by)
	}
}

func (b *bench) cluster() gang.Cluster {
	c := gang.Cluster{Nodes: b.nodes, Resources: b.index, Total: make(resources.Vector, len(b.index)), Labels: b.labels}
	for n, free := range b.free {
		c.Free = append(c.Free, slices.Clone(free))
		has := slices.Clone(free)
		has[0] += b.used[n]
		c.Has = append(c.Has, has)
		for r, f := range free {
			c.Total[r] += f
		}
	}
	return c
}

// clone returns a copy on which nothing is placed, with the room that is kept
// for others taken off.
func (b *bench) clone() *bench {
	n := *b
	n.free, n.on, n.stack = nil, nil, nil
	for i := range b.free {
		n.free = append(n.free, slices.Clone(b.free[i]))
		for r, k := range b.kept[i] {
			n.free[i][r] -= k
		}
		n.on = append(n.on, map[int]int{})
	}
	return &n
}

// TestPlanStories tells stories of the planner: a cluster, a gang, and what
// becomes of it.
func TestPlanStories(t *testing.T) {
	datadriven.Walk(t, "testdata/plan", func(t *testing.T, path string) {
		var b *bench
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "cluster":
				b = &bench{index: resources.Index{resources.CPU, resources.Memory, resources.Pods, "gpu"}, kept: map[int]resources.Vector{}, used: map[int]int64{}, labels: make([][]string, 2)}
				for line := range strings.Lines(d.Input) {
					words := strings.Fields(line)
					b.nodes = append(b.nodes, words[0])
					b.free = append(b.free, amounts(t, b.index, words[1:], 110))
					b.tainted = append(b.tainted, slices.Contains(words, "tainted"))
					b.labels[0] = append(b.labels[0], value(words, "zone"))
					b.labels[1] = append(b.labels[1], value(words, "rack"))
					if used := value(words, "used"); used != "" {
						b.used[len(b.nodes)-1] = amounts(t, b.index, []string{"cpu=" + used}, 1)[0]
					}
					if kept := value(words, "kept"); kept != "" {
						b.kept[len(b.nodes)-1] = amounts(t, b.index, []string{"cpu=" + kept}, 1)
					}
				}
				return ""
			case "plan":
				return story(t, *b, d)
			}
			d.Fatalf(t, "unknown command %s", d.Cmd)
			return ""
		})
	})
}

// value returns what comes after "key=" in the words.
func value(words []string, key string) string {
	for _, w := range words {
		if v, ok := strings.CutPrefix(w, key+"="); ok {
			return v
		}
	}
	return ""
}

// readImages reads what a class waits for: 100 s, but nothing on the warm nodes and
// what is stated on others, at a price wherever it waits.
func readImages(t *testing.T, words, nodes []string, c *gang.Class) {
	t.Helper()
	warm, stated := value(words, "warm"), value(words, "seconds")
	if warm == "" && stated == "" {
		return
	}
	float := func(text string) float64 {
		f, err := strconv.ParseFloat(cmp.Or(text, "0"), 64)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	c.Images = value(words, "images")
	for _, n := range nodes {
		seconds := 100.0
		if slices.Contains(strings.Split(warm, ","), n) {
			seconds = 0
		} else if at := value(strings.Split(strings.ReplaceAll(stated, ":", "="), ","), n); at != "" {
			seconds = float(at)
		}
		price := 0.0
		if seconds > 0 {
			price = float(value(words, "price"))
		}
		pull := gang.Pull{Seconds: seconds, Wait: min(seconds, float(value(words, "wait"))), Price: price, Again: float(value(words, "again"))}
		pull.Bytes = int64((pull.Seconds - pull.Wait) * 40)
		c.Pulls = append(c.Pulls, pull)
	}
}

// story reads a gang, one class a line as
// "name xN cpu=C [role=R] [apart] [near=name] [warm=node,…] [seconds=node:S,…] [again=S]
// [wait=S] [price=P] [images=I]", 40 MB for each second,
// and tells what the planner does with it.
func story(t *testing.T, b bench, d *datadriven.TestData) string {
	turn := gang.Turn{Gang: gang.Key{Namespace: "default", Name: "story"}}
	d.ScanArgs(t, "need", &turn.Need.Need)
	turn.Spec.Min = turn.Need.Need
	for key, to := range map[string]*int{"limit": &turn.Need.Limit, "min": &turn.Spec.Min} {
		if d.HasArg(key) {
			d.ScanArgs(t, key, to)
		}
	}
	turn.Secured = turn.Spec.Min - turn.Need.Need
	b.labels = slices.Clone(b.labels)
	for _, arg := range d.CmdArgs {
		text := strings.Join(arg.Vals, ",")
		switch arg.Key {
		case "near":
			turn.Near = strings.Split(text, ",")
		case "roles":
			turn.Need.Roles = roles(t, text)
		case "minroles":
			turn.Spec.Roles = roles(t, text)
		case "topology":
			for part := range strings.SplitSeq(text, ",") {
				key, how, _ := strings.Cut(part, ":")
				turn.Spec.Topology = append(turn.Spec.Topology, gang.Level{Key: key, Required: how == "required"})
			}
			if turn.Spec.Topology[0].Key == "rack" {
				b.labels = b.labels[1:]
			}
		}
	}
	var classes []gang.Class
	members := 0
	for line := range strings.Lines(d.Input) {
		words := strings.Fields(line)
		count, err := strconv.Atoi(strings.TrimPrefix(words[1], "x"))
		if err != nil {
			d.Fatalf(t, "%s: want name xN", line)
		}
		near, apart := value(words, "near"), slices.Contains(words, "apart")
		c := gang.Class{Ask: amounts(t, b.index, words[2:], 1), Role: value(words, "role"), Coupled: apart || near != ""}
		for i := range count {
			c.UIDs = append(c.UIDs, fmt.Sprintf("%s-%d", words[0], i))
		}
		readImages(t, words, b.nodes, &c)
		members += count
		classes = append(classes, c)
		b.add(c, words[0], near, apart, slices.Contains(words, "port"), nil)
	}
	placed, v := gang.Plan(b.cluster(), turn, classes, b.clone())
	if placed == nil {
		return explain.NoFit(v) + "\n" + lacks(v)
	}
	var out strings.Builder
	for _, uid := range slices.Sorted(maps.Keys(placed)) {
		fmt.Fprintf(&out, "%s -> %s\n", uid, placed[uid])
	}
	if left := members - len(placed); left > 0 {
		fmt.Fprintf(&out, "%d left out\n", left)
	}
	if o := v.Outlook; o.Seconds > 0 {
		fmt.Fprintf(&out, "ready in %g s: %s pulls %d MB after %g s, %d nodes pull %d MB\n", o.Seconds, o.Node, o.Bytes, o.Wait, o.Pulling, o.Total)
	}
	return out.String()
}

// lacks tells which members would need room.
func lacks(v gang.Verdict) string {
	var parts []string
	for _, l := range v.Lacks {
		parts = append(parts, fmt.Sprintf("%d of cpu %d", l.Members, l.Ask[0]))
	}
	if v.Obstructed {
		parts = append(parts, "obstructed")
	}
	return "lacks " + strings.Join(parts, ", ") + "\n"
}

func roles(t *testing.T, text string) []gang.Role {
	t.Helper()
	var out []gang.Role
	for part := range strings.SplitSeq(text, ",") {
		name, min, _ := strings.Cut(part, ":")
		n, err := strconv.Atoi(min)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, gang.Role{Name: name, Min: n})
	}
	return out
}

func amounts(t *testing.T, index resources.Index, words []string, pods int64) resources.Vector {
	t.Helper()
	v := make(resources.Vector, len(index))
	v[index.Position(resources.Pods)] = pods
	for _, w := range words {
		name, text, ok := strings.Cut(w, "=")
		if !ok || index.Position(name) < 0 {
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
