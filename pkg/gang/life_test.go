package gang

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestRosterSurvivesAnyOrderOfEvents drives gangs through random lives. After
// every event the counts are right; between cycles a gang never holds nodes
// without a plan that completes it; and when things calm down, every gang that
// fits runs.
func TestRosterSurvivesAnyOrderOfEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := func() map[string]bool { return map[string]bool{} }
		w := &world{
			r: NewRoster(10), specs: map[Key]Spec{}, pods: map[string]Key{}, made: map[string]Member{}, rests: map[Key]int{}, deadlines: map[Key]int{}, proofs: map[Key]int{}, evicts: set(),
			queue: set(), outside: set(), parked: set(), used: set(), permit: set(), rejects: set(),
			ordered: rapid.IntRange(0, 2).Draw(t, "ordered") == 0,
			ahead:   rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "ahead"),
			nodes:   rapid.SampledFrom([]int{2, 4, 8, plenty, plenty, plenty}).Draw(t, "nodes"),
		}
		for i, source := range []Source{Label, PodGroup} {
			key := Key{Namespace: "ns", Name: fmt.Sprint("g", i), Source: source}
			w.keys, w.specs[key] = append(w.keys, key), drawSpec(t)
			if source == PodGroup {
				w.group = Group{UID: "1", Spec: w.specs[key]}
				w.objects()
			}
		}
		// Who an event is about is one of those it can be about now; without any it cannot happen.
		of := func(set *map[string]bool) func() []string {
			return func() []string { return slices.Sorted(maps.Keys(*set)) }
		}
		gated := func() []string {
			return slices.DeleteFunc(slices.Sorted(maps.Keys(w.pods)), func(uid string) bool { return w.made[uid].Blocked == "" })
		}
		events := map[string]event{
			"create": {do: func(t *rapid.T, _ string) { w.create(t) }},
			"delete": {func() []string { return slices.Sorted(maps.Keys(w.pods)) }, func(_ *rapid.T, uid string) { w.remove(uid) }},
			"gates open": {gated, func(_ *rapid.T, uid string) {
				m := w.made[uid]
				m.Blocked = ""
				w.made[uid] = m
				w.see(uid, Pending)
			}},
			"minimum changes": {do: func(t *rapid.T, _ string) {
				key := w.keys[1]
				w.specs[key] = drawSpec(t)
				w.group.Spec = w.specs[key]
				if uid := rapid.SampledFrom([]string{"1", "1", "2"}).Draw(t, "group"); uid != w.group.UID {
					w.group = Group{UID: uid, Spec: w.specs[key]}
				}
				w.objects()
			}},
			"job goes on": {do: func(t *rapid.T, _ string) {
				w.job = &Job{Succeeded: rapid.IntRange(0, 2).Draw(t, "succeeded")}
				w.objects()
			}},
			"cycle begins": {of(&w.queue), func(t *rapid.T, uid string) {
				w.end()
				w.begin(uid, rapid.Bool().Draw(t, "refuse"))
			}},
			"cycle ends": {do: func(*rapid.T, string) { w.end() }},
			"cycle": {of(&w.queue), func(t *rapid.T, uid string) {
				w.end()
				w.begin(uid, rapid.Bool().Draw(t, "refuse"))
				w.end()
			}},
			"bound is seen": {of(&w.used), func(_ *rapid.T, uid string) {
				if !w.permit[uid] {
					w.see(uid, Bound)
				}
			}},
			"binding fails": {of(&w.used), func(_ *rapid.T, uid string) {
				if !w.permit[uid] && w.r.Released(uid) {
					w.lose(uid, true)
				}
			}},
			"binding is refused": {of(&w.used), func(_ *rapid.T, uid string) {
				if !w.permit[uid] && w.r.Released(uid) {
					w.do(w.r.Refuse(uid, "forbidden"))
					w.lose(uid, true)
				}
			}},
			"binding ends after a roll-back": {of(&w.used), func(t *rapid.T, uid string) {
				if m := w.r.members[uid]; w.permit[uid] || m.Phase != Binding || !m.leaving {
					return
				}
				if rapid.Bool().Draw(t, "bound") {
					w.see(uid, Bound)
				} else {
					w.lose(uid, true)
				}
			}},
			"eviction":        {of(&w.evicts), func(_ *rapid.T, uid string) { w.remove(uid) }},
			"deadline passes": {do: func(t *rapid.T, _ string) { w.expire(rapid.SampledFrom(w.keys).Draw(t, "gang")) }},
			"proof ends": {do: func(t *rapid.T, _ string) {
				refused := map[string]string{}
				for _, uid := range slices.Sorted(maps.Keys(w.permit)) {
					if rapid.IntRange(0, 2).Draw(t, "refused") == 0 {
						refused[uid] = "forbidden"
					}
				}
				w.prove(rapid.SampledFrom(w.keys).Draw(t, "gang"), refused)
			}},
			"permit times out":  {of(&w.permit), func(_ *rapid.T, uid string) { w.lose(uid, false) }},
			"rejection arrives": {of(&w.rejects), func(_ *rapid.T, uid string) { w.obey(uid) }},
			"member succeeds": {of(&w.used), func(_ *rapid.T, uid string) {
				if !w.permit[uid] && w.r.members[uid].Phase == Bound {
					delete(w.used, uid)
					w.see(uid, Done)
					w.tick(w.pods[uid])
				}
			}},
			"status is written": {do: func(*rapid.T, string) { w.record() }},
			"restart":           {do: func(t *rapid.T, _ string) { w.restart(t) }},
			"rest is over": {do: func(t *rapid.T, _ string) {
				for _, key := range w.keys {
					if rapid.Bool().Draw(t, "wake") {
						w.wake(key)
					}
				}
			}},
		}
		names := slices.Sorted(maps.Keys(events))
		t.Repeat(map[string]func(*rapid.T){
			"event": func(t *rapid.T) {
				can := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return events[name].who != nil && len(events[name].who()) == 0 })
				e, uid := events[rapid.SampledFrom(can).Draw(t, "event")], ""
				if e.who != nil {
					uid = rapid.SampledFrom(e.who()).Draw(t, "pod")
				}
				e.do(t, uid)
			},
			"": func(t *rapid.T) {
				check(t, w.r)
				for key, g := range w.r.gangs {
					sp, fault := w.r.spec(g)
					if g.all.held > 0 && !g.planned && w.flight == "" && !(g.proofRound != 0 && g.complete(sp, secured)) {
						t.Fatalf("gang %s holds %d nodes without a plan", key, g.all.held)
					}
					if fault == "" && g.all.placed > g.all.done && !g.whole && g.leaving == 0 && (g.round == 0 || w.deadlines[key] != g.round) {
						t.Fatalf("gang %s is bound in part, %d of %s, and has no deadline", key, g.all.placed, sp)
					}
				}
			},
		})
		w.calm()
		for _, key := range w.keys {
			w.expire(key)
		}
		w.calm()
		for key, g := range w.r.gangs {
			s, fault := w.r.spec(g)
			if fault != "" {
				continue
			}
			waiting := 0
			for _, m := range g.members {
				if m.waits() {
					waiting++
				}
			}
			switch {
			case g.complete(s, existing) && waiting > 0 && g.room(s) > 0:
				t.Fatalf("gang %s: %d members wait, with room for all: %+v of %s", key, waiting, g.all, s)
			case !g.complete(s, existing) && g.all.held+g.leaving > 0:
				t.Fatalf("gang %s holds %d nodes and is incomplete", key, g.all.held+g.leaving)
			case !g.whole && g.all.placed > g.all.done:
				t.Fatalf("gang %s stays bound in part: %+v of %s", key, g.all, s)
			}
		}
	})
}

// event is one that can happen to a pod out of who, or to nobody in particular if that is nil.
type event struct {
	who func() []string
	do  func(t *rapid.T, uid string)
}

func drawSpec(t *rapid.T) Spec {
	s := Spec{Min: rapid.IntRange(1, 4).Draw(t, "min")}
	if rapid.Bool().Draw(t, "bounded") {
		s.Max = s.Min + rapid.IntRange(0, 2).Draw(t, "max")
	}
	if rapid.IntRange(0, 2).Draw(t, "by role") == 0 {
		s.Roles = []Role{{"launcher", 1}}
	}
	return s
}
