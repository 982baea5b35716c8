package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/endpoints/request"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
)

// Authorize has the requests for the state authorized as listing the objects that they
// tell of, the pods of a namespace, all pods, or nodes: whoever may see the pods may see why
// they wait, and nobody has to be given another right. Whoever may create pods may ask what
// would become of them. For recordings, a right is given to their path.
func Authorize(next request.RequestInfoResolver) request.RequestInfoResolver { return authorize{next} }

type authorize struct{ next request.RequestInfoResolver }

// NewRequestInfo implements request.RequestInfoResolver.
func (a authorize) NewRequestInfo(r *http.Request) (*request.RequestInfo, error) {
	info, err := a.next.NewRequestInfo(r)
	rest, ok := strings.CutPrefix(r.URL.Path, v1alpha1.Prefix)
	first, of, _ := strings.Cut(rest, "/")
	if err != nil || !ok || first == recordings {
		return info, err // recordings name what is in all namespaces: that right is given for their path
	}
	info.IsResourceRequest, info.Verb, info.APIVersion, info.Resource = true, "list", "v1", "pods"
	switch first {
	case "images", "nodes":
		info.Resource = "nodes"
	case "namespaces":
		info.Namespace, of, _ = strings.Cut(of, "/")
		if of == reviews {
			info.Verb = "create" // of the pods that would be
		}
	}
	return info, nil
}

const (
	// readers is how many answers about single namespaces are made at a time, and wideReaders how
	// many about the cluster; others wait. Of 100,000 pods, one takes 150 MB while it is made.
	readers     = 4
	wideReaders = 1
	// followers is how many requests may follow moves; others are refused.
	followers = 64
	// followFor is how long one may: after that it is asked again whether the reader may read.
	followFor = 10 * time.Minute
	// breath is how long after a move it is waited for others, to tell them together.
	breath = 100 * time.Millisecond
	// patience is how long a reader may take for what it is told at once, and sip how many
	// bytes of an answer that is.
	patience = 30 * time.Second
	sip      = 1 << 20
)

// Handler serves the state below [v1alpha1.Prefix], to whoever gets as far as to it, until it
// is stopped. A process that does not lead knows less than the one that does, and says so
// instead.
func (s *State) Handler(leads func() bool, stop <-chan struct{}) http.Handler {
	server := &server{State: s, stop: stop, turn: make(chan struct{}, readers), wide: make(chan struct{}, wideReaders)}
	mux := http.NewServeMux()
	answer := func(path string, get func(r *http.Request) (any, error)) {
		mux.HandleFunc("GET "+v1alpha1.Prefix+path, func(w http.ResponseWriter, r *http.Request) { server.answer(w, r, get) })
	}
	for _, of := range []string{"", "namespaces/{namespace}/"} {
		answer(of+"pods", func(r *http.Request) (any, error) { return s.Pods(r.PathValue("namespace")), nil })
		answer(of+"gangs", func(r *http.Request) (any, error) { return s.Gangs(r.PathValue("namespace")), nil })
		mux.HandleFunc("GET "+v1alpha1.Prefix+of+"moves", server.follow)
	}
	answer("namespaces/{namespace}/pods/{name}", func(r *http.Request) (any, error) {
		pod, ok := s.Pod(r.PathValue("namespace"), r.PathValue("name"))
		return found(pod, ok, "pods", r)
	})
	answer("namespaces/{namespace}/gangs/{name}", func(r *http.Request) (any, error) {
		gangs := s.Gang(r.PathValue("namespace"), r.PathValue("name"))
		return found(gangs, len(gangs.Items) > 0, "gangs", r)
	})
	server.reviewing(mux)
	answer("images", func(*http.Request) (any, error) { return s.Images(), nil })
	answer("images/{name...}", func(r *http.Request) (any, error) {
		image, ok := s.Image(r.PathValue("name"))
		return found(image, ok, "images", r)
	})
	answer("nodes", func(*http.Request) (any, error) { return s.Nodes(), nil })
	answer("nodes/{name}", func(r *http.Request) (any, error) {
		node, ok := s.Node(r.PathValue("name"))
		return found(node, ok, "nodes", r)
	})
	mux.HandleFunc("/", nothing)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !leads() {
			refuse(w, apierrors.NewServiceUnavailable("this replica of the scheduler is a standby: ask the one that leads"))
			return
		}
		// Who may read was decided by the path as it is decoded, and the mux splits it as it is
		// written. No name has a slash, and those of images are written with it.
		if strings.Contains(strings.ToLower(r.URL.EscapedPath()), "%2f") {
			nothing(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// found is an object, or the error that there is none of the name that was asked for.
func found(object any, ok bool, resource string, r *http.Request) (any, error) {
	if !ok {
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: resource}, r.PathValue("name"))
	}
	return object, nil
}

// nothing answers where nothing is.
func nothing(w http.ResponseWriter, r *http.Request) {
	status := metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusNotFound, Reason: metav1.StatusReasonNotFound,
		Message: fmt.Sprintf("there is no %s: pods, gangs, moves, images and nodes are below %s, the first three of one namespace below %[2]snamespaces/NAME/", r.URL.Path, v1alpha1.Prefix),
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		status.Code, status.Reason, status.Message = http.StatusMethodNotAllowed, metav1.StatusReasonMethodNotAllowed, "the state is read-only"
	}
	refuse(w, &apierrors.StatusError{ErrStatus: status})
}

