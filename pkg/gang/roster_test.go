package gang

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"
)

// TestRosterStories tells stories of gangs' lives. One command is one thing
// that happens; the answer is what the roster wants done.
//
//	pod NAME gang=G [owner=O] [min=N] [created=N] [priority=N] [bound|done|blocked] [group]
//	group G min=N | nogroup G | gone NAME
//	admit NAME | take NAME | commit G by=NAME slots=(pod:node,…) | fail G by=NAME
//	retry NAME | reserve NAME | permit NAME | unreserve NAME | wake G | notice G
func TestRosterStories(t *testing.T) {
	datadriven.Walk(t, "testdata/roster", func(t *testing.T, path string) {
		r := NewRoster(10)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var out strings.Builder
			for line := range strings.Lines(d.Input) {
				if words := strings.Fields(line); len(words) > 0 {
					fmt.Fprintf(&out, "%s: %s\n", strings.Join(words[:min(2, len(words))], " "), tellStory(t, r, words))
					check(t, r)
				}
			}
			return out.String()
		})
	})
}

func tellStory(t *testing.T, r *Roster, words []string) string {
	cmd, name, opts := words[0], words[1], map[string]string{}
	for _, w := range words[2:] {
		k, v, _ := strings.Cut(w, "=")
		opts[k] = v
	}
	number := func(k string) (n int) {
		if _, err := fmt.Sscan(opts[k], &n); opts[k] != "" && err != nil {
			t.Fatalf("%v: %v", words, err)
		}
		return n
	}
	key := Key{Namespace: "ns", Name: name}
	if _, ok := opts["group"]; ok || cmd == "group" || cmd == "nogroup" {
		key.Source = PodGroup
	}
	switch cmd {
	case "pod":
		key.Name = opts["gang"]
		m := Member{UID: name, Name: name, Spec: Spec{Min: number("min")}, Created: int64(number("created")), Priority: int32(number("priority")), Scheduler: "muster", Owner: opts["owner"]}
		for k := range opts {
			switch k {
			case "bound":
				m.Phase = Bound
			case "done":
				m.Phase = Done
			case "blocked":
				m.Blocked = true
			}
		}
		return actions(r.Observe(key, m))
	case "group":
		return actions(r.SetGroup(key, &Group{Spec: Spec{Min: number("min")}}))
	case "nogroup":
		return actions(r.SetGroup(key, nil))
	case "gone":
		return actions(r.Forget(name))
	case "admit":
		if enter, why := r.Admit(name); !enter {
			return "stays out: " + why
		}
		return "enters"
	case "take":
		turn := r.Take(name)
		return [...]string{"alone", "tries", "goes to " + turn.Node, "waits: " + turn.Why}[turn.Kind] + tries(turn)
	case "commit":
		slots := Placement{}
		for s := range strings.SplitSeq(strings.Trim(opts["slots"], "()"), ",") {
			pod, node, _ := strings.Cut(s, ":")
			slots[pod] = node
		}
		todo, _, ok := r.Commit(key, opts["by"], slots)
		return fmt.Sprintf("%v; %s", ok, actions(todo))
	case "fail":
		return actions(r.Fail(key, opts["by"]))
	case "retry":
		turn, todo, ok := r.Retry(name)
		return fmt.Sprintf("%v%s; %s", ok, tries(turn), actions(todo))
	case "reserve":
		r.Reserve(name)
		return "ok"
	case "permit":
		wait, ok, todo := r.Permit(name)
		return fmt.Sprintf("%s; %s", map[bool]string{true: "waits", false: "passes"}[wait]+map[bool]string{true: "", false: ", the plan is gone"}[ok], actions(todo))
	case "unreserve":
		return actions(r.Unreserve(name))
	case "wake":
		return actions(r.Wake(key))
	case "notice":
		uid, why := r.Notice(key)
		return strings.TrimSpace(uid + " " + why)
	}
	t.Fatalf("unknown command %s", cmd)
	return ""
}

func tries(turn Turn) string {
	if turn.Kind != Try {
		return ""
	}
	s := fmt.Sprintf(" for %s, %d needed of min %d", strings.Join(turn.UIDs, " "), turn.Need.Need, turn.Spec.Min)
	if len(turn.Veto) > 0 {
		s += ", not on " + strings.Join(turn.Veto, " ")
	}
	return s
}

func actions(todo []Action) string {
	if len(todo) == 0 {
		return "-"
	}
	var out []string
	for _, a := range todo {
		s := [...]string{"activate", "allow", "reject", "unslot", "tell", "rest", "freed"}[a.Kind] + " " + a.UID
		if a.Kind == Tell || a.Kind == Reject {
			s += fmt.Sprintf(" (%s)", a.Why)
		}
		if a.Kind == Rest {
			s += fmt.Sprint(a.Round)
		}
		out = append(out, strings.TrimSpace(s))
	}
	return strings.Join(out, "; ")
}

// check compares every gang's counts with a count from scratch, and holds the
// gang to the package's invariants.
func check(t rapid.TB, r *Roster) {
	t.Helper()
	for key, g := range r.gangs {
		exist, placed, held, leaving, live, outside := 0, 0, 0, 0, 0, []string{}
		for _, m := range g.members {
			if m.fault != g.faultOf(m) {
				t.Fatalf("gang %s: fault of %s is %q, want %q", key, m.Name, m.fault, g.faultOf(m))
			}
			if m.leaving {
				leaving++
			}
			if m.Phase != Done {
				live++
			}
			if m.fault != "" || m.Blocked || m.past {
				continue
			}
			exist++
			switch {
			case m.Phase >= Binding:
				placed++
			case m.Phase == Reserved && !m.leaving:
				held++
			case m.Phase == Pending && m.gated:
				outside = append(outside, m.UID)
			}
		}
		slices.Sort(outside)
		if leaving != g.leaving || live != g.live {
			t.Fatalf("gang %s counts %d leaving and %d live, want %d and %d", key, g.leaving, g.live, leaving, live)
		}
		if exist != g.exist || placed != g.placed || held != g.held || !slices.Equal(outside, slices.Sorted(maps.Keys(g.outside))) {
			t.Fatalf("gang %s counts %d %d %d %v, want %d %d %d %v", key, g.exist, g.placed, g.held, slices.Sorted(maps.Keys(g.outside)), exist, placed, held, outside)
		}
		if o := g.oldest(); (o == nil) != (g.leader == nil) || o != nil && (g.leader.Fault != "" || !g.leader.claim().equal(g.claim)) {
			t.Fatalf("gang %s: leader %v states %v, the oldest is %v", key, g.leader, g.claim, o)
		}
		if n, fault := r.minimum(g); g.slots != nil && (fault != "" || g.placed+g.held+len(g.slots) < n) {
			t.Fatalf("gang %s keeps a plan that does not complete it: %d placed, %d held, %d slots of %d", key, g.placed, g.held, len(g.slots), n)
		}
	}
}
