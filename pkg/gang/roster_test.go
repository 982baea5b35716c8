package gang

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
)

// TestRosterStories tells stories of gangs' lives. One command is one thing
// that happens; the answer is what the roster wants done.
//
//	pod NAME gang=G [owner=O] [min=N] [max=N] [roles=(role:N,…)] [within=KEY] [role=R] [created=N] [at=N] [refused=N] [priority=N]
//	    [bound|running|done|blocked] [on=NODE] [group]
//	group G min=N [uid=U] [created=N] [whole=N] | nogroup G | job O parallelism=N succeeded=N | gone NAME | failed NAME gang=G
//	admit NAME | take NAME | commit G by=NAME slots=(pod:node,…) [order=(pod,…)] [ahead=(pod,…)] | fail G by=NAME [nodes=help]
//	retry NAME | reserve NAME [on=NODE] | permit NAME | unreserve NAME | wake G [round=N] | notice G | calls G | status G
//	refuse NAME | expire G round=N | proved G round=N [refused=NAME] | held G
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
		m := Member{
			UID: name, Name: name, Spec: spec(number, opts), Role: opts["role"], Created: int64(number("created")), Priority: int32(number("priority")),
			Scheduler: "muster", Owner: opts["owner"], BoundAt: int64(number("at")), RefusedAt: int64(number("refused")),
		}
		for k := range opts {
			switch k {
			case "bound":
				m.Phase, m.Node = Bound, cmp.Or(opts["on"], "n")
			case "running":
				m.Phase, m.Node, m.Running = Bound, cmp.Or(opts["on"], "n"), true
			case "done":
				m.Phase = Done
			case "blocked":
				m.Blocked = "the pod has scheduling gates"
			}
		}
		return actions(r.Observe(key, m))
	case "group":
		return actions(r.SetGroup(key, &Group{UID: opts["uid"], Spec: spec(number, opts), Created: int64(number("created")), WholeAt: int64(number("whole"))}))
	case "nogroup":
		return actions(r.SetGroup(key, nil))
	case "job":
		return actions(r.SetJob(name, &Job{Parallelism: number("parallelism"), Succeeded: number("succeeded")}))
	case "failed":
		key.Name = opts["gang"]
		return actions(r.Failed(key, name))
	case "refuse":
		return actions(r.Refuse(name, "403"))
	case "expire":
		todo, late := r.Expire(key, number("round"))
		return fmt.Sprintf("late %v; %s", late, actions(todo))
	case "proved":
		return actions(r.Proved(key, number("round"), refused(opts["refused"])))
	case "held":
		return fmt.Sprint(r.Held(key))
	case "status":
		return status(r, key)
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
		todo, _, _, ok := r.Commit(key, opts["by"], slots, Sequence{Order: list(opts["order"]), Ahead: list(opts["ahead"])})
		return fmt.Sprintf("%v; %s", ok, actions(todo))
	case "fail":
		return actions(r.Fail(key, opts["by"], Refused{Why: "it does not fit", NodesHelp: opts["nodes"] == "help"}))
	case "retry":
		turn, todo, ok := r.Retry(name)
		return fmt.Sprintf("%v%s; %s", ok, tries(turn), actions(todo))
	case "reserve":
		return actions(r.Reserve(name, cmp.Or(opts["on"], "n")))
	case "permit":
		wait, ok, todo := r.Permit(name)
		return fmt.Sprintf("%s; %s", map[bool]string{true: "waits", false: "passes"}[wait]+map[bool]string{true: "", false: ", the plan is gone"}[ok], actions(todo))
	case "unreserve":
		return actions(r.Unreserve(name))
	case "wake":
		if g := r.gangs[key]; g != nil && opts["round"] == "" {
			return actions(r.Wake(key, g.broken))
		}
		return actions(r.Wake(key, number("round")))
	case "notice":
		uid, why, tried := r.Notice(key)
		if tried {
			why += ", it was told"
		}
		return strings.TrimSpace(uid + " " + why)
	case "calls":
		calls, settled := r.Calls(key)
		if !settled {
			return "not known"
		}
		var out []string
		for _, uid := range slices.Sorted(maps.Keys(calls)) {
			out = append(out, fmt.Sprintf("%s %s", uid, map[bool]string{true: "calls", false: "does not"}[calls[uid]]))
		}
		return strings.Join(out, ", ")
	}
	t.Fatalf("unknown command %s", cmd)
	return ""
}

func spec(number func(string) int, opts map[string]string) Spec {
	s := Spec{Min: number("min"), Max: number("max")}
	for text := range strings.SplitSeq(strings.Trim(opts["roles"], "()"), ",") {
		if name, least, ok := strings.Cut(text, ":"); ok {
			n, _ := strconv.Atoi(least)
			s.Roles = append(s.Roles, Role{name, n})
		}
	}
	if key := opts["within"]; key != "" {
		s.Topology = []Level{{key, true}}
	}
	return s
}