// server answers from the state.
type server struct {
	*State
	stop      <-chan struct{}
	turn      chan struct{} // holds as many as are answered about a namespace,
	wide      chan struct{} // and about the cluster
	following atomic.Int64
}

// answer writes what there is to get, or why that is nothing.
func (s *server) answer(w http.ResponseWriter, r *http.Request, get func(r *http.Request) (any, error)) {
	turn := s.turn
	if r.PathValue("namespace") == "" {
		turn = s.wide
	}
	select {
	case turn <- struct{}{}:
	case <-r.Context().Done():
		return
	}
	var text []byte
	body, err := get(r)
	if err == nil {
		text, err = json.Marshal(body)
	}
	<-turn
	s.reply(w, text, err)
}

// reply writes a text, or why there is none.
func (s *server) reply(w http.ResponseWriter, text []byte, err error) {
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	for part := range slices.Chunk(append(text, '\n'), sip) {
		if _, err := s.patient(w).Write(part); err != nil {
			return // the reader is gone
		}
	}
}

// patient returns a writer that waits for the reader for as long as one may take for each part.
func (s *server) patient(w http.ResponseWriter) io.Writer { return patient{s, w} }

type patient struct {
	s *server
	w http.ResponseWriter
}

// Write implements io.Writer.
func (p patient) Write(part []byte) (int, error) {
	control := http.NewResponseController(p.w)
	_ = control.SetWriteDeadline(p.s.clock.Now().Add(patience)) // or as long as it takes, if it cannot be set
	n, err := p.w.Write(part)
	_ = control.SetWriteDeadline(time.Time{}) // for the next request
	return n, err
}

// follow writes moves, a line each: those from the number "from" on that are known, and
// with watch=true those that come, for a while.
func (s *server) follow(w http.ResponseWriter, r *http.Request) {
	from, watch, err := s.asked(r)
	if err != nil {
		refuse(w, err)
		return
	}
	defer s.following.Add(-1)
	if s.following.Add(1) > followers {
		refuse(w, apierrors.NewTooManyRequests(fmt.Sprintf("%d others follow moves", followers), 10))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), followFor)
	defer cancel()
	w.Header().Set("Content-Type", "application/json")
	control := http.NewResponseController(w)
	for {
		moves, next, lost, more := s.steps(r.PathValue("namespace"), from)
		_ = control.SetWriteDeadline(s.clock.Now().Add(patience)) // or as long as it takes, if it cannot be set
		if write(w, moves, lost) != nil {
			return
		}
		if next != from {
			from = next
			continue
		}
		if !watch || control.Flush() != nil {
			return
		}
		_ = control.SetWriteDeadline(time.Time{}) // it would end the request, though nothing is written
		if !wait(ctx, s.stop, more) || !wait(ctx, s.stop, s.clock.After(breath)) {
			return
		}
	}
}

// asked reads the query of a request to follow moves.
func (s *server) asked(r *http.Request) (from uint64, watch bool, err error) {
	query := r.URL.Query()
	if text := query.Get("from"); text != "" {
		if from, err = strconv.ParseUint(text, 10, 64); err != nil {
			return 0, false, apierrors.NewBadRequest(fmt.Sprintf("from: %v", err))
		}
	}
	if text := query.Get("watch"); text != "" {
		if watch, err = strconv.ParseBool(text); err != nil {
			return 0, false, apierrors.NewBadRequest(fmt.Sprintf("watch: %v", err))
		}
	}
	if next := s.journal.Next(); from > next {
		return 0, false, apierrors.NewResourceExpired(fmt.Sprintf("from: the next move is number %d, not %d: the scheduler has begun to count anew", next, from))
	}
	return from, watch, nil
}

// write writes a line for each move, and before these whether some are lost.
func write(w io.Writer, moves []v1alpha1.Step, lost bool) error {
	lines := json.NewEncoder(w)
	if lost {
		moves = slices.Insert(moves, 0, v1alpha1.Step{TypeMeta: typeMeta("Step"), Lost: true})
	}
	for _, move := range moves {
		if err := lines.Encode(move); err != nil {
			return err
		}
	}
	return nil
}

// wait waits for something; ok is false if the reader or the process has had enough.
func wait[T any](ctx context.Context, stop <-chan struct{}, something <-chan T) (ok bool) {
	select {
	case <-something:
		return true
	case <-ctx.Done():
	case <-stop:
	}
	return false
}

// refuse answers with a Status, as the API server does.
func refuse(w http.ResponseWriter, err error) {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		status = apierrors.NewInternalError(err)
	}
	body := status.Status()
	body.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(int(body.Code))
	_ = json.NewEncoder(w).Encode(body) // the reader is gone
}
