package seed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/clock"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/image"
	"github.com/muster-scheduler/muster/pkg/snapshot"
)

// fakeActuator does nothing, and says how far it is with that.
type fakeActuator struct {
	adopted int      // times that it ended what was begun before
	lacks   []string // what the cluster lacks, each time that it is asked
	asked   int
	refuse  bool
	begun   []string
	at      map[string]progress
	stuck   bool // collecting fails
	kept    int  // what is not collected
}

func (f *fakeActuator) name() string { return Pods }

func (f *fakeActuator) usable(context.Context) (string, error) {
	if f.asked++; f.asked <= len(f.lacks) {
		return f.lacks[f.asked-1], nil
	}
	return "", nil
}

func (f *fakeActuator) can(node *v1.Node) bool { return node.Name != "unable" }

func (f *fakeActuator) adopt(context.Context) error {
	f.adopted++
	return nil
}

func (f *fakeActuator) begin(_ context.Context, seed snapshot.Seed, _ *v1.Pod, _ string) (string, error) {
	if f.refuse {
		return "", errors.New("refused")
	}
	f.kept++
	f.begun = append(f.begun, seed.Node)
	return seed.Node, nil
}

func (f *fakeActuator) look(_ context.Context, handle string) (progress, error) {
	return f.at[handle], nil
}

func (f *fakeActuator) collect(context.Context, string) error {
	if f.stuck {
		return errors.New("stuck")
	}
	f.kept--
	return nil
}

// fakeLedger has every place of a demand pulled that is neither done nor busy, in seeds of 1 GB.
type fakeLedger struct {
	ledger
	made, promised int
	done           []string
}

func (f *fakeLedger) Seeds(d image.Demand, budget *image.SeedBudget) []snapshot.Seed {
	var seeds []snapshot.Seed
	for _, place := range d.Places {
		if budget.Seeds > 0 && budget.Bytes >= 1e9 && !d.Busy[place.Node] && !slices.Contains(f.done, place.Node) {
			budget.Seeds--
			budget.Bytes -= 1e9
			f.made++
			f.promised++
			seeds = append(seeds, snapshot.Seed{Seed: image.Seed{Node: place.Node, Needs: d.Needs, Bytes: 1e9, Seconds: 10}, ID: fmt.Sprint(f.made)})
		}
	}
	return seeds
}

func (f *fakeLedger) Seeded(seed snapshot.Seed) {
	f.promised--
	f.done = append(f.done, seed.Node)
}

func (f *fakeLedger) Unseeded(snapshot.Seed) { f.promised-- }

// bench is a seeder with a gang of three that waits on three full nodes.
type bench struct {
	*Seeder
	t     *testing.T
	does  *fakeActuator
	books *fakeLedger
	time  *testingclock.FakeClock
}

func newBench(t *testing.T) *bench {
	t.Helper()
	running := []*v1.Pod{newPod("x", "a", "3"), newPod("y", "b", "3"), newPod("z", "c", "3")}
	s := newSeeder([]*v1.Node{newNode("a", "4"), newNode("b", "4"), newNode("c", "4")}, running...)
	s.factory = informers.NewSharedInformerFactory(fake.NewClientset(), 0)
	var members []*v1.Pod
	for i := range 3 {
		member := newPod("member", "", "4")
		member.Name = fmt.Sprint("member-", i)
		members = append(members, member)
	}
	s.waiting = func(int) []snapshot.WaitingGang {
		return []snapshot.WaitingGang{{Key: gang.Key{Namespace: "default", Name: "train"}, Pods: members}}
	}
	b := &bench{Seeder: s, t: t, does: s.actuator.(*fakeActuator), books: &fakeLedger{}, time: s.clock.(*testingclock.FakeClock)}
	s.ledger = b.books
	return b
}

