package seed

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/component-helpers/resource"

	"github.com/muster-scheduler/muster/pkg/image"
	"github.com/muster-scheduler/muster/pkg/snapshot"
)

// amounts are of resources, CPU in thousandths.
type amounts map[v1.ResourceName]int64

// rooms is how much room nodes have left, by what the API says.
type rooms struct {
	mu    sync.Mutex
	nodes map[string]*node
}

type node struct {
	object *v1.Node // nil if only its pods are known yet
	has    amounts
	used   amounts
}

func newRooms() *rooms { return &rooms{nodes: map[string]*node{}} }

func amountsOf(list v1.ResourceList) amounts {
	a := make(amounts, len(list))
	for name, q := range list {
		if a[name] = q.Value(); name == v1.ResourceCPU {
			a[name] = q.MilliValue()
		}
	}
	return a
}

// asks is what a pod takes of its node.
func asks(pod *v1.Pod) amounts {
	a := amountsOf(resource.PodRequests(pod, resource.PodResourcesOptions{}))
	a[v1.ResourcePods] = 1
	return a
}

// taken is what a pod takes of the node that it has; nothing if it has none. The
// scheduler's informer knows no pods that have ended: to it they are deleted.
func taken(pod *v1.Pod) amounts {
	if pod == nil || pod.Spec.NodeName == "" {
		return nil
	}
	return asks(pod)
}

func (r *rooms) at(name string) *node {
	n := r.nodes[name]
	if n == nil {
		n = &node{used: amounts{}}
		r.nodes[name] = n
	}
	return n
}

// nodeHandler and podHandler keep the rooms true to the cluster.
func (r *rooms) nodeHandler() cache.ResourceEventHandler {
	set := func(object *v1.Node) {
		r.mu.Lock()
		defer r.mu.Unlock()
		n := r.at(object.Name)
		n.object, n.has = object, amountsOf(object.Status.Allocatable)
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { set(o.(*v1.Node)) },
		UpdateFunc: func(_, o any) { set(o.(*v1.Node)) },
		DeleteFunc: func(o any) {
			if object, ok := snapshot.LastKnown[*v1.Node](o); ok {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.at(object.Name).object = nil // its pods are still to go
			}
		},
	}
}

func (r *rooms) podHandler() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { r.podChanged(nil, o.(*v1.Pod)) },
		UpdateFunc: func(before, after any) {
			was, is := before.(*v1.Pod), after.(*v1.Pod)
			if was.UID != is.UID || was.Spec.NodeName != is.Spec.NodeName || was.Generation != is.Generation {
				r.podChanged(was, is)
			}
		},
		DeleteFunc: func(o any) {
			if pod, ok := snapshot.LastKnown[*v1.Pod](o); ok {
				r.podChanged(pod, nil)
			}
		},
	}
}

func (r *rooms) podChanged(was, is *v1.Pod) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count(was, -1)
	r.count(is, 1)
}

func (r *rooms) count(pod *v1.Pod, by int64) {
	took := taken(pod)
	if took == nil {
		return
	}
	n := r.at(pod.Spec.NodeName)
	for name, amount := range took {
		if n.used[name] += by * amount; n.used[name] == 0 {
			delete(n.used, name)
		}
	}
	if len(n.used) == 0 && n.object == nil {
		delete(r.nodes, pod.Spec.NodeName)
	}
}

// room is how many pods that ask for so much have room beside what is used.
func (n *node) room(ask, used amounts) int {
	room := int64(math.MaxInt32)
	for name, amount := range ask {
		if amount > 0 {
			room = min(room, max(0, n.has[name]-used[name])/amount)
		}
	}
	return int(room)
}

// takesPod reports whether the node takes one more pod, as a seed may be one.
func (n *node) takesPod() bool { return n.has[v1.ResourcePods] > n.used[v1.ResourcePods] }

