package state

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/recording"
)

// reviews is the part of a path after a namespace's at which it is asked what would fit, and recordings the
// first part of those at which all that an answer depends on is written down.
const (
	reviews    = "fitreviews"
	recordings = "recordings"
)

// maxReview is the size of a question, in bytes: as large as an object that the API server stores.
const maxReview = 3 << 20

// Reviewer answers whether pods would fit in a namespace.
type Reviewer interface {
	Review(ctx context.Context, namespace string, spec v1alpha1.FitSpec) (v1alpha1.FitStatus, error)
	// Record answers too, for a review or for a gang that waits, with all that the answer depends on.
	Record(ctx context.Context, namespace string, spec v1alpha1.FitSpec) (recording.Recording, []runtime.Object, error)
	RecordGang(ctx context.Context, namespace, name string) (recording.Recording, []runtime.Object, error)
}

// AskOf has questions of what would fit answered. It is for before the state is served.
func (s *State) AskOf(r Reviewer) { s.reviewer = r }

// askers is how many questions may wait for their turn or be answered; others are refused.
const askers = 16

// reviewing serves questions of what would fit, and recordings.
func (s *server) reviewing(mux *http.ServeMux) {
	asking := make(chan struct{}, askers)
	serve := func(pattern string, answer func(w http.ResponseWriter, r *http.Request)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if s.reviewer == nil {
				refuse(w, apierrors.NewServiceUnavailable("no profile of this scheduler plans gangs"))
				return
			}
			select {
			case asking <- struct{}{}:
				defer func() { <-asking }()
				answer(w, r)
			default:
				refuse(w, apierrors.NewTooManyRequests(fmt.Sprintf("%d others ask what fits", askers), 10))
			}
		})
	}
	serve("POST "+v1alpha1.Prefix+"namespaces/{namespace}/"+reviews, func(w http.ResponseWriter, r *http.Request) {
		var text []byte
		review, err := s.review(r)
		if err == nil {
			text, err = json.Marshal(review)
		}
		s.reply(w, text, err)
	})
	serve("POST "+v1alpha1.Prefix+recordings+"/namespaces/{namespace}/"+reviews, func(w http.ResponseWriter, r *http.Request) {
		s.record(w, r, func() (recording.Recording, []runtime.Object, error) {
			review, err := readReview(r)
			if err != nil {
				return recording.Recording{}, nil, err
			}
			return s.reviewer.Record(r.Context(), r.PathValue("namespace"), review.Spec)
		})
	})
	serve("GET "+v1alpha1.Prefix+recordings+"/namespaces/{namespace}/gangs/{name}", func(w http.ResponseWriter, r *http.Request) {
		s.record(w, r, func() (recording.Recording, []runtime.Object, error) {
			return s.reviewer.RecordGang(r.Context(), r.PathValue("namespace"), r.PathValue("name"))
		})
	})
}

// record writes a recording, one at a time: it is as large as the cluster.
func (s *server) record(w http.ResponseWriter, r *http.Request, make func() (recording.Recording, []runtime.Object, error)) {
	select {
	case s.wide <- struct{}{}:
		defer func() { <-s.wide }()
	case <-r.Context().Done():
		return
	}
	made, objects, err := make()
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	buffered := bufio.NewWriterSize(s.patient(w), sip)
	if recording.Write(buffered, made, objects) == nil {
		_ = buffered.Flush() // or the reader is gone
	}
}

// review answers a question.
func (s *server) review(r *http.Request) (v1alpha1.FitReview, error) {
	review, err := readReview(r)
	if err != nil {
		return review, err
	}
	review.Status, err = s.reviewer.Review(r.Context(), r.PathValue("namespace"), review.Spec)
	return review, err
}

func readReview(r *http.Request) (review v1alpha1.FitReview, err error) {
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxReview)).Decode(&review); err != nil {
		if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return review, apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("a review has %d bytes at most: ask for less at a time", large.Limit))
		}
		return review, apierrors.NewBadRequest(fmt.Sprintf("the body is no FitReview: %v", err))
	}
	if review.Kind != "FitReview" || review.APIVersion != v1alpha1.APIVersion {
		return review, apierrors.NewBadRequest(fmt.Sprintf("apiVersion and kind are %q and %q: they must be %s and FitReview", review.APIVersion, review.Kind, v1alpha1.APIVersion))
	}
	return review, nil
}
