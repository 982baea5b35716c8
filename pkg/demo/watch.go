package demo

import (
	"context"
	"fmt"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// watcher fills a record from a cluster.
type watcher struct {
	began time.Time

	mu      sync.Mutex
	record  *record
	changed chan struct{} // closed at the next change
}

// watch returns a watcher that sees all pods, events and nodes from now on, until the context is done.
func watch(ctx context.Context, config *rest.Config, began time.Time) (*watcher, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	w := &watcher{began: began, record: newRecord(), changed: make(chan struct{})}
	factory := informers.NewSharedInformerFactory(client, 0)
	core := factory.Core().V1()
	for _, informer := range []cache.SharedIndexInformer{
		core.Pods().Informer(), core.Events().Informer(), core.Nodes().Informer(),
	} {
		if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    w.see,
			UpdateFunc: func(_, now any) { w.see(now) },
			DeleteFunc: w.seeGone,
		}); err != nil {
			return nil, err
		}
	}
	factory.Start(ctx.Done())
	for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return nil, fmt.Errorf("watching %s: %w", kind, context.Cause(ctx))
		}
	}
	return w, nil
}

// now is the time since the demo began.
func (w *watcher) now() time.Duration { return time.Since(w.began) }

func (w *watcher) see(object any) {
	w.update(func(r *record, at time.Duration) {
		switch o := object.(type) {
		case *v1.Pod:
			r.seePod(at, o)
		case *v1.Event:
			r.seeEvent(at, o)
		case *v1.Node:
			r.seeNode(o)
		}
	})
}

func (w *watcher) seeGone(object any) {
	if missed, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = missed.Obj
	}
	if p, ok := object.(*v1.Pod); ok {
		w.update(func(r *record, at time.Duration) { r.seeGone(at, p.UID) })
	}
}

// update changes the record and wakes those that wait for a change.
func (w *watcher) update(f func(*record, time.Duration)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(w.record, w.now())
	close(w.changed)
	w.changed = make(chan struct{})
}

// look calls f with the record as it is, and returns a channel that is closed when the record changes.
func (w *watcher) look(f func(*record)) (changed <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(w.record)
	return w.changed
}
