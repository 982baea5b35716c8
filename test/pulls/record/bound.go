package record

import (
	"github.com/muster-scheduler/muster/test/pulls/trace"
)

// Bound is the name of the records that no policy can beat.
const Bound = "bound"

// bound counts what must be pulled whoever places: layers that were never asked
// for before are on no node, so each node that the gang needs for its members
// pulls them, as fast as it can unpack, with an unlimited registry; layers that
// somebody asked for before are taken to be everywhere by now. Each member waits
// for the new layers, and whoever is served later would wait longer: one bound
// for all, below what any placement can reach.
func bound(c Case, t *trace.Trace) Record {
	r := Record{Case: c, Pods: t.Pods()}
	config := c.Config()
	seen := make([]bool, len(t.Layers))
	for _, i := range t.Preloaded {
		for _, l := range t.Images[i].Layers {
			seen[l] = true
		}
	}
	var waits, late []float64
	starts := make([]float64, len(t.Gangs))
	for g := range t.Gangs {
		gang := &t.Gangs[g]
		nodes := (gang.Members + c.Slots - 1) / c.Slots
		for _, l := range t.Missing(gang.Images, func(l int) bool { return seen[l] }) {
			seen[l] = true
			bytes := float64(t.Layers[l].Bytes)
			r.Bytes += bytes * float64(nodes)
			starts[g] += config.Layer + bytes/config.Unpack
		}
		for range gang.Members {
			waits = append(waits, starts[g])
			if gang.At >= t.Size.Seconds/2 {
				late = append(late, starts[g])
			}
			for _, i := range gang.Images {
				r.Wanted += float64(t.Images[i].Bytes)
			}
		}
	}
	r.Wait, r.Late = Distribute(waits), Distribute(late)
	r.starts(t, starts)
	return r
}
