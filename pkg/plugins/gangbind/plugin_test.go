package gangbind

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	st "k8s.io/kubernetes/pkg/scheduler/testing"

	"github.com/muster-scheduler/muster/pkg/image"
)

// knows is an Estimates and a Gangs that knows one answer each.
type knows struct {
	bytes   int64
	seconds float64
	plan    string

	rolledBack bool
	refused    *error // where a refusal is put
}

func (k knows) Expected(*v1.Pod) (image.Estimate, bool) {
	return image.Estimate{Bytes: k.bytes, Seconds: k.seconds}, k.bytes > 0
}
func (k knows) Plan(*v1.Pod) string { return k.plan }

func (k knows) MayBind(types.UID) bool { return !k.rolledBack }

func (k knows) Refused(_ types.UID, why error) {
	if k.refused != nil {
		*k.refused = why
	}
}

// server answers bindings with the given codes, one after the other, and then
// with success. It counts the bindings in flight.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	codes    []int
	bindings []v1.Binding
	dry      int
	bound    *v1.Pod // what a get answers

	flying, most atomic.Int32
	gate         chan struct{} // if set, a binding waits for it
}

// silence, as a code, is no answer: over HTTP/2 that resets the stream.
const silence = 0

func newServer(t *testing.T, codes ...int) *server {
	s := &server{codes: codes}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.answer))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *server) answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.Method == http.MethodGet {
		_ = json.NewEncoder(w).Encode(s.bound)
		return
	}
	s.most.Store(max(s.most.Load(), s.flying.Add(1)))
	defer s.flying.Add(-1)
	if s.gate != nil {
		<-s.gate
	}
	var b v1.Binding
	_ = json.NewDecoder(r.Body).Decode(&b)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bindings = append(s.bindings, b)
	if r.URL.Query().Get("dryRun") == metav1.DryRunAll {
		s.dry++
	}
	code := http.StatusCreated
	if n := len(s.bindings); n <= len(s.codes) {
		code = s.codes[n-1]
	}
	if code == silence {
		panic(http.ErrAbortHandler)
	}
	reason := map[int]metav1.StatusReason{http.StatusConflict: metav1.StatusReasonConflict, http.StatusForbidden: metav1.StatusReasonForbidden}[code]
	status := metav1.StatusSuccess
	if code >= 400 {
		status = metav1.StatusFailure
	}
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: status, Reason: reason, Code: int32(code)})
}

func (s *server) plugin(t *testing.T, args Args, k knows) *GangBind {
	t.Helper()
	pl, err := New(args, &rest.Config{Host: s.URL, TLSClientConfig: rest.TLSClientConfig{Insecure: true}}, k, k)
	if err != nil {
		t.Fatal(err)
	}
	return pl
}

func TestBind(t *testing.T) {
	pod := st.MakePod().Namespace("ns").Name("p").UID("u").Obj()
	there := st.MakePod().Namespace("ns").Name("p").UID("u").Node("n").Obj()
	elsewhere := st.MakePod().Namespace("ns").Name("p").UID("u").Node("other").Obj()
	tests := map[string]struct {
		codes     []int
		bound     *v1.Pod
		wantTries int
		wantOK    bool
		refused   bool
	}{
		"bound at once": {nil, nil, 1, true, false},
		"tried again while the server is out of order":     {[]int{503, 500}, nil, 3, true, false},
		"given up after the last attempt":                  {[]int{503, 503, 503, 503}, nil, 3, false, false},
		"a refusal is final":                               {[]int{403}, nil, 1, false, true},
		"a refusal after a fault is final too":             {[]int{500, 422}, nil, 2, false, true},
		"a pod that is bound already is nobody's success":  {[]int{409}, elsewhere, 1, false, false},
		"tried again if there is no answer":                {[]int{silence, silence}, nil, 3, true, false},
		"an attempt whose answer was lost had succeeded":   {[]int{silence, 409}, there, 2, true, false},
		"after a lost answer the pod turned out elsewhere": {[]int{500, 409}, elsewhere, 2, false, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, tc.codes...)
			s.bound = tc.bound
			args := DefaultArgs()
			args.Attempts = 3
			var refused error
			status := s.plugin(t, args, knows{refused: &refused}).Bind(t.Context(), framework.NewCycleState(), pod, "n")
			if (refused != nil) != tc.refused {
				t.Errorf("told of the refusal %v, want one: %v", refused, tc.refused)
			}
			if status.IsSuccess() != tc.wantOK {
				t.Errorf("status %v, want success: %v", status, tc.wantOK)
			}
			if len(s.bindings) != tc.wantTries {
				t.Errorf("%d tries, want %d", len(s.bindings), tc.wantTries)
			}
		})
	}
}

