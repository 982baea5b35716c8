package gang

// The effort of all searches of one Plan, in looks at a node, which take some 50 ns:
// about a tenth of a second.
const (
	maxEffort      = 1_000_000
	questionEffort = 100 // of one question to the trial
	placeEffort    = 25  // of placing a member and taking it back
	// searchMembers is the largest need that is searched for. For larger ones the
	// effort would be spent on the last few members.
	searchMembers = 64
)

// searchable reports whether a search can find more in the scope than the orders
// did. They miss nothing if there is one class and its members are not coupled.
func (p *planner) searchable(s *scope) bool {
	return p.arranged() && p.quota.Need <= searchMembers && p.possible(s)
}

// arranged reports whether it can matter who is placed where.
func (p *planner) arranged() bool { return len(p.classes) > 1 || p.classes[0].Coupled }

// search looks for a place for the needed members in the scope by placing one
// after the other and taking them back where that leads nowhere, until it has
// found one, has tried everything, or has spent its effort. On success the
// members stay placed.
//
// It tries everything that differs in how many members of which class are on
// which node. For coupled members, the answers to them may also depend on the
// order in which they come; it tries one order for each of those outcomes.
func (p *planner) search(s *scope) bool {
	if p.effort <= 0 {
		return false
	}
	p.undoAll()
	f := finder{planner: p, seen: map[uint64]bool{}}
	for i, class := range p.classes {
		f.coupled = f.coupled || class.Coupled
		p.effort -= s.size(p)
		f.nodes = append(f.nodes, p.walk(i, len(class.UIDs), s).all())
	}
	return f.find(0, 0)
}

// finder is the state of one search.
type finder struct {
	*planner
	coupled bool
	nodes   [][]int         // by class, in the order in which it takes them
	seen    map[uint64]bool // placements that lead nowhere, by the sum of their hashes
}

// find places what is missing, of the classes from the given one on, in order.
// state is the sum of the hashes of what is placed.
func (f *finder) find(from int, state uint64) bool {
	if f.met() {
		return true
	}
	order := f.orders[0]
	for at := from; at < len(order) && f.reach(order[from:]); at++ {
		i := order[at]
		if !f.coupled {
			from = at // a class that was passed over does not come again
		}
		if !f.useful(i) {
			continue
		}
		for _, n := range f.nodes[i] {
			if f.effort--; f.effort <= 0 {
				return false
			}
			if then := state + mix(uint64(i)<<32|uint64(n)+1); !f.seen[then] && f.accepts(i, n) {
				f.seen[then] = true
				f.put(i, n)
				if f.find(from, then) {
					return true
				}
				f.undo()
			}
		}
	}
	return false
}

// accepts reports whether the node takes one more member of class i, and counts
// the effort of asking for it and of placing the member.
func (f *finder) accepts(i, n int) bool {
	if _, known := f.known(i, n); !known {
		f.effort -= questionEffort
	}
	if !f.askOne(i, n).Fits() {
		return false
	}
	f.effort -= placeEffort
	return true
}

// useful reports whether there is one more member of class i, and it may bring
// the gang nearer.
// Coupled members may do so by opening nodes for others.
func (f *finder) useful(i int) bool {
	if f.used[i] == len(f.classes[i].UIDs) {
		return false
	}
	if f.coupled && f.spare() > 0 {
		return true
	}
	if r := f.role[i]; r >= 0 && f.lack[r] > 0 {
		return true
	}
	return f.quota.Need-len(f.placed) > f.lacking()
}

// reach reports whether the members of these classes could complete the gang if
// all found a node.
func (f *finder) reach(classes []int) bool {
	left := 0
	byRole := make([]int, len(f.lack))
	for _, i := range classes {
		n := len(f.classes[i].UIDs) - f.used[i]
		left += n
		if r := f.role[i]; r >= 0 {
			byRole[r] += n
		}
	}
	for r, lack := range f.lack {
		if byRole[r] < lack {
			return false
		}
	}
	return len(f.placed)+left >= f.quota.Need
}
