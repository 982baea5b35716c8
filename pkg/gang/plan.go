package gang

import (
	"cmp"
	"slices"

	"github.com/muster-scheduler/muster/pkg/reason"
	"github.com/muster-scheduler/muster/pkg/resources"
)

// Class is a set of members that are alike in everything that placement looks at.
type Class struct {
	UIDs []string // in the order in which they get nodes
	Ask  resources.Vector
	// Coupled members constrain one another, by affinity, spread or shared
	// volumes: placing one can open or close nodes for the next.
	Coupled bool
	// Seconds until the images of a member are ready, by node; nil if it does not matter.
	Seconds []float64
}

// Cluster is what there is to place on: values that stay as they are while one
// plan is made.
type Cluster struct {
	Nodes     []string // names
	Resources resources.Index
	Free      []resources.Vector // by node; changed by Plan
	Total     resources.Vector   // over all nodes
}

// Trial is the what-if world in which a plan is tried.
type Trial interface {
	// Fits says whether the member would be accepted by the node, given
	// everything that was placed before.
	Fits(class, node int, uid string) reason.Reason
	// Place puts the member on the node for the rest of the trial.
	Place(class, node int, uid string)
}

// Placement is the node of every placed member, by UID.
type Placement map[string]string

// Order is the order in which the classes choose their nodes, by the largest
// share of the cluster's capacity that one member takes.
type Order uint8

// The orders. HardestFirst finds most; EasiestFirst finds a place for a gang that
// can do without its hardest members.
const (
	HardestFirst Order = iota
	EasiestFirst
)

// Plan places the members of classes on c, at least need of them, or nobody.
//
// For each class the nodes with room are tried in the order
// of the time until its images are ready there, then of how many of its members
// they take, fullest first; so the slowest member starts as early as it can,
// and few nodes pull. A node's room is arithmetic; whether it accepts a member
// is for the trial to say, which is asked once for every member.
//
// If members are not coupled and of one class, Plan finds a place for as many
// as any order could. In other cases it is a heuristic: it may say no where
// another order would have found a place.
//
// Cost: one pass of arithmetic over all nodes and one sort per class, and one
// question to the trial per member, plus one per node that refuses.
func Plan(c Cluster, classes []Class, need int, by Order, t Trial) (Placement, Verdict) {
	p := planner{c: c, t: t, placed: Placement{}}
	order := make([]int, len(classes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		harder := cmp.Compare(resources.Share(classes[b].Ask, c.Total), resources.Share(classes[a].Ask, c.Total))
		if by == EasiestFirst {
			return -harder
		}
		return harder
	})
	v := Verdict{Need: need, Nodes: len(c.Nodes), Resources: c.Resources}
	left := make([][]string, len(classes))
	coupled := false
	for i, class := range classes {
		left[i] = class.UIDs
		v.Members += len(class.UIDs)
		coupled = coupled || class.Coupled
	}
	// A coupled class may fit only after a later one: go round until nobody more does.
	for before := -1; before < len(p.placed); {
		before = len(p.placed)
		v.Tally, v.Short = nil, nil
		for _, i := range order {
			if left[i] = p.place(i, classes[i], left[i]); len(left[i]) > 0 && v.Tally == nil {
				v.Tally, v.Short = p.explain(classes[i])
			}
		}
		if !coupled {
			break
		}
	}
	v.Fit = len(p.placed)
	if v.Fit < need {
		return nil, v
	}
	return p.placed, v
}

type planner struct {
	c      Cluster
	t      Trial
	placed Placement
	why    []reason.Reason // by node, for the class at hand; the zero value where not asked
}

// candidate is a node with room for the class at hand.
type candidate struct {
	node, room int
	seconds    float64
}

// place gives nodes to as many of the members, all of class i, as it can and
// returns those that are left.
func (p *planner) place(i int, class Class, members []string) []string {
	p.why = make([]reason.Reason, len(p.c.Nodes))
	nodes := p.candidates(class, len(members))
	for progress := true; progress && len(members) > 0; {
		progress = false
		for _, n := range nodes {
			for len(members) > 0 && p.fits(i, class, n.node, members[0]) {
				p.t.Place(i, n.node, members[0])
				for r, a := range class.Ask {
					p.c.Free[n.node][r] -= a
				}
				p.placed[members[0]] = p.c.Nodes[n.node]
				members = members[1:]
				if class.Coupled {
					progress = true // a node that refused before may accept now
					break
				}
			}
		}
	}
	return members
}

// fits reports whether the node takes one more member. It does not ask again
// where the last answer cannot have changed.
func (p *planner) fits(i int, class Class, node int, uid string) bool {
	switch last := p.why[node].Code; {
	case resources.Room(p.c.Free[node], class.Ask) == 0:
		return false
	case last != reason.None && last != reason.PodRules && last != reason.Spread:
		return false
	}
	p.why[node] = p.t.Fits(i, node, uid)
	return p.why[node].Fits()
}

func (p *planner) candidates(class Class, members int) []candidate {
	nodes := make([]candidate, 0, len(p.c.Nodes))
	for n, free := range p.c.Free {
		if room := resources.Room(free, class.Ask); room > 0 {
			s := 0.0
			if class.Seconds != nil {
				s = class.Seconds[n]
			}
			nodes = append(nodes, candidate{n, min(room, members), s})
		}
	}
	slices.SortFunc(nodes, func(a, b candidate) int {
		return cmp.Or(
			cmp.Compare(a.seconds, b.seconds),
			cmp.Compare(b.room, a.room),
			cmp.Compare(p.c.Nodes[a.node], p.c.Nodes[b.node]),
		)
	})
	return nodes
}

// explain counts why the nodes take no further member of the class, and finds
// by how little the nearest ones fall short.
func (p *planner) explain(class Class) (reason.Tally, []Shortage) {
	tally := reason.Tally{}
	best := resources.Vector(nil)
	for n, free := range p.c.Free {
		why := p.why[n]
		if at := resources.Tightest(free, class.Ask); why.Fits() && at >= 0 {
			why = reason.Reason{Code: reason.Resource, Detail: p.c.Resources[at]}
		}
		tally[why]++
		if why.Code == reason.Resource && (best == nil || p.lack(free, class.Ask) < p.lack(best, class.Ask)) {
			best = free
		}
	}
	var short []Shortage
	for r, free := range best {
		if ask := class.Ask[r]; free < ask {
			short = append(short, Shortage{Resource: p.c.Resources[r], Ask: ask, Free: max(0, free)})
		}
	}
	return tally, short
}

// lack measures how far free is from one more ask, as a share of the cluster.
func (p *planner) lack(free, ask resources.Vector) float64 {
	missing := make(resources.Vector, len(ask))
	for r, a := range ask {
		missing[r] = a - max(0, free[r])
	}
	return resources.Share(missing, p.c.Total)
}
