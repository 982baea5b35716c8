package gang_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/resources"
)

// field is a bench whose changes are told to an index of who waits.
type field struct {
	*bench
	wakes   *gang.Wakes
	changes int
	unshown map[string]bool // changes that no snapshot has shown
}

func newField(b *bench) *field {
	f := &field{bench: b, wakes: gang.NewWakes(), unshown: map[string]bool{}}
	for _, name := range b.index {
		f.wakes.Position(name)
	}
	return f
}

// try plans a gang on the present cluster, which is the snapshot that its
// verdict is about. It reports whether there is a plan; else the gang waits.
func (f *field) try(uid string, classes []gang.Class, need int) bool {
	f.asks, f.names, f.near, f.apart, f.port, f.refuse = nil, nil, nil, nil, nil, nil
	for _, c := range classes {
		f.add(c, "", "", false, false, nil)
	}
	cluster := f.cluster()
	placed, v := gang.Plan(cluster, gang.Turn{Need: gang.Quota{Need: need}}, classes, f.clone())
	if placed != nil {
		f.wakes.End(uid)
		return true
	}
	f.show()
	f.wakes.Wait(uid, gang.HopeOf(v, classes, cluster), nil)
	return false
}

func (f *field) show() {
	for n, name := range f.nodes {
		f.wakes.Show(name, f.free[n], func(string) bool { return false })
	}
}

// release gives amounts on a node back; take takes them, and may tell.
func (f *field) release(node int, amounts resources.Vector) {
	f.changes++
	for r, a := range amounts {
		f.free[node][r] += a
	}
	f.wakes.Release(f.nodes[node], fmt.Sprint(f.changes), func() resources.Vector { return amounts })
}

func (f *field) take(node int, amounts resources.Vector, tell bool) {
	f.changes++
	for r, a := range amounts {
		f.free[node][r] -= a
	}
	if tell {
		f.wakes.Take(f.nodes[node], fmt.Sprint(f.changes), amounts)
	}
}

// TestWakeStories tells stories of gangs that wait: what changes in the cluster,
// and who is woken.
func TestWakeStories(t *testing.T) {
	datadriven.Walk(t, "testdata/wake", func(t *testing.T, path string) {
		f := newField(&bench{index: resources.Index{resources.CPU, resources.Memory, resources.Pods}})
		due := func() string {
			all := f.wakes.AllDue()
			for _, uid := range all {
				f.wakes.End(uid)
			}
			return strings.Join(append(all, ""), " wakes\n")
		}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			words := func() (node int, v resources.Vector) {
				var args []string
				for _, a := range d.CmdArgs[1:] {
					args = append(args, a.Key+"="+strings.Join(a.Vals, ""))
				}
				node = slices.Index(f.nodes, d.CmdArgs[0].Key)
				return node, amounts(t, f.index, args, 1)
			}
			switch d.Cmd {
			case "nodes":
				for line := range strings.Lines(d.Input) {
					words := strings.Fields(line)
					f.nodes = append(f.nodes, words[0])
					f.free = append(f.free, amounts(t, f.index, words[1:], 110))
					f.tainted = append(f.tainted, slices.Contains(words, "tainted"))
					f.on = append(f.on, map[int]int{})
				}
				return ""
			case "gang": // gang NAME need=N, then one class a line: COUNT cpu=C
				var classes []gang.Class
				for line := range strings.Lines(d.Input) {
					words := strings.Fields(line)
					c := gang.Class{Ask: amounts(t, f.index, words[1:], 1)}
					var count int
					if _, err := fmt.Sscan(words[0], &count); err != nil {
						t.Fatal(err)
					}
					c.UIDs = make([]string, count)
					for i := range c.UIDs {
						c.UIDs[i] = fmt.Sprintf("%s-%d-%d", d.CmdArgs[0].Key, len(classes), i)
					}
					classes = append(classes, c)
				}
				var need int
				d.ScanArgs(t, "need", &need)
				uid := d.CmdArgs[0].Key
				if f.try(uid, classes, need) {
					return "fits\n"
				}
				h, _ := f.wakes.Waits(uid)
				var out strings.Builder
				for _, l := range h.Room {
					fmt.Fprintf(&out, "room for %d of cpu=%d\n", l.Members, l.Ask[0])
				}
				if h.Nodes {
					out.WriteString("or nodes change\n")
				}
				if h.Anything {
					out.WriteString("or anything\n")
				}
				return out.String()
			case "release":
				f.release(words())
				return due()
			case "take", "steal": // by our own scheduler, or by another
				n, v := words()
				f.take(n, v, d.Cmd == "take")
				return due()
			case "show":
				f.show()
				return due()
			}
			d.Fatalf(t, "unknown command %s", d.Cmd)
			return ""
		})
	})
}

