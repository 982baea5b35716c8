package snapshot

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/go-logr/logr/funcr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/klog/v2"
)

// served answers each question with the next answer, the last one for ever.
type served struct {
	discovery.ServerResourcesInterface
	answers []func() (*metav1.APIResourceList, error)
}

func (s *served) ServerResourcesForGroupVersion(string) (*metav1.APIResourceList, error) {
	answer := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	return answer()
}

// lines keeps what is logged.
func lines(ctx context.Context) (context.Context, func() []string) {
	var mu sync.Mutex
	var said []string
	logger := funcr.New(func(_, args string) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, args)
	}, funcr.Options{})
	return klog.NewContext(ctx, logger), func() []string {
		mu.Lock()
		defer mu.Unlock()
		return said
	}
}

func TestSourceThatIsServedLater(t *testing.T) {
	resource := kinds()[0].resource
	missing := func() (*metav1.APIResourceList, error) {
		return nil, apierrors.NewNotFound(schema.GroupResource{}, "")
	}
	others := func() (*metav1.APIResourceList, error) {
		return &metav1.APIResourceList{APIResources: []metav1.APIResource{{Name: "queues"}}}, nil
	}
	broken := func() (*metav1.APIResourceList, error) { return nil, errors.New("no answer") }
	there := func() (*metav1.APIResourceList, error) {
		return &metav1.APIResourceList{APIResources: []metav1.APIResource{{Name: "podgroups/status"}, {Name: "podgroups"}}}, nil
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, said := lines(t.Context())
		watched := 0
		whenServed(ctx, &served{answers: []func() (*metav1.APIResourceList, error){missing, missing, broken, others, there}}, resource, "that is so",
			func() error { watched++; return nil })
		if watched != 1 {
			t.Errorf("watched %d times, want once", watched)
		}
		// Once that it is not there, and once that nobody answered.
		if got := said(); len(got) != 2 || !strings.Contains(got[0], "that is so") || !strings.Contains(got[1], "no answer") {
			t.Errorf("said %q", got)
		}
	})
}

func TestLackOfARightIsSaidOnceWithTheFix(t *testing.T) {
	resource := kinds()[0].resource
	ctx, said := lines(t.Context())
	handle := sayForbidden(resource)
	for range 3 {
		handle(ctx, nil, apierrors.NewForbidden(resource.GroupResource(), "", errors.New("no")))
	}
	if got := said(); len(got) != 1 || !strings.Contains(got[0], "rbac.yaml") {
		t.Errorf("said %q, want one line with the fix", got)
	}
}
