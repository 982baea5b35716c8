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

// outlook is that of what is placed.
func (p *planner) outlook() Outlook {
	var o Outlook
	for _, n := range slices.Sorted(maps.Keys(p.pulls)) {
		var needs []Need
		for _, i := range p.pulls[n] {
			needs = append(needs, Need{p.classes[i].Images, p.classes[i].Pulls[n]})
		}
		o.Add(p.c.Nodes[n], needs)
	}
	return o
}

// Need is the images of one member, and what it takes its node to have them ready.
type Need struct {
	Images string
	Pull   Pull
}

// Add takes a further node into account, whose members need these images. They pull one after
// the other, and each image once.
func (o *Outlook) Add(node string, needs []Need) {
	var on Outlook
	for at, need := range needs {
		switch {
		case slices.ContainsFunc(needs[:at], func(before Need) bool { return before.Images == need.Images }):
			on.Seconds += need.Pull.Again
			continue
		case at == 0:
			on.Wait, on.Seconds = need.Pull.Wait, need.Pull.Seconds
		default:
			on.Seconds += need.Pull.Seconds - need.Pull.Wait
		}
		on.Bytes = saturated(on.Bytes, need.Pull.Bytes)
	}
	if on.Bytes > 0 {
		o.Pulling++
		o.Total = saturated(o.Total, on.Bytes)
	}
	if on.Seconds > o.Seconds {
		o.Node, o.Seconds, o.Wait, o.Bytes = node, on.Seconds, on.Wait, on.Bytes
	}
}

// saturated is a + b for a, b >= 0, or the largest int64 if that is less.
func saturated(a, b int64) int64 {
	if sum := a + b; sum >= 0 {
		return sum
	}
	return 1<<63 - 1
}
