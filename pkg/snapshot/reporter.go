package snapshot

import (
	"context"
	"strings"
	"sync"
	"time"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-scheduler/muster/pkg/gang"
)

const (
	// settle is how long a gang's status is left alone after a change: a gang goes
	// through several states in a few milliseconds.
	settle = 200 * time.Millisecond
	// perGang is the shortest time between two writes about one gang.
	perGang = time.Second
	// reportRate is how many writes there may be in a second, about all gangs, and
	// reportBurst how many of them at once.
	reportRate, reportBurst = 20, 20
	// A write that fails is tried again, the later the more often it failed.
	reportRetryFirst, reportRetryLast = time.Second, time.Minute
)

// reporter keeps the status of PodGroups true. It writes while this process
// leads, what differs from what was written last, and only fields of its own.
type reporter struct {
	client dynamic.Interface
	kinds  []kind
	status func(gang.Key) (gang.Status, bool)
	clock  clock.PassiveClock
	queue  workqueue.TypedRateLimitingInterface[gang.Key]
	limit  flowcontrol.RateLimiter

	mu        sync.Mutex
	groups    map[gang.Key]*reported // the PodGroups that exist
	leads     bool
	plain     bool // the definition in the cluster is coscheduling's own
	forbidden bool // that was said
}

// reported is one PodGroup and what its status says.
type reported struct {
	uid        types.UID
	generation int64 // never newer than the one that the roster knows
	last       groupStatus
	ours       bool      // this scheduler wrote its status, or one before
	written    bool      // last is what this process wrote
	tried      time.Time // when it last did, or would have
	queued     bool
}

func newReporter(client dynamic.Interface, kinds []kind, status func(gang.Key) (gang.Status, bool), clock clock.PassiveClock) *reporter {
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[gang.Key](reportRetryFirst, reportRetryLast)
	return &reporter{
		client: client,
		kinds:  kinds,
		status: status,
		clock:  clock,
		queue:  workqueue.NewTypedRateLimitingQueueWithConfig(limiter, workqueue.TypedRateLimitingQueueConfig[gang.Key]{Name: "podgroup_status"}),
		limit:  flowcontrol.NewTokenBucketRateLimiter(reportRate, reportBurst),
		groups: map[gang.Key]*reported{},
	}
}

// lead lets statuses be written from now on.
func (r *reporter) lead() {
	r.mu.Lock()
	r.leads = true
	keys := make([]gang.Key, 0, len(r.groups))
	for key := range r.groups {
		keys = append(keys, key)
	}
	r.mu.Unlock()
	r.touch(keys)
}

// see records a PodGroup after the roster has heard of it. While this process
// leads, nobody else has a word in the status that it wrote.
func (r *reporter) see(pg *podGroup) {
	r.mu.Lock()
	g := r.groups[pg.key]
	if g == nil || g.uid != pg.UID {
		g = &reported{uid: pg.UID}
		r.groups[pg.key] = g
	}
	if !g.written {
		g.last, g.ours = pg.status, pg.ours
	}
	g.generation = pg.Generation
	r.mu.Unlock()
	r.touch([]gang.Key{pg.key})
}

func (r *reporter) lose(pg *podGroup) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if g := r.groups[pg.key]; g != nil && g.uid == pg.UID {
		delete(r.groups, pg.key)
	}
}

// touch has the status of gangs looked at again, if they have any.
func (r *reporter) touch(keys []gang.Key) {
	if len(keys) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range keys {
		g := r.groups[key]
		if g == nil || g.queued || !r.leads {
			continue
		}
		g.queued = true
		r.queue.AddAfter(key, max(settle, perGang-r.clock.Since(g.tried)))
	}
}

func (r *reporter) run(ctx context.Context) {
	stop := context.AfterFunc(ctx, r.queue.ShutDown)
	defer stop()
	for {
		key, end := r.queue.Get()
		if end {
			return
		}
		if r.report(ctx, key) {
			r.queue.Forget(key)
		} else {
			r.queue.AddRateLimited(key)
		}
		r.queue.Done(key)
	}
}

