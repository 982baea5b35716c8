// Package queueorder is the plugin QueueOrder: in what order waiting pods are
// tried. Priority first, then age; the members of a gang stand together, at
// their gang's age. The rule itself is queue.Compare.
//
// It reads only what was fixed when the pod entered the queue.
package queueorder

import (
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-scheduler/muster/pkg/queue"
)

// Name of the plugin.
const Name = "QueueOrder"

// Args of the plugin: there are none.
type Args struct{}

// DefaultArgs returns the defaults.
func DefaultArgs() Args { return Args{} }

// Kind returns the kind that the arguments may state.
func (Args) Kind() string { return Name + "Args" }

// Validate returns what is wrong with the arguments.
func (Args) Validate() field.ErrorList { return nil }

// Ranks knows the order of members. ok is false for a plain pod.
type Ranks interface {
	Rank(uid types.UID) (key queue.Key, ok bool)
}

// QueueOrder orders the scheduling queue.
type QueueOrder struct{ ranks Ranks }

var _ fwk.QueueSortPlugin = &QueueOrder{}

// New returns the plugin.
func New(ranks Ranks) *QueueOrder { return &QueueOrder{ranks: ranks} }

// Name implements fwk.Plugin.
func (pl *QueueOrder) Name() string { return Name }

// Less implements fwk.QueueSortPlugin.
func (pl *QueueOrder) Less(a, b fwk.QueuedEntityInfo) bool {
	return queue.Compare(pl.key(a), pl.key(b)) < 0
}

func (pl *QueueOrder) key(e fwk.QueuedEntityInfo) queue.Key {
	info, ok := e.(*framework.QueuedPodInfo)
	if !ok { // a pod group of upstream's: it has no pod of its own to look at
		return queue.Key{Priority: e.GetPriority(), Since: e.GetTimestamp().UnixNano()}
	}
	if key, ok := pl.ranks.Rank(info.Pod.UID); ok {
		return key
	}
	return queue.Key{
		Priority: corev1helpers.PodPriority(info.Pod),
		Since:    e.GetTimestamp().UnixNano(),
		UID:      string(info.Pod.UID),
	}
}
