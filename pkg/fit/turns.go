package fit

import (
	"context"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/utils/clock"
)

// share is which part of the time questions may take at most: after one that took a second
// the next waits for nine.
const share = 10

// turns has scheduling cycles and questions take turns: both use the profile's snapshot, which
// is for one of them at a time.
type turns struct {
	clock clock.Clock
	cycle chan struct{} // is full from when a cycle has its pod until it asks for the next, and during a question
	asked chan struct{}
	rest  time.Time // until when there are no questions
}

func newTurns(c clock.Clock) *turns {
	return &turns{clock: c, cycle: make(chan struct{}, 1), asked: make(chan struct{}, 1)}
}

// between returns next as the scheduler's loop is to call it, from one goroutine: while it waits for
// a pod, questions may be asked.
func (t *turns) between(next func(klog.Logger) (framework.QueuedEntityInfo, error)) func(klog.Logger) (framework.QueuedEntityInfo, error) {
	running := false
	return func(logger klog.Logger) (framework.QueuedEntityInfo, error) {
		if running {
			<-t.cycle
		}
		entity, err := next(logger)
		t.cycle <- struct{}{}
		running = true
		return entity, err
	}
}

// ask has a question asked between two cycles; an error says that the context ended before its turn.
func (t *turns) ask(ctx context.Context, question func()) error {
	select {
	case t.asked <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-t.asked }()
	if wait := t.rest.Sub(t.clock.Now()); wait > 0 {
		select {
		case <-t.clock.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	select {
	case t.cycle <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-t.cycle }()
	began := t.clock.Now()
	defer func() { // after one that panicked too
		ended := t.clock.Now()
		t.rest = ended.Add((share - 1) * ended.Sub(began))
	}()
	question()
	return nil
}
