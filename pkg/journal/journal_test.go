package journal

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/clock"
	"pgregory.net/rapid"
)

var start = time.Unix(1_000_000, 0)

func after(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

// TestTheWayOfAPod is that of a pod which fits nowhere until a node's label changes.
func TestTheWayOfAPod(t *testing.T) {
	j := New(10)
	pod := Name{"team-a", "train"}
	j.Came(after(0), pod, "u1", 7)
	j.Moved(after(0), pod, "", Active, Cause{Event: Arrival})
	if got := j.Active(); len(got) != 1 || got[0] != (Standing{pod, "u1", 7, after(0)}) {
		t.Errorf("Active() = %v, want the pod as it came", got)
	}
	j.Tried(after(1), pod, "u1")
	j.Said(pod, "u1", "0/3 nodes are available")
	j.Said(pod, "u0", "of one that was here before")
	j.Refused(after(2), pod, "u1", "NodeAffinity", after(3))
	j.Moved(after(2), pod, "", Unschedulable, Cause{Event: "ScheduleAttemptFailure", RefusedBy: "NodeAffinity"})
	j.Moved(after(2), pod, "", Unschedulable, Cause{Event: "again"}) // it is there already
	j.Moved(after(9), pod, "", Active, Cause{Event: "NodeUpdate", Object: "Node n1"})
	j.Tried(after(10), pod, "u1")
	want := Entry{
		Name: pod, UID: "u1", Place: Trying, Since: after(10), Priority: 7, Came: after(0), Queued: after(2), Attempts: 2, BackoffUntil: after(3),
		RefusedBy: "NodeAffinity", Verdict: "0/3 nodes are available",
	}
	if entries, _, _ := j.Waiting("team-a"); len(entries) != 1 || !cmp.Equal(want, entries[0]) {
		t.Errorf("Waiting(team-a) (-want +got):\n%s", cmp.Diff([]Entry{want}, entries))
	}
	want.Moves = []Move{
		{after(0), Active, Cause{Event: Arrival}},
		{after(1), Trying, Cause{Event: Turn}},
		{after(2), Unschedulable, Cause{Event: "ScheduleAttemptFailure", RefusedBy: "NodeAffinity"}},
		{after(9), Active, Cause{Event: "NodeUpdate", Object: "Node n1"}},
		{after(10), Trying, Cause{Event: Turn}},
	}
	got, ok := j.Pod(pod)
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Errorf("Pod() = %v (-want +got):\n%s", ok, diff)
	}
	if entries, _, _ := j.Waiting("team-b"); len(entries) != 0 {
		t.Errorf("Waiting(team-b) = %v, want none of team-a's", entries)
	}
	j.Moved(after(11), pod, "u1", Bound, Cause{Object: "Node n1"})
	j.Tried(after(12), pod, "u1") // told too late
	if entries, _, _ := j.Waiting(""); len(entries) != 0 || j.Knows(pod) {
		t.Errorf("Waiting() = %v, want nobody: it is bound", entries)
	}
	if got, _ := j.Pod(pod); got.Place != Bound {
		t.Errorf("Pod() = %+v, want it Bound", got)
	}
	j.Came(after(20), pod, "u2", 0)
	j.Moved(after(20), pod, "", Active, Cause{})
	if got, _ := j.Pod(pod); got.UID != "u2" || got.Attempts != 0 || len(got.Moves) != 1 {
		t.Errorf("Pod() = %+v, want the way of the pod that came after it", got)
	}
	j.Came(after(21), pod, "u3", 0)
	if got, _ := j.Pod(pod); got.UID != "u3" || got.Place != Active || len(got.Moves) != 1 {
		t.Errorf("Pod() = %+v, want the pod that came in its place", got)
	}
}

// tell tells of a pod as the queue does.
func tell(j *Journal, at time.Time, name Name, place Place, cause Cause) {
	if !j.Knows(name) {
		j.Came(at, name, fmt.Sprint(at.UnixNano()), 0)
	}
	j.Moved(at, name, "", place, cause)
}