func TestBindingCarriesTheDecision(t *testing.T) {
	tests := map[string]struct {
		knows knows
		want  map[string]string
	}{
		"a member whose images are known": {
			knows{bytes: 8 << 30, seconds: 214.96, plan: "train/3"},
			map[string]string{PlanAnnotation: "train/3", PullBytesAnnotation: "8589934592", PullSecondsAnnotation: "215.0"},
		},
		"a plain pod of which nothing is known": {knows{}, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			pod := st.MakePod().Namespace("ns").Name("p").UID("u").Obj()
			if status := s.plugin(t, DefaultArgs(), tc.knows).Bind(t.Context(), framework.NewCycleState(), pod, "n"); !status.IsSuccess() {
				t.Fatal(status.AsError())
			}
			b := s.bindings[0]
			if diff := cmp.Diff(tc.want, b.Annotations); diff != "" {
				t.Errorf("annotations (-want +got):\n%s", diff)
			}
			if b.UID != "u" || b.Target.Name != "n" {
				t.Errorf("binds %s to %s, want u to n: a pod that was made anew must not be bound", b.UID, b.Target.Name)
			}
		})
	}
}

func TestBindingsInFlightAreBounded(t *testing.T) {
	s := newServer(t)
	s.gate = make(chan struct{})
	args := DefaultArgs()
	args.Parallelism = 3
	pl := s.plugin(t, args, knows{})
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			if status := pl.Bind(t.Context(), framework.NewCycleState(), st.MakePod().Namespace("ns").Name(fmt.Sprint(i)).Obj(), "n"); !status.IsSuccess() {
				t.Error(status.AsError())
			}
		})
	}
	for range 12 {
		s.gate <- struct{}{}
	}
	wg.Wait()
	if most := s.most.Load(); most > 3 {
		t.Errorf("%d bindings were in flight, want at most 3", most)
	}
}

func TestArgs(t *testing.T) {
	tests := map[string]struct {
		spoil func(*Args)
		field string
	}{
		"defaults are valid":         {func(*Args) {}, ""},
		"no binding in flight":       {func(a *Args) { a.Parallelism = 0 }, "parallelism"},
		"more than a connection has": {func(a *Args) { a.Parallelism = 91 }, "parallelism"},
		"no attempt":                 {func(a *Args) { a.Attempts = 0 }, "attempts"},
		"for ever":                   {func(a *Args) { a.TimeoutSeconds = 121 }, "timeoutSeconds"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			a := DefaultArgs()
			tc.spoil(&a)
			errs := a.Validate()
			if tc.field == "" && len(errs) > 0 || tc.field != "" && (len(errs) != 1 || errs[0].Field != tc.field) {
				t.Errorf("got %v, want an error at %q", errs, tc.field)
			}
		})
	}
}

func TestNobodyIsBoundWhoseGangWasRolledBack(t *testing.T) {
	s := newServer(t)
	pod := st.MakePod().Namespace("ns").Name("p").UID("u").Obj()
	if status := s.plugin(t, DefaultArgs(), knows{rolledBack: true}).Bind(t.Context(), framework.NewCycleState(), pod, "n"); status.IsSuccess() || len(s.bindings) > 0 {
		t.Errorf("status %v after %d bindings, want a failure without any", status, len(s.bindings))
	}
}

func TestTryBindsDry(t *testing.T) {
	s := newServer(t, 200, 403)
	pod := st.MakePod().Namespace("ns").Name("p").UID("u").Obj()
	pl := s.plugin(t, DefaultArgs(), knows{})
	if err := pl.Try(t.Context(), pod, "n"); err != nil {
		t.Error(err)
	}
	if err := pl.Try(t.Context(), pod, "n"); !apierrors.IsForbidden(err) {
		t.Errorf("error %v, want the refusal", err)
	}
	if s.dry != 2 {
		t.Errorf("%d of 2 requests were dry", s.dry)
	}
}

// A busy API server refuses nobody.
func TestTryTakesNoSilenceForARefusal(t *testing.T) {
	s := newServer(t, http.StatusServiceUnavailable, silence)
	pod := st.MakePod().Namespace("ns").Name("p").UID("u").Obj()
	pl := s.plugin(t, DefaultArgs(), knows{})
	for range 2 {
		if err := pl.Try(t.Context(), pod, "n"); err != nil {
			t.Errorf("the binding is taken for refused: %v", err)
		}
	}
}
