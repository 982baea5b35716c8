package snapshot

import (
	"cmp"
	"maps"
	"runtime"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/journal"
)

// GangState is what is known of a gang, for those who ask.
type GangState struct {
	Key            gang.Key
	Status         gang.Status
	Representative string          // the name of the member that stands in the queue for it; empty if none does
	Members        []gang.Standing // by name
	Way            []journal.Stay  // its last states, the oldest first
	Earlier        int             // states before these
}

// atATime is for how many gangs or members the roster's lock is held on behalf of those who
// ask: every pod's cycle waits for it.
const atATime = 256

// visit calls see for all, with the lock of the roster, which is given up now and then.
func visit[T any](g *Gangs, all []T, see func(T)) {
	for some := range slices.Chunk(all, atATime) {
		g.mu.Lock()
		for _, one := range some {
			see(one)
		}
		g.mu.Unlock()
		runtime.Gosched() // or who waits would see the lock taken again before it wakes
	}
}

// keys returns the gangs that there are, in no order.
func (g *Gangs) keys() []gang.Key {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.roster.Keys()
}

// List returns the gangs of a namespace, or all if it is empty, in order and without
// their members and ways. It may miss some that come or go meanwhile.
func (g *Gangs) List(namespace string) []GangState {
	keys := g.keys()
	if namespace != "" {
		keys = slices.DeleteFunc(keys, func(key gang.Key) bool { return key.Namespace != namespace })
	}
	slices.SortFunc(keys, func(a, b gang.Key) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Source, b.Source))
	})
	return g.states(keys, false)
}

// Find returns the gangs of that name, one for each way in which members name them.
func (g *Gangs) Find(namespace, name string) []GangState {
	var keys []gang.Key
	for _, source := range []gang.Source{gang.Label, gang.PodGroup, gang.Native} {
		keys = append(keys, gang.Key{Namespace: namespace, Name: name, Source: source})
	}
	return g.states(keys, true)
}

// states returns what is known of those gangs that there are, all of it if whole is set.
func (g *Gangs) states(keys []gang.Key, whole bool) (states []GangState) {
	visit(g, keys, func(key gang.Key) {
		status, ok := g.roster.Status(key)
		if !ok || status.Pods == 0 && status.Failed == 0 {
			return // an object that nobody names: perhaps another scheduler's
		}
		state := GangState{Key: key, Status: status, Representative: g.roster.Representative(key)}
		if whole {
			state.Members = g.roster.Standings(key)
			state.Way, state.Earlier = g.observer.ways.Of(key)
		}
		states = append(states, state)
	})
	return states
}

// Waits returns for what members wait, by UID: what keeps the member itself from being
// tried, or else its gang. Pods that are no members are left out.
func (g *Gangs) Waits(uids []types.UID) map[types.UID]Wait {
	of, waits := map[gang.Key]string{}, map[types.UID]Wait{}
	visit(g, uids, func(uid types.UID) {
		if wait, ok := g.wait(uid, of); ok {
			waits[uid] = wait
		}
	})
	return waits
}

// wait returns for what a member waits; of has what is known of gangs. The lock is held.
func (g *Gangs) wait(uid types.UID, of map[gang.Key]string) (w Wait, ok bool) {
	key, ok := g.roster.Gang(string(uid))
	if !ok {
		return Wait{}, false
	}
	why, known := of[key]
	if !known {
		status, _ := g.roster.Status(key)
		why = status.Why + status.Refused.Held
		of[key] = why
	}
	if own := g.roster.Hinders(string(uid)); own != "" {
		why = own
	}
	return Wait{Gang: key, Why: why}, true
}

// Wait is for what a member waits.
type Wait struct {
	Gang gang.Key
	Why  string // empty if it waits for nothing
}

// Kept returns for how many pods room is kept, by node: members that are planned there and
// not reserved yet, and those that a gang lost and gets back.
func (g *Gangs) Kept() map[string]int { return g.kept.pods() }

// Levels returns the labels of nodes that say where in the cluster they are: their zone and
// region, and those by which gangs say within which domains they belong; never their name.
func (g *Gangs) Levels() []string {
	levels := map[string]bool{v1.LabelTopologyZone: true, v1.LabelTopologyRegion: true}
	visit(g, g.keys(), func(key gang.Key) {
		for _, level := range g.roster.Topology(key) {
			levels[level.Key] = true
		}
	})
	delete(levels, v1.LabelHostname)
	return slices.Collect(maps.Keys(levels))
}