func list(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.Trim(text, "()"), ",")
}

func refused(name string) map[string]string {
	if name == "" {
		return nil
	}
	return map[string]string{name: "403"}
}

func status(r *Roster, key Key) string {
	s, ok := r.Status(key)
	if !ok {
		return "none"
	}
	text := fmt.Sprintf("%s, %s: %d exist, %d bound, %d ready, %d succeeded, %d failed", s.State, s.Spec, s.Exist, s.Bound, s.Ready, s.Succeeded, s.Failed)
	if s.Partial {
		text += ", in part"
	}
	if s.Why != "" {
		text += " (" + s.Why + ")"
	}
	return text
}

func tries(turn Turn) string {
	if turn.Kind != Try {
		return ""
	}
	s := fmt.Sprintf(" for %s, %d needed of min %d", strings.Join(turn.UIDs, " "), turn.Need.Need, turn.Spec.Min)
	if turn.Need.Limit > 0 {
		s += fmt.Sprintf(", at most %d", turn.Need.Limit)
	}
	if len(turn.Need.Roles) > 0 {
		s += ", with " + FormatRoles(turn.Need.Roles)
	}
	if len(turn.Near) > 0 {
		s += ", near " + strings.Join(turn.Near, " ")
	}
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
		s := [...]string{
			"activate", "allow", "reject", "evict", "unslot", "tell", "rest", "freed", "deadline", "prove", "rolled back", "keep",
		}[a.Kind] + " " + a.UID
		switch a.Kind {
		case Tell, Reject, Evict:
			s += fmt.Sprintf(" (%s)", a.Why)
		case Rest, Deadline, Prove:
			s += fmt.Sprint(a.Round)
		case Keep:
			s += " on " + a.Node
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
		leaving, live, outside := 0, 0, []string{}
		all, roles := tally{}, map[string]tally{}
		add := func(role string, t tally, n int) {
			all.add(t, n)
			if role != "" {
				sum := roles[role]
				sum.add(t, n)
				roles[role] = sum
			}
		}
		owners := map[string]owner{}
		for _, m := range g.members {
			if m.fault != g.faultOf(m) {
				t.Fatalf("gang %s: fault of %s is %q, want %q", key, m.Name, m.fault, g.faultOf(m))
			}
			o := owners[m.Owner]
			if m.leaving {
				leaving++
			}
			if m.Phase != Done {
				live++
				o.live++
			} else {
				o.done++
			}
			if m.Owner != "" {
				owners[m.Owner] = o
			}
			add(m.Role, m.tally(), 1)
			if m.waits() && m.gated {
				outside = append(outside, m.UID)
			}
			if m.slot != "" && !g.planned {
				t.Fatalf("gang %s: %s has a slot without a plan", key, m.Name)
			}
		}
		for uid, o := range owners {
			got := g.owners[uid]
			if got == nil || got.live != o.live || got.done != o.done || !r.owned[uid][key] {
				t.Fatalf("gang %s: owner %s is %+v, want %+v", key, uid, got, o)
			}
			if job := r.jobs[uid]; o.live > 0 && got.credit != max(0, job.Succeeded-o.done) {
				t.Fatalf("gang %s: owner %s has credit for %d, the Job is %+v and %d done", key, uid, got.credit, job, o.done)
			}
			add(got.role, tally{exist: 1, placed: 1, bound: 1, done: 1}, got.credit)
		}
		if len(g.owners) != len(owners) {
			t.Fatalf("gang %s has %d owners, want %d", key, len(g.owners), len(owners))
		}
		slices.Sort(outside)
		if leaving != g.leaving || live != g.live {
			t.Fatalf("gang %s counts %d leaving and %d live, want %d and %d", key, g.leaving, g.live, leaving, live)
		}
		if all != g.all || !slices.Equal(outside, slices.Sorted(maps.Keys(g.outside))) {
			t.Fatalf("gang %s counts %+v %v, want %+v %v", key, g.all, slices.Sorted(maps.Keys(g.outside)), all, outside)
		}
		for role, sum := range g.roles {
			if *sum != roles[role] {
				t.Fatalf("gang %s counts %+v of role %s, want %+v", key, *sum, role, roles[role])
			}
		}
		if o := g.oldest(); (o == nil) != (g.leader == nil) || o != nil && (g.leader.Fault != "" || !g.leader.claim().equal(g.claim)) {
			t.Fatalf("gang %s: leader %v states %v, the oldest is %v", key, g.leader, g.claim, o)
		}
		if sp, fault := r.spec(g); g.planned && (fault != "" || !g.complete(sp, intended)) {
			t.Fatalf("gang %s keeps a plan that does not complete it: %+v of %s", key, g.all, sp)
		}
	}
}
