package gang_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/resources"
)

// fault says why a placement is not one for the turn, or "".
func fault(b *bench, turn gang.Turn, classes []gang.Class, placed gang.Placement) string {
	n, byRole := 0, map[string]int{}
	at := slices.Clone(turn.Near)
	for _, c := range classes {
		for _, uid := range c.UIDs {
			if node := placed[uid]; node != "" {
				n++
				byRole[c.Role]++
				at = append(at, node)
			}
		}
	}
	for _, r := range turn.Need.Roles {
		if byRole[r.Name] < r.Min {
			return fmt.Sprintf("%d of role %s, %d needed", byRole[r.Name], r.Name, r.Min)
		}
	}
	switch {
	case n != len(placed):
		return "it places strangers"
	case n < turn.Need.Need:
		return fmt.Sprintf("%d placed, %d needed", n, turn.Need.Need)
	case turn.Need.Limit > 0 && n > turn.Need.Limit:
		return fmt.Sprintf("%d placed, the limit is %d", n, turn.Need.Limit)
	}
	for l, level := range turn.Spec.Topology {
		if level.Required && !together(b, l, at) && (len(turn.Near) == 0 || together(b, l, turn.Near)) {
			return fmt.Sprintf("%v are not in one %s", at, level.Key)
		}
	}
	return ""
}

// together reports whether nodes agree on the labels of the levels up to l.
func together(b *bench, l int, nodes []string) bool {
	for _, labels := range b.labels[:l+1] {
		for _, name := range nodes {
			v := labels[slices.Index(b.nodes, name)]
			if v == "" || v != labels[slices.Index(b.nodes, nodes[0])] {
				return false
			}
		}
	}
	return true
}

// exhaustive says whether there is a plan, by trying everything: every member,
// in every order if they are coupled, on every node or on none.
func exhaustive(b *bench, turn gang.Turn, classes []gang.Class, placed gang.Placement, from int, coupled bool, seen map[string]bool) bool {
	if fault(b, turn, classes, placed) == "" {
		return true
	}
	if len(placed) == turn.Need.Limit && turn.Need.Limit > 0 {
		return false
	}
	if coupled {
		from = 0
	}
	for i := from; i < len(classes); i++ {
		at := slices.IndexFunc(classes[i].UIDs, func(uid string) bool { return placed[uid] == "" })
		if at < 0 {
			continue
		}
		uid := classes[i].UIDs[at]
		for n := range b.nodes {
			if !b.Fits(i, n, uid).Fits() {
				continue
			}
			b.Place(i, n, uid)
			placed[uid] = b.nodes[n]
			state := fmt.Sprint(b.on, i)
			found := !seen[state] && exhaustive(b, turn, classes, placed, i, coupled, seen)
			seen[state] = true
			delete(placed, uid)
			b.Undo(i, n, uid)
			if found {
				return true
			}
		}
	}
	return false
}

// drawTurn draws a small cluster and a small gang: up to 4 nodes in 2 zones of 2
// racks, up to 6 members in up to 3 classes, with obstacles, roles and a limit.
func drawTurn(t *rapid.T, coupled bool) (*bench, gang.Turn, []gang.Class) {
	rarely := func(what string) bool { return rapid.IntRange(0, 3).Draw(t, what) == 0 }
	b := &bench{index: resources.Index{resources.CPU, resources.Memory}, labels: make([][]string, 2), kept: map[int]resources.Vector{}}
	for n := range rapid.IntRange(1, 4).Draw(t, "nodes") {
		b.nodes = append(b.nodes, fmt.Sprintf("n%d", n))
		b.free = append(b.free, resources.Vector{rapid.Int64Range(-1, 8).Draw(t, "cpu"), rapid.Int64Range(0, 8).Draw(t, "memory")})
		b.tainted = append(b.tainted, rapid.IntRange(0, 9).Draw(t, "tainted") == 0)
		for l := range b.labels {
			b.labels[l] = append(b.labels[l], rapid.SampledFrom([]string{"", "a", "a", "a", "b"}).Draw(t, "label"))
		}
		if rarely("kept") {
			b.kept[n] = resources.Vector{1, 0}
		}
	}
	var classes []gang.Class
	byRole := map[string]int{}
	members := 0
	for i := range rapid.IntRange(1, 3).Draw(t, "classes") {
		c := gang.Class{
			Ask:  resources.Vector{rapid.Int64Range(0, 4).Draw(t, "ask cpu"), rapid.Int64Range(1, 4).Draw(t, "ask memory")},
			Role: rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "role"),
		}
		for m := range rapid.IntRange(1, min(4, 6-members-(2-i))).Draw(t, "members") {
			c.UIDs = append(c.UIDs, fmt.Sprintf("c%d-%d", i, m))
			members++
			byRole[c.Role]++
		}
		if rapid.Bool().Draw(t, "images") {
			for range b.nodes {
				c.Pulls = append(c.Pulls, gang.Pull{Seconds: rapid.SampledFrom([]float64{0, 10}).Draw(t, "seconds"), Again: rapid.SampledFrom([]float64{0, 1}).Draw(t, "again")})
			}
		}
		apart, near, refuse := false, "", map[int]bool{}
		if coupled {
			apart = rarely("apart")
			if i > 0 && rarely("near") {
				near = "c0"
			}
			c.Coupled = apart || near != ""
		}
		for n := range b.nodes {
			refuse[n] = rapid.IntRange(0, 7).Draw(t, "refuses") == 0
		}
		classes = append(classes, c)
		b.add(c, fmt.Sprintf("c%d", i), near, apart, rarely("port"), refuse)
	}
	turn := gang.Turn{}
	sum := 0
	for _, name := range []string{"x", "y"} {
		if n := rapid.IntRange(0, byRole[name]).Draw(t, "role min"); n > 0 {
			turn.Need.Roles = append(turn.Need.Roles, gang.Role{Name: name, Min: n})
			sum += n
		}
	}
	turn.Need.Need = rapid.IntRange(max(1, sum), members).Draw(t, "need")
	if rapid.Bool().Draw(t, "limited") {
		turn.Need.Limit = rapid.IntRange(turn.Need.Need, members).Draw(t, "limit")
	}
	for _, key := range []string{"zone", "rack"}[:rapid.IntRange(0, 2).Draw(t, "levels")] {
		turn.Spec.Topology = append(turn.Spec.Topology, gang.Level{Key: key, Required: rapid.Bool().Draw(t, "required")})
	}
	if rarely("near others") {
		turn.Near = append(turn.Near, rapid.SampledFrom(b.nodes).Draw(t, "near node"))
		if rarely("torn") {
			turn.Near = append(turn.Near, rapid.SampledFrom(b.nodes).Draw(t, "other node"))
		}
	}
	return b, turn, classes
}

