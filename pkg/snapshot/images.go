package snapshot

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	v1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/clock"

	"github.com/muster-scheduler/muster/pkg/image"
)

// ImagePlugin is the name under which nodes are refused for images.
const ImagePlugin = "ImagePull"

// Images is the inventory of images and of pulls as the plugins share it: safe
// for concurrent use, fed by the informers of nodes and pods.
type Images struct {
	clock    clock.PassiveClock
	lists    *lists
	stripped bool // nodes come without their images, which lists has

	mu        sync.RWMutex
	inventory *image.Inventory
	pulls     Pulls
	profiles  map[string]bool // that mind images
	advanced  time.Time
	last      atomic.Pointer[image.Estimates]

	forecast *image.Forecast    // nil if nobody asks what is expected
	examples map[string]*v1.Pod // by kind: the pod that came last
	seeds    int                // made so far
}

func newImages() *Images {
	return &Images{
		clock: clock.RealClock{}, lists: newLists(), inventory: image.NewInventory(), profiles: map[string]bool{},
		pulls: Pulls{Node: image.Puller{BytesPerSecond: 1, Parallel: 1, Eager: 1}},
	}
}

// Pulls is how the cluster pulls. Node labels can say otherwise; see LinkLabel.
type Pulls struct {
	Node image.Puller
	// Registry is how many bytes a second the registries serve; 0 to learn it.
	Registry float64
	// Rack is how many the nodes of a rack take in together; 0 for no limit.
	Rack float64
	// RackLabel of nodes; empty if racks do not matter.
	RackLabel string
	// Disk is the file system for images, but for what depends on a node's runtime; its
	// Bytes are 0 if they are what each node says.
	Disk image.Disk
	// PoolLabel of nodes that pull alike, as fast as is learnt from their pulls;
	// empty to learn nothing.
	PoolLabel string
}

// Serve has a profile mind images. The cluster pulls in one way: profiles that
// state different ones are an error.
func (i *Images) Serve(profile string, pulls Pulls) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.profiles) > 0 && pulls != i.pulls {
		return fmt.Errorf("profile %s states other pulls than the profiles before it: the cluster has one way to pull", profile)
	}
	i.profiles[profile], i.pulls = true, pulls
	i.inventory.SetRegistry(pulls.Registry)
	i.inventory.SetRacks(pulls.Rack)
	return nil
}

// Serves reports whether a profile minds images.
func (i *Images) Serves(profile string) bool {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.profiles[profile]
}

// served reports whether anybody minds images. It is settled before the first
// event of the cluster comes.
func (i *Images) served() bool {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return len(i.profiles) > 0
}

// SetManifest states of which layers an image is made.
func (i *Images) SetManifest(m image.Manifest) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.inventory.SetManifest(m)
}

// RemoveManifest forgets a manifest.
func (i *Images) RemoveManifest(digest string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.inventory.RemoveManifest(digest)
}

// Estimates returns what the pod's images cost on each node while so many other
// pulls begin elsewhere, or nil if that makes no difference, or the pod's profile
// does not mind.
func (i *Images) Estimates(pod *v1.Pod, others int, nodes []fwk.NodeInfo) []image.Estimate {
	if len(nodes) == 0 {
		return nil
	}
	i.advance()
	i.mu.RLock()
	defer i.mu.RUnlock()
	needs := PodImages(pod)
	if !i.profiles[pod.Spec.SchedulerName] || i.inventory.Same(needs) {
		return nil // all that a pod costs whose images are everywhere, or unknown
	}
	all := i.estimate(image.Ask{Needs: needs, Gang: gangOf(pod), Others: others})
	if !all.Known {
		return nil
	}
	estimates, differ := make([]image.Estimate, len(nodes)), false
	for n, node := range nodes {
		estimates[n] = all.Of(node.Node().Name)
		differ = differ || estimates[n] != estimates[0]
	}
	if !differ {
		return nil
	}
	return estimates
}

