package gang

import (
	"slices"

	"github.com/muster-scheduler/muster/pkg/reason"
	"github.com/muster-scheduler/muster/pkg/resources"
)

// unlimited is the number of members if there is no bound.
const unlimited = 1 << 30

// fill places as many members as it can within the scope, up to the limit:
// first those of roles that are lacking, then the others. A coupled class may fit
// only after a later one: it goes round until nobody more does.
func (p *planner) fill(order []int, s *scope) {
	coupled := slices.ContainsFunc(p.classes, func(c Class) bool { return c.Coupled })
	for before := -1; before < len(p.placed); {
		before = len(p.placed)
		for _, i := range order {
			if r := p.role[i]; r >= 0 && p.lack[r] > 0 {
				p.place(i, p.lack[r], s)
			}
		}
		for _, i := range order {
			p.place(i, p.spare(), s)
		}
		if !coupled {
			return
		}
	}
}

// spare is how many members of any role may still be placed, the room for
// lacking roles left aside.
func (p *planner) spare() int {
	if p.quota.Limit == 0 {
		return unlimited
	}
	return p.quota.Limit - len(p.placed) - p.lacking()
}

// place gives nodes to up to want members of class i. While nodes refuse, ever
// more are asked at once.
func (p *planner) place(i, want int, s *scope) {
	want = min(want, len(p.classes[i].UIDs)-p.used[i])
	if want <= 0 {
		return
	}
	if p.classes[i].Coupled {
		p.placeCoupled(i, want, s)
		return
	}
	w := p.walk(i, want, s)
	for ahead := 1; want > 0; {
		nodes := w.next(ahead)
		if len(nodes) == 0 {
			return
		}
		before := want
		for at, why := range p.ask(i, nodes) {
			n := nodes[at]
			for most := want - w.share(n, want); want > most && why.Fits(); {
				p.put(i, n)
				if want--; want > most {
					why = p.askOne(i, n)
				}
			}
		}
		if ahead = min(2*ahead, maxAhead); want < before {
			ahead = 1
		}
	}
}

// maxAhead is how many nodes are asked at once at most.
const maxAhead = 512

// placeCoupled places one member on each node in turn: a node that refused
// before may accept after another took one.
func (p *planner) placeCoupled(i, want int, s *scope) {
	all := p.walk(i, want, s).all()
	for before := want + 1; want > 0 && want < before; {
		before = want
		ahead := 1
		for nodes := all; want > 0 && len(nodes) > 0; {
			batch := nodes[:min(ahead, len(nodes))]
			at := slices.IndexFunc(p.ask(i, batch), reason.Reason.Fits)
			if at < 0 {
				nodes, ahead = nodes[len(batch):], min(2*ahead, maxAhead)
				continue
			}
			p.put(i, batch[at])
			nodes, ahead = nodes[at+1:], 1 // the other answers are out of date
			want--
		}
	}
}

// room returns how many more members of class i the node has room for; none if
// it is closed to them.
func (p *planner) room(i, n int) int {
	if p.closed(i, n) {
		return 0
	}
	return p.amounts(i, n)
}

// amounts returns for how many more members of class i the amounts on the node
// suffice. What is kept for others is taken off when it first matters.
func (p *planner) amounts(i, n int) int {
	ask := p.classes[i].Ask
	room := resources.Room(p.c.Free[n], ask)
	if room == 0 || p.looked[n] {
		return room
	}
	p.looked[n] = true
	kept := p.t.Kept(n)
	if kept == nil {
		return room
	}
	p.kept[n] = kept
	for r, k := range kept {
		p.c.Free[n][r] -= k
	}
	return resources.Room(p.c.Free[n], ask)
}

func (p *planner) closed(i, n int) bool { return p.classes[i].Closed != nil && p.classes[i].Closed[n] }

// ask asks the trial about one more member of class i on each of the nodes. It
// does not ask where arithmetic answers, or where it knows.
func (p *planner) ask(i int, nodes []int) []reason.Reason {
	answers := make([]reason.Reason, len(nodes))
	if len(nodes) < fewNodes {
		for at, n := range nodes {
			answers[at] = p.askOne(i, n)
		}
		return answers
	}
	var open, where []int
	for at, n := range nodes {
		if why, known := p.known(i, n); known {
			answers[at] = why
		} else {
			open, where = append(open, n), append(where, at)
		}
	}
	for at, why := range p.t.Survey(i, open, p.next(i)) {
		p.learn(i, open[at], why)
		answers[where[at]] = why
	}
	return answers
}

// fewNodes are not worth asking at once.
const fewNodes = 16

func (p *planner) askOne(i, n int) reason.Reason {
	why, known := p.known(i, n)
	if !known {
		why = p.t.Fits(i, n, p.next(i))
		p.learn(i, n, why)
	}
	return why
}

// next is the member of class i that is placed next, or the last if all are.
func (p *planner) next(i int) string {
	return p.classes[i].UIDs[min(p.used[i], len(p.classes[i].UIDs)-1)]
}

// known returns the answer for one more member of class i on the node, if there
// is no need to ask for it. Amounts come first, so that what is said of a node does
// not depend on what else was learnt about it.
func (p *planner) known(i, n int) (reason.Reason, bool) {
	if p.amounts(i, n) == 0 {
		tight := resources.Tightest(p.c.Free[n], p.classes[i].Ask)
		return reason.Reason{Code: reason.Resource, Detail: p.c.Resources[tight]}, true
	}
	why, ok := p.answers[question{i, n, p.on[n]}]
	return why, ok
}

// learn keeps an answer that depends on the node, and on what is placed there,
// alone. Coupled members may mind what is placed elsewhere.
func (p *planner) learn(i, n int, why reason.Reason) {
	lasting := true
	switch why.Code {
	case reason.None:
		lasting = !p.classes[i].Coupled
	case reason.Resource, reason.Taint, reason.Affinity, reason.Cordoned, reason.Disk:
	case reason.Port, reason.Excluded:
		p.obstructed = true
	default:
		p.obstructed = true
		lasting = !p.classes[i].Coupled
	}
	if lasting {
		p.answers[question{i, n, p.on[n]}] = why
	}
}