func all(j *Journal, from uint64) (moves []Step, end, lost uint64) {
	for {
		more, next, missed, _ := j.Steps(from)
		lost += missed
		if len(more) == 0 {
			return moves, next, lost
		}
		moves, from = append(moves, more...), next
	}
}

func TestStepsThatAreLost(t *testing.T) {
	j := New(10)
	next := j.Next()
	_, _, _, more := j.Steps(next)
	select {
	case <-more:
		t.Error("somebody was told of a step that did not come")
	default:
	}
	for i := range steps + 10 {
		tell(j, after(i), Name{"ns", fmt.Sprint(i % 2)}, []Place{Active, Backoff}[i/2%2], Cause{})
	}
	select {
	case <-more:
	default:
		t.Error("nobody was told of a step")
	}
	moves, end, lost := all(j, next)
	if len(moves) != steps || lost != 10 || end != steps+11 || moves[0].Number != 11 || moves[len(moves)-1].Number != end-1 {
		t.Errorf("Steps() = %d moves, next %d, %d lost, want %d, %d and 10", len(moves), end, lost, steps, steps+11)
	}
}

// TestAnyMoves compares the journal with one that keeps everything.
func TestAnyMoves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const limit = 3
		j, kept, waits := New(limit), map[Name][]Move{}, map[Name]bool{}
		unknown := uint64(0)
		told := 0
		for i := range rapid.IntRange(0, 60).Draw(t, "moves") {
			name := Name{"ns", fmt.Sprint(rapid.IntRange(0, 4).Draw(t, "pod"))}
			place := Place(rapid.IntRange(int(Gated), int(Gone)).Draw(t, "place"))
			m := Move{after(i), place, Cause{Event: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "event")}}
			tell(j, m.At, name, place, m.Cause)
			if !waits[name] {
				if len(waits) >= limit {
					unknown++
					continue
				}
				kept[name] = nil
			}
			moves := kept[name]
			if len(moves) > 0 && moves[len(moves)-1].Place == place {
				continue
			}
			kept[name] = append(moves, m)
			told++
			if delete(waits, name); !place.left() {
				waits[name] = true
			}
		}
		for name, moves := range kept {
			e, ok := j.Pod(name)
			if !ok {
				t.Fatalf("nothing is known of %v", name)
			}
			last := moves[max(0, len(moves)-keep):]
			if diff := cmp.Diff(last, e.Moves); diff != "" || e.Before != len(moves)-len(last) {
				t.Fatalf("moves of %v, %d before these (-want +got):\n%s", name, e.Before, diff)
			}
		}
		entries, n, _ := j.Waiting("")
		if len(entries) != len(waits) || n != unknown || j.waiting != len(waits) {
			t.Fatalf("Waiting() = %d and %d unknown, want %d and %d", len(entries), n, len(waits), unknown)
		}
		if moves, _, lost := all(j, 0); len(moves) != told || lost != 0 {
			t.Fatalf("Steps(0) = %d, %d lost, want all %d", len(moves), lost, told)
		}
	})
}

// TestThoseWhoLeftAreForgotten, the first to leave first, and nobody who came again.
func TestThoseWhoLeftAreForgotten(t *testing.T) {
	j := New(10)
	back := Name{"ns", "back"}
	tell(j, after(0), back, Active, Cause{})
	tell(j, after(1), back, Gone, Cause{})
	tell(j, after(2), back, Active, Cause{})
	for i := range gone + 5 {
		name := Name{"ns", fmt.Sprint(i)}
		tell(j, after(i), name, Active, Cause{})
		tell(j, after(i), name, Bound, Cause{})
	}
	if !j.Knows(back) {
		t.Error("a pod that waits is forgotten")
	}
	if _, ok := j.Pod(Name{"ns", "4"}); ok {
		t.Error("a pod that left long ago is known")
	}
	if _, ok := j.Pod(Name{"ns", "5"}); !ok {
		t.Error("a pod that left among the last is not known")
	}
	if got := j.count("ns"); got != gone+1 {
		t.Errorf("%d pods are kept, want %d", got, gone+1)
	}
}

