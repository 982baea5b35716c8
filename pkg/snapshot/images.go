package snapshot

import (
	"sync"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/muster-scheduler/muster/pkg/image"
)

// Images is the inventory of images as the plugins share it: safe for
// concurrent use, fed by the node informer.
type Images struct {
	mu        sync.RWMutex
	inventory *image.Inventory
	rates     map[string]image.Rate // by profile
}

func newImages() *Images {
	return &Images{inventory: image.NewInventory(), rates: map[string]image.Rate{}}
}

// SetRate states how fast nodes pull for the pods of a profile. A profile
// without a rate does not mind images.
func (i *Images) SetRate(profile string, rate image.Rate) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.rates[profile] = rate
}

// Missing returns what the node has to pull before the images are on it; known
// is false if no size of theirs is known.
func (i *Images) Missing(node string, keys []string) (pull image.Pull, known bool) {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.inventory.Missing(node, keys)
}

// Same reports whether all nodes have to pull the same.
func (i *Images) Same(keys []string) bool {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.inventory.Same(keys)
}

// Seconds returns the time until the pod's images are ready on each node, or
// nil if that makes no difference.
func (i *Images) Seconds(pod *v1.Pod, nodes []fwk.NodeInfo) []float64 {
	keys := PodImages(pod)
	i.mu.RLock()
	defer i.mu.RUnlock()
	rate, ok := i.rates[pod.Spec.SchedulerName]
	if !ok || i.inventory.Same(keys) {
		return nil
	}
	seconds := make([]float64, len(nodes))
	for n, node := range nodes {
		pull, _ := i.inventory.Missing(node.Node().Name, keys)
		seconds[n] = rate.Seconds(pull)
	}
	return seconds
}

// Estimate returns what the node has to pull for the pod and how long that
// takes; known is false if no size of its images is known.
func (i *Images) Estimate(pod *v1.Pod, node string) (bytes int64, seconds float64, known bool) {
	keys := PodImages(pod)
	i.mu.RLock()
	defer i.mu.RUnlock()
	rate, ok := i.rates[pod.Spec.SchedulerName]
	if !ok {
		return 0, 0, false
	}
	pull, known := i.inventory.Missing(node, keys)
	return pull.Bytes, rate.Seconds(pull), known
}

func (i *Images) nodeHandler() cache.ResourceEventHandler {
	set := func(node *v1.Node) {
		report := NodeReport(node)
		i.mu.Lock()
		defer i.mu.Unlock()
		i.inventory.SetNode(node.Name, report)
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { set(o.(*v1.Node)) },
		UpdateFunc: func(before, after any) {
			if was, is := before.(*v1.Node), after.(*v1.Node); !sameImages(was.Status.Images, is.Status.Images) {
				set(is)
			}
		},
		DeleteFunc: func(o any) {
			if node, ok := LastKnown[*v1.Node](o); ok {
				i.mu.Lock()
				defer i.mu.Unlock()
				i.inventory.RemoveNode(node.Name)
			}
		},
	}
}

// sameImages spares the work on heartbeats, which change nothing here.
func sameImages(a, b []v1.ContainerImage) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].SizeBytes != b[i].SizeBytes || len(a[i].Names) != len(b[i].Names) {
			return false
		}
		for j := range a[i].Names {
			if a[i].Names[j] != b[i].Names[j] {
				return false
			}
		}
	}
	return true
}