// check plans, and checks what does not depend on whether there is a plan.
func check(t *rapid.T, b *bench, turn gang.Turn, classes []gang.Class) (gang.Placement, gang.Verdict) {
	trial, cluster := b.clone(), b.cluster()
	for n := range trial.on {
		for i := range classes {
			trial.on[n][i] = 0
		}
	}
	before := fmt.Sprint(cluster.Free, trial.free, trial.on)
	placed, v := gang.Plan(cluster, turn, classes, trial)
	if after := fmt.Sprint(cluster.Free, trial.free, trial.on); after != before {
		t.Fatalf("it left traces: %s, then %s", before, after)
	}
	if placed == nil {
		if v.Fit < 0 || v.Fit >= v.Need || len(v.Lacks) == 0 && v.Members >= v.Need {
			t.Fatalf("no plan, and the verdict %+v", v)
		}
		return nil, v
	}
	if why := fault(b, turn, classes, placed); why != "" {
		t.Fatalf("%s: %v", why, placed)
	}
	return placed, v
}

// accepts replays a plan: the nodes must accept the members in its order.
func accepts(b *bench, classes []gang.Class, placed gang.Placement, order []string) bool {
	for _, uid := range order {
		i := slices.IndexFunc(classes, func(c gang.Class) bool { return slices.Contains(c.UIDs, uid) })
		n := slices.Index(b.nodes, placed[uid])
		if !b.Fits(i, n, uid).Fits() {
			return false
		}
		b.Place(i, n, uid)
	}
	return len(order) == len(placed)
}

// TestPlanMissesNothing: of members that do not mind one another, the planner
// never says no where trying everything finds a plan.
func TestPlanMissesNothing(t *testing.T) {
	yes, no := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		b, turn, classes := drawTurn(t, false)
		placed, v := check(t, b, turn, classes)
		if placed != nil {
			yes++
			if !accepts(b.clone(), classes, placed, v.Order) {
				t.Fatalf("the nodes do not accept %v", placed)
			}
			return
		}
		no++
		// What a refusal promises: it would do with as many as fit.
		if less := turn; v.Fit > 0 && len(v.Roles) == 0 {
			less.Need.Need = v.Fit
			if placed, w := gang.Plan(b.cluster(), less, classes, b.clone()); placed == nil {
				t.Fatalf("%d of %d fit, and a minimum of so many does not: %+v", v.Fit, v.Need, w)
			}
		}
		if exhaustive(b.clone(), turn, classes, gang.Placement{}, 0, false, map[string]bool{}) {
			t.Fatalf("there is a plan, and the verdict %+v", v)
		}
	})
	t.Logf("%d plans, %d refusals", yes, no)
	if yes == 0 || no == 0 {
		t.Errorf("%d plans and %d refusals prove nothing", yes, no)
	}
}

// TestPlanMissesLittleOfCoupledMembers counts how often the planner says no to
// coupled members where trying everything, in every order, finds a plan.
func TestPlanMissesLittleOfCoupledMembers(t *testing.T) {
	possible, missed := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		b, turn, classes := drawTurn(t, true)
		placed, v := check(t, b, turn, classes)
		switch {
		case placed != nil:
			possible++
			if !accepts(b.clone(), classes, placed, v.Order) {
				t.Fatalf("the nodes do not accept %v", placed)
			}
		case exhaustive(b.clone(), turn, classes, gang.Placement{}, 0, true, map[string]bool{}):
			possible++
			missed++
		}
	})
	t.Logf("%d of %d possible plans missed", missed, possible)
	if possible == 0 || missed*100 > possible {
		t.Errorf("%d of %d possible plans missed, more than 1 in 100", missed, possible)
	}
}

