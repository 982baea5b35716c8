package integration

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// history records, from a watch of its own, when each pod of a namespace got a
// node and when it went away.
type history struct {
	mu    sync.Mutex
	moves []move
}

type move struct {
	at    time.Time
	pod   string
	bound bool // got a node; else went away
}

func watchPods(t *testing.T, client kubernetes.Interface, ns string) *history {
	t.Helper()
	h := &history{}
	ctx, cancel := context.WithCancel(context.Background())
	w, err := client.CoreV1().Pods(ns).Watch(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		bound := map[string]bool{}
		for e := range w.ResultChan() {
			pod, ok := e.Object.(*v1.Pod)
			if !ok {
				continue
			}
			now := pod.Spec.NodeName != "" && e.Type != "DELETED"
			if now != bound[pod.Name] {
				bound[pod.Name] = now
				h.mu.Lock()
				h.moves = append(h.moves, move{time.Now(), pod.Name, now})
				h.mu.Unlock()
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		w.Stop()
		<-done
	})
	return h
}

// partial returns the longest time for which some, but fewer than minMember,
// of the pods with this prefix had a node while the gang was starting, and
// the most pods that had one at once.
func (h *history) partial(prefix string, minMember int) (longest time.Duration, most int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
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
		switch {
		case was == 0 && n > 0:
			since = m.at
		case was < minMember && n >= minMember:
			longest = max(longest, m.at.Sub(since))
		}
	}
	if most > 0 && most < minMember {
		longest = time.Since(since)
	}
	return longest, most
}
