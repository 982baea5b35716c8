package snapshot

import (
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/queue"
)

// Admit decides whether a pod may enter the scheduling queue; if not, why says
// what it waits for. It takes constant time and may be called under the queue's lock.
func (g *Gangs) Admit(pod *v1.Pod) (enter bool, why string) {
	key, _, ok := keyOf(pod)
	if !ok {
		return true, ""
	}
	g.see(pod)
	g.mu.Lock()
	enter, why = g.roster.Admit(string(pod.UID))
	g.mu.Unlock()
	if !enter {
		g.courier.noticeLater(key)
	}
	return enter, why
}

// notice returns what the owner of a gang that waits should be told, and the pod to tell
// it at; tried is set if the pod was told already. why is empty if there is nothing new to tell.
func (g *Gangs) notice(key gang.Key) (pod *v1.Pod, why string, tried bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	uid, why, tried := g.roster.Notice(key)
	return g.pods[uid], why, tried
}

// Rank returns the order in the queue of a pod that entered as a member.
func (g *Gangs) Rank(uid types.UID) (queue.Key, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.roster.Rank(string(uid))
}

// Take decides what the pod's scheduling cycle has to do. For a turn of kind
// Try it also returns the pods to plan, in the turn's order.
func (g *Gangs) Take(pod *v1.Pod) (gang.Turn, []*v1.Pod) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waits.taken(pod.UID)
	t := g.roster.Take(string(pod.UID))
	return t, g.podsOf(t.UIDs)
}

// Retry asks for another plan after the planned node refused the pod.
func (g *Gangs) Retry(pod *v1.Pod) (t gang.Turn, pods []*v1.Pod, ok bool) {
	g.do(func(r *gang.Roster) (todo []gang.Action) {
		t, todo, ok = r.Retry(string(pod.UID))
		pods = g.podsOf(t.UIDs)
		return todo
	})
	return t, pods, ok
}

func (g *Gangs) podsOf(uids []string) []*v1.Pod {
	pods := make([]*v1.Pod, len(uids))
	for i, uid := range uids {
		pods[i] = g.pods[uid]
	}
	return pods
}

// Commit makes a plan for these pods the gang's own, keeps the room of the
// planned ones and lets them in, in their sequence. It returns the
// slots of those who still wait for one; goes says whether the pod whose cycle
// made the plan takes its own now, so that no room needs to be kept for it.
func (g *Gangs) Commit(key gang.Key, by *v1.Pod, pods []*v1.Pod, slots gang.Placement, seq gang.Sequence) (kept gang.Placement, goes, ok bool) {
	// The room is kept before the plan is made known: whoever gives the plan up
	// gives up the room.
	for _, pod := range pods {
		if node := slots[string(pod.UID)]; node != "" {
			g.kept.keep(key, pod, node)
		}
	}
	g.do(func(r *gang.Roster) (todo []gang.Action) {
		todo, kept, goes, ok = r.Commit(key, string(by.UID), slots, seq)
		return todo
	})
	if goes {
		g.kept.drop(string(by.UID))
	}
	if ok && seq.Outlook != "" && g.courier.leading() != nil {
		g.courier.announce(by, "GangPlanned", seq.Outlook)
	}
	if len(kept) < len(slots) {
		for _, pod := range pods {
			if kept[string(pod.UID)] == "" {
				g.kept.drop(string(pod.UID))
			}
		}
	}
	return kept, goes, ok
}

// In is the time so many seconds from now, in nanoseconds since 1970; 0 for no seconds, or
// for more than a century.
func (g *Gangs) In(seconds float64) int64 {
	if seconds <= 0 || seconds > 3e9 {
		return 0
	}
	return g.clock.Now().Add(time.Duration(seconds * float64(time.Second))).UnixNano()
}

// Fail records that no plan was found.
func (g *Gangs) Fail(key gang.Key, by *v1.Pod, how gang.Refused) {
	g.do(func(r *gang.Roster) []gang.Action { return r.Fail(key, string(by.UID), how) })
	g.courier.noticeLater(key)
}

// Reserve records that the pod has a node in the scheduler's memory.
func (g *Gangs) Reserve(uid types.UID, node string) {
	g.do(func(r *gang.Roster) []gang.Action {
		todo := r.Reserve(string(uid), node)
		if key, ok := r.Gang(string(uid)); ok {
			g.kept.take(key, node)
		}
		return todo
	})
	g.kept.drop(string(uid))
}

// Permit decides whether the pod waits for its gang, and releases those who
// wait when it was the last one needed. ok is false if its plan was given up.
func (g *Gangs) Permit(uid types.UID) (wait, ok bool) {
	g.do(func(r *gang.Roster) (todo []gang.Action) {
		wait, ok, todo = r.Permit(string(uid))
		return todo
	})
	return wait, ok
}

// Unreserve records that the pod lost its node.
func (g *Gangs) Unreserve(uid types.UID) {
	g.do(func(r *gang.Roster) []gang.Action { return r.Unreserve(string(uid)) })
}

// Refused records that the API server will not have the pod bound, whoever asks
// how often.
func (g *Gangs) Refused(uid types.UID, why error) {
	g.do(func(r *gang.Roster) []gang.Action { return r.Refuse(string(uid), why.Error()) })
}

// MayBind reports whether the pod may be bound: its gang was not rolled back.
func (g *Gangs) MayBind(uid types.UID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.roster.Leaving(string(uid))
}

func (g *Gangs) startBy() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.deadline
}

// held returns the reserved members of a gang, and their nodes.
func (g *Gangs) held(key gang.Key) (pods []*v1.Pod, nodes []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for uid, node := range g.roster.Held(key) {
		pods, nodes = append(pods, g.pods[uid]), append(nodes, node)
	}
	return pods, nodes
}

// Plan returns the name of the plan by which the pod got its node, or "".
func (g *Gangs) Plan(pod *v1.Pod) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.roster.Plan(string(pod.UID))
}

// Slot returns the node that is planned for the pod, or "".
func (g *Gangs) Slot(uid types.UID) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.roster.Slot(string(uid))
}

// released reports whether the pod may be bound and is not seen bound yet.
func (g *Gangs) released(uid types.UID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.roster.Released(string(uid))
}

// leaving reports whether the pod was told to give its node back.
func (g *Gangs) leaving(uid types.UID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.roster.Leaving(string(uid))
}

// Again has a pod that was planned anew in its own cycle tried again as soon as
// the queue has it back, and keeps its room until then.
func (g *Gangs) Again(key gang.Key, pod *v1.Pod) {
	node := g.Slot(pod.UID)
	if node == "" {
		return
	}
	g.kept.keep(key, pod, node)
	if g.Slot(pod.UID) != node { // the plan was given up in between
		g.kept.drop(string(pod.UID))
		return
	}
	g.courier.again(pod, againFirst)
}
