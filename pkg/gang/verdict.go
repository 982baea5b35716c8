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
	Need    int // members that still need one
	Members int // members that the plan tried to place
	// Fit is how many of the needed members the plan found a node for, 0 <= Fit < Need;
	// if there is a plan, how many of all.
	Fit int
	// Order is the UIDs of the members that have a place, each accepted by its node
	// when those before it are there. Of coupled members that may hold in no other
	// order; other members may come as they like.
	Order []string
	// Ahead is the UIDs of those of them who have to be bound before the others
	// take their places, for what only the trial knows of; Plan sets none.
	Ahead []string
	// Outlook is when the images of those with a place are ready.
	Outlook Outlook
	// Roles are those of which the gang lacks members.
	Roles []RoleFit
	// Domain is where most of them fit, if the topology keeps the gang in one
	// domain. Its key is empty if it does not.
	Domain Domain
	// Domains is how many domains it had to choose from; 0 if no node has the labels.
	Domains int
	// Joined is set if members of the gang are in the domain already, and keep it there.
	Joined bool
	Nodes  int // nodes in the domain, or else in the cluster
	// Tally counts these nodes by why they take no further member of the first
	// class that did not fit. Of a node that lacks an amount and would not do even with it,
	// it counts the latter: room there would be of no use.
	Tally reason.Tally
	// Obstacles counts the same nodes, and of such a node the amount: for as long as it
	// lacks that, no other change helps.
	Obstacles reason.Tally
	// Short is what the nearest node lacks for one more member of that class;
	// empty if the obstacle is not an amount.
	Short []Shortage
	// Contested is the positions of the nodes that lack an amount and nothing else, the
	// nearest first, at most 32 of them; Holders is who holds it there. Plan does not know
	// the holders.
	Contested []int
	Holders   Holders
	// Resources names the positions of the vectors below.
	Resources resources.Index
	// Lacks are the members that found no node, by class, of those that the gang
	// cannot do without: room for so many more of them would help.
	Lacks []Lack
	// Obstructed is set if room for Lacks may not be all it takes, or less may do:
	// pods keep members off nodes by other means than amounts, such as ports,
	// affinity or volumes, or the members mind one another, or would fit if they were
	// arranged better.
	// What nodes are in themselves (labels, taints, cordoned) does not count. It
	// may be set where a closer look would find that it need not be.
	Obstructed bool
	// Hope is the least that has to change before the gang can fit.
	Hope Hope
	// Note is what a plugin that refused every node said, if one did.
	Note string
}

// NodesHelp reports whether more nodes may let the gang start: each node was refused for
// what it is, or what is on it, and so another may not be. What a plugin refuses wherever
// it is asked to be, such as a claim that is not bound, no node helps; nor does one help
// where a level is required that no node has the label of, for new ones are like those
// that there are.
func (v Verdict) NodesHelp() bool {
	return v.Note == "" && (v.Domain.Key == "" || v.Domains > 0)
}

// Lack is a number of equal members without a node.
type Lack struct {
	Ask     resources.Vector // of one of them
	Members int              // > 0
}

// RoleFit is how far a role is from its minimum.
type RoleFit struct {
	Role     // with the minimum of the whole gang
	Fit  int // members that have a node, or could get one; 0 <= Fit < Min
}

// Domain is the nodes that share the values of labels.
type Domain struct {
	Key    string   // of the label of its level
	Values []string // of the labels of all levels down to that, the widest first
}

// Shortage is an amount that is lacking on the nearest node.
type Shortage struct {
	Resource  string
	Ask, Free int64 // in the units of package resources; Free < Ask
	// All is what is free on all nodes that lack an amount. With All >= Ask it is scattered.
	All int64
}
