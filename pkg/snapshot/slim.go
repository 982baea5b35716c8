package snapshot

import (
	"hash/maphash"
	"reflect"
	"sync"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/image"
)

// slimmer has pods that were made alike hold what is equal in them once. The
// informer keeps every pod of the cluster: 100,000 that wait were 530 MiB, of
// which this leaves 280. The less is kept, the more garbage has a place beside it,
// and to collect it is what pods that wait cost all others.
//
// What a pod says is not changed, and objects of an informer are only read.
type slimmer struct {
	mu   sync.Mutex
	last map[origin]*v1.Pod // the last pod that was made by each
}

// origin is what makes pods alike: their controller, or their gang if they have none.
type origin struct {
	controller types.UID
	gang       gang.Key
}

// originsKept is how many are known at most. To forget one costs memory only.
const originsKept = 4096

func newSlimmer() *slimmer { return &slimmer{last: map[origin]*v1.Pod{}} }

// transform is the informer's. It takes the managed fields off too, as the one
// does that it replaces, and knows by them that it has not seen an object yet:
// one that it has may share parts with others that are being read.
func (s *slimmer) transform(o any) (any, error) {
	pod, ok := o.(*v1.Pod)
	if !ok || pod.ManagedFields == nil {
		return o, nil
	}
	pod.ManagedFields = nil
	var from origin
	if owner := metav1.GetControllerOfNoCopy(pod); owner != nil {
		from.controller = owner.UID
	} else if key, _, member := keyOf(pod); member {
		from.gang = key
	} else {
		return pod, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if like := s.last[from]; like != nil {
		share(reflect.ValueOf(pod).Elem(), reflect.ValueOf(like).Elem())
	} else if len(s.last) == originsKept {
		clear(s.last)
	}
	s.last[from] = pod
	return pod, nil
}

// share puts the parts of like into v that are equal to its own.
func share(v, like reflect.Value) {
	if !v.CanSet() {
		return // inside of a time or an amount
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			share(v.Field(i), like.Field(i))
		}
	case reflect.String:
		if v.String() == like.String() {
			v.Set(like)
		}
	case reflect.Map, reflect.Slice, reflect.Pointer:
		switch {
		case v.IsNil() || like.IsNil():
		case reflect.DeepEqual(v.Interface(), like.Interface()):
			v.Set(like)
		case v.Kind() == reflect.Pointer:
			share(v.Elem(), like.Elem())
		case v.Kind() == reflect.Slice:
			for i := range min(v.Len(), like.Len()) {
				share(v.Index(i), like.Index(i))
			}
		}
	}
}

// lists keeps what nodes list as their images until the inventory has taken it
// over, so that the nodes of an informer need not: the framework indexes a node's
// images by name, and copies the index for every pod that goes there. For 50 images
// that is 12 KB each time, and 25 KiB for each node of the cluster all the time. Only
// the plugin ImageLocality reads it.
type lists struct {
	seed maphash.Seed
	mu   sync.Mutex
	of   map[string]*list // by node
}

// list is what one node listed last.
type list struct {
	node   types.UID
	sum    uint64
	images []image.Report // nil once they were taken
	isNew  bool           // and were not taken
}

func newLists() *lists { return &lists{seed: maphash.MakeSeed(), of: map[string]*list{}} }

// transform is the informer's. It takes the managed fields off too, as the one does
// that it replaces. An informer may pass a node twice: one that has neither was here
// before.
func (l *lists) transform(o any) (any, error) {
	node, ok := o.(*v1.Node)
	if !ok || node.ManagedFields == nil && len(node.Status.Images) == 0 {
		return o, nil
	}
	l.see(node)
	node.ManagedFields, node.Status.Images = nil, nil
	return node, nil
}

// see notes what the node lists.
func (l *lists) see(node *v1.Node) {
	var h maphash.Hash
	h.SetSeed(l.seed)
	for i := range node.Status.Images {
		listed := &node.Status.Images[i]
		maphash.WriteComparable(&h, listed.SizeBytes)
		maphash.WriteComparable(&h, len(listed.Names))
		for _, name := range listed.Names {
			maphash.WriteComparable(&h, name)
		}
	}
	sum := h.Sum64()
	l.mu.Lock()
	defer l.mu.Unlock()
	if was := l.of[node.Name]; was == nil || was.node != node.UID || was.sum != sum {
		l.of[node.Name] = &list{node: node.UID, sum: sum, images: NodeReport(node), isNew: true}
	}
}

// take returns what the node lists, if that is something else than it was the last
// time.
func (l *lists) take(node string) (images []image.Report, isNew bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.of[node]
	if list == nil {
		return nil, false
	}
	images, isNew = list.images, list.isNew
	list.images, list.isNew = nil, false
	return images, isNew
}

// forget is for a node that is gone. There may be another of its name by now.
func (l *lists) forget(node *v1.Node) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if list := l.of[node.Name]; list != nil && list.node == node.UID {
		delete(l.of, node.Name)
	}
}
