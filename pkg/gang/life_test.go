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
		pick := func(set map[string]bool) string {
			if len(set) == 0 {
				t.Skip("this event needs a pod, and there is none now: rapid draws another event")
			}
			return rapid.SampledFrom(slices.Sorted(maps.Keys(set))).Draw(t, "pod")
		}
		t.Repeat(map[string]func(*rapid.T){
			"create": w.create,
			"delete": func(t *rapid.T) {
				if len(w.pods) == 0 {
					t.Skip("this event needs a pod, and there is none now: rapid draws another event")
				}
				w.remove(rapid.SampledFrom(slices.Sorted(maps.Keys(w.pods))).Draw(t, "pod"))
			},
			"gates open": func(t *rapid.T) {
				for _, uid := range slices.Sorted(maps.Keys(w.pods)) {
					if m := w.made[uid]; m.Blocked != "" {
						m.Blocked = ""
						w.made[uid] = m
						w.see(uid, Pending)
						return
					}
				}
				t.Skip("this event needs a pod with gates, and there is none now: rapid draws another event")
			},
			"minimum changes": func(t *rapid.T) {
				key := w.keys[1]
				w.specs[key] = drawSpec(t)
				w.group.Spec = w.specs[key]
				if uid := rapid.SampledFrom([]string{"1", "1", "2"}).Draw(t, "group"); uid != w.group.UID {
					w.group = Group{UID: uid, Spec: w.specs[key]}
				}
				w.objects()
			},
			"job goes on": func(t *rapid.T) {
				w.job = &Job{Succeeded: rapid.IntRange(0, 2).Draw(t, "succeeded")}
				w.objects()
			},
			"cycle begins": func(t *rapid.T) {
				w.end()
				w.begin(pick(w.queue), rapid.Bool().Draw(t, "refuse"))
			},
			"cycle ends": func(*rapid.T) { w.end() },
			"cycle": func(t *rapid.T) {
				w.end()
				w.begin(pick(w.queue), rapid.Bool().Draw(t, "refuse"))
				w.end()
			},
			"bound is seen": func(*rapid.T) {
				if uid := pick(w.used); !w.permit[uid] {
					w.see(uid, Bound)
				}
			},
			"binding fails": func(*rapid.T) {
				if uid := pick(w.used); !w.permit[uid] && w.r.Released(uid) {
					w.lose(uid, true)
				}
			},
			"binding is refused": func(*rapid.T) {
				if uid := pick(w.used); !w.permit[uid] && w.r.Released(uid) {
					w.do(w.r.Refuse(uid, "forbidden"))
					w.lose(uid, true)
				}
			},
			"binding ends after a roll-back": func(t *rapid.T) {
				uid := pick(w.used)
				if m := w.r.members[uid]; w.permit[uid] || m.Phase != Binding || !m.leaving {
					return
				}
				if rapid.Bool().Draw(t, "bound") {
					w.see(uid, Bound)
				} else {
					w.lose(uid, true)
				}
			},
			"eviction":        func(*rapid.T) { w.remove(pick(w.evicts)) },
			"deadline passes": func(t *rapid.T) { w.expire(rapid.SampledFrom(w.keys).Draw(t, "gang")) },
			"proof ends": func(t *rapid.T) {
				refused := map[string]string{}
				for _, uid := range slices.Sorted(maps.Keys(w.permit)) {
					if rapid.IntRange(0, 2).Draw(t, "refused") == 0 {
						refused[uid] = "forbidden"
					}
				}
				w.prove(rapid.SampledFrom(w.keys).Draw(t, "gang"), refused)
			},
			"permit times out":  func(*rapid.T) { w.lose(pick(w.permit), false) },
			"rejection arrives": func(*rapid.T) { w.obey(pick(w.rejects)) },
			"member succeeds": func(*rapid.T) {
				if uid := pick(w.used); !w.permit[uid] && w.r.members[uid].Phase == Bound {
					delete(w.used, uid)
					w.see(uid, Done)
					w.tick(w.pods[uid])
				}
			},
			"status is written": func(*rapid.T) { w.record() },
			"restart":           w.restart,
			"rest is over": func(t *rapid.T) {
				for _, key := range w.keys {
					if rapid.Bool().Draw(t, "wake") {
						w.wake(key)
					}
				}
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