// TestToReadAllKeepsNobodyWaiting: a move is told of while very many pods are read.
func TestToReadAllKeepsNobodyWaiting(t *testing.T) {
	j := New(1 << 17)
	for i := range 1 << 17 {
		tell(j, after(0), Name{"ns", fmt.Sprint(i)}, Active, Cause{})
	}
	_, _, next := j.Waiting("")
	told, n, during := make(chan struct{}), 0, false
	j.mu.Lock()
	j.each("", func(Name, *record) {
		if n++; n == 1 {
			go func() {
				tell(j, after(1), Name{"ns", "0"}, Unschedulable, Cause{})
				close(told)
			}()
		}
		select {
		case <-told:
			during = true
		default:
			runtime.Gosched()
		}
	})
	j.mu.Unlock()
	if <-told; !during {
		t.Error("a move had to wait until all pods were read")
	}
	if n != 1<<17 {
		t.Errorf("%d pods were read", n)
	}
	if moves, _, _, _ := j.Steps(next); len(moves) != 1 || moves[0].Name.Name != "0" {
		t.Errorf("Steps(%d) = %v, want the move that was told meanwhile", next, moves)
	}
}

// TestMemory: what 100,000 pods that were refused a few times take up. The README
// says how much that is.
func TestMemory(t *testing.T) {
	const pods = 100_000
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	j := New(pods)
	verdict := strings.Repeat("0/5000 nodes are available. ", 4)
	for i := range pods {
		name := Name{"team-a", fmt.Sprintf("a-job-of-some-length-%d", i)}
		j.Came(after(i), name, fmt.Sprintf("%036d", i), 0)
		j.Moved(after(i), name, "", Active, Cause{Event: Arrival})
		for range 4 {
			j.Tried(after(i), name, "")
			j.Said(name, "", strings.Clone(verdict))
			j.Refused(after(i), name, "", "NodeResourcesFit", after(i))
			j.Moved(after(i), name, "", Unschedulable, Cause{Event: "ScheduleAttemptFailure", RefusedBy: "NodeResourcesFit"})
			j.Moved(after(i), name, "", Active, Cause{Event: "AssignedPodDelete", Object: strings.Clone("Pod team-b/another-job-of-some-length-0")})
		}
	}
	took := heap() - before
	runtime.KeepAlive(j)
	t.Logf("%d MiB for %d pods: %d bytes each", took>>20, pods, took/pods)
	if took > 100<<20 {
		t.Errorf("%d MiB for %d pods, want at most 100", took>>20, pods)
	}
}

// BenchmarkWaiting reads 100,000 pods, and tells for how long a move waits meanwhile.
func BenchmarkWaiting(b *testing.B) {
	j, now := New(100_000), clock.RealClock{}
	for i := range 100_000 {
		tell(j, start, Name{fmt.Sprint("team-", i%100), fmt.Sprintf("a-job-of-some-length-%d", i)}, Active, Cause{})
	}
	stop, waits := make(chan struct{}), make(chan []time.Duration)
	go func() {
		var all []time.Duration
		for {
			select {
			case <-stop:
				waits <- all
				return
			default:
			}
			began := now.Now()
			j.Said(Name{"team-1", "a-job-of-some-length-1"}, "", "something else")
			all = append(all, now.Since(began))
			now.Sleep(100 * time.Microsecond)
		}
	}()
	b.ReportAllocs()
	for b.Loop() {
		if entries, _, _ := j.Waiting(""); len(entries) != 100_000 {
			b.Fatal(len(entries))
		}
	}
	close(stop)
	all := <-waits
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)-1].Microseconds()), "longest-wait-us")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-wait-us")
}

func BenchmarkMoved(b *testing.B) {
	j := New(100_000)
	name := Name{"team-a", "train-0"}
	j.Came(start, name, "u1", 0)
	for i := range b.N {
		j.Moved(start, name, "u1", []Place{Active, Unschedulable}[i%2], Cause{Event: "NodeUpdate", Object: "n1"})
	}
}
