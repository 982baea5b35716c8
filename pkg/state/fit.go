package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

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
	Record(ctx context.Context, namespace string, spec v1alpha1.FitSpec) (recording.Recording, error)
	RecordGang(ctx context.Context, namespace, name string) (recording.Recording, error)
}

// AskOf has questions of what would fit answered. It is for before the state is served.
func (s *State) AskOf(r Reviewer) { s.reviewer = r }

// reviewing serves questions of what would fit, and recordings. They take their turn among themselves, and keep no
// reader waiting.
func (s *server) reviewing(mux *http.ServeMux) {
	serve := func(pattern string, answer func(r *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if s.reviewer == nil {
				refuse(w, apierrors.NewServiceUnavailable("no profile of this scheduler plans gangs"))
				return
			}
			var text []byte
			body, err := answer(r)
			if err == nil {
				text, err = json.Marshal(body)
			}
			s.reply(w, text, err)
		})
	}
	serve("POST "+v1alpha1.Prefix+"namespaces/{namespace}/"+reviews, s.review)
	serve("POST "+v1alpha1.Prefix+recordings+"/namespaces/{namespace}/"+reviews, func(r *http.Request) (any, error) {
		review, err := readReview(r)
		if err != nil {
			return nil, err
		}
		return s.reviewer.Record(r.Context(), r.PathValue("namespace"), review.Spec)
	})
	serve("GET "+v1alpha1.Prefix+recordings+"/namespaces/{namespace}/gangs/{name}", func(r *http.Request) (any, error) {
		return s.reviewer.RecordGang(r.Context(), r.PathValue("namespace"), r.PathValue("name"))
	})
}

// review answers a question.
func (s *server) review(r *http.Request) (any, error) {
	review, err := readReview(r)
	if err != nil {
		return nil, err
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
