package queue

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
)

// offline refuses every request: what reads the API server by a client of its own finds none.
type offline struct{}

// RoundTrip implements http.RoundTripper.
func (offline) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("there is no API server")
}

// inTime runs a test with a scheduler on a clock that runs when everybody waits, and an API
// of this process.
func inTime(t *testing.T, test func(s *inside)) {
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{t: t, client: fake.NewClientset(), ns: "spec", scheduler: "spec"}
		c.addNode("a", nil)
		test(run(t, c, &rest.Config{Host: "127.0.0.1:1", Transport: offline{}}))
	})
}

// TestUnschedulableForFiveMinutes: who has been so for longer is tried again, in case that
// a plugin overlooked what could help. It is looked for them every 30 s. An event that
// cannot help does not begin the time anew.
func TestUnschedulableForFiveMinutes(t *testing.T) {
	inTime(t, func(s *inside) {
		time.Sleep(10 * time.Second) // of the test's clock; the queue looks 30 s after its start
		p := s.only("train", "1m", "disk", "ssd")
		p.UID = "train"
		s.create(p)
		s.await("train", "Unschedulable", 1)
		refused := s.asked("train").Since
		time.Sleep(2 * time.Minute)
		s.label("a", "colour", "red")
		time.Sleep(3*time.Minute + 19*time.Second)
		synctest.Wait()
		s.await("train", "Unschedulable", 1)
		if attempts := s.asked("train").Attempts; attempts != 1 {
			t.Errorf("it was tried %d times after 5 minutes and 19 s, want once", attempts)
		}
		s.await("train", "Unschedulable", 2)
		s.went("train", "Active by UnscheduledPodAdd", "Scheduling by Turn", "Unschedulable by ScheduleAttemptFailure, refused by NodeAffinity",
			"Active by UnschedulableTimeout", "Scheduling by Turn", "Unschedulable by ScheduleAttemptFailure, refused by NodeAffinity")
		if kept := s.steps("train")[3].At.Sub(refused.Time); kept != 5*time.Minute+20*time.Second {
			t.Errorf("it was tried again after %s, want when it is looked for the first time after 5 minutes", kept)
		}
	})
}
