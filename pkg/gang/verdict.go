package gang

import (
	"github.com/muster-scheduler/muster/pkg/reason"
	"github.com/muster-scheduler/muster/pkg/resources"
)

// Verdict is why a gang can or cannot start, as plain values. Package explain
// puts it into words.
type Verdict struct {
	Gang    Key
	Min     int // members that the gang needs
	Placed  int // members that have a node already; 0 <= Placed
	Need    int // members that still need one; Need = Min - Placed
	Members int // members that the plan tried to place
	Fit     int // members that the plan found a node for, 0 <= Fit <= Members
	Nodes   int // nodes in the cluster
	// Tally counts the nodes by why they take no further member of the first
	// class that did not fit.
	Tally reason.Tally
	// Short is what the nearest node lacks for one more member of that class;
	// empty if the obstacle is not an amount.
	Short []Shortage
	// Resources names the positions of the vectors below.
	Resources resources.Index
	// Lacks are the members that found no node, by class, of those that the gang
	// cannot do without: room for so many more of them would help.
	Lacks []Lack
	// Obstructed is set if something else than amounts kept members off a node.
	Obstructed bool
	// Hope is the least that has to change before the gang can fit.
	Hope Hope
	// Note is what a plugin that refused every node said, if one did.
	Note string
}

// Lack is a number of equal members without a node.
type Lack struct {
	Ask     resources.Vector // of one of them
	Members int              // > 0
}

// Shortage is an amount that is lacking on the nearest node.
type Shortage struct {
	Resource  string
	Ask, Free int64 // in the units of package resources; Free < Ask
}
