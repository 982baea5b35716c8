package gang

import (
	"maps"
	"slices"
)

// Outlook is when the images of a placed gang are ready, by what its classes say
// of their pulls. The zero value says that nobody waits for any.
type Outlook struct {
	// Node is where a member is ready last, Seconds when, and Wait what of that is
	// for pulls that were under way before. 0 <= Wait <= Seconds.
	Node          string
	Seconds, Wait float64
	// Bytes is what that node fetches for the gang.
	Bytes int64
	// Pulling is how many nodes fetch anything, and Total what they do together.
	Pulling int
	Total   int64
}

// outlook is that of what is placed. Members of one node pull one after the other,
// and each image once.
func (p *planner) outlook() Outlook {
	var o Outlook
	for _, n := range slices.Sorted(maps.Keys(p.pulls)) {
		placed := p.pulls[n]
		var on Outlook
		for at, i := range placed {
			pull, images := p.classes[i].Pulls[n], p.classes[i].Images
			switch {
			case slices.ContainsFunc(placed[:at], func(before int) bool { return p.classes[before].Images == images }):
				on.Seconds += pull.Again
				continue
			case at == 0:
				on.Wait, on.Seconds = pull.Wait, pull.Seconds
			default:
				on.Seconds += pull.Seconds - pull.Wait
			}
			on.Bytes = saturated(on.Bytes, pull.Bytes)
		}
		if on.Bytes > 0 {
			o.Pulling++
			o.Total = saturated(o.Total, on.Bytes)
		}
		if on.Seconds > o.Seconds {
			o.Node, o.Seconds, o.Wait, o.Bytes = p.c.Nodes[n], on.Seconds, on.Wait, on.Bytes
		}
	}
	return o
}

// saturated is a + b for a, b >= 0, or the largest int64 if that is less.
func saturated(a, b int64) int64 {
	if sum := a + b; sum >= 0 {
		return sum
	}
	return 1<<63 - 1
}
