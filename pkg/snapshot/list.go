package snapshot

import (
	"k8s.io/apimachinery/pkg/types"

	"github.com/muster-scheduler/muster/pkg/gang"
)

// GangState is what is known of a gang, for those who ask.
type GangState struct {
	Key            gang.Key
	Status         gang.Status
	Representative string          // the name of the member that stands in the queue for it; empty if none does
	Members        []gang.Standing // by name
}

// List returns the gangs of a namespace, or all if it is empty, in order and without
// their members.
func (g *Gangs) List(namespace string) []GangState {
	return g.list(func(key gang.Key) bool { return namespace == "" || key.Namespace == namespace }, false)
}

// Find returns the gangs of that name, one for each way in which members name them.
func (g *Gangs) Find(namespace, name string) []GangState {
	return g.list(func(key gang.Key) bool { return key.Namespace == namespace && key.Name == name }, true)
}

func (g *Gangs) list(which func(gang.Key) bool, members bool) (states []GangState) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, key := range g.roster.Keys() {
		if !which(key) {
			continue
		}
		status, _ := g.roster.Status(key)
		if status.Pods == 0 && status.Failed == 0 {
			continue // an object that nobody names: perhaps another scheduler's
		}
		state := GangState{Key: key, Status: status, Representative: g.roster.Representative(key)}
		if members {
			state.Members = g.roster.Standings(key)
		}
		states = append(states, state)
	}
	return states
}

// Waits returns for what members wait, by UID: what keeps the member itself from being
// tried, or else its gang. Pods that are no members are left out.
func (g *Gangs) Waits(uids []types.UID) map[types.UID]Wait {
	g.mu.Lock()
	defer g.mu.Unlock()
	of, waits := map[gang.Key]string{}, map[types.UID]Wait{}
	for _, uid := range uids {
		key, ok := g.roster.Gang(string(uid))
		if !ok {
			continue
		}
		why, known := of[key]
		if !known {
			status, _ := g.roster.Status(key)
			why = status.Why
			of[key] = why
		}
		if own := g.roster.Hinders(string(uid)); own != "" {
			why = own
		}
		waits[uid] = Wait{Gang: key, Why: why}
	}
	return waits
}

// Wait is for what a member waits.
type Wait struct {
	Gang gang.Key
	Why  string // empty if it waits for nothing
}
