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
		m := Member{UID: name, Name: name, Min: number("min"), Created: int64(number("created")), Priority: int32(number("priority")), Scheduler: "muster", Owner: opts["owner"]}
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
		return actions(r.SetGroup(key, &Group{Min: number("min")}))
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
		return actions(r.Fail(key, opts["by"], Verdict{}))
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
	s := fmt.Sprintf(" for %s, %d needed of min %d", strings.Join(turn.UIDs, " "), turn.Need, turn.Min)
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
		if o := g.oldest(); (o == nil) != (g.leader == nil) || o != nil && (g.leader.Fault != "" || g.leader.claim() != g.claim) {
			t.Fatalf("gang %s: leader %v states %v, the oldest is %v", key, g.leader, g.claim, o)
		}
		if n, fault := r.minimum(g); g.slots != nil && (fault != "" || g.placed+g.held+len(g.slots) < n) {
			t.Fatalf("gang %s keeps a plan that does not complete it: %d placed, %d held, %d slots of %d", key, g.placed, g.held, len(g.slots), n)
		}
	}
}

// world drives a roster as the framework does, in any order of events.
type world struct {
	r       *Roster
	keys    []Key
	pods    map[string]Key
	made    map[string]Member
	queue   map[string]bool // in the queue, or on the way into it
	outside map[string]bool // gated
	cycle   map[string]bool // has a node, stands at Permit
	nodes   int             // places in the cluster
	used    map[string]bool // pods that take a place
	rejects map[string]bool // pods that were told to give theirs back
	rests   map[Key]bool
	minimum map[Key]int
}

func (w *world) do(todo []Action) {
	for _, a := range todo {
		switch a.Kind {
		case Activate:
			if w.outside[a.UID] {
				w.enqueue(a.UID)
			}
		case Reject:
			w.rejects[a.UID] = true
		case Rest:
			w.rests[a.Gang] = true
		case Allow:
			delete(w.cycle, a.UID)
		}
	}
}

// lose takes a pod's node away.
func (w *world) lose(uid string) {
	delete(w.rejects, uid)
	delete(w.cycle, uid)
	delete(w.used, uid)
	w.do(w.r.Unreserve(uid))
	w.enqueue(uid)
}

func (w *world) enqueue(uid string) {
	delete(w.outside, uid)
	delete(w.queue, uid)
	if enter, _ := w.r.Admit(uid); enter {
		w.queue[uid] = true
	} else {
		w.outside[uid] = true
	}
}

// schedule runs one member's scheduling cycle. A node may refuse a planned member.
func (w *world) schedule(uid string, refused bool) {
	turn := w.r.Take(uid)
	room := w.nodes - len(w.used)
	plan := func(turn Turn) bool {
		if len(turn.UIDs) > room {
			turn.UIDs = turn.UIDs[:max(room, 0)]
		}
		if len(turn.UIDs) < turn.Need {
			w.do(w.r.Fail(turn.Gang, uid, Verdict{}))
			return false
		}
		slots := Placement{}
		for _, u := range turn.UIDs {
			slots[u] = "n"
		}
		todo, _, ok := w.r.Commit(turn.Gang, uid, slots)
		w.do(todo)
		return ok
	}
	switch turn.Kind {
	case Wait:
		return // stays in the queue's unschedulable part
	case Try:
		if !plan(turn) {
			return
		}
	case Alone:
		if room == 0 {
			return
		}
	}
	if refused && turn.Kind == Go {
		again, todo, ok := w.r.Retry(uid)
		w.do(todo)
		if ok {
			plan(again)
		}
		return
	}
	if room == 0 {
		return
	}
	delete(w.queue, uid)
	w.used[uid] = true
	w.r.Reserve(uid)
	wait, ok, todo := w.r.Permit(uid)
	if !ok {
		w.lose(uid)
		return
	}
	if wait {
		w.cycle[uid] = true
	}
	w.do(todo)
}

