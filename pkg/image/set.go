package image

import (
	"iter"
	"math/bits"
	"slices"
)

// set is a set of small non-negative integers: a sorted list while it is small,
// a bitmap that grows to the largest member from then on. Most layers are on few
// nodes; base layers are on all of them.
type set struct {
	few  []int32
	many []uint64
	n    int
}

// maxFew is where a list takes as much room as a bitmap of 5,000 nodes.
const maxFew = 128

func (s *set) has(i int) bool {
	if s.many != nil {
		return i/64 < len(s.many) && s.many[i/64]&(1<<(i%64)) != 0
	}
	_, ok := slices.BinarySearch(s.few, int32(i))
	return ok
}

// add reports whether i was not in the set.
func (s *set) add(i int) bool {
	if s.many == nil {
		at, ok := slices.BinarySearch(s.few, int32(i))
		if ok {
			return false
		}
		s.n++
		if len(s.few) < maxFew {
			s.few = slices.Insert(s.few, at, int32(i))
			return true
		}
		for _, member := range s.few {
			s.mark(int(member))
		}
		s.few = nil
		s.mark(i)
		return true
	}
	if s.has(i) {
		return false
	}
	s.n++
	s.mark(i)
	return true
}

func (s *set) mark(i int) {
	if i/64 >= len(s.many) {
		s.many = append(s.many, make([]uint64, i/64+1-len(s.many))...)
	}
	s.many[i/64] |= 1 << (i % 64)
}

// remove takes i, if it is there, out of the set.
func (s *set) remove(i int) {
	if s.many != nil {
		if s.has(i) {
			s.many[i/64] &^= 1 << (i % 64)
			s.n--
		}
		return
	}
	if at, ok := slices.BinarySearch(s.few, int32(i)); ok {
		s.few = slices.Delete(s.few, at, at+1)
		s.n--
	}
}

// all returns the members in ascending order.
func (s *set) all() iter.Seq[int] {
	return func(yield func(int) bool) {
		for _, i := range s.few {
			if !yield(int(i)) {
				return
			}
		}
		for at, word := range s.many {
			for ; word != 0; word &= word - 1 {
				if !yield(at*64 + bits.TrailingZeros64(word)) {
					return
				}
			}
		}
	}
}
