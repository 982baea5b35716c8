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

// HopeOf reads a verdict of Plan about these classes on a cluster.
//
// Members of one class that do not mind one another find a place for as many as
// there is room for, so what they lack is what they need. Of several classes, one
// that would find too little room for itself alone lacks that much in any case,
// if the gang can do without none of it. Else a small change can matter in a
// roundabout way: it moves members of one class out of the way of another.
func HopeOf(v Verdict, classes []Class, c Cluster) Hope {
	h := Hope{Anything: v.Obstructed, Nodes: len(classes) > 1}
	for r := range v.Obstacles {
		switch r.Code {
		case reason.Resource, reason.Kept: // amounts: room that is kept counts as gained when it is given up
		case reason.Taint, reason.Affinity, reason.Cordoned, reason.Disk:
			h.Nodes = true
		default:
			h.Anything = true
		}
	}
	h.Anything = h.Anything || slices.ContainsFunc(classes, func(c Class) bool { return c.Coupled })
	if v.Domains > 1 {
		h.Nodes = true // and the nearest domain may be another then
	} else if lack, ok := certain(v, classes, c); ok {
		h.Room = []Lack{lack}
		return h
	}
	for _, class := range classes {
		h.Room = append(h.Room, Lack{Ask: class.Ask})
	}
	return h
}

// certain returns a lack that every plan must see covered.
func certain(v Verdict, classes []Class, c Cluster) (Lack, bool) {
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
	for _, class := range classes {
		room := 0
		for _, free := range c.Free {
			room += min(len(class.UIDs), resources.Room(free, class.Ask))
		}
		if room < len(class.UIDs) {
			return Lack{Ask: class.Ask, Members: len(class.UIDs) - room}, true
		}
	}
	return Lack{}, false
}