// TestRosterSurvivesAnyOrderOfEvents drives gangs through random lives. After
// every event the counts are right; a gang never holds nodes without a plan
// that completes it; and when things calm down, every gang that fits runs.
func TestRosterSurvivesAnyOrderOfEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{
			r: NewRoster(10), pods: map[string]Key{}, made: map[string]Member{}, queue: map[string]bool{}, outside: map[string]bool{},
			cycle: map[string]bool{}, used: map[string]bool{}, rejects: map[string]bool{}, rests: map[Key]bool{}, minimum: map[Key]int{}, nodes: rapid.IntRange(2, 8).Draw(t, "nodes"),
		}
		for i := range 2 {
			key := Key{Namespace: "ns", Name: fmt.Sprint("g", i)}
			w.keys, w.minimum[key] = append(w.keys, key), rapid.IntRange(1, 4).Draw(t, "min")
		}
		observe := func(uid string, phase Phase) {
			key := w.pods[uid]
			m := w.made[uid]
			m.Min, m.Phase = w.minimum[key], phase
			w.do(w.r.Observe(key, m))
		}
		any := func(set map[string]bool) string {
			if len(set) == 0 {
				t.Skip("nobody there")
			}
			return rapid.SampledFrom(slices.Sorted(maps.Keys(set))).Draw(t, "pod")
		}
		created := 0
		t.Repeat(map[string]func(*rapid.T){
			"create": func(t *rapid.T) {
				uid := fmt.Sprintf("p%02d", created)
				created++
				w.pods[uid] = rapid.SampledFrom(w.keys).Draw(t, "gang")
				w.made[uid] = Member{
					UID: uid, Name: uid,
					Created:  rapid.Int64Range(0, 3).Draw(t, "created"),
					Priority: rapid.SampledFrom([]int32{0, 0, 0, 1}).Draw(t, "priority"),
					Fault:    rapid.SampledFrom([]string{"", "", "", "bad"}).Draw(t, "fault"),
				}
				observe(uid, Pending)
				w.enqueue(uid)
			},
			"schedule":         func(*rapid.T) { w.schedule(any(w.queue), false) },
			"schedule refused": func(*rapid.T) { w.schedule(any(w.queue), true) },
			"bound is seen": func(*rapid.T) {
				uid := any(w.used)
				if !w.cycle[uid] {
					observe(uid, Bound)
				}
			},
			"bind fails": func(*rapid.T) {
				uid := any(w.used)
				if !w.cycle[uid] && w.r.Phase(uid) == Binding {
					w.lose(uid)
				}
			},
			"permit times out": func(*rapid.T) {
				w.lose(any(w.cycle))
			},
			"rejection arrives": func(*rapid.T) {
				if uid := any(w.rejects); w.cycle[uid] && w.r.Leaving(uid) {
					w.lose(uid)
				}
			},
			"member succeeds": func(*rapid.T) {
				if uid := any(w.used); w.r.Phase(uid) == Bound {
					delete(w.used, uid)
					observe(uid, Done)
				}
			},
			"rest is over": func(t *rapid.T) {
				for _, key := range w.keys {
					if w.rests[key] && rapid.Bool().Draw(t, "wake") {
						delete(w.rests, key)
						w.do(w.r.Wake(key))
					}
				}
			},
			"delete": func(t *rapid.T) {
				if len(w.pods) == 0 {
					t.Skip("nobody there")
				}
				uid := rapid.SampledFrom(slices.Sorted(maps.Keys(w.pods))).Draw(t, "pod")
				for _, set := range []map[string]bool{w.queue, w.outside, w.cycle, w.used, w.rejects} {
					delete(set, uid)
				}
				delete(w.pods, uid)
				w.do(w.r.Forget(uid))
			},
			"": func(t *rapid.T) {
				check(t, w.r)
				for key, g := range w.r.gangs {
					if g.held > 0 && g.slots == nil {
						t.Fatalf("gang %s holds %d nodes without a plan", key, g.held)
					}
				}
			},
		})
		// Calm: everybody in the queue gets turns, and there is room for all.
		w.nodes = len(w.pods)
		for range 3 * len(w.pods) {
			for _, key := range w.keys {
				w.do(w.r.Wake(key))
			}
			for _, uid := range slices.Sorted(maps.Keys(w.rejects)) {
				if w.cycle[uid] && w.r.Leaving(uid) {
					w.lose(uid)
				}
			}
			for _, uid := range slices.Sorted(maps.Keys(w.queue)) {
				if w.queue[uid] {
					w.enqueue(uid)
				}
				if w.queue[uid] {
					w.schedule(uid, false)
				}
			}
		}
		for key, g := range w.r.gangs {
			if n := w.minimum[key]; g.exist >= n && g.placed < g.exist {
				t.Fatalf("gang %s: %d of %d members have a node, with room for all; min %d", key, g.placed, g.exist, n)
			}
			if g.exist < w.minimum[key] && g.held+g.leaving > 0 {
				t.Fatalf("gang %s holds %d nodes and is incomplete", key, g.held+g.leaving)
			}
		}
	})
}
