package state

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/utils/clock"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/journal"
)

// serve serves a journal as a scheduler that leads does.
func serve(j *journal.Journal, stop <-chan struct{}) func(path string) *httptest.ResponseRecorder {
	h := New(j, nil, nil).Handler(func() bool { return true }, stop)
	return func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, v1alpha1.Prefix+path, nil))
		return w
	}
}

// TestANamespaceIsToldOfNoOther, neither of its pods nor of what else moved its own.
func TestANamespaceIsToldOfNoOther(t *testing.T) {
	j, at := journal.New(10), time.Unix(1e9, 0)
	for _, namespace := range []string{"own", "tenant"} {
		name := journal.Name{Namespace: namespace, Name: "train"}
		j.Came(at, name, "uid-"+namespace, 0)
		j.Moved(at, name, "", journal.Active, journal.Cause{Event: "AssignedPodDelete", Object: "Pod tenant/secret"})
	}
	get := serve(j, nil)
	for _, path := range []string{"namespaces/own/pods", "namespaces/own/pods/train", "namespaces/own/moves"} {
		if text := get(path).Body.String(); !strings.Contains(text, "train") || strings.Contains(text, "tenant") {
			t.Errorf("%s tells %s", path, text)
		}
	}
	if w := get("namespaces/own%2Fother/pods"); w.Code != http.StatusNotFound {
		t.Errorf("a namespace with a slash is answered %d %s", w.Code, w.Body)
	}
	if text := get("namespaces/own/moves").Body.String(); !strings.Contains(text, `"object":"Pod"`) {
		t.Errorf("own moves are %s, want by what kind of object", text)
	}
	if text := get("moves").Body.String(); !strings.Contains(text, "Pod tenant/secret") {
		t.Errorf("all moves are %s, want by which object", text)
	}
	for object, want := range map[string]string{"Node n1": "Node n1", "PersistentVolume pv": "PersistentVolume", "Pod own/x": "Pod own/x", "Pod owner/x": "Pod", "": ""} {
		if got := within("own", object); got != want {
			t.Errorf("within(own, %q) = %q, want %q", object, got, want)
		}
	}
}

func TestFollowersAreFewAndForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop, now := make(chan struct{}), clock.RealClock{}
		get := serve(journal.New(10), stop)
		follow := func() int { return get("moves?watch=true").Code }
		began, done := now.Now(), make(chan int, followers)
		for range followers {
			go func() { done <- follow() }()
		}
		synctest.Wait()
		for range 2 { // who is refused takes no place, and frees none
			if got := follow(); got != http.StatusTooManyRequests {
				t.Errorf("one more is answered %d", got)
			}
		}
		for range followers {
			if got := <-done; got != http.StatusOK {
				t.Errorf("a follower is answered %d", got)
			}
		}
		if got := now.Since(began); got != followFor {
			t.Errorf("they end after %s, want %s", got, followFor)
		}
		go func() { done <- follow() }()
		synctest.Wait()
		close(stop)
		if got := <-done; got != http.StatusOK {
			t.Errorf("at the end of the process it is answered %d", got)
		}
	})
}

func TestWhoFollowsTooLateIsToldThatMovesAreLost(t *testing.T) {
	j := journal.New(10)
	name := journal.Name{Namespace: "own", Name: "train"}
	j.Came(time.Unix(1e9, 0), name, "u", 0)
	const many = 5000 // more than are kept
	for i := range many {
		j.Moved(time.Unix(1e9, 0), name, "", []journal.Place{journal.Active, journal.Backoff}[i%2], journal.Cause{})
	}
	lines := strings.Split(strings.TrimSpace(serve(j, nil)("namespaces/own/moves?from=1").Body.String()), "\n")
	if !strings.Contains(lines[0], `"lost":true`) || strings.Contains(lines[1], "lost") || !strings.Contains(lines[len(lines)-1], fmt.Sprintf(`"number":%d,`, many)) {
		t.Errorf("%d lines, from %s and %s to %s", len(lines), lines[0], lines[1], lines[len(lines)-1])
	}
}