// TestWhoCouldFitIsWoken: a gang that waits is tried again, whenever it is due,
// while room comes and goes on a random cluster. Whenever it would fit, it is
// due. But a gang of several classes may have been refused where trying
// everything would have found a place; then it may fit later by luck.
func TestWhoCouldFitIsWoken(t *testing.T) {
	fitted, vain := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		b, classes := drawField(t, rapid.IntRange(1, 3).Draw(t, "classes"))
		members := 0
		for i := range classes {
			members += len(classes[i].UIDs)
		}
		for n := range b.tainted {
			b.tainted[n] = rapid.IntRange(0, 4).Draw(t, "tainted") == 0
		}
		need := rapid.IntRange(1, members).Draw(t, "need")
		f := newField(b)
		if f.try("gang", classes, need) {
			return
		}
		start, taken := f.usable(), false
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			n := rapid.IntRange(0, len(f.nodes)-1).Draw(t, "node")
			by := resources.Vector{rapid.Int64Range(0, 3).Draw(t, "cpu"), rapid.Int64Range(0, 3).Draw(t, "memory")}
			retainted := false
			switch rapid.SampledFrom([]string{"release", "release", "take", "show", "taint"}).Draw(t, "step") {
			case "release":
				f.release(n, by)
			case "take":
				by[1] = min(by[1], f.free[n][1]) // the bench minds a debt of what is not asked for
				tell := rapid.Bool().Draw(t, "told")
				f.take(n, by, tell)
				taken = true
			case "show":
				f.show()
			case "taint":
				f.tainted[n] = !f.tainted[n]
				retainted = true
			}
			placed, _ := gang.Plan(f.cluster(), gang.Turn{Need: gang.Quota{Need: need}}, classes, f.clone())
			hope, _ := f.wakes.Waits("gang")
			due := f.wakes.Due("gang") || retainted && hope.Nodes || hope.Anything
			if placed != nil && !due && !possible(start, nil, classes, need) {
				t.Fatalf("it fits, and nobody wakes it: %v, then %v, hope %+v", start, f.free, hope)
			}
			if !due {
				continue
			}
			if f.try("gang", classes, need) {
				fitted++
				return
			}
			vain++
			if len(classes) == 1 && !taken && !retainted && !slices.Contains(f.tainted, true) {
				t.Fatalf("woken, and it does not fit: %v, then %v", start, f.free)
			}
			start, taken = f.usable(), false
		}
	})
	if fitted == 0 || vain == 0 {
		t.Errorf("%d gangs that fit and %d attempts in vain prove nothing", fitted, vain)
	}
	t.Logf("%d gangs were woken and fit, %d attempts were in vain", fitted, vain)
}

// usable is what is free on the nodes that accept members.
func (f *field) usable() []resources.Vector {
	free := f.clone().free
	for n := range free {
		if f.tainted[n] {
			clear(free[n])
		}
	}
	return free
}

// possible says whether so many more members of the classes can be placed at
// all, after those who ask for asks.
func possible(free, asks []resources.Vector, classes []gang.Class, need int) bool {
	if need == 0 {
		return placeable(free, asks)
	}
	for i, c := range classes {
		for n := min(need, len(c.UIDs)); n > 0; n-- {
			if possible(free, append(slices.Clone(asks), slices.Repeat([]resources.Vector{c.Ask}, n)...), classes[i+1:], need-n) {
				return true
			}
		}
	}
	return false
}

func placeable(free, asks []resources.Vector) bool {
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
		if placeable(rest, asks[1:]) {
			return true
		}
	}
	return false
}

// drawField draws a small cluster and classes of equal members without rules.
func drawField(t *rapid.T, classes int) (*bench, []gang.Class) {
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
		out = append(out, c)
		b.add(c, "", "", false, false, nil)
	}
	return b, out
}

// TestAChangeCountsOnce: an event is asked about for every gang that waits, and
// again for those that were being tried; a snapshot may be older than it.
func TestAChangeCountsOnce(t *testing.T) {
	w := gang.NewWakes()
	w.Position(resources.CPU)
	one := func() resources.Vector { return resources.Vector{1} }
	w.Show("n", resources.Vector{0}, nil)
	w.Wait("two", gang.Hope{Room: []gang.Lack{{Ask: resources.Vector{1}, Members: 2}}}, nil)
	for range 3 {
		w.Release("n", "pod", one)
	}
	if w.Due("two") {
		t.Fatal("one change was counted twice")
	}
	w.Show("n", resources.Vector{0}, func(string) bool { return true }) // taken before the change
	w.Release("n", "other", one)
	if !w.Due("two") {
		t.Fatal("a change was lost with a snapshot that was older")
	}
	w.Show("n", resources.Vector{2}, func(string) bool { return false })
	if !w.Due("two") {
		t.Fatal("room that a snapshot shows was lost")
	}
	w.Show("n", resources.Vector{1}, func(string) bool { return false })
	if w.Due("two") {
		t.Fatal("room that was taken again still counts")
	}
}

// TestKeptRoomThatComesFree: what a gang could not have because it was kept for
// another is gained when that one gives it up, and not before.
func TestKeptRoomThatComesFree(t *testing.T) {
	w := gang.NewWakes()
	w.Position(resources.CPU)
	hope := func() gang.Hope { return gang.Hope{Room: []gang.Lack{{Ask: resources.Vector{1}, Members: 2}}} }
	w.Show("n", resources.Vector{2}, nil)
	w.Wait("late", hope(), map[string]resources.Vector{"n": {0}})
	w.Show("n", resources.Vector{0}, nil) // it went to whom it was kept for
	w.Wait("later", hope(), nil)
	if got := w.AllDue(); len(got) > 0 {
		t.Fatalf("%v are due, and there is no room", got)
	}
	w.Release("n", "a", func() resources.Vector { return resources.Vector{1} })
	w.Release("n", "b", func() resources.Vector { return resources.Vector{1} })
	if got := w.AllDue(); !slices.Equal(got, []string{"late", "later"}) {
		t.Fatalf("%v are due, both should be", got)
	}
}

func BenchmarkRelease(b *testing.B) {
	w := gang.NewWakes()
	w.Position(resources.CPU)
	for g := range 100 {
		w.Wait(fmt.Sprint(g), gang.Hope{Room: []gang.Lack{{Ask: resources.Vector{1000}, Members: 1000}}}, nil)
	}
	i := 0
	for b.Loop() {
		i++
		w.Release(fmt.Sprint("n", i%5000), fmt.Sprint(i), func() resources.Vector { return resources.Vector{100} })
	}
}
