package demo

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/muster-scheduler/muster/manifests"
)

// newStage is a stage without a cluster: what happens there is told with see.
func newStage() (*stage, *strings.Builder) {
	out := &strings.Builder{}
	return &stage{
		narrator: narrator{out},
		seen:     &watcher{began: time.Now(), record: newRecord(), changed: make(chan struct{})},
	}, out
}

func TestFollowTellsWhatHappens(t *testing.T) {
	s, out := newStage()
	go func() {
		s.seen.see(state("a", "", v1.PodPending))
		s.seen.see(state("a", "node-0", v1.PodPending))
		s.seen.see(state("b", "node-0", v1.PodPending))
		s.seen.see(state("a", "node-0", v1.PodRunning))
		s.seen.see(state("b", "node-0", v1.PodRunning))
	}()
	if err := s.follow(t.Context(), time.Minute, running(2, "red"), placed(2, "red")); err != nil {
		t.Fatal(err)
	}
	nodes, run := strings.Index(out.String(), "red: all 2 get their nodes"), strings.Index(out.String(), "red: all 2 run")
	if nodes < 0 || run < nodes {
		t.Errorf("told\n%s", out)
	}
}

func TestFollowSaysWhatIsMissing(t *testing.T) {
	s, _ := newStage()
	s.seen.see(state("a", "node-0", v1.PodRunning))
	s.seen.see(state("b", "", v1.PodPending))
	err := s.follow(t.Context(), time.Millisecond, placed(2, "red"), running(2, "red"))
	want := "expected within 1ms: all 2 pods of red get a node, all 2 pods of red run; " +
		"seen: red has 2 pods: 1 got a node, 1 have started, 0 have ended"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestFollowEndsWithTheContext(t *testing.T) {
	s, _ := newStage()
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("the cluster is gone")
	cancel(cause)
	if err := s.follow(ctx, time.Minute, placed(1, "red")); !errors.Is(err, cause) {
		t.Errorf("got %v, want %v", err, cause)
	}
}

func TestFilesCanBeApplied(t *testing.T) {
	entries, err := fs.ReadDir(manifests.FS, strings.TrimSuffix(folder, "/"))
	if err != nil || len(entries) == 0 {
		t.Fatalf("%d files, %v", len(entries), err)
	}
	for _, e := range entries {
		if found, err := objects(e.Name(), 2); err != nil || len(found) < 2 {
			t.Errorf("%s: %d objects, %v", e.Name(), len(found), err)
		}
	}
}