// free returns the nodes that may take the pod and have room for it now, the most of
// it first.
func (r *rooms) free(pod *v1.Pod, may func(*v1.Node) bool) []image.Place {
	ask := asks(pod)
	r.mu.Lock()
	defer r.mu.Unlock()
	var places []image.Place
	for name, n := range r.nodes {
		if n.object != nil && may(n.object) {
			if room := n.room(ask, n.used); room > 0 {
				places = append(places, image.Place{Node: name, Room: room})
			}
		}
	}
	slices.SortFunc(places, func(a, b image.Place) int {
		return cmp.Or(cmp.Compare(b.Room, a.Room), cmp.Compare(a.Node, b.Node))
	})
	return places
}

// likely returns the nodes that so many pods like this one, who wait for room, will
// likely get: those that have room already, the most of it first; then those whose
// pods end soonest, by what the API tells of their ends (see endsOf); then the emptiest.
func (r *rooms) likely(pod *v1.Pod, pods int, may func(*v1.Node) bool, ends map[string][]end) []image.Place {
	type place struct {
		image.Place
		free bool
		end  time.Time // zero if it is not known
		load float64
	}
	ask := asks(pod)
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []place
	for name, n := range r.nodes {
		if n.object == nil || !n.takesPod() || !may(n.object) {
			continue
		}
		p := place{Place: image.Place{Node: name, Room: n.room(ask, n.used)}, load: n.load(ask)}
		if p.free = p.Room > 0; !p.free {
			p.Room, p.end = n.room(ask, nil), n.roomAt(ask, ends[name])
		}
		if p.Room > 0 {
			all = append(all, p)
		}
	}
	unknown := time.Unix(1<<40, 0)
	rank := func(p place) time.Time {
		switch {
		case p.free:
			return time.Time{}
		case p.end.IsZero():
			return unknown
		}
		return p.end
	}
	slices.SortFunc(all, func(a, b place) int {
		room := 0
		if a.free && b.free {
			room = cmp.Compare(b.Room, a.Room)
		}
		return cmp.Or(rank(a).Compare(rank(b)), room, cmp.Compare(a.load, b.load), cmp.Compare(a.Node, b.Node))
	})
	var places []image.Place
	for _, p := range all {
		if pods <= 0 {
			break
		}
		pods -= p.Room
		places = append(places, p.Place)
	}
	return places
}

// load is the largest share of what the pod asks for that is in use.
func (n *node) load(ask amounts) float64 {
	load := 0.0
	for name := range ask {
		if n.has[name] > 0 {
			load = max(load, float64(n.used[name])/float64(n.has[name]))
		}
	}
	return load
}

// end is when a pod leaves its node at the latest, and what it takes until then.
type end struct {
	at    time.Time
	takes amounts
}

// endsOf returns the known ends of pods by node, the first of each leading.
func endsOf(pods []*v1.Pod) map[string][]end {
	ends := map[string][]end{}
	for _, pod := range pods {
		if at, ok := endOf(pod); ok {
			if takes := taken(pod); takes != nil {
				ends[pod.Spec.NodeName] = append(ends[pod.Spec.NodeName], end{at, takes})
			}
		}
	}
	for _, of := range ends {
		slices.SortFunc(of, func(a, b end) int { return a.at.Compare(b.at) })
	}
	return ends
}

// endOf is when a pod ends at the latest, if that is known: when its grace period
// is over, or its deadline.
func endOf(pod *v1.Pod) (time.Time, bool) {
	switch {
	case pod.DeletionTimestamp != nil: // the grace period is in it
		return pod.DeletionTimestamp.Time, true
	case pod.Spec.ActiveDeadlineSeconds != nil && pod.Status.StartTime != nil:
		return pod.Status.StartTime.Add(time.Duration(*pod.Spec.ActiveDeadlineSeconds) * time.Second), true
	}
	return time.Time{}, false
}

// roomAt is from when on there is room for one pod, as pods end; zero if there is
// none by the ends that are known.
func (n *node) roomAt(ask amounts, ends []end) time.Time {
	used := maps.Clone(n.used)
	for _, e := range ends {
		for name, amount := range e.takes {
			used[name] -= amount
		}
		if n.room(ask, used) > 0 {
			return e.at
		}
	}
	return time.Time{}
}
