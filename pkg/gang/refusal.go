package gang

import (
	"cmp"
	"slices"

	"github.com/muster-scheduler/muster/pkg/reason"
	"github.com/muster-scheduler/muster/pkg/resources"
)

// verdict is what a verdict says whether or not there is a plan.
func (p *planner) verdict(turn Turn) Verdict {
	v := Verdict{
		Gang: turn.Gang, Min: turn.Spec.Min, Placed: turn.Secured, Need: turn.Need.Need,
		Nodes: len(p.c.Nodes), Resources: p.c.Resources,
	}
	for _, class := range p.classes {
		v.Members += len(class.UIDs)
	}
	return v
}

// success is what there is to say about a gang that is placed.
func (p *planner) success(turn Turn) (Placement, Verdict) {
	slots, v := make(Placement, len(p.placed)), p.verdict(turn)
	v.Fit, v.Outlook = len(p.placed), p.outlook()
	next := make([]int, len(p.classes))
	for _, s := range p.placed {
		uid := p.classes[s.class].UIDs[next[s.class]]
		next[s.class]++
		slots[uid] = p.c.Nodes[s.node]
		v.Order = append(v.Order, uid)
	}
	return slots, v
}

// refusal explains why the gang has no place in the last stage that was tried:
// it fills the best of its scopes again and looks at what is missing.
func (p *planner) refusal(turn Turn, last stage) Verdict {
	v := p.verdict(turn)
	if last.key != "" {
		v.Domain.Key, v.Domains = last.key, len(last.scopes)
	}
	if len(last.scopes) == 0 {
		v.Nodes, v.Lacks = 0, p.lacks(p.orders[0])
		return v
	}
	s := p.nearest(last.scopes)
	possible := p.arranged() && !p.obstructed && p.possible(s)
	if p.tried != s || !slices.Equal(p.by, s.order) {
		p.try(s.order, s)
	}
	v.Fit = v.Need - p.missing()
	if !s.all {
		v.Domain, v.Joined, v.Nodes = s.domain, s.joined, len(s.nodes)
	}
	for r, lack := range p.lack {
		if lack > 0 {
			v.Roles = append(v.Roles, roleFit(turn, r, lack))
		}
	}
	v.Lacks = p.lacks(s.order)
	if i := p.wanting(s.order); i >= 0 {
		p.explain(&v, i, s)
	}
	v.Obstructed = p.obstructed || possible || slices.ContainsFunc(p.classes, func(c Class) bool { return c.Coupled })
	return v
}

// nearest returns the scope in which the fewest members are missing. If none was
// tried, it tries a few of those that arithmetic leaves most hope for.
func (p *planner) nearest(scopes []scope) *scope {
	var best *scope
	for at := range scopes {
		if s := &scopes[at]; s.order != nil && (best == nil || s.missing < best.missing) {
			best = s
		}
	}
	if best != nil {
		return best
	}
	short := make([]int, len(scopes))
	for at := range scopes {
		short[at] = p.shortfall(p.count(&scopes[at]))
	}
	least, few := slices.Min(short), 4
	for at := range scopes {
		s := &scopes[at]
		if short[at] > least || few == 0 {
			continue
		}
		few--
		if p.try(p.orders[0], s); best == nil || s.missing < best.missing {
			best = s
		}
	}
	return best
}

func roleFit(turn Turn, r, lack int) RoleFit {
	role := turn.Need.Roles[r]
	if at := slices.IndexFunc(turn.Spec.Roles, func(o Role) bool { return o.Name == role.Name }); at >= 0 {
		role.Min = turn.Spec.Roles[at].Min
	}
	return RoleFit{Role: role, Fit: role.Min - lack}
}

// wanting returns the first class of which a member that could help has no
// node, of a lacking role if there is one; -1 if none has.
func (p *planner) wanting(order []int) int {
	first := -1
	for _, i := range order {
		if p.used[i] == len(p.classes[i].UIDs) {
			continue
		}
		if r := p.role[i]; r >= 0 && p.lack[r] > 0 {
			return i
		}
		if first < 0 {
			first = i
		}
	}
	return first
}

