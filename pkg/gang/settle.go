package gang

import (
	"fmt"
	"slices"
)

// settle brings a gang in order after something changed: it gives up a plan
// that can no longer be completed, releases one that needs no more, elects a
// representative, and lets in those who may enter.
func (r *Roster) settle(g *gang) []Action {
	s, fault := r.spec(g)
	if fault != "" {
		return g.abandon(fault)
	}
	var todo []Action
	switch {
	case !g.complete(s, existing):
		todo = g.abandon(g.gathering(s))
	case g.widowed():
		g.ahead = nil
		todo = append(g.abandon(fmt.Sprintf("a member of gang %s that was to be bound before the others lost its node", g.key)), g.elect()...)
	case g.all.held > 0 && g.complete(s, secured):
		if proof := g.proof(s); proof != nil {
			todo = proof
			break
		}
		return append(g.release(nil), r.settle(g)...)
	case g.complete(s, placed):
		todo = g.welcome(s)
	case (g.planned || g.all.held > 0) && !g.complete(s, intended):
		todo = append(g.abandon(fmt.Sprintf("a planned member of gang %s went away", g.key)), g.elect()...)
	case !g.planned:
		todo = g.elect()
	}
	todo = append(todo, g.next(false)...)
	return append(todo, g.watch(s)...)
}

// next sends for the member whose turn it is in a plan with an order, if it is
// not on its way already; its turn has just come if sure is set.
func (g *gang) next(sure bool) []Action {
	for len(g.order) > 0 {
		if m := g.members[g.order[0]]; m != nil && m.slot != "" {
			if g.inTurn(m.UID) && (m.gated || sure) {
				return []Action{g.summon(m)}
			}
			return nil
		}
		g.order = g.order[1:] // it has used its slot, or is gone
	}
	return nil
}

// welcome lets in those who wait beyond the minimum, as many as the maximum leaves.
func (g *gang) welcome(s Spec) []Action {
	room := g.room(s)
	if len(g.outside) == 0 || room <= 0 {
		return nil // without work: a gang at its maximum may have very many outside
	}
	todo := make([]Action, 0, min(room, len(g.outside)))
	for _, m := range inOrder(g.outside) {
		if room--; room < 0 {
			break
		}
		todo = append(todo, g.summon(m))
	}
	return todo
}

// room is how many more members may have a node beside those who have one, or
// have a slot. More may be in the queue: one that fits nowhere is in nobody's way.
func (g *gang) room(s Spec) int {
	if s.Max == 0 {
		return len(g.members)
	}
	return s.Max - g.present() - g.all.slots
}

// present is how many members have a node.
func (g *gang) present() int { return g.all.placed - g.all.done + g.all.held }

// gathering says how many members are missing, and which.
func (g *gang) gathering(s Spec) string {
	for _, role := range s.Roles {
		if n := g.role(role.Name).exist; n < role.Min && g.all.exist >= s.Min {
			return fmt.Sprintf("gang %s: %d of %d members with the role %s exist", g.key, n, role.Min, role.Name)
		}
	}
	return fmt.Sprintf("gang %s: %d of %d members exist", g.key, g.all.exist, s.Min)
}

// blocked says of the first member that may not be tried yet why not.
func (g *gang) blocked() string {
	if m := g.first(func(m *member) bool { return m.Blocked != "" }); m != nil {
		return "; pod " + m.Name + ": " + m.Blocked
	}
	return ""
}

// misnamed says which member is first to have a role that nobody asked for: it
// counts, but for no role's minimum.
func (g *gang) misnamed(s Spec) string {
	odd := g.first(func(m *member) bool {
		return m.Role != "" && !slices.ContainsFunc(s.Roles, func(r Role) bool { return r.Name == m.Role })
	})
	if odd == nil || len(s.Roles) == 0 {
		return ""
	}
	return fmt.Sprintf("; pod %s has the role %s, which is not among %s", odd.Name, odd.Role, FormatRoles(s.Roles))
}

// summon has m try to enter the queue. It is not sent for again until the gate
// has seen it.
func (g *gang) summon(m *member) Action {
	g.gate(m, false)
	return Action{Kind: Activate, UID: m.UID}
}

// elect makes sure that a gang without a plan has a representative at the
// queue. It does work in proportion to the members only if it has to choose one.
func (g *gang) elect() []Action {
	if g.leaving > 0 || g.resting {
		return nil // Unreserve, Forget and Wake come back to it
	}
	if m := g.members[g.rep]; m != nil && m.waits() {
		if m.gated {
			return []Action{g.summon(m)}
		}
		return nil
	}
	first := g.firstWaiting()
	if first == nil {
		g.rep = ""
		return nil
	}
	g.rep = first.UID
	return []Action{g.summon(first)}
}

// firstWaiting returns the first member that is to be given a node, or nil.
func (g *gang) firstWaiting() *member { return g.first((*member).waits) }

// first returns the first member of which that holds, or nil.
func (g *gang) first(holds func(*member) bool) *member {
	var first *member
	for _, m := range g.members {
		if holds(m) && (first == nil || before(m, first) < 0) {
			first = m
		}
	}
	return first
}

// abandon gives up a plan: what is reserved is given back, nothing is kept.
func (g *gang) abandon(why string) []Action {
	if !g.planned && g.all.held == 0 {
		return nil
	}
	g.touch()
	var todo []Action
	for _, m := range g.sorted() {
		if m.Phase == Reserved && !m.leaving {
			todo = append(todo, g.leave(m, why)...)
		}
		todo = append(todo, g.unslot(m)...)
	}
	g.planned, g.order, g.ahead, g.proofRound, g.proven = false, nil, nil, 0, false
	return append(todo, Action{Kind: Freed})
}

// unslot takes a member's planned node back.
func (g *gang) unslot(m *member) []Action {
	if m.slot == "" {
		return nil
	}
	g.setSlot(m, "")
	return []Action{{Kind: Unslot, UID: m.UID}}
}

// rest keeps a gang whose plan broke from being tried again at once: what broke
// it may be there still, and every attempt holds nodes for a moment.
func (g *gang) rest() Action {
	g.touch()
	g.resting = true
	g.broken++
	return Action{Kind: Rest, Gang: g.key, Round: g.broken}
}

// rested ends the gang's rest, and forgets what it was for. Wake knows a rest by
// how often there was one: the count must not change without it.
func (g *gang) rested() { g.resting, g.broken = false, 0 }

// release lets everybody who is reserved be bound; but is the member whose own
// cycle it is, or nil.
func (g *gang) release(but *member) []Action {
	var todo []Action
	for _, m := range g.sorted() {
		if m.Phase != Reserved || m.leaving {
			continue
		}
		g.move(m, Binding)
		if m != but {
			todo = append(todo, Action{Kind: Allow, UID: m.UID})
		}
	}
	if g.all.slots == 0 {
		g.planned = false
	}
	return todo
}
