package integration

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// A rule deals with one binding. pass hands it on to the API server; a panic
// with http.ErrAbortHandler ends the request without an answer.
type rule func(w http.ResponseWriter, r *http.Request, b binding, pass http.Handler)

// refuse answers with an error as the API server would write it.
func refuse(err *apierrors.StatusError) rule {
	return func(w http.ResponseWriter, _ *http.Request, _ binding, _ http.Handler) {
		status := err.Status()
		status.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
		w.Header().Set("Content-Type", "application/json")
		if status.Details != nil && status.Details.RetryAfterSeconds > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(status.Details.RetryAfterSeconds)))
		}
		w.WriteHeader(int(status.Code))
		_ = json.NewEncoder(w).Encode(status)
	}
}

// hang says nothing for a time, and then ends the connection.
func hang(d time.Duration) rule {
	return func(_ http.ResponseWriter, r *http.Request, _ binding, _ http.Handler) {
		patience := time.NewTimer(d)
		defer patience.Stop()
		select {
		case <-patience.C:
		case <-r.Context().Done():
		}
		panic(http.ErrAbortHandler)
	}
}

// loseAnswer hands the binding on, and then ends the connection.
func loseAnswer(_ http.ResponseWriter, r *http.Request, _ binding, pass http.Handler) {
	pass.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// late hands the binding on only when it is due, whoever still waits for the answer.
func late(due <-chan struct{}) rule {
	return func(w http.ResponseWriter, r *http.Request, _ binding, pass http.Handler) {
		patience := time.NewTimer(longest)
		defer patience.Stop()
		select {
		case <-patience.C: // the test failed
		case <-due:
			pass.ServeHTTP(httptest.NewRecorder(), r.WithContext(context.WithoutCancel(r.Context())))
		}
		panic(http.ErrAbortHandler)
	}
}

// when limits a rule to some bindings; the others are handed on.
func (f rule) when(applies func(binding) bool) rule {
	return func(w http.ResponseWriter, r *http.Request, b binding, pass http.Handler) {
		if applies(b) {
			f(w, r, b, pass)
		} else {
			pass.ServeHTTP(w, r)
		}
	}
}

// times limits a rule to the first n bindings.
func (f rule) times(n int) rule {
	var mu sync.Mutex
	return f.when(func(binding) bool {
		mu.Lock()
		defer mu.Unlock()
		n--
		return n >= 0
	})
}

// onOne limits a rule to one pod: the third that comes, so that others are bound before it.
func (f rule) onOne() rule {
	var mu sync.Mutex
	came := map[types.UID]int{}
	return f.when(func(b binding) bool {
		mu.Lock()
		defer mu.Unlock()
		if _, ok := came[b.uid]; !ok {
			came[b.uid] = len(came)
		}
		return came[b.uid] == 2
	})
}

// gate lets n bindings through and holds the others until it is opened. What
// is held when the scheduler goes away is never handed on. Dry runs pass.
type gate struct {
	opened chan struct{}

	mu   sync.Mutex
	left int // how many it still lets through
	held int
}

func newGate(n int) *gate { return &gate{opened: make(chan struct{}), left: n} }

func (g *gate) open() { close(g.opened) }

// holds returns how many bindings it has held so far.
func (g *gate) holds() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.held
}

func (g *gate) rule(w http.ResponseWriter, r *http.Request, b binding, pass http.Handler) {
	if !b.dryRun && !g.admits() {
		if err := g.wait(r.Context()); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	pass.ServeHTTP(w, r)
}

func (g *gate) admits() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.left > 0 {
		g.left--
		return true
	}
	g.held++
	return false
}

func (g *gate) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-g.opened:
		return ctx.Err()
	}
}
