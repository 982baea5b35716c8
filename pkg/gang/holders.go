package gang

import (
	"cmp"
	"iter"
	"maps"
	"slices"
)

// Holding is what one pod holds of the resources that a gang is short of.
type Holding struct {
	Namespace, Pod string
	Gang           Key     // of which the pod is a member; the zero value for none
	Amounts        []int64 // by Shortage of the verdict; read before the next holding comes
}

// maxContested is on how many nodes it is looked who holds what a gang is short of. To ask
// all pods of a large cluster takes longer than to plan.
const maxContested = 32

// Holders are the pods that hold what a gang is short of, on the contested nodes. Others than those of its own namespace are a number.
type Holders struct {
	Own    []Holder // of its namespace: those who hold most first
	Pods   []string // the pods in Own by name, most first, at most maxNamed of them
	More   int      // pods in Own that are not in Pods
	Others int      // pods of other namespaces
}

// Holder is a gang, or a pod that is in none.
type Holder struct {
	Name string
	Gang bool
	Pods int // > 0; 1 if it is a pod
}

// maxNamed is how many pods are named at most.
const maxNamed = 10

// HoldersOf sums up who holds what a gang is short of. Who asks for none of it does not
// count, and neither do the gang's own members. The order of the holdings does not matter.
func HoldersOf(v Verdict, holdings iter.Seq[Holding]) Holders {
	type name struct {
		gang Key // or else
		pod  string
	}
	type sum struct {
		Holder
		name
		held []int64
		pods []string
	}
	var h Holders
	own := map[name]*sum{}
	for p := range holdings {
		switch {
		case !slices.ContainsFunc(p.Amounts, func(a int64) bool { return a > 0 }) || p.Gang == v.Gang:
			continue
		case p.Namespace != v.Gang.Namespace:
			h.Others++
			continue
		}
		of, holder := name{gang: p.Gang}, Holder{Name: p.Gang.Name, Gang: true}
		if p.Gang == (Key{}) {
			of, holder = name{pod: p.Pod}, Holder{Name: p.Pod}
		}
		s := own[of]
		if s == nil {
			s = &sum{Holder: holder, name: of, held: make([]int64, len(v.Short))}
			own[of] = s
		}
		s.Pods++
		s.pods = append(s.pods, p.Pod)
		for r, a := range p.Amounts {
			s.held[r] += a
		}
	}
	share := func(s *sum) float64 { // of what one more member asks for
		most := 0.0
		for r, short := range v.Short {
			most = max(most, float64(s.held[r])/float64(max(1, short.Ask)))
		}
		return most
	}
	all := slices.SortedFunc(maps.Values(own), func(a, b *sum) int {
		return cmp.Or(cmp.Compare(share(b), share(a)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.pod, b.pod), cmp.Compare(a.gang.Source, b.gang.Source))
	})
	for _, s := range all {
		h.Own = append(h.Own, s.Holder)
		slices.Sort(s.pods)
		named := min(len(s.pods), maxNamed-len(h.Pods))
		h.Pods, h.More = append(h.Pods, s.pods[:named]...), h.More+len(s.pods)-named
	}
	return h
}
