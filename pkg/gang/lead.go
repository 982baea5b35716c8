package gang

import (
	"cmp"
	"fmt"
)

// older orders members by who speaks for their gang: first those that have a
// node, so that no newcomer speaks against them, then by age, so that the order
// in which members are seen does not matter.
func older(a, b *member) int {
	hasNode := func(m *member) int {
		if m.Phase == Pending {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(hasNode(a), hasNode(b)),
		cmp.Compare(a.Created, b.Created),
		cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.UID, b.UID),
	)
}

// claim is what a gang's leader states for its whole gang.
type claim struct {
	stated    bool // false without a leader
	priority  int32
	scheduler string
	spec      Spec
}

func (m *member) claim() claim { return claim{true, m.Priority, m.Scheduler, m.Spec} }

func (c claim) equal(o claim) bool {
	return c.stated == o.stated && c.priority == o.priority && c.scheduler == o.scheduler && c.spec.Equal(o.spec)
}

// disagreement says where m departs from what holds for its gang, or "".
func (c claim) disagreement(m *member) string {
	const oldest = "that its oldest member states: all members need one"
	differs := func(annotation string, mine, theirs any, what string) string {
		return fmt.Sprintf("annotation %s: %v differs from gang %s's %v, %s %s", annotation, mine, m.key, theirs, oldest, what)
	}
	mine, theirs := m.Spec, c.spec
	switch {
	case m.Priority != c.priority:
		return fmt.Sprintf("priority %d differs from gang %s's %d, %s priority", m.Priority, m.key, c.priority, oldest)
	case m.Scheduler != c.scheduler:
		return fmt.Sprintf("spec.schedulerName %s differs from gang %s's %s, %s scheduler", m.Scheduler, m.key, c.scheduler, oldest)
	case mine.Min != theirs.Min:
		return differs(MinAnnotation, mine.Min, theirs.Min, "minimum")
	case mine.Max != theirs.Max:
		return differs(MaxAnnotation, mine.Max, theirs.Max, "maximum")
	case FormatRoles(mine.Roles) != FormatRoles(theirs.Roles):
		return differs(RolesAnnotation, FormatRoles(mine.Roles), FormatRoles(theirs.Roles), "list of roles")
	case FormatTopology(mine.Topology) != FormatTopology(theirs.Topology):
		return differs(TopologyAnnotation, FormatTopology(mine.Topology), FormatTopology(theirs.Topology), "topology")
	}
	return ""
}

func (g *gang) faultOf(m *member) string {
	if m.Fault != "" || m.past || g.leader == nil {
		return m.Fault
	}
	return g.claim.disagreement(m)
}

// lead finds the gang's leader after m changed, or, if m is nil, after the
// leader left, and holds every member to what it states. Work in proportion to
// the members is done only when the leader leaves or states something else.
func (g *gang) lead(m *member) []Action {
	switch {
	case m == nil || m == g.leader && !m.speaks():
		g.leader = g.oldest()
	case m.Phase == Pending && g.all.placed+g.all.held > 0 && g.leader != nil:
		// A gang that has nodes is spoken for, if by a member without one.
	case m.speaks() && (g.leader == nil || older(m, g.leader) < 0):
		g.leader = m
	}
	var now claim
	if g.leader != nil {
		now = g.leader.claim()
	}
	if now.equal(g.claim) {
		return nil
	}
	g.claim = now
	var todo []Action
	for _, o := range g.sorted() {
		if f := g.faultOf(o); f != o.fault {
			g.count(o, -1)
			o.fault = f
			g.count(o, +1)
			if f != "" {
				todo = append(todo, g.refuse(o)...)
			}
		}
	}
	return todo
}

// refuse tells the owner of a member with a fault, and takes back what is
// planned or held for it.
func (g *gang) refuse(m *member) []Action {
	todo := tell(m, m.fault)
	if m.Phase == Reserved && !m.leaving {
		todo = append(todo, g.leave(m, m.fault)...)
	}
	return append(todo, g.unslot(m)...)
}

// oldest returns the first of older's order without a fault of its own, or nil.
func (g *gang) oldest() *member {
	var oldest *member
	for _, m := range g.members {
		if m.speaks() && (oldest == nil || older(m, oldest) < 0) {
			oldest = m
		}
	}
	return oldest
}

// tell returns the action that tells m's owner, unless the last one said the same.
func tell(m *member, why string) []Action {
	if m.told == why {
		return nil
	}
	m.told = why
	return []Action{{Kind: Tell, UID: m.UID, Why: why}}
}
