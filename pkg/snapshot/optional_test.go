package snapshot

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr/funcr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/tools/cache"
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
	resource := kinds("muster")[0].resource
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
		watched, settled := 0, 0
		whenServed(ctx, &served{answers: []func() (*metav1.APIResourceList, error){broken, missing, missing, others, there}}, resource, "that is so",
			func() { settled++ },
			func() (cache.InformerSynced, error) {
				if watched++; settled != 1 {
					t.Errorf("settled %d times before there is one to watch, want once", settled)
				}
				return func() bool { return true }, nil
			})
		if watched != 1 || settled != 1 {
			t.Errorf("watched %d times, settled %d times, want once each", watched, settled)
		}
		// Once that nobody answered, and once that it is not there.
		if got := said(); len(got) != 2 || !strings.Contains(got[0], "no answer") || !strings.Contains(got[1], "that is so") {
			t.Errorf("said %q", got)
		}
	})
}

func TestSourceIsSettledWhenAllOfItIsRead(t *testing.T) {
	resource := kinds("muster")[0].resource
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var settled time.Duration
		there := func() (*metav1.APIResourceList, error) {
			return &metav1.APIResourceList{APIResources: []metav1.APIResource{{Name: "podgroups"}}}, nil
		}
		whenServed(t.Context(), &served{answers: []func() (*metav1.APIResourceList, error){there}}, resource, "",
			func() { settled = time.Since(began) },
			func() (cache.InformerSynced, error) {
				return func() bool { return time.Since(began) > time.Second }, nil
			})
		if settled <= time.Second {
			t.Errorf("settled after %s, before all was read", settled)
		}
	})
}

func TestNewLeaderReportsWhenAllIsReadOrNotInTime(t *testing.T) {
	for name, want := range map[string]time.Duration{"read": time.Second, "not read": sourcesPatience} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				defer s.queue.ShutDown()
				var unread sync.WaitGroup
				unread.Go(func() {
					<-time.After(time.Second)
					if name == "not read" {
						<-time.After(time.Hour)
					}
				})
				defer unread.Wait()
				began := time.Now()
				reportAfter(t.Context(), &unread, s.reporter)
				if took := time.Since(began); took != want || !s.leads {
					t.Errorf("leads: %v, after %s, want %s", s.leads, took, want)
				}
			})
		})
	}
}

func TestLackOfARightIsSaidOnceWithTheFix(t *testing.T) {
	resource := kinds("muster")[0].resource
	ctx, said := lines(t.Context())
	handle := sayForbidden(resource)
	for range 3 {
		handle(ctx, nil, apierrors.NewForbidden(resource.GroupResource(), "", errors.New("no")))
	}
	if got := said(); len(got) != 1 || !strings.Contains(got[0], "rbac.yaml") {
		t.Errorf("said %q, want one line with the fix", got)
	}
}