// TestPlanDoesNotDependOnTheOrderOfClasses: classes come in the order of who
// asks first, which must not matter.
func TestPlanDoesNotDependOnTheOrderOfClasses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, turn, classes := drawTurn(t, true)
		placed, v := gang.Plan(b.cluster(), turn, classes, b.clone())
		order := rapid.Permutation([]int{0, 1, 2}[:len(classes)]).Draw(t, "order")
		s := *b
		s.asks, s.names, s.near, s.apart, s.port, s.refuse = nil, nil, nil, nil, nil, nil
		var shuffled []gang.Class
		for _, o := range order {
			shuffled = append(shuffled, classes[o])
			s.add(classes[o], b.names[o], b.near[o], b.apart[o], b.port[o], b.refuse[o])
		}
		again, w := gang.Plan(s.cluster(), turn, shuffled, s.clone())
		if !maps.Equal(placed, again) || fmt.Sprintf("%+v", v) != fmt.Sprintf("%+v", w) {
			t.Fatalf("order %v: %v, then %v\n%+v\n%+v", order, placed, again, v, w)
		}
	})
}

// TestRoomForSoManyMoreIsEnough: where a verdict says for how many more members there has to
// be room, and for how much, nodes with that room and no more have the gang start, be it
// a node for each of them or, if no host port keeps them apart, one for all.
func TestRoomForSoManyMoreIsEnough(t *testing.T) {
	for _, coupled := range []bool{false, true} {
		promised := 0
		rapid.Check(t, func(t *rapid.T) {
			b, turn, classes := drawTurn(t, coupled)
			placed, v := gang.Plan(b.cluster(), turn, classes, b.clone())
			if placed != nil || len(v.Short) == 0 || len(v.Lacks) == 0 || v.Obstructed {
				return
			}
			promised++
			for _, together := range []bool{false, true} {
				if together && slices.Contains(b.port, true) {
					continue
				}
				more := *b
				more.nodes, more.free, more.tainted, more.labels = slices.Clone(b.nodes), slices.Clone(b.free), slices.Clone(b.tainted), slices.Clone(b.labels)
				members := slices.Clone(classes)
				sum := make(resources.Vector, len(b.index))
				grow := func(room resources.Vector) {
					for i, c := range members {
						if c.Pulls != nil {
							members[i].Pulls = append(slices.Clone(c.Pulls), gang.Pull{})
						}
					}
					more.nodes = append(more.nodes, fmt.Sprintf("z%d", len(more.nodes)))
					more.free, more.tainted = append(more.free, room), append(more.tainted, false)
					for l := range more.labels {
						value := "" // it is in the domain of which the verdict speaks, and in no narrower one
						if l < len(v.Domain.Values) {
							value = v.Domain.Values[l]
						}
						more.labels[l] = append(slices.Clone(more.labels[l]), value)
					}
				}
				for _, lack := range v.Lacks {
					for range lack.Members {
						for r, a := range lack.Ask {
							sum[r] += a
						}
						if !together {
							grow(slices.Clone(lack.Ask))
						}
					}
				}
				if together {
					grow(sum)
				}
				if placed, w := gang.Plan(more.cluster(), turn, members, more.clone()); placed == nil {
					t.Fatalf("room for %+v is said to do, together on one node: %v, and then:\n%+v\nbefore:\n%+v", v.Lacks, together, w, v)
				}
			}
		})
		if t.Logf("coupled %v: %d promises", coupled, promised); promised == 0 {
			t.Error("nothing was promised")
		}
	}
}

func BenchmarkPlan(b *testing.B) {
	for _, c := range []struct {
		members int
		cpu     int64
		fits    bool
	}{{3, 1000, true}, {1000, 1000, true}, {1000, 16001, true}, {1000, 32001, false}, {5001, 16001, false}} {
		b.Run(fmt.Sprintf("nodes=5000/members=%d/cpu=%dm", c.members, c.cpu), func(b *testing.B) {
			w := &bench{index: resources.Index{resources.CPU, resources.Memory}}
			for n := range 5000 {
				w.nodes = append(w.nodes, fmt.Sprintf("n%04d", n))
				w.free = append(w.free, resources.Vector{32000, 128 << 30})
				w.tainted = append(w.tainted, false)
			}
			class := gang.Class{Ask: resources.Vector{c.cpu, 1 << 30}}
			for m := range c.members {
				class.UIDs = append(class.UIDs, fmt.Sprint(m))
			}
			w.add(class, "w", "", false, false, nil)
			cluster, trial := w.cluster(), w.clone()
			turn := gang.Turn{Need: gang.Quota{Need: c.members}}
			for b.Loop() {
				if placed, _ := gang.Plan(cluster, turn, []gang.Class{class}, trial); (placed != nil) != c.fits {
					b.Fatal(len(placed))
				}
			}
		})
	}
}
