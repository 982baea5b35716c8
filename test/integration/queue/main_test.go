// Package queue is the specification of how pods go through the scheduling queue and
// past the extension points, as tests: one for each rule that pkg/queue/README.md states,
// on a real API server, wherever one is needed, and with the profile that ships.
//
// Tests that look from outside ask the scheduler as it ships, in a process of its own.
// Those that have to stop a cycle, or to let it fail, run the same scheduler in the
// process of the test with two more plugins. Rules of which the times are minutes are
// tested with that one too, on a clock that does not make you wait.
package queue

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/kubernetes/pkg/features"

	"github.com/muster-scheduler/muster/pkg/sandbox"
	"github.com/muster-scheduler/muster/pkg/scheduler"
)

func TestMain(m *testing.M) {
	sandbox.Main(sandbox.Programs{Muster: scheduler.NewCommand})
	// Parallel tests here wait for one another's machine more than they work.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	// The process turns it off, and so does who runs its scheduler in another.
	if err := utilfeature.DefaultMutableFeatureGate.SetFromMap(map[string]bool{string(features.NominatedNodeNameForExpectation): false}); err != nil {
		panic(err)
	}
	// Who listens for signals first starts what hears them, and a test with a clock of its
	// own must not: it would never end.
	signal.Stop(listened())
	ignore := goleak.IgnoreCurrent()
	code := m.Run()
	if err := control.stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if err := goleak.Find(ignore); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func listened() chan<- os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR2)
	return c
}

// control is the control plane, with Muster on it, that all tests share. Each makes its
// own nodes, which only its pods select.
var control plane

type plane struct {
	once    sync.Once
	err     error
	sandbox *sandbox.Sandbox
	muster  *sandbox.Scheduler
	cancel  context.CancelFunc
}

func (p *plane) start(t *testing.T) *plane {
	t.Helper()
	p.once.Do(func() {
		var ctx context.Context
		ctx, p.cancel = context.WithCancel(context.Background())
		if p.sandbox, p.err = sandbox.Start(ctx, sandbox.Options{}); p.err == nil {
			p.muster, p.err = p.sandbox.StartScheduler(ctx, sandbox.Muster)
		}
	})
	if p.err != nil {
		t.Fatal(p.err)
	}
	return p
}

func (p *plane) stop() error {
	if p.sandbox == nil {
		return nil
	}
	defer p.cancel()
	return p.sandbox.Stop()
}
