package snapshot

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	v1 "k8s.io/api/core/v1"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-scheduler/muster/pkg/gang"
)

// kept is the room on nodes that is kept for members: for one with a slot until
// it is reserved there, and for a gang that lost a member which it needs until
// another has its place, or for a while.
//
// It is kept from pods of the same or a lower priority, by arithmetic alone: if a
// pod takes something else that a planned member needs, such as a host port, the
// member's own filters find out and its gang is planned anew.
type kept struct {
	mu     sync.RWMutex
	nodes  map[string]map[string]room // by node, then by the UID of the pod
	places map[string]string          // node by UID
	lost   map[gang.Key][]string      // UIDs of the members that were lost
	count  atomic.Int64               // of places; every node of every cycle asks
}

// room is what is kept for one pod.
type room struct {
	pod  fwk.PodInfo
	gang gang.Key
	lost bool // the pod was on the node and is gone; any member of its gang may have the room
}

func newKept() *kept {
	return &kept{nodes: map[string]map[string]room{}, places: map[string]string{}, lost: map[gang.Key][]string{}}
}

// keep keeps room on a node for a pod that is planned there.
func (k *kept) keep(key gang.Key, pod *v1.Pod, node string) {
	info, err := framework.NewPodInfo(pod)
	if err != nil {
		return // the pod could not have been planned
	}
	k.put(node, room{pod: info, gang: key})
}

// keepLost keeps the room that a pod leaves for another member of its gang.
func (k *kept) keepLost(key gang.Key, pod *v1.Pod) {
	info, err := framework.NewPodInfo(pod)
	if err != nil || pod.Spec.NodeName == "" {
		return
	}
	k.put(pod.Spec.NodeName, room{pod: info, gang: key, lost: true})
}

func (k *kept) put(node string, r room) {
	k.mu.Lock()
	defer k.mu.Unlock()
	uid := string(r.pod.GetPod().UID)
	k.remove(uid)
	if k.nodes[node] == nil {
		k.nodes[node] = map[string]room{}
	}
	k.nodes[node][uid] = r
	k.places[uid] = node
	k.count.Store(int64(len(k.places)))
	if r.lost {
		k.lost[r.gang] = append(k.lost[r.gang], uid)
	}
}

// drop gives up what is kept for a pod, and reports whether anything was.
func (k *kept) drop(uid string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.remove(uid)
}

// dropSlot gives up what is kept for a pod that is planned.
func (k *kept) dropSlot(uid string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.nodes[k.places[uid]][uid].lost {
		k.remove(uid)
	}
}

func (k *kept) remove(uid string) bool {
	node, ok := k.places[uid]
	if !ok {
		return false
	}
	r := k.nodes[node][uid]
	delete(k.places, uid)
	k.count.Store(int64(len(k.places)))
	if delete(k.nodes[node], uid); len(k.nodes[node]) == 0 {
		delete(k.nodes, node)
	}
	if r.lost {
		k.lost[r.gang] = slices.DeleteFunc(k.lost[r.gang], func(u string) bool { return u == uid })
		if len(k.lost[r.gang]) == 0 {
			delete(k.lost, r.gang)
		}
	}
	return true
}

// take gives up the room of one lost member, because another was reserved on
// the node: that one's if there is one, else any.
func (k *kept) take(key gang.Key, node string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	lost := k.lost[key]
	if len(lost) == 0 {
		return
	}
	at := max(0, slices.IndexFunc(lost, func(uid string) bool { return k.places[uid] == node }))
	k.remove(lost[at])
}

// dropLost gives up all that is kept for members that a gang lost, and reports
// whether anything was.
func (k *kept) dropLost(key gang.Key) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	lost := slices.Clone(k.lost[key])
	for _, uid := range lost {
		k.remove(uid)
	}
	return len(lost) > 0
}

