package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/endpoints/request"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
)

// Authorize has the requests for the state authorized as listing the objects that they
// tell of, the pods of a namespace, all pods, or nodes: whoever may see the pods may see why
// they wait, and nobody has to be given another right.
func Authorize(next request.RequestInfoResolver) request.RequestInfoResolver { return authorize{next} }

type authorize struct{ next request.RequestInfoResolver }

// NewRequestInfo implements request.RequestInfoResolver.
func (a authorize) NewRequestInfo(r *http.Request) (*request.RequestInfo, error) {
	info, err := a.next.NewRequestInfo(r)
	rest, ok := strings.CutPrefix(r.URL.Path, v1alpha1.Prefix)
	if err != nil || !ok {
		return info, err
	}
	info.IsResourceRequest, info.Verb, info.APIVersion, info.Resource = true, "list", "v1", "pods"
	switch first, of, _ := strings.Cut(rest, "/"); first {
	case "images", "nodes":
		info.Resource = "nodes"
	case "namespaces":
		info.Namespace, _, _ = strings.Cut(of, "/")
		if info.Namespace == "" {
			return nil, fmt.Errorf("%s names no namespace", r.URL.Path)
		}
	}
	return info, nil
}

// Handler serves the state below [v1alpha1.Prefix], to whoever gets as far as to it. A process
// that does not lead knows less than the one that does, and says so instead.
func (s *State) Handler(leads func() bool) http.Handler {
	mux := http.NewServeMux()
	answer := func(path string, get func(r *http.Request) (any, error)) {
		mux.HandleFunc("GET "+v1alpha1.Prefix+path, func(w http.ResponseWriter, r *http.Request) {
			body, err := get(r)
			if err != nil {
				refuse(w, err)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(body) // the reader is gone
		})
	}
	for _, of := range []string{"", "namespaces/{namespace}/"} {
		answer(of+"pods", func(r *http.Request) (any, error) { return s.Pods(r.PathValue("namespace")), nil })
		answer(of+"gangs", func(r *http.Request) (any, error) { return s.Gangs(r.PathValue("namespace")), nil })
		mux.HandleFunc("GET "+v1alpha1.Prefix+of+"moves", s.follow)
	}
	answer("namespaces/{namespace}/pods/{name}", func(r *http.Request) (any, error) {
		if pod, ok := s.Pod(r.PathValue("namespace"), r.PathValue("name")); ok {
			return pod, nil
		}
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, r.PathValue("name"))
	})
	answer("namespaces/{namespace}/gangs/{name}", func(r *http.Request) (any, error) {
		if gangs := s.Gang(r.PathValue("namespace"), r.PathValue("name")); len(gangs.Items) > 0 {
			return gangs, nil
		}
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "gangs"}, r.PathValue("name"))
	})
	answer("images", func(*http.Request) (any, error) { return s.Images(), nil })
	answer("images/{name...}", func(r *http.Request) (any, error) {
		if image, ok := s.Image(r.PathValue("name")); ok {
			return image, nil
		}
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "images"}, r.PathValue("name"))
	})
	answer("nodes/{name}", func(r *http.Request) (any, error) {
		if node, ok := s.Node(r.PathValue("name")); ok {
			return node, nil
		}
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "nodes"}, r.PathValue("name"))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			refuse(w, &apierrors.StatusError{ErrStatus: metav1.Status{
				Status: metav1.StatusFailure, Code: http.StatusMethodNotAllowed, Reason: metav1.StatusReasonMethodNotAllowed, Message: "the state is read-only",
			}})
			return
		}
		refuse(w, &apierrors.StatusError{ErrStatus: metav1.Status{
			Status: metav1.StatusFailure, Code: http.StatusNotFound, Reason: metav1.StatusReasonNotFound,
			Message: fmt.Sprintf("there is no %s: pods, gangs, moves, images and nodes/NAME are below %s, the first three of one namespace below %snamespaces/NAME/", r.URL.Path, v1alpha1.Prefix, v1alpha1.Prefix),
		}})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !leads() {
			refuse(w, apierrors.NewServiceUnavailable("this replica of the scheduler is a standby: ask the one that leads"))
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// follow writes moves, a line each: those from the number "from" on that are known, and
// with watch=true all that come until the reader goes.
func (s *State) follow(w http.ResponseWriter, r *http.Request) {
	from, watch := uint64(0), false
	for name, parse := range map[string]func(string) error{
		"from":  func(text string) (err error) { from, err = strconv.ParseUint(text, 10, 64); return err },
		"watch": func(text string) (err error) { watch, err = strconv.ParseBool(text); return err },
	} {
		if text := r.URL.Query().Get(name); text != "" {
			if err := parse(text); err != nil {
				refuse(w, apierrors.NewBadRequest(fmt.Sprintf("%s: %v", name, err)))
				return
			}
		}
	}
	w.Header().Set("Content-Type", "application/json")
	lines, flush := json.NewEncoder(w), http.NewResponseController(w)
	for {
		moves, next, more := s.Steps(r.PathValue("namespace"), from)
		for _, move := range moves {
			if lines.Encode(move) != nil {
				return
			}
		}
		if !watch || flush.Flush() != nil {
			return
		}
		from = next
		select {
		case <-more:
		case <-r.Context().Done():
			return
		}
	}
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
