// Package resources does the arithmetic of resource vectors: how many equal
// members fit into what a node has free.
//
// A vector is a slice of amounts in a fixed order that the caller keeps (see
// Index). It is not a copy of Kubernetes quantities: amounts are plain int64,
// in thousandths for cpu and in units or bytes for everything else.
package resources

import "math"

// The names with a meaning of their own here. All others are opaque.
const (
	CPU    = "cpu"    // in thousandths of a core
	Memory = "memory" // in bytes
	Pods   = "pods"   // places for pods on the node
)

// Unbounded is what a node has free of a resource of which its amount is not
// known: something else than the node may provide it.
const Unbounded = int64(1) << 50

// Vector holds one amount per resource of an Index. Free amounts may be
// negative: a node can be over-committed.
type Vector []int64

// Index names the positions of a Vector.
type Index []string

// Position returns where name stands, or -1.
func (x Index) Position(name string) int {
	for i, n := range x {
		if n == name {
			return i
		}
	}
	return -1
}

// Room returns how many times ask fits into free: the least of free/ask over
// all resources that are asked for, never negative. If nothing is asked for,
// it is math.MaxInt32.
func Room(free, ask Vector) int {
	room := int64(math.MaxInt32)
	for i, a := range ask {
		if a > 0 {
			room = min(room, max(0, free[i]/a))
		}
	}
	return int(room)
}

// Tightest returns the position of the resource that limits Room, the first
// one if several do, or -1 if nothing is asked for.
func Tightest(free, ask Vector) int {
	at, least := -1, int64(math.MaxInt64)
	for i, a := range ask {
		if a > 0 {
			if n := max(0, free[i]/a); n < least {
				at, least = i, n
			}
		}
	}
	return at
}

// Share returns the largest part of total that ask takes of any one resource,
// 0 <= Share; a resource that is asked for and has no total counts as 1.
func Share(ask, total Vector) float64 {
	share := 0.0
	for i, a := range ask {
		switch {
		case a <= 0:
		case total[i] <= 0:
			share = max(share, 1)
		default:
			share = max(share, float64(a)/float64(total[i]))
		}
	}
	return share
}
