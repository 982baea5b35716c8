package fit

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/utils/clock"
)

// TestQuestionsAndCyclesExcludeEachOther: while the loop has a pod, a question waits; while it waits for one,
// questions are answered, and after one that took a second the next waits for nine.
func TestQuestionsAndCyclesExcludeEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(clock.RealClock{})
		pods := make(chan struct{})
		next := turns.between(func(klog.Logger) (framework.QueuedEntityInfo, error) {
			<-pods
			return nil, nil
		})
		cycle := make(chan struct{}) // ends one
		go func() {
			for range 2 {
				_, _ = next(klog.Logger{})
				<-cycle
			}
		}()
		answered := make(chan time.Duration, 3)
		began := time.Now()
		ask := func(takes time.Duration) {
			go func() {
				if err := turns.ask(t.Context(), func() { time.Sleep(takes) }); err != nil {
					t.Error(err)
				}
				answered <- time.Since(began)
			}()
		}
		ask(time.Second)
		if got := <-answered; got != time.Second {
			t.Errorf("answered after %s, and nothing was in the way", got)
		}
		pods <- struct{}{}
		synctest.Wait()
		ask(0)
		time.Sleep(time.Minute)
		select {
		case <-answered:
			t.Error("answered within a cycle")
		default:
		}
		cycle <- struct{}{}
		if got := <-answered; got != time.Minute+time.Second {
			t.Errorf("answered after %s, not when the cycle ended", got)
		}
		ask(time.Second)
		<-answered
		ask(0)
		if got := <-answered; got != time.Minute+time.Second+10*time.Second {
			t.Errorf("answered after %s, and questions take no tenth of the time", got)
		}
		// Who no longer waits for an answer is let go.
		pods <- struct{}{}
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		turns.rest = time.Now().Add(time.Hour)
		if err := turns.ask(ctx, func() { t.Error("asked for nobody") }); err == nil {
			t.Error("no error")
		}
		cycle <- struct{}{}
	})
}
