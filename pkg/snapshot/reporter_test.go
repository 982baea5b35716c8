package snapshot

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/clock"

	"github.com/muster-scheduler/muster/pkg/gang"
)

// stage is a reporter, the API it writes to and the gang it asks about.
type stage struct {
	*reporter
	mu      sync.Mutex
	now     time.Time
	gang    gang.Status
	refuse  error
	written []map[string]any // the objects that were applied
	wrote   func(name any)   // is told of each, if set
}

func newStage(t *testing.T) *stage {
	s := &stage{now: time.Unix(1000, 0), gang: gang.Status{State: gang.Gathering, Spec: gang.Spec{Min: 3}, Group: "u", Pods: 2, Exist: 2, Why: "2 of 3"}}
	client := fake.NewSimpleDynamicClient(runtime.NewScheme())
	client.PrependReactor("patch", "podgroups", func(a clienttesting.Action) (bool, runtime.Object, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		patch := a.(clienttesting.PatchAction)
		if patch.GetPatchType() != types.ApplyPatchType || patch.GetSubresource() != "status" {
			t.Errorf("%s to %q, want an apply to the status", patch.GetPatchType(), patch.GetSubresource())
		}
		u := &unstructured.Unstructured{}
		if err := u.UnmarshalJSON(patch.GetPatch()); err != nil {
			t.Error(err)
		}
		if s.refuse != nil {
			return true, nil, s.refuse
		}
		s.written = append(s.written, u.Object)
		if s.wrote != nil {
			s.wrote(u.GetName())
		}
		return true, u, nil
	})
	s.reporter = newReporter(client, kinds("muster"), func(gang.Key) (gang.Status, bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.gang, s.gang.State != ""
	}, s)
	return s
}

func (s *stage) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *stage) Since(then time.Time) time.Duration { return s.Now().Sub(then) }

// group is the PodGroup of a key as the API has it.
func (s *stage) group(key gang.Key, uid types.UID, generation int64) *podGroup {
	return &podGroup{key: key, ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, UID: uid, Generation: generation}}
}

// field returns what the last write says at a path.
func (s *stage) field(t *testing.T, path ...string) any {
	t.Helper()
	if len(s.written) == 0 {
		t.Fatal("nothing was written")
	}
	value, _, err := unstructured.NestedFieldNoCopy(s.written[len(s.written)-1], path...)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func (s *stage) wantWrites(t *testing.T, what string, n int) {
	t.Helper()
	if len(s.written) != n {
		t.Errorf("%s: %d writes, want %d", what, len(s.written), n)
	}
}

var nativeKey = gang.Key{Namespace: "ns", Name: "g", Source: gang.Native}

func TestReporterWritesWhatDiffers(t *testing.T) {
	for _, key := range []gang.Key{groupKey, nativeKey} {
		t.Run(fmt.Sprint("source ", key.Source), func(t *testing.T) {
			s := newStage(t)
			s.lead()
			s.see(s.group(key, "u", 1))
			s.report(t.Context(), key)
			s.wantWrites(t, "a new PodGroup", 1)
			if uid := s.field(t, "metadata", "uid"); uid != "u" {
				t.Errorf("written to the UID %v", uid)
			}
			s.report(t.Context(), key)
			s.wantWrites(t, "nothing new", 1)
			s.gang.State, s.gang.Exist, s.gang.Bound, s.gang.Why = gang.Running, 3, 3, ""
			s.report(t.Context(), key)
			s.wantWrites(t, "it runs", 2)
			// A replica that takes over finds what was written, and has nothing to add.
			next := newStage(t)
			next.gang = s.gang
			pg := next.group(key, "u", 1)
			pg.status, pg.ours = s.groups[key].last, true
			next.see(pg)
			next.lead()
			next.report(t.Context(), key)
			next.wantWrites(t, "after a change of leaders", 0)
		})
	}
}

func TestReporterSpeaksOfTheGenerationItKnows(t *testing.T) {
	s := newStage(t)
	s.lead()
	s.see(s.group(groupKey, "u", 1))
	s.report(t.Context(), groupKey)
	s.see(s.group(groupKey, "u", 2))
	s.report(t.Context(), groupKey)
	if got := s.field(t, "status", "observedGeneration"); got != int64(2) {
		t.Errorf("observedGeneration %v, want 2", got)
	}
}

// TestReporterLeavesAnotherGroupOfTheNameAlone: the PodGroup was deleted and made
// anew, and the roster has not heard of it, or has heard of it first.
func TestReporterLeavesAnotherGroupOfTheNameAlone(t *testing.T) {
	s := newStage(t)
	s.lead()
	s.see(s.group(groupKey, "new", 1))
	s.report(t.Context(), groupKey)
	s.wantWrites(t, "the roster knows the old one", 0)
	s.gang.Group = "new"
	s.lose(s.group(groupKey, "u", 1)) // late word of the old one
	s.report(t.Context(), groupKey)
	s.wantWrites(t, "the roster knows the new one", 1)
	s.lose(s.group(groupKey, "new", 1))
	s.gang.Exist++
	s.report(t.Context(), groupKey)
	s.wantWrites(t, "it is gone", 1)
}

// TestReporterLeavesOtherSchedulersGroupsAlone: a PodGroup says of no scheduler
// that it is its own; its pods do.
func TestReporterLeavesOtherSchedulersGroupsAlone(t *testing.T) {
	s := newStage(t)
	s.lead()
	s.gang.Pods, s.gang.Exist = 0, 0
	s.see(s.group(groupKey, "u", 1))
	s.report(t.Context(), groupKey)
	s.wantWrites(t, "no pod of ours names it", 0)
	s.gang.Pods = 1 // one that does not count
	s.report(t.Context(), groupKey)
	s.wantWrites(t, "a pod of ours names it", 1)
	s.gang.Pods, s.gang.Why = 0, "none of 3"
	s.report(t.Context(), groupKey)
	s.wantWrites(t, "it has no more pods, and says it has", 2)
}

// TestReporterKeepsWhatAGangEndedAs: its pods are collected, one by one, and then
// another run of it comes.
func TestReporterKeepsWhatAGangEndedAs(t *testing.T) {
	for name, tc := range map[string]struct {
		end  gang.Status
		left []gang.Status // as the pods go
	}{
		"finished": {
			gang.Status{State: gang.Finished, Pods: 3, Exist: 3, Bound: 3, Succeeded: 3},
			[]gang.Status{{State: gang.Finished, Pods: 1, Exist: 1, Bound: 1, Succeeded: 1}, {State: gang.Gathering}},
		},
		"failed": {gang.Status{State: gang.Gathering, Failed: 3}, []gang.Status{{State: gang.Gathering}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.lead()
			s.see(s.group(groupKey, "u", 1))
			report := func(what string, g gang.Status, writes int) {
				t.Helper()
				g.Spec.Min, g.Group = 3, "u"
				s.gang = g
				s.report(t.Context(), groupKey)
				s.wantWrites(t, what, writes)
			}
			report("it ends", tc.end, 1)
			for _, g := range tc.left {
				report("its pods go", g, 1)
			}
			report("it comes again", gang.Status{State: gang.Gathering, Pods: 1, Exist: 1}, 2)
			if got := s.field(t, "status", "phase"); got != "Pending" {
				t.Errorf("phase %v of the next run", got)
			}
		})
	}
}

func TestReporterOfAStandbyWritesNothing(t *testing.T) {
	s := newStage(t)
	s.see(s.group(groupKey, "u", 1))
	s.touch([]gang.Key{groupKey})
	if s.groups[groupKey].queued {
		t.Error("a standby is about to write")
	}
	go s.run(t.Context())
	s.lead()
	eventually(t, "the first write", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.written) == 1
	})
}

