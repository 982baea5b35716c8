package fit

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	clocktesting "k8s.io/utils/clock/testing"
)

// TestQuestionsAndCyclesExcludeEachOther: while the loop has a pod, a question waits; while it waits for one,
// questions are answered, and after one that took a second the next waits for nine.
func TestQuestionsAndCyclesExcludeEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := clocktesting.NewFakeClock(time.Now())
		turns := newTurns(clock)
		pods, cycleEnds := make(chan struct{}), make(chan struct{})
		next := turns.between(func(klog.Logger) (framework.QueuedEntityInfo, error) {
			<-pods
			return nil, nil
		})
		go func() {
			for range 2 {
				_, _ = next(klog.Logger{})
				<-cycleEnds
			}
		}()
		answers := 0
		ask := func(takes time.Duration) {
			go func() {
				if err := turns.ask(t.Context(), func() { clock.Step(takes) }); err != nil {
					t.Error(err)
				}
				answers++
			}()
			synctest.Wait()
		}
		want := func(n int, when string) {
			t.Helper()
			synctest.Wait()
			if answers != n {
				t.Fatalf("%d answers %s, want %d", answers, when, n)
			}
		}
		ask(time.Second)
		want(1, "while the loop waits for a pod")
		clock.Step(time.Minute)
		pods <- struct{}{}
		synctest.Wait()
		ask(0)
		want(1, "during a cycle")
		cycleEnds <- struct{}{}
		want(2, "after the cycle")
		ask(time.Second)
		want(3, "after one that took no time")
		ask(0)
		clock.Step(9*time.Second - 1)
		want(3, "before nine seconds are over")
		clock.Step(1)
		want(4, "after nine seconds")

		// Who no longer waits for an answer is let go.
		pods <- struct{}{}
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := turns.ask(ctx, func() { t.Error("asked for nobody") }); err == nil {
			t.Error("no error")
		}
		cycleEnds <- struct{}{}
	})
}