// Cost returns what the pod's images cost on one node while so many other pulls begin
// elsewhere, whether that makes a difference or not; known is false if no size of them is.
func (i *Images) Cost(pod *v1.Pod, others int, node string) (e image.Estimate, known bool) {
	i.advance()
	i.mu.RLock()
	defer i.mu.RUnlock()
	if !i.profiles[pod.Spec.SchedulerName] {
		return image.Estimate{}, false
	}
	all := i.estimate(image.Ask{Needs: PodImages(pod), Gang: gangOf(pod), Others: others})
	return all.Of(node), all.Known
}

// estimate works out what images cost, or what has changed since it was done last.
func (i *Images) estimate(ask image.Ask) *image.Estimates {
	var all *image.Estimates
	if last := i.last.Load(); last != nil {
		all = last.Again(ask)
	} else {
		all = i.inventory.Estimate(ask)
	}
	i.last.Store(all)
	return all
}

// Expected returns what the pod has to pull on the node that is reserved for it,
// and how long that takes; known is false if no size of its images is known.
func (i *Images) Expected(pod *v1.Pod) (expected image.Estimate, known bool) {
	i.advance()
	i.mu.RLock()
	defer i.mu.RUnlock()
	if !i.profiles[pod.Spec.SchedulerName] {
		return image.Estimate{}, false
	}
	for _, need := range PodImages(pod) {
		if _, ok := i.inventory.Bytes(need.Key); ok {
			known = true
		}
	}
	return i.inventory.Expect(string(pod.UID)), known
}

// Fit returns which nodes may hold the pod's images, or nil if all may. What a node
// says of its disk is taken from it, not from the inventory: that may hear of a change
// after the queue has woken the pod for it, and nothing would wake the pod a second time.
func (i *Images) Fit(pod *v1.Pod) (may func(*v1.Node) bool) {
	i.mu.RLock()
	defer i.mu.RUnlock()
	if !i.profiles[pod.Spec.SchedulerName] || !i.inventory.Bounded() {
		return nil
	}
	needs := PodImages(pod)
	if i.inventory.FitEverywhere(needs) {
		return nil
	}
	totals, pulls := i.inventory.Totals(needs), i.pulls
	return func(node *v1.Node) bool {
		disk, _ := pulls.disk(node)
		return disk.Fits(totals(platformOf(node)))
	}
}

// Reserve promises the pod's images to the node, until Unreserve or the pod's own
// fate takes the promise back.
func (i *Images) Reserve(pod *v1.Pod, node string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.inventory.Reserve(string(pod.UID), gangOf(pod), node, PodImages(pod), i.clock.Now())
}

// Unreserve takes the promise back.
func (i *Images) Unreserve(pod *v1.Pod) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.inventory.Undo(string(pod.UID))
}

// Bound has the promise count for everybody: the node pulls from now on.
func (i *Images) Bound(pod *v1.Pod) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.inventory.Bind(string(pod.UID), i.clock.Now())
	if i.forecast != nil {
		i.came(pod, PodImages(pod))
	}
}

// advanceEvery is how old the state of the pulls may be when it is asked for.
const advanceEvery = 200 * time.Millisecond

// advance has the pulls go on to the present, if they have not lately.
func (i *Images) advance() {
	now := i.clock.Now()
	i.mu.RLock()
	lately := now.Sub(i.advanced) < advanceEvery
	i.mu.RUnlock()
	if lately {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.advanced = now
	i.inventory.Advance(now)
}

// gangOf names the gang of a pod; empty for a plain pod.
func gangOf(pod *v1.Pod) string {
	key, _, ok := keyOf(pod)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%d/%s/%s", key.Source, key.Namespace, key.Name)
}

// Warm returns the nodes that stand out because they have the pod's images, or
// most of them, the ones that are ready first leading; none if there are none.
func (i *Images) Warm(pod *v1.Pod) []string {
	i.advance()
	i.mu.RLock()
	defer i.mu.RUnlock()
	needs := PodImages(pod)
	if !i.profiles[pod.Spec.SchedulerName] || i.inventory.Same(needs) {
		return nil
	}
	return i.estimate(image.Ask{Needs: needs, Gang: gangOf(pod)}).Warm()
}
