package publish

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/muster-scheduler/muster/pkg/imagename"
	"github.com/muster-scheduler/muster/pkg/registry"
)

// user is what is kept of a pod or a node: which images it uses.
type user struct {
	metav1.ObjectMeta
	keys     []string
	platform registry.Platform // of a node
}

// uses is which images are used, and the platforms of the nodes.
type uses struct {
	allowed func(key string) bool // others are not counted
	began   func(key string)      // told of an image that was not used before
	spread  func()                // told that there is a platform more or less

	mu        sync.Mutex
	images    map[string]*use
	platforms map[registry.Platform]int // nodes of each
}

type use struct {
	count int
	owner string // the namespace that used it first; empty for nodes
}

func newUses(allowed func(string) bool) *uses {
	return &uses{allowed: allowed, images: map[string]*use{}, platforms: map[registry.Platform]int{}}
}

// trimPod is a cache.TransformFunc.
func (u *uses) trimPod(o any) (any, error) {
	pod, ok := o.(*v1.Pod)
	if !ok {
		return o, nil // trimmed already, or what is left of a deleted one
	}
	return &user{ObjectMeta: trimMeta(pod), keys: u.pick(keysOf(&pod.Spec))}, nil
}

// keysOf returns the images of a pod, those of ephemeral containers too: a node
// pulls them all.
func keysOf(spec *v1.PodSpec) []string {
	var keys []string
	for i := range spec.Volumes {
		if source := spec.Volumes[i].Image; source != nil {
			keys = append(keys, imagename.Key(source.Reference))
		}
	}
	for i := range spec.InitContainers {
		keys = append(keys, imagename.Key(spec.InitContainers[i].Image))
	}
	for i := range spec.Containers {
		keys = append(keys, imagename.Key(spec.Containers[i].Image))
	}
	for i := range spec.EphemeralContainers {
		keys = append(keys, imagename.Key(spec.EphemeralContainers[i].Image))
	}
	return keys
}

// trimNode is a cache.TransformFunc. An image that a node has by digest needs no
// tag: its registry would be asked for what the tag stands for now.
func (u *uses) trimNode(o any) (any, error) {
	node, ok := o.(*v1.Node)
	if !ok {
		return o, nil
	}
	var keys []string
	for i := range node.Status.Images {
		names := node.Status.Images[i].Names
		byDigest := slices.ContainsFunc(names, isDigest)
		for _, name := range names {
			if isDigest(name) == byDigest {
				keys = append(keys, imagename.Key(name))
			}
		}
	}
	info := &node.Status.NodeInfo
	n := &user{ObjectMeta: trimMeta(node), keys: u.pick(keys)}
	if info.OperatingSystem != "" && info.Architecture != "" {
		n.platform = registry.Platform{OS: info.OperatingSystem, Architecture: info.Architecture}
	}
	return n, nil
}

func trimMeta(o metav1.Object) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: o.GetNamespace(), Name: o.GetName(), UID: o.GetUID(), ResourceVersion: o.GetResourceVersion()}
}

func isDigest(key string) bool { return strings.Contains(key, "@") }

func (u *uses) pick(keys []string) []string {
	keys = slices.DeleteFunc(keys, func(key string) bool { return !u.allowed(key) })
	slices.Sort(keys)
	return slices.Clip(slices.Compact(keys))
}

// handler takes in what informers of trimmed pods and nodes tell.
func (u *uses) handler() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { u.change(nil, o.(*user)) },
		UpdateFunc: func(before, after any) { u.change(before.(*user), after.(*user)) },
		DeleteFunc: func(o any) {
			if gone, ok := o.(cache.DeletedFinalStateUnknown); ok {
				o = gone.Obj
			}
			if last, ok := o.(*user); ok {
				u.change(last, nil)
			}
		},
	}
}

// change counts one user for another; either may be nil.
func (u *uses) change(before, after *user) {
	if before != nil && after != nil && before.platform == after.platform && slices.Equal(before.keys, after.keys) {
		return // a heartbeat
	}
	began, spread := u.count(before, after)
	for _, key := range began {
		u.began(key)
	}
	if spread {
		u.spread()
	}
}

func (u *uses) count(before, after *user) (began []string, spread bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	platforms := len(u.platforms)
	if after != nil {
		for _, key := range after.keys {
			if u.images[key] == nil {
				u.images[key] = &use{owner: after.Namespace}
				began = append(began, key)
			}
			u.images[key].count++
		}
		if after.platform != (registry.Platform{}) {
			u.platforms[after.platform]++
			spread = u.platforms[after.platform] == 1
		}
	}
	if before != nil {
		for _, key := range before.keys {
			if u.images[key].count--; u.images[key].count == 0 {
				delete(u.images, key)
			}
		}
		if before.platform != (registry.Platform{}) {
			if u.platforms[before.platform]--; u.platforms[before.platform] == 0 {
				delete(u.platforms, before.platform)
			}
		}
	}
	return began, spread || len(u.platforms) > platforms
}

func (u *uses) used(key string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.images[key] != nil
}

func (u *uses) anyUsed(keys []string) bool { return slices.ContainsFunc(keys, u.used) }

func (u *uses) owner(key string) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	if use := u.images[key]; use != nil {
		return use.owner
	}
	return ""
}

// all returns the images that are used.
func (u *uses) all() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Collect(maps.Keys(u.images))
}

// on returns the platforms of the nodes, in a fixed order.
func (u *uses) on() []registry.Platform {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.SortedFunc(maps.Keys(u.platforms), func(a, b registry.Platform) int {
		return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b))
	})
}