// pods returns for how many pods room is kept, by node.
func (k *kept) pods() map[string]int {
	k.mu.RLock()
	defer k.mu.RUnlock()
	pods := make(map[string]int, len(k.nodes))
	for node, rooms := range k.nodes {
		pods[node] = len(rooms)
	}
	return pods
}

// empty reports whether no room is kept for anybody.
func (k *kept) empty() bool { return k.count.Load() == 0 }

// on reports whether room is kept on a node.
func (k *kept) on(node fwk.NodeInfo) bool {
	if k.empty() {
		return false
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	return len(k.nodes[node.Node().Name]) > 0
}

// from returns the pods for which room is kept on a node from a pod, which is of
// the gang if it is of any. What is kept for a member that was lost and that is
// on the node still, as long as it takes to end, is not kept twice.
func (k *kept) from(pod *v1.Pod, key gang.Key, node fwk.NodeInfo) []fwk.PodInfo {
	k.mu.RLock()
	defer k.mu.RUnlock()
	var pods []fwk.PodInfo
	rooms := k.nodes[node.Node().Name]
	for _, uid := range slices.Sorted(maps.Keys(rooms)) {
		r := rooms[uid]
		switch {
		case uid == string(pod.UID), r.lost && r.gang == key:
		case corev1helpers.PodPriority(r.pod.GetPod()) < corev1helpers.PodPriority(pod):
		case r.lost && slices.ContainsFunc(node.GetPods(), func(i fwk.PodInfo) bool { return string(i.GetPod().UID) == uid }):
		default:
			pods = append(pods, r.pod)
		}
	}
	return pods
}

// Spares reports whether a node has room for the pod beside what is kept there
// for others.
func (g *Gangs) Spares(pod *v1.Pod, node fwk.NodeInfo) bool {
	others := g.KeptOn(pod, node)
	if len(others) == 0 {
		return true
	}
	info, err := framework.NewPodInfo(pod)
	if err != nil {
		return true // the filter for what is wrong with it says so
	}
	has, used := node.GetAllocatable(), node.GetRequested()
	ask := info.CalculateResource().Resource
	fits := func(of func(fwk.Resource) int64) bool {
		if of(ask) == 0 {
			return true
		}
		left := of(has) - of(used) - of(ask)
		for _, o := range others {
			left -= of(o.CalculateResource().Resource)
		}
		return left >= 0
	}
	if len(node.GetPods())+len(others)+1 > has.GetAllowedPodNumber() ||
		!fits(fwk.Resource.GetMilliCPU) || !fits(fwk.Resource.GetMemory) || !fits(fwk.Resource.GetEphemeralStorage) {
		return false
	}
	for name := range ask.GetScalarResources() {
		if !fits(func(r fwk.Resource) int64 { return r.GetScalarResources()[name] }) {
			return false
		}
	}
	return true
}

// KeepsNothing reports whether no room is kept for anybody.
func (g *Gangs) KeepsNothing() bool { return g.kept.empty() }

// KeptOn returns the pods for which room is kept on a node from the pod.
func (g *Gangs) KeptOn(pod *v1.Pod, node fwk.NodeInfo) []fwk.PodInfo {
	if !g.kept.on(node) { // most nodes of most cycles
		return nil
	}
	key, _, _ := keyOf(pod)
	return g.kept.from(pod, key, node)
}

// keepLost keeps the room of a member that its gang lost, until it has another
// or the time is over. The lock is held.
func (g *Gangs) keepLost(key gang.Key, pod *v1.Pod) {
	hold := g.repairHold
	if hold == 0 || pod == nil {
		return
	}
	if grace := pod.DeletionGracePeriodSeconds; pod.DeletionTimestamp != nil && grace != nil {
		hold += time.Duration(*grace) * time.Second // until then the room is not free
	}
	g.kept.keepLost(key, pod)
	time.AfterFunc(hold, func() {
		if g.kept.drop(string(pod.UID)) {
			g.courier.send([]job{{action: gang.Action{Kind: gang.Freed}}})
		}
	})
}
