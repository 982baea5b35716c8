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
	Role string   // of all of them; "" for none
	Ask  resources.Vector
	// Coupled members constrain one another, by affinity, spread or shared
	// volumes: placing one can open or close nodes for the next.
	Coupled bool
	// Closed is true for the nodes that are known to refuse a member whatever is
	// placed; nil if none is known.
	Closed []bool
	// Images names what members pull: classes that pull the same pull it once.
	Images string
	// Pulls is what it takes to have the images ready, by node; nil if it does not matter.
	Pulls []Pull
}

// Pull is what it takes a node to have the images of members ready.
type Pull struct {
	// Seconds until those of a first member are, and what of them is for pulls that
	// are under way. 0 <= Wait <= Seconds.
	Seconds, Wait float64
	// Again is how much longer each further member waits. 0 <= Again.
	Again float64
	// Bytes that the node fetches for the first member. 0 <= Bytes.
	Bytes int64
	// Price of having the images pulled for the first member, in the unit of a
	// node's load.
	Price float64
}

// Cluster is what there is to place on: values that stay as they are while one
// plan is made.
type Cluster struct {
	Nodes     []string // names, in ascending order
	Resources resources.Index
	Has       []resources.Vector // by node
	Free      []resources.Vector // by node; Plan counts on it, and leaves it as it was
	Total     resources.Vector   // over all nodes
	// Labels has, by level of the topology and then by node, the value of the
	// level's label; "" for a node without it.
	Labels [][]string
}

// Trial is the what-if world in which a plan is tried.
type Trial interface {
	// Fits says whether the member would be accepted by the node, given
	// everything that is placed.
	Fits(class, node int, uid string) reason.Reason
	// Survey asks Fits about many nodes at once. It may do so in parallel.
	Survey(class int, nodes []int, uid string) []reason.Reason
	// Kept is the room on the node that is kept for pods outside the gang; nil for none.
	Kept(node int) resources.Vector
	// Place puts the member on the node, until Undo takes it back. The member that
	// was placed last is taken back first.
	Place(class, node int, uid string)
	Undo(class, node int, uid string)
}

// Placement is the node of every placed member, by UID.
type Placement map[string]string

// Plan finds nodes for as many members as the turn needs, up to its limit, or
// for nobody.
//
// A gang with a topology is tried in one domain after the other (see stages).
// Within a domain, or in the whole cluster, the classes choose their nodes in
// several orders: the hardest first, by the largest share of the cluster's
// capacity that one member takes; the easiest first, for a gang that can do
// without its hardest members; and as given. Members whose role the gang lacks
// come before others. A class whose images make a difference takes nodes so that
// its slowest member starts as early as it can, and with what slack is left so
// that load and pulls are shared out (see spread); if the gang finds no place so,
// it is tried once more as if images did not matter. Any other takes the nodes that
// have room for most of its members first, in the order of the names.
//
// A node's room is arithmetic; whether it accepts a member is for the trial to
// say, which is asked as late and as rarely as it can be: the nodes are looked
// at one by one until everybody has one, and an answer that cannot have changed
// is not asked for again.
//
// For one class whose members are not coupled, Plan finds a place whenever there
// is one. In other cases, where no order does and arithmetic allows it, a
// search that takes members back tries further, within a fixed effort (see
// search): small gangs on few nodes are then decided for certain too, as long as
// they are not coupled. Beyond that, Plan may say no where there is a place.
//
// Cost: for a gang that fits where it looks first, one step per member; for one
// that does not, one pass of arithmetic over all nodes per class and order, and
// one question to the trial per class and node.
func Plan(c Cluster, turn Turn, classes []Class, t Trial) (Placement, Verdict) {
	p := newPlanner(c, turn.Need, classes, t)
	defer p.restore()
	stages := p.stages(turn)
	for _, stage := range stages {
		if p.tryAll(stage.scopes) {
			return p.success(turn)
		}
	}
	if p.blind = p.choosy(); p.blind {
		for _, stage := range stages {
			if p.tryAll(stage.scopes) {
				return p.success(turn)
			}
		}
	}
	return nil, p.refusal(turn, stages[len(stages)-1])
}

// choosy reports whether images may have cost several classes a place that there
// is: one class alone finds it in any order of the nodes.
func (p *planner) choosy() bool {
	return slices.ContainsFunc(p.classes, func(c Class) bool { return c.Pulls != nil && (len(p.classes) > 1 || c.Coupled) })
}

// planner is the state of one call of Plan.
type planner struct {
	c       Cluster
	quota   Quota
	classes []Class
	t       Trial

	orders [][]int // of the classes, each once, the hardest first in the first
	role   []int   // by class: the position in quota.Roles, or -1
	used   []int   // by class: how many of its members are placed
	lack   []int   // by role of the quota: how many are missing
	placed []step  // in order

	pulls   map[int][]int            // by node: the class of each member placed there that waits for images, in order
	on      map[int]uint64           // by node: a hash of what is placed there; 0 or absent for nothing
	looked  []bool                   // by node: what is kept there is known
	kept    map[int]resources.Vector // by node: if anything is
	answers map[question]reason.Reason
	// obstructed is set when a node refused for what pods on it or elsewhere do,
	// other than take room.
	obstructed bool
	blind      bool   // images do not matter
	effort     int    // that is left for search
	tried      *scope // what is placed is how this scope was filled last,
	by         []int  // in this order
}

// step is the placement of one member.
type step struct{ class, node int }