// rounds has rounds pass, and checks what was begun so far, what flies and what is kept.
func (b *bench) rounds(n int, begun []string, flying, kept int) {
	b.t.Helper()
	for range n {
		b.round(b.t.Context())
		b.time.Step(interval)
	}
	if diff := cmp.Diff(begun, b.does.begun); diff != "" {
		b.t.Errorf("begun (-want +got):\n%s", diff)
	}
	if len(b.flying) != flying || b.does.kept != kept {
		b.t.Errorf("%d fly and %d are kept, want %d and %d", len(b.flying), b.does.kept, flying, kept)
	}
	if b.books.promised > len(b.flying) {
		b.t.Errorf("%d are promised, and %d fly", b.books.promised, len(b.flying))
	}
}

func TestSeedsAreBoundedAndCollected(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.options.MaxSeeds = 2
	b.rounds(2, []string{"a", "b"}, 2, 2)
	b.does.at["a"] = pulled
	b.rounds(2, []string{"a", "b", "c"}, 2, 2)
	b.does.at["b"], b.does.at["c"] = pulled, pulled
	b.rounds(2, []string{"a", "b", "c"}, 0, 0)
	if diff := cmp.Diff([]string{"a", "b", "c"}, b.books.done); diff != "" {
		t.Errorf("done (-want +got):\n%s", diff)
	}
}

func TestSeedsUnderWayAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.options.MaxBytes = 1e9
	b.rounds(3, []string{"a"}, 1, 1)
}

func TestAnImageThatCannotBeHadIsLeftAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.options.MaxSeeds = 1
	b.does.at["a"], b.does.at["b"] = unavailable, unavailable
	b.rounds(5, []string{"a", "b"}, 0, 0)
	b.time.Step(firstPause)
	b.rounds(1, []string{"a", "b", "a"}, 1, 1)
}

// TestAnImageThatOneNodeCannotHave may be another's: that is no word about the image.
func TestAnImageThatOneNodeCannotHave(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.options.MaxSeeds = 1
	b.does.at["a"], b.does.at["b"] = unavailable, pulled
	b.rounds(2, []string{"a", "b"}, 1, 1)
}

func TestANodeThatDoesNotDoItIsLeftAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.options.MaxSeeds = 1
	b.does.at["a"] = broken
	b.rounds(5, []string{"a", "b"}, 1, 1)
}

func TestASeedThatTakesForEverIsGivenUp(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.options.MaxSeeds = 1
	b.rounds(1, []string{"a"}, 1, 1)
	b.time.Step(6 * time.Minute)
	b.rounds(1, []string{"a", "b"}, 1, 1)
}

func TestWhatIsRefusedIsNoPromise(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.does.refuse = true
	b.rounds(3, nil, 0, 0)
	if b.books.made != 3 || b.books.promised != 0 {
		t.Errorf("%d were tried and %d are promised, want 3 and none", b.books.made, b.books.promised)
	}
}

func TestWhatCannotBeCollectedIsTriedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.options.MaxSeeds = 1
	b.does.at["a"], b.does.stuck = pulled, true
	b.rounds(3, []string{"a"}, 1, 1)
	if diff := cmp.Diff([]string{"a"}, b.books.done); diff != "" {
		t.Errorf("it counts more than once (-want +got):\n%s", diff)
	}
	b.does.stuck = false
	b.rounds(1, []string{"a", "b"}, 1, 1)
}

// TestItWaitsForTheCluster is the only one with time of its own: a bubble's.
func TestItWaitsForTheCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		does := &fakeActuator{lacks: slices.Repeat([]string{"there is no namespace"}, 10)}
		s := &Seeder{options: Options{With: Auto}, clock: clock.RealClock{}, actuators: []actuator{does}}
		began := s.clock.Now()
		if !s.choose(t.Context()) || s.actuator != actuator(does) {
			t.Error("it found no actuator")
		}
		if does.adopted != 1 {
			t.Errorf("what was begun before was ended %d times", does.adopted)
		}
		// 2, 4 … 256 s, and then twice the longest.
		if got, want := s.clock.Now().Sub(began), 510*time.Second+2*lastAsk; got != want {
			t.Errorf("it waited %s, want %s", got, want)
		}
		other := &Seeder{options: Options{With: PullJobs}, clock: clock.RealClock{}, actuators: []actuator{does}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if other.choose(ctx) {
			t.Error("it chose an actuator that was not asked for")
		}
	})
}
