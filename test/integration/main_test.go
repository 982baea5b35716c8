// Package integration runs the scheduler as it ships, in a process of its own
// under its own service account, against a real API server, and looks at it from
// outside. Tests wait for conditions and never sleep.
package integration

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/muster-scheduler/muster/pkg/sandbox"
	"github.com/muster-scheduler/muster/pkg/scheduler"
)

func TestMain(m *testing.M) {
	sandbox.Main(sandbox.Programs{Muster: scheduler.NewCommand})
	// Parallel tests here wait for other processes and for timeouts, more than
	// they work: they may be more than there are cores.
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	ignore := goleak.IgnoreCurrent()
	code := m.Run()
	for _, p := range []*plane{&shared, &faulty} {
		if err := p.stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if err := goleak.Find(ignore); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// shared is the control plane, with Muster and the default scheduler, that tests
// share unless they need one of their own. Each test makes its own nodes.
var shared = plane{schedulers: []sandbox.Which{sandbox.Muster, sandbox.Default}}

// faulty is the one for tests that bring a scheduler of their own; it serves
// kube-scheduler's own gangs too.
var faulty = plane{options: sandbox.Options{GenericWorkload: true}}

type plane struct {
	options    sandbox.Options
	schedulers []sandbox.Which

	once    sync.Once
	err     error
	sandbox *sandbox.Sandbox
	muster  *sandbox.Scheduler
	stock   *sandbox.Scheduler // the default scheduler, as it comes
	cancel  context.CancelFunc
}

func (p *plane) start(t *testing.T) *plane {
	t.Helper()
	p.once.Do(func() {
		var ctx context.Context
		ctx, p.cancel = context.WithCancel(context.Background())
		if p.sandbox, p.err = sandbox.Start(ctx, p.options); p.err != nil {
			return
		}
		for _, which := range p.schedulers {
			var s *sandbox.Scheduler
			if s, p.err = p.sandbox.StartScheduler(ctx, which); p.err != nil {
				return
			}
			if which == sandbox.Muster {
				p.muster = s
			} else {
				p.stock = s
			}
		}
	})
	if p.err != nil {
		t.Fatal(p.err)
	}
	return p
}

// own starts a control plane for one test alone, with Muster on it.
func own(t *testing.T, options sandbox.Options) (*sandbox.Sandbox, *sandbox.Scheduler) {
	t.Helper()
	s := bare(t, options)
	muster, err := s.StartScheduler(t.Context(), sandbox.Muster)
	if err != nil {
		t.Fatal(err)
	}
	return s, muster
}

// bare starts a control plane for one test alone, without a scheduler.
func bare(t *testing.T, options sandbox.Options) *sandbox.Sandbox {
	t.Helper()
	s, err := sandbox.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (p *plane) stop() error {
	if p.sandbox == nil {
		return nil
	}
	defer p.cancel()
	return p.sandbox.Stop()
}
