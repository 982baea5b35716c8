package snapshot

import (
	"iter"

	"github.com/muster-scheduler/muster/pkg/gang"
)

// Holders returns who holds what a gang was refused for. It looks at each pod on the
// contested nodes once.
func (w *World) Holders(v gang.Verdict) gang.Holders {
	if len(v.Short) == 0 {
		return gang.Holders{}
	}
	return gang.HoldersOf(v, w.holdings(v))
}

func (w *World) holdings(v gang.Verdict) iter.Seq[gang.Holding] {
	return func(yield func(gang.Holding) bool) {
		amounts := make([]int64, len(v.Short))
		for _, n := range v.Contested {
			for _, info := range w.table.nodes[n].GetPods() {
				asks := info.CalculateResource().Resource
				for r, short := range v.Short {
					amounts[r] = amountOf(asks, short.Resource)
				}
				pod := info.GetPod()
				key, _, _ := keyOf(pod)
				if !yield(gang.Holding{Namespace: pod.Namespace, Pod: pod.Name, Gang: key, Amounts: amounts}) {
					return
				}
			}
		}
	}
}
