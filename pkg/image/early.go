package image

import (
	"maps"
	"slices"
	"time"
)

// early is what is known of the pods of a node that is not known: it has not
// reported yet, or was removed before its pods.
type early struct {
	pods     map[string]int32 // that run an image, by key
	promises map[string]earlyPromise
}

type earlyPromise struct {
	gang  string
	needs []Need
	firm  bool
}

func (inv *Inventory) earlyOn(name string) *early {
	e := inv.early[name]
	if e == nil {
		e = &early{pods: map[string]int32{}, promises: map[string]earlyPromise{}}
		inv.early[name] = e
	}
	return e
}

func (e *early) count(keys []string, by int32) {
	for _, key := range keys {
		if e.pods[key] = max(0, e.pods[key]+by); e.pods[key] == 0 {
			delete(e.pods, key)
		}
	}
}

// catchUp tells a node that has just become known what became of its pods before.
func (inv *Inventory) catchUp(n *node, now time.Time) {
	e := inv.early[n.name]
	if e == nil {
		return
	}
	delete(inv.early, n.name)
	inv.Ran(n.name, slices.Sorted(maps.Keys(e.pods)), now)
	for i := range n.held {
		if pods := e.pods[n.held[i].image.key]; pods > 0 {
			n.held[i].pods = pods
		}
	}
	for _, pod := range slices.Sorted(maps.Keys(e.promises)) {
		p := e.promises[pod]
		if p.firm {
			inv.Pulling(pod, p.gang, n.name, p.needs, now)
		} else {
			inv.Reserve(pod, p.gang, n.name, p.needs, now)
		}
	}
}

// undoEarly takes back what was promised to a node that is not known.
func (inv *Inventory) undoEarly(pod string) {
	for name, e := range inv.early {
		delete(e.promises, pod)
		if len(e.promises) == 0 && len(e.pods) == 0 {
			delete(inv.early, name)
		}
	}
}

// bindEarly makes a promise to a node that is not known firm.
func (inv *Inventory) bindEarly(pod string) {
	for _, e := range inv.early {
		if p, ok := e.promises[pod]; ok {
			p.firm = true
			e.promises[pod] = p
		}
	}
}
