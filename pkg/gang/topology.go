package gang

import (
	"cmp"
	"maps"
	"slices"

	"github.com/muster-scheduler/muster/pkg/resources"
)

// scope is where a plan is tried: the whole cluster, or one domain.
type scope struct {
	all    bool
	nodes  []int // of the domain, in ascending order
	domain Domain
	joined bool // members of the gang are in the domain already
	spare  int  // how many members it has room for, counted for each class alone

	order   []int // of the classes that got furthest, if it was tried
	missing int   // how many members were missing then
}

// stage is the domains of one level, or the whole cluster alone.
type stage struct {
	key    string // of the level's label; "" for the cluster
	scopes []scope
}

func (s *scope) size(p *planner) int {
	if s.all {
		return len(p.c.Nodes)
	}
	return len(s.nodes)
}

func (s *scope) node(at int) int {
	if s.all {
		return at
	}
	return s.nodes[at]
}

// stages returns where the turn's gang is tried: first the domains of the
// narrowest level, then of the next wider one, up to the narrowest level that is
// required, or else the whole cluster.
//
// A domain of a level is the nodes that agree on the labels of that level and of
// all wider ones: equal names of racks in two zones are two racks. A node without
// one of these labels is in no domain.
//
// Members that have a node keep their gang in their domain. Where they are in
// several domains of a level already, or in none, the level is left out, even if
// it is required: a gang that is torn can still be repaired, within the levels
// that hold. A node that is gone does not count.
func (p *planner) stages(turn Turn) []stage {
	var stages []stage
	near := p.positions(turn.Near)
	for i, level := range slices.Backward(turn.Spec.Topology) {
		domains := p.domains(level.Key, p.c.Labels[:i+1])
		if len(near) > 0 {
			at := slices.IndexFunc(domains, func(s scope) bool { return holds(s.nodes, near) })
			if at < 0 {
				continue
			}
			domains = domains[at : at+1]
			domains[0].joined = true
		}
		stages = append(stages, stage{level.Key, domains})
		if level.Required {
			return stages
		}
	}
	return append(stages, stage{scopes: []scope{{all: true}}})
}

// domains returns the domains of a level in the order of their names, given the
// labels of that level and all wider ones.
func (p *planner) domains(key string, labels [][]string) []scope {
	byPath := map[string]*scope{}
	var path []byte
node:
	for n := range p.c.Nodes {
		path = path[:0]
		for _, values := range labels {
			if values[n] == "" {
				continue node
			}
			path = append(append(path, values[n]...), 0)
		}
		s := byPath[string(path)]
		if s == nil {
			s = &scope{domain: Domain{Key: key}}
			for _, values := range labels {
				s.domain.Values = append(s.domain.Values, values[n])
			}
			byPath[string(path)] = s
		}
		s.nodes = append(s.nodes, n)
	}
	scopes := make([]scope, 0, len(byPath))
	for _, path := range slices.Sorted(maps.Keys(byPath)) {
		scopes = append(scopes, *byPath[path])
	}
	return scopes
}

// positions returns where the nodes stand that still exist.
func (p *planner) positions(names []string) []int {
	var nodes []int
	for _, name := range names {
		if n, ok := slices.BinarySearch(p.c.Nodes, name); ok {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// holds reports whether all of some nodes are among others, which are sorted.
func holds(all, some []int) bool {
	for _, n := range some {
		if _, ok := slices.BinarySearch(all, n); !ok {
			return false
		}
	}
	return true
}

// sort sorts domains: those come first that have the least room left, so that
// the large ones stay whole for gangs that need them.
func (p *planner) sort(scopes []scope) {
	if len(scopes) < 2 {
		return
	}
	for at := range scopes {
		scopes[at].spare = p.count(&scopes[at]).sum
	}
	slices.SortStableFunc(scopes, func(a, b scope) int { return cmp.Compare(a.spare, b.spare) })
}

// census is how much a scope could take at most, by arithmetic and by what is
// known of its nodes' answers.
type census struct {
	byClass []int            // members, each class for itself
	sum     int              // by amounts alone, whether or not there are so many members
	free    resources.Vector // by resource
}

func (p *planner) count(s *scope) census {
	p.undoAll()
	c := census{byClass: make([]int, len(p.classes)), free: make(resources.Vector, len(p.c.Resources))}
	for at := range s.size(p) {
		n := s.node(at)
		open := false
		for i := range p.classes {
			room := p.amounts(i, n)
			c.sum += room
			if room == 0 || p.closed(i, n) {
				continue
			}
			if why, asked := p.answers[question{i, n, 0}]; asked && !why.Fits() {
				continue
			}
			open = true
			c.byClass[i] = min(c.byClass[i]+room, len(p.classes[i].UIDs))
		}
		if open {
			for r, free := range p.c.Free[n] {
				c.free[r] = min(c.free[r]+max(0, free), 1<<60) // no overflow
			}
		}
	}
	return c
}

// possible reports whether arithmetic leaves hope for the scope: it checks what
// is necessary, not what is sufficient. Nothing is placed after that.
func (p *planner) possible(s *scope) bool { return p.shortfall(p.count(s)) == 0 }

// shortfall is how many of the needed members certainly find no node.
func (p *planner) shortfall(c census) int {
	sum, lacking := 0, 0
	for _, fit := range c.byClass {
		sum += fit
	}
	for r, role := range p.quota.Roles {
		fit := 0
		for i, at := range p.role {
			if at == r {
				fit += c.byClass[i]
			}
		}
		lacking += max(0, role.Min-fit)
	}
	short := max(p.quota.Need-sum, lacking)
	if short <= 0 && !p.enough(c.free) {
		return 1
	}
	return max(0, short)
}

// enough reports whether the free amounts together cover the least that the
// needed members can ask for.
func (p *planner) enough(free resources.Vector) bool {
	for r := range free {
		rest, ask := p.quota.Need, int64(0)
		for at, role := range p.quota.Roles {
			rest -= role.Min
			ask += int64(role.Min) * p.least(r, func(i int) bool { return p.role[i] == at })
		}
		ask += int64(rest) * p.least(r, func(int) bool { return true })
		if ask > free[r] {
			return false
		}
	}
	return true
}

// least is the smallest ask of a resource among some classes.
func (p *planner) least(r int, among func(i int) bool) int64 {
	least := int64(-1)
	for i := range p.classes {
		if a := p.classes[i].Ask[r]; among(i) && (least < 0 || a < least) {
			least = a
		}
	}
	return max(0, least)
}
