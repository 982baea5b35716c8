package seed

import (
	"cmp"
	"slices"
	"strconv"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/muster-scheduler/muster/pkg/snapshot"
)

// What a Deployment's controller writes on its ReplicaSets: how many pods the
// Deployment is to have, and which version of it this is.
const (
	desiredAnnotation  = "deployment.kubernetes.io/desired-replicas"
	revisionAnnotation = "deployment.kubernetes.io/revision"
)

// rollout is pods that a ReplicaSet has not made yet.
type rollout struct {
	name string // of the ReplicaSet
	like *v1.Pod
	pods int // > 0
}

// rollouts knows which ReplicaSets are about to make more pods.
type rollouts struct {
	serves func(scheduler string) bool

	mu  sync.Mutex
	all map[types.UID]*replicaSet
}

// watchRollouts watches the ReplicaSets of pods whose scheduler is served.
func watchRollouts(stop <-chan struct{}, client kubernetes.Interface, serves func(scheduler string) bool) (*rollouts, error) {
	r := &rollouts{serves: serves, all: map[types.UID]*replicaSet{}}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(r.trim))
	_, err := factory.Apps().V1().ReplicaSets().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { r.set(o.(*replicaSet)) },
		UpdateFunc: func(_, o any) { r.set(o.(*replicaSet)) },
		DeleteFunc: func(o any) {
			if rs, ok := snapshot.LastKnown[*replicaSet](o); ok {
				r.mu.Lock()
				defer r.mu.Unlock()
				delete(r.all, rs.UID)
			}
		},
	})
	factory.Start(stop)
	return r, err
}

// replicaSet is what is kept of a ReplicaSet: most are old versions without pods.
type replicaSet struct {
	metav1.ObjectMeta
	owner    types.UID
	revision int
	rollout  *rollout // nil if it has as many pods as it is to have
}

// trim is a cache.TransformFunc.
func (r *rollouts) trim(o any) (any, error) {
	rs, ok := o.(*appsv1.ReplicaSet)
	if !ok {
		return o, nil // trimmed already, or what is left of a deleted one
	}
	kept := &replicaSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: rs.Namespace, Name: rs.Name, UID: rs.UID, ResourceVersion: rs.ResourceVersion},
		rollout:    r.of(rs),
	}
	kept.revision, _ = strconv.Atoi(rs.Annotations[revisionAnnotation]) // 0 for one that has none
	if owner := metav1.GetControllerOfNoCopy(rs); owner != nil {
		kept.owner = owner.UID
	}
	return kept, nil
}

// of is how many more pods a ReplicaSet makes, if it is the newest of its Deployment.
func (r *rollouts) of(rs *appsv1.ReplicaSet) *rollout {
	desired, err := strconv.Atoi(rs.Annotations[desiredAnnotation])
	made := int(rs.Status.Replicas)
	if err != nil || desired <= made || !r.serves(rs.Spec.Template.Spec.SchedulerName) {
		return nil
	}
	like := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: rs.Namespace, Labels: rs.Spec.Template.Labels}, Spec: rs.Spec.Template.Spec}
	return &rollout{name: rs.Name, like: like, pods: desired - made}
}

func (r *rollouts) set(rs *replicaSet) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[rs.UID] = rs
}

// list returns the rollouts under way, the largest first. Of a Deployment's versions
// the newest alone makes pods.
func (r *rollouts) list() []rollout {
	r.mu.Lock()
	defer r.mu.Unlock()
	newest := map[types.UID]int{}
	for _, rs := range r.all {
		newest[rs.owner] = max(newest[rs.owner], rs.revision)
	}
	var all []rollout
	for _, rs := range r.all {
		if rs.rollout != nil && rs.owner != "" && rs.revision == newest[rs.owner] {
			all = append(all, *rs.rollout)
		}
	}
	slices.SortFunc(all, func(a, b rollout) int {
		return cmp.Or(cmp.Compare(b.pods, a.pods), cmp.Compare(a.like.Namespace, b.like.Namespace), cmp.Compare(a.name, b.name))
	})
	return all
}
