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

// List returns the gangs of a namespace and a name, in order; an empty one stands for
// all.
func (g *Gangs) List(namespace, name string) []GangState {
	g.mu.Lock()
	defer g.mu.Unlock()
	var states []GangState
	for _, key := range g.roster.Keys() {
		if namespace != "" && key.Namespace != namespace || name != "" && key.Name != name {
			continue
		}
		status, _ := g.roster.Status(key)
		if status.Pods == 0 && status.Failed == 0 {
			continue // an object that nobody names: perhaps another scheduler's
		}
		states = append(states, GangState{Key: key, Status: status, Representative: g.roster.Representative(key), Members: g.roster.Standings(key)})
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
