// Package integration runs the scheduler as it ships, in a process of its own
// under its own service account, against a real API server, and looks at it from
// outside. Tests wait for conditions and never sleep.
package integration

import (
	"context"
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
	ignore := goleak.IgnoreCurrent()
	code := m.Run()
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if err := goleak.Find(ignore); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// shared is the control plane, with Muster and the default scheduler, that tests
// share unless they need one of their own. Each test makes its own nodes.
var shared plane

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
		if p.sandbox, p.err = sandbox.Start(ctx, sandbox.Options{}); p.err != nil {
			return
		}
		if p.muster, p.err = p.sandbox.StartScheduler(ctx, sandbox.Muster); p.err != nil {
			return
		}
		_, p.err = p.sandbox.StartScheduler(ctx, sandbox.Default)
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