// lacks lists which members have to find a node yet: those of lacking roles,
// then whichever ask for the least.
func (p *planner) lacks(order []int) []Lack {
	lack := make([]int, len(p.classes))
	take := func(i, most int) int {
		n := min(most, len(p.classes[i].UIDs)-p.used[i]-lack[i])
		lack[i] += n
		return n
	}
	easiest := slices.Clone(p.orders[0])
	slices.SortStableFunc(easiest, func(a, b int) int {
		return cmp.Compare(resources.Share(p.classes[a].Ask, p.c.Total), resources.Share(p.classes[b].Ask, p.c.Total))
	})
	rest := p.missing()
	for r, most := range p.lack {
		for _, i := range easiest {
			if p.role[i] == r {
				n := take(i, most)
				most, rest = most-n, rest-n
			}
		}
	}
	for _, i := range easiest {
		rest -= take(i, rest)
	}
	var out []Lack
	for _, i := range order {
		if lack[i] > 0 {
			out = append(out, Lack{Ask: p.classes[i].Ask, Members: lack[i]})
		}
	}
	return out
}

// explain counts why the nodes of the scope take no further member of the class,
// first by amounts and then by what lies behind these, and finds by how little the
// nearest ones fall short.
func (p *planner) explain(v *Verdict, i int, s *scope) {
	class := &p.classes[i]
	v.Obstacles, v.Tally = reason.Tally{}, reason.Tally{}
	var nearest nearest
	all := make(resources.Vector, len(p.c.Resources))
	count := func(n int, why reason.Reason) {
		v.Tally[why]++
		if why.Code != reason.Resource {
			return
		}
		free := p.c.Free[n]
		for r := range all {
			all[r] += max(0, free[r])
		}
		nearest.add(n, p.distance(free, class.Ask))
	}
	nodes := make([]int, 0, s.size(p))
	for at := range s.size(p) {
		nodes = append(nodes, s.node(at))
	}
	answers := p.ask(i, nodes)
	for _, why := range answers {
		if !why.Fits() {
			v.Obstacles[why]++
		}
	}
	p.correct(i, nodes, answers)
	for at, why := range answers {
		if !why.Fits() { // else the limit keeps it off
			count(nodes[at], why)
		}
	}
	if v.Contested = nearest.nodes; len(v.Contested) == 0 {
		return
	}
	for r, free := range p.c.Free[v.Contested[0]] {
		if ask := class.Ask[r]; free < ask {
			v.Short = append(v.Short, Shortage{Resource: p.c.Resources[r], Ask: ask, Free: max(0, free), All: all[r]})
		}
	}
}

// nearest is the nodes of the least distances, of equal ones those that came first.
type nearest struct {
	nodes     []int // at most maxContested
	distances []float64
}

func (s *nearest) add(n int, distance float64) {
	at := len(s.nodes)
	for at > 0 && distance < s.distances[at-1] {
		at--
	}
	if at == maxContested {
		return
	}
	s.nodes, s.distances = slices.Insert(s.nodes, at, n), slices.Insert(s.distances, at, distance)
	s.nodes, s.distances = s.nodes[:min(len(s.nodes), maxContested)], s.distances[:min(len(s.distances), maxContested)]
}

// correct looks behind answers of arithmetic: to a node that would not do even if it had
// room, room is not what is lacking. What other pods stand in the way of, they may not once
// there is room.
func (p *planner) correct(i int, nodes []int, answers []reason.Reason) {
	var open, where []int
	behind := func(at int, why reason.Reason) {
		switch why.Code {
		case reason.Taint, reason.Affinity, reason.Cordoned, reason.Disk, reason.Kept:
			answers[at] = why
		}
	}
	for at, n := range nodes {
		if answers[at].Code != reason.Resource {
			continue
		}
		if why, ok := p.answers[question{i, n, p.on[n]}]; ok {
			behind(at, why)
		} else {
			open, where = append(open, n), append(where, at)
		}
	}
	for at, why := range p.t.Survey(i, open, p.next(i)) {
		behind(where[at], why)
	}
}

// distance measures how far free is from one more ask, as a share of the cluster.
func (p *planner) distance(free, ask resources.Vector) float64 {
	far := 0.0
	for r, a := range ask {
		if lack := a - max(0, free[r]); lack > 0 {
			far = max(far, float64(lack)/max(1, float64(p.c.Total[r])))
		}
	}
	return far
}
