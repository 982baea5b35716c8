package integration

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/watch"
)

// history records, from a watch of its own, when each pod of a namespace got a
// node and when it gave it up, and what its status said.
type history struct {
	mu    sync.Mutex
	moves []move
	lies  []lie
	ended []*v1.Pod // pods that are being deleted or are gone, as they were last seen
}

type move struct {
	at    time.Time
	pod   string
	bound bool // got a node; else gave it up
}

// lie is a status that contradicts the pod's spec.
type lie struct{ pod, text string }

func watchPods(t *testing.T, client kubernetes.Interface, ns string) *history {
	t.Helper()
	h := &history{}
	ctx, cancel := context.WithCancel(context.Background())
	pods := client.CoreV1().Pods(ns)
	none, err := pods.List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// The server ends watches when it is short of time; nothing may be lost by that.
	w, err := watch.NewRetryWatcherWithContext(ctx, none.ResourceVersion, &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (apiwatch.Interface, error) {
			return pods.Watch(ctx, options)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		bound := map[types.UID]bool{}
		for e := range w.ResultChan() {
			if pod, ok := e.Object.(*v1.Pod); ok {
				h.see(pod, e.Type == apiwatch.Deleted, bound)
			} else if e.Type == apiwatch.Error {
				t.Errorf("the watch of pods ended: %v", e.Object)
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return h
}

// see records a pod as it is now; bound is which pods have a node, by UID.
func (h *history) see(pod *v1.Pod, gone bool, bound map[types.UID]bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if gone || pod.DeletionTimestamp != nil {
		h.ended = append(slices.DeleteFunc(h.ended, func(old *v1.Pod) bool { return old.UID == pod.UID }), pod)
	}
	if now := holds(pod) && !gone; now != bound[pod.UID] {
		bound[pod.UID] = now
		h.moves = append(h.moves, move{time.Now(), pod.Name, now})
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == v1.PodScheduled && (c.Status == v1.ConditionTrue) != (pod.Spec.NodeName != "") {
			h.lies = append(h.lies, lie{pod.Name, fmt.Sprintf("%s is on %q and says PodScheduled=%s: %s", pod.Name, pod.Spec.NodeName, c.Status, c.Message)})
		}
	}
}

// holds tells whether a pod is a member of its gang that has a node: one that
// failed, or is being deleted, is none.
func holds(pod *v1.Pod) bool {
	return pod.Spec.NodeName != "" && pod.DeletionTimestamp == nil && pod.Status.Phase != v1.PodFailed
}

// partial returns the longest time for which some, but fewer than minMember,
// of the pods with this prefix had a node while the gang was starting, and the
// most pods that had one at once. A start ends when the gang is whole, or when
// none of its pods has a node; members that a whole gang loses are no start.
func (h *history) partial(prefix string, minMember int) (longest time.Duration, most int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n, starting := 0, false
	var since time.Time
	for _, m := range h.moves {
		if !strings.HasPrefix(m.pod, prefix) {
			continue
		}
		was := n
		if m.bound {
			n++
		} else {
			n--
		}
		most = max(most, n)
		if was == 0 && n > 0 {
			starting, since = true, m.at
		}
		if starting && (n == 0 || n >= minMember) {
			starting, longest = false, max(longest, m.at.Sub(since))
		}
	}
	if starting {
		longest = max(longest, time.Since(since))
	}
	return longest, most
}

// now returns how many pods with this prefix have a node.
func (h *history) now(prefix string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.moves {
		switch {
		case !strings.HasPrefix(m.pod, prefix):
		case m.bound:
			n++
		default:
			n--
		}
	}
	return n
}

// crowd returns the most pods with this prefix that had a node at once.
func (h *history) crowd(prefix string) int {
	_, most := h.partial(prefix, 1)
	return most
}

// told returns the statuses of the pods with this prefix that were not true.
func (h *history) told(prefix string) (lies []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range h.lies {
		if strings.HasPrefix(l.pod, prefix) {
			lies = append(lies, l.text)
		}
	}
	return lies
}

// deleted returns the pods with this prefix that are being deleted or are gone,
// as they were last seen.
func (h *history) deleted(prefix string) (pods []*v1.Pod) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.ended {
		if strings.HasPrefix(p.Name, prefix) {
			pods = append(pods, p)
		}
	}
	return pods
}
