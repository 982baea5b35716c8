package snapshot

import (
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/muster-scheduler/muster/pkg/image"
	"github.com/muster-scheduler/muster/pkg/imagename"
	"github.com/muster-scheduler/muster/pkg/metrics"
)

// abandoned is how long after a pod got its node nobody believes any more that
// the node pulls for it.
const abandoned = 10 * time.Minute

// PullFailures are the reasons for which a kubelet pulls nothing for a while.
var PullFailures = []string{"ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName", "RegistryUnavailable", "SignatureValidationFailed"}

// podHandler keeps the pulls true to what becomes of the pods, whoever schedules
// them.
func (i *Images) podHandler() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { i.podChanged(nil, o.(*v1.Pod)) },
		UpdateFunc: func(before, after any) { i.podChanged(before.(*v1.Pod), after.(*v1.Pod)) },
		DeleteFunc: func(o any) {
			if pod, ok := LastKnown[*v1.Pod](o); ok {
				i.podChanged(pod, nil)
			}
		},
	}
}

// podChanged notes what a pod runs, ran, or has pulled. Either may be nil, and a
// pod may have another UID than the one before it of its name.
func (i *Images) podChanged(before, after *v1.Pod) {
	if !i.served() {
		return
	}
	if before != nil && after != nil && before.UID != after.UID {
		i.podChanged(before, nil)
		before = nil
	}
	was, is := runs(before), runs(after)
	ended := was != nil && (is == nil || !slices.Equal(was.keys, is.keys))
	began := is != nil && (was == nil || !slices.Equal(was.keys, is.keys))
	now := i.clock.Now()
	pulled, pulling := pulls(before, now), pulls(after, now)
	if after != nil && !(ended || began || pulled || pulling) {
		return // without the lock: most of what happens to pods
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case after == nil:
		i.inventory.Undo(string(before.UID))
	case pulling:
		// A promise that was dropped for it was overdue does not come back.
		uid := string(after.UID)
		if node, ok := i.inventory.Promised(uid); ok && node == after.Spec.NodeName {
			i.inventory.Bind(uid, now)
		} else if !pulled {
			i.inventory.Pulling(uid, gangOf(after), after.Spec.NodeName, PodImages(after), now)
		}
	case began && len(after.Spec.InitContainers) == 0: // learn before its images count as there
		i.inventory.Started(string(after.UID), now)
	case after.Spec.NodeName != "":
		i.inventory.Undo(string(after.UID))
	}
	if began {
		i.inventory.Ran(is.node, is.keys, now)
	}
	if ended {
		i.inventory.Ended(was.node, was.keys, now)
	}
	if began {
		i.tellLearnt()
	}
}

// tellLearnt shows what was learnt from pulls.
func (i *Images) tellLearnt() {
	for _, l := range i.inventory.Learnt() {
		metrics.PullRate.WithLabelValues(l.Pool).Set(l.BytesPerSecond)
	}
	registry, _ := i.inventory.Registry()
	metrics.RegistryRate.Set(registry)
}

// running is the images that a pod keeps on its node.
type running struct {
	node string
	keys []string
}

// runs returns what the pod keeps on its node, or nil if it does not run: a pod
// that is Running has all its images, but for those of containers that wait, which
// may be for an image: it can be changed while a pod runs.
func runs(pod *v1.Pod) *running {
	if pod == nil || pod.Spec.NodeName == "" || pod.Status.Phase != v1.PodRunning {
		return nil
	}
	waits := map[string]bool{}
	for _, s := range pod.Status.ContainerStatuses {
		if s.State.Waiting != nil {
			for i := range pod.Spec.Containers {
				if c := &pod.Spec.Containers[i]; c.Name == s.Name {
					waits[imagename.Key(c.Image)] = true
				}
			}
		}
	}
	r := &running{node: pod.Spec.NodeName}
	for _, need := range PodImages(pod) {
		if !waits[need.Key] {
			r.keys = append(r.keys, need.Key)
		}
	}
	return r
}

// pulls reports whether the pod's node may be pulling for it.
func pulls(pod *v1.Pod, now time.Time) bool {
	if pod == nil || pod.Spec.NodeName == "" || pod.Status.Phase != v1.PodPending || pod.DeletionTimestamp != nil || now.Sub(boundSince(pod)) > abandoned {
		return false
	}
	return !slices.ContainsFunc(pod.Status.InitContainerStatuses, refused) && !slices.ContainsFunc(pod.Status.ContainerStatuses, refused)
}

func refused(s v1.ContainerStatus) bool {
	return s.State.Waiting != nil && slices.Contains(PullFailures, s.State.Waiting.Reason)
}

// boundSince is since when the pod has its node.
func boundSince(pod *v1.Pod) time.Time {
	for _, c := range pod.Status.Conditions {
		if c.Type == v1.PodScheduled && c.Status == v1.ConditionTrue {
			return c.LastTransitionTime.Time
		}
	}
	return pod.CreationTimestamp.Time
}

// nodeHandler keeps the inventory true to what the nodes say of themselves.
func (i *Images) nodeHandler() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { i.nodeChanged(nil, o.(*v1.Node)) },
		UpdateFunc: func(before, after any) { i.nodeChanged(before.(*v1.Node), after.(*v1.Node)) },
		DeleteFunc: func(o any) {
			if node, ok := LastKnown[*v1.Node](o); ok {
				i.lists.forget(node)
				i.mu.Lock()
				defer i.mu.Unlock()
				i.inventory.RemoveNode(node.Name)
			}
		},
	}
}

// nodeChanged notes what a node says of itself.
func (i *Images) nodeChanged(was, is *v1.Node) {
	served := i.served()
	if served && !i.stripped {
		i.lists.see(is)
	}
	images, isNew := i.lists.take(is.Name)
	if !served || was != nil && !isNew && alike(was, is) {
		return
	}
	node := image.Node{Platform: platformOf(is), Images: images, SameImages: !isNew, Pressed: pressed(is)}
	i.mu.Lock()
	defer i.mu.Unlock()
	disk, err := i.pulls.disk(is)
	if err != nil {
		useless(is, DiskLabel, is.Labels[DiskLabel], err)
	}
	node.Puller, node.Disk = i.pulls.of(is), disk
	i.inventory.SetNode(is.Name, node, i.clock.Now())
}

// alike spares the work on heartbeats, which change nothing here. What nodes list is
// compared by lists.
func alike(was, is *v1.Node) bool {
	return pressed(was) == pressed(is) && sameLabels(was, is) && platformOf(was) == platformOf(is) &&
		was.Status.Capacity.StorageEphemeral().Cmp(*is.Status.Capacity.StorageEphemeral()) == 0 &&
		was.Status.NodeInfo.ContainerRuntimeVersion == is.Status.NodeInfo.ContainerRuntimeVersion
}

func platformOf(node *v1.Node) string {
	info := node.Status.NodeInfo
	if info.OperatingSystem == "" || info.Architecture == "" {
		return ""
	}
	return info.OperatingSystem + "/" + info.Architecture
}

func pressed(node *v1.Node) bool {
	return slices.ContainsFunc(node.Status.Conditions, func(c v1.NodeCondition) bool {
		return c.Type == v1.NodeDiskPressure && c.Status == v1.ConditionTrue
	})
}
