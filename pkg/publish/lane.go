package publish

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"

	"github.com/muster-scheduler/muster/pkg/registry"
)

// lane is the work for one entry of the list of allowed registries.
type lane struct {
	registry registry.Allowed
	queue    workqueue.TypedDelayingInterface[string]
	limiter  *rate.Limiter
	clock    clock.WithTicker

	mu    sync.Mutex
	until time.Time // before which the registry wants to be left alone
}

func newLane(entry registry.Allowed, o Options, owner func(string) string, clock clock.WithTicker) *lane {
	return &lane{
		registry: entry,
		queue: workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[string]{
			Name: "images " + entry.String(), Clock: clock,
			Queue: workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[string]{Name: "images " + entry.String(), Clock: clock, Queue: newTurns(owner)}),
		}),
		limiter: rate.NewLimiter(rate.Limit(o.ReadsPerSecond), o.ReadBurst),
		clock:   clock,
	}
}

// wait waits for the lane's turn to read an image.
func (l *lane) wait(ctx context.Context) error {
	for {
		l.mu.Lock()
		left := l.until.Sub(l.clock.Now())
		l.mu.Unlock()
		if left <= 0 {
			return l.limiter.Wait(ctx)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.clock.After(left):
		}
	}
}

// pause leaves the registry alone for a time.
func (l *lane) pause(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := l.clock.Now().Add(d); until.After(l.until) {
		l.until = until
	}
}