func TestReporterDoesWithoutWhatTheDefinitionLacks(t *testing.T) {
	s := newStage(t)
	s.lead()
	s.see(s.group(groupKey, "u", 1))
	s.refuse = apierrors.NewInternalError(errors.New("failed to create typed patch object: .status.conditions: field not declared in schema"))
	if s.report(t.Context(), groupKey) {
		t.Error("it gave up")
	}
	s.refuse = nil
	if !s.report(t.Context(), groupKey) {
		t.Error("it is not done")
	}
	for _, name := range []string{"conditions", "observedGeneration", "members", "bound"} {
		if got := s.field(t, "status", name); got != nil {
			t.Errorf("status.%s is written: %v", name, got)
		}
	}
	if got := s.field(t, "status", "phase"); got != "Pending" {
		t.Errorf("phase %v", got)
	}
}

func TestReporterTriesAgain(t *testing.T) {
	podGroups := schema.GroupResource{Group: "scheduling.x-k8s.io", Resource: "podgroups"}
	tests := map[string]struct {
		err  error
		done bool
	}{
		"after a time-out":             {apierrors.NewTimeoutError("slow", 1), false},
		"when it is allowed to":        {apierrors.NewForbidden(podGroups, "g", errors.New("no")), false},
		"not of one that is gone":      {apierrors.NewNotFound(podGroups, "g"), true},
		"not of another of the name":   {apierrors.NewConflict(podGroups, "g", errors.New("uid")), true},
		"not what is refused for good": {apierrors.NewInvalid(schema.GroupKind{Kind: "PodGroup"}, "g", nil), true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.lead()
			s.see(s.group(groupKey, "u", 1))
			s.refuse = tc.err
			if done := s.report(t.Context(), groupKey); done != tc.done {
				t.Errorf("done: %v, want %v", done, tc.done)
			}
		})
	}
}

// TestReporterWaitsBetweenTwoWrites: however often gangs change, there is at most
// one write about one of them in the time stated, and so many about all.
func TestReporterWaitsBetweenTwoWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.clock = clock.RealClock{}
		s.lead()
		const gangs = 3 * reportBurst
		var keys []gang.Key
		for n := range gangs {
			keys = append(keys, gang.Key{Namespace: "ns", Name: fmt.Sprint("g", n), Source: gang.PodGroup})
			s.see(s.group(keys[n], "u", 1))
		}
		var mu sync.Mutex
		times := map[any][]time.Time{}
		all := 0
		s.wrote = func(name any) {
			mu.Lock()
			defer mu.Unlock()
			times[name] = append(times[name], time.Now())
			all++
		}
		go s.run(t.Context())
		const lasts = 30 * time.Second
		changes := time.NewTicker(10 * time.Millisecond)
		defer changes.Stop()
		for start, n := time.Now(), 0; time.Since(start) < lasts; n++ {
			s.mu.Lock()
			s.gang.Exist = n
			s.mu.Unlock()
			s.touch(keys)
			<-changes.C
		}
		mu.Lock()
		defer mu.Unlock()
		for name, at := range times {
			for i := range at[1:] {
				if pause := at[i+1].Sub(at[i]); pause < perGang {
					t.Fatalf("two writes about %v within %s", name, pause)
				}
			}
		}
		if most := reportBurst + int(lasts.Seconds())*reportRate; all > most || all < most-2*reportBurst {
			t.Errorf("%d writes in %s, want %d or a few less", all, lasts, most)
		}
		if len(times) != gangs {
			t.Errorf("%d of %d gangs were written about", len(times), gangs)
		}
	})
}