// report writes one status if it is not what it should be. done is false if it
// is to be tried again.
func (r *reporter) report(ctx context.Context, key gang.Key) (done bool) {
	r.mu.Lock()
	g := r.groups[key]
	if g == nil {
		r.mu.Unlock()
		return true
	}
	g.queued = false
	seen, plain := *g, r.plain
	r.mu.Unlock()

	s, ok := r.status(key)
	if !ok || s.Group != string(seen.uid) {
		return true // it changes hands; whoever changes it touches it again
	}
	if !seen.ours && s.Pods+s.Failed == 0 || ended(seen.last, s) {
		return true // perhaps another scheduler's; or there is nothing to add
	}
	status := statusOf(key.Source, s, seen.generation, seen.last, r.clock.Now())
	if apiequality.Semantic.DeepEqual(status, seen.last) {
		return true
	}
	if r.limit.Wait(ctx) != nil {
		return true // the process ends
	}
	err := r.write(ctx, key, seen.uid, status, plain)
	r.mu.Lock()
	g.tried = r.clock.Now()
	if err == nil {
		g.last, g.ours, g.written = status, true, true
	}
	r.mu.Unlock()
	if err != nil {
		return r.failed(ctx, key, err, plain)
	}
	return true
}

// failed says what went wrong, and whether that is all there is to do.
func (r *reporter) failed(ctx context.Context, key gang.Key, err error, plain bool) (done bool) {
	logger := klog.FromContext(ctx)
	switch {
	case apierrors.IsNotFound(err), apierrors.IsConflict(err):
		return true // it is gone, or another of the name has come
	case key.Source == gang.PodGroup && !plain && undeclared(err):
		r.mu.Lock()
		defer r.mu.Unlock()
		if !r.plain {
			logger.Info("The definition of PodGroup in this cluster knows no conditions: apply manifests/install/crd-podgroups.yaml and restart to have them", "err", err)
		}
		r.plain = true
		return false
	case apierrors.IsForbidden(err):
		r.mu.Lock()
		defer r.mu.Unlock()
		if !r.forbidden {
			logger.Error(err, "Not allowed to write the status of PodGroups: grant patch on podgroups/status, as manifests/install/rbac.yaml does", "gang", key)
		}
		r.forbidden = true
		return false
	case apierrors.IsInvalid(err):
		logger.Error(err, "The status of a PodGroup was refused", "gang", key)
		return true
	}
	logger.Error(err, "Writing the status of a PodGroup", "gang", key)
	return false
}

// undeclared reports whether the schema of the object lacks a field.
func undeclared(err error) bool {
	return strings.Contains(err.Error(), "field not declared in schema")
}

// plainFields are those that coscheduling's definition has.
var plainFields = map[string]bool{"phase": true, "running": true, "succeeded": true, "failed": true, "scheduleStartTime": true}

// write applies a status. It names the UID, so that it cannot reach another
// PodGroup of the same name.
func (r *reporter) write(ctx context.Context, key gang.Key, uid types.UID, status groupStatus, plain bool) error {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&status)
	if err != nil {
		return err
	}
	for name := range fields {
		if key.Source == gang.Native && name != "conditions" || key.Source != gang.Native && plain && !plainFields[name] {
			delete(fields, name)
		}
	}
	for _, k := range r.kinds {
		if k.source != key.Source {
			continue
		}
		u := &unstructured.Unstructured{Object: map[string]any{"status": fields}}
		u.SetGroupVersionKind(k.resource.GroupVersion().WithKind("PodGroup"))
		u.SetNamespace(key.Namespace)
		u.SetName(key.Name)
		u.SetUID(uid)
		_, err = r.client.Resource(k.resource).Namespace(key.Namespace).ApplyStatus(ctx, key.Name, u, metav1.ApplyOptions{FieldManager: k.manager, Force: true})
	}
	return err
}
