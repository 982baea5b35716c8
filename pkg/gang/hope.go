package gang

import (
	"slices"

	"github.com/muster-scheduler/muster/pkg/reason"
	"github.com/muster-scheduler/muster/pkg/resources"
)

// Hope is the least that has to change before a gang that was refused can fit.
// Without it, there is no plan; with it, there may be one.
type Hope struct {
	// Room for so many more members of any one of these, over all nodes, can
	// help. With Members 0, any amount more on a node that takes one can.
	Room []Lack
	// Nodes is set if labels, taints or conditions of nodes stood in the way.
	Nodes bool
	// Anything is set if something stood in the way that only the filters see:
	// other pods, volumes, claims.
	Anything bool
}

// HopeOf reads a verdict of Plan about these classes on a cluster of this
// capacity.
//
// Members of one class that do not mind one another find a place for as many as
// there is room for, so what they lack is what they need. The same holds for the
// hardest of several classes, if the gang can do without none of it. For any
// other class a small change can matter in a roundabout way: it moves members
// of one class out of the way of another.
func HopeOf(v Verdict, classes []Class, total resources.Vector) Hope {
	h := Hope{Anything: v.Obstructed, Nodes: len(classes) > 1}
	for r := range v.Tally {
		switch r.Code {
		case reason.Resource, reason.Kept: // amounts: room that is kept counts as gained when it is given up
		case reason.Taint, reason.Affinity, reason.Cordoned:
			h.Nodes = true
		default:
			h.Anything = true
		}
	}
	h.Anything = h.Anything || slices.ContainsFunc(classes, func(c Class) bool { return c.Coupled })
	if lack, ok := certain(v, classes, total); ok {
		h.Room = []Lack{lack}
		return h
	}
	for _, c := range classes {
		h.Room = append(h.Room, Lack{Ask: c.Ask})
	}
	return h
}

// certain returns a lack that every plan must see covered.
func certain(v Verdict, classes []Class, total resources.Vector) (Lack, bool) {
	if len(classes) == 1 {
		lack := Lack{Ask: classes[0].Ask, Members: max(1, v.Need-v.Fit)}
		if len(v.Lacks) == 1 {
			lack.Members = v.Lacks[0].Members
		}
		return lack, true
	}
	if v.Need < v.Members {
		return Lack{}, false // it can do without some, and which is for the planner to choose
	}
	hardest := slices.MaxFunc(classes, func(a, b Class) int {
		return compareShares(a.Ask, b.Ask, total)
	})
	alone := 0
	for _, c := range classes {
		if compareShares(c.Ask, hardest.Ask, total) == 0 {
			alone++
		}
	}
	at := slices.IndexFunc(v.Lacks, func(l Lack) bool { return slices.Equal(l.Ask, hardest.Ask) })
	if alone != 1 || at < 0 {
		return Lack{}, false
	}
	return v.Lacks[at], true
}

func compareShares(a, b, total resources.Vector) int {
	switch x, y := resources.Share(a, total), resources.Share(b, total); {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}