// question is one that the trial was asked: about a class and a node on which
// this was placed.
type question struct {
	class, node int
	on          uint64
}

func newPlanner(c Cluster, quota Quota, classes []Class, t Trial) *planner {
	p := &planner{
		c: c, quota: quota, classes: classes, t: t,
		role:  make([]int, len(classes)),
		used:  make([]int, len(classes)),
		lack:  make([]int, len(quota.Roles)),
		pulls: map[int][]int{}, on: map[int]uint64{}, looked: make([]bool, len(c.Nodes)), kept: map[int]resources.Vector{}, answers: map[question]reason.Reason{},
		effort: maxEffort,
	}
	for i, class := range classes {
		p.role[i] = slices.IndexFunc(quota.Roles, func(r Role) bool { return r.Name == class.Role })
	}
	for r, role := range quota.Roles {
		p.lack[r] = role.Min
	}
	p.order()
	return p
}

// order lists the orders in which the classes choose. Equal classes come in the
// order of their first members, whatever order they are given in.
func (p *planner) order() {
	given := make([]int, len(p.classes))
	for i := range given {
		given[i] = i
	}
	byUID := func(a, b int) int { return cmp.Compare(p.classes[a].UIDs[0], p.classes[b].UIDs[0]) }
	slices.SortFunc(given, byUID)
	byShare := func(a, b int) int {
		return cmp.Compare(resources.Share(p.classes[a].Ask, p.c.Total), resources.Share(p.classes[b].Ask, p.c.Total))
	}
	hardest, easiest := slices.Clone(given), slices.Clone(given)
	slices.SortStableFunc(hardest, func(a, b int) int { return byShare(b, a) })
	slices.SortStableFunc(easiest, byShare)
	for _, order := range [][]int{hardest, easiest, given} {
		if !slices.ContainsFunc(p.orders, func(o []int) bool { return slices.Equal(o, order) }) {
			p.orders = append(p.orders, order)
		}
	}
}

// tryAll tries the scopes of a stage one after the other: all of them in the
// quick way, then those that may still do by searching.
func (p *planner) tryAll(scopes []scope) bool {
	p.sort(scopes)
	for at := range scopes {
		if s := &scopes[at]; (s.all || p.possible(s)) && p.tryOrders(s) {
			return true
		}
	}
	for at := range scopes {
		if s := &scopes[at]; s.order != nil && p.searchable(s) && p.search(s) {
			p.fill(s.order, s) // with those that it could do without
			return true
		}
	}
	return false
}

// tryOrders fills the scope in one order after the other until that does, or
// what was learnt so far says that none will.
func (p *planner) tryOrders(s *scope) bool {
	for i, order := range p.orders {
		if i > 0 && !p.possible(s) {
			return false
		}
		if p.try(order, s); p.met() {
			return true
		}
	}
	return false
}

// try fills the scope, from nothing, and notes how far that gets. What it placed
// stays, until something else is tried.
func (p *planner) try(order []int, s *scope) {
	p.undoAll()
	p.fill(order, s)
	if missing := p.missing(); s.order == nil || missing < s.missing {
		s.order, s.missing = order, missing
	}
	p.tried, p.by = s, order
}

// met reports whether the turn has what it needs.
func (p *planner) met() bool { return p.missing() == 0 }

// missing is how many more members need a node.
func (p *planner) missing() int { return max(p.quota.Need-len(p.placed), p.lacking()) }

// lacking is how many members of wanted roles are missing.
func (p *planner) lacking() int {
	sum := 0
	for _, n := range p.lack {
		sum += n
	}
	return sum
}

// put places the next member of class i on node n.
func (p *planner) put(i, n int) {
	p.t.Place(i, n, p.classes[i].UIDs[p.used[i]])
	p.used[i]++
	if r := p.role[i]; r >= 0 {
		p.lack[r] = max(0, p.quota.Roles[r].Min-p.inRole(r))
	}
	for r, a := range p.classes[i].Ask {
		p.c.Free[n][r] -= a
	}
	p.on[n] += mix(uint64(i))
	if p.waits(i, n) {
		p.pulls[n] = append(p.pulls[n], i)
	}
	p.placed = append(p.placed, step{i, n})
}

// undo takes the last placed member back.
func (p *planner) undo() {
	last := p.placed[len(p.placed)-1]
	i, n := last.class, last.node
	p.placed = p.placed[:len(p.placed)-1]
	p.on[n] -= mix(uint64(i))
	if p.waits(i, n) {
		p.pulls[n] = p.pulls[n][:len(p.pulls[n])-1]
	}
	for r, a := range p.classes[i].Ask {
		p.c.Free[n][r] += a
	}
	p.used[i]--
	if r := p.role[i]; r >= 0 {
		p.lack[r] = max(0, p.quota.Roles[r].Min-p.inRole(r))
	}
	p.t.Undo(i, n, p.classes[i].UIDs[p.used[i]])
}

func (p *planner) inRole(r int) int {
	sum := 0
	for i, at := range p.role {
		if at == r {
			sum += p.used[i]
		}
	}
	return sum
}

func (p *planner) undoAll() {
	p.tried = nil
	for len(p.placed) > 0 {
		p.undo()
	}
}

// restore leaves the cluster as it was given.
func (p *planner) restore() {
	p.undoAll()
	for n, kept := range p.kept {
		for r, k := range kept {
			p.c.Free[n][r] += k
		}
	}
}

// mix spreads the bits of a number, so that sums of mixed numbers tell
// multisets of numbers apart.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
