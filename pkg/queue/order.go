// Package queue holds the order in which waiting pods are tried.
//
// It is not the queue: the framework's own queue is the engine. Invariant: a
// Key is fixed when its pod enters the queue and never changes while the pod
// waits, because the queue's heap is not rebuilt when a rank changes.
package queue

import "cmp"

// Key is the rank of one waiting pod.
type Key struct {
	// Priority of the pod; higher goes first.
	Priority int32
	// Repair is set for a member that takes the place of one that its running gang
	// lost. It goes first in its priority: the gang holds the nodes of all its
	// other members meanwhile.
	Repair bool
	// Since is when the wait began, in nanoseconds since 1970: for a member the
	// creation of its gang, so that members stay together and a gang keeps its
	// age; for a plain pod the time at which it entered the queue.
	Since int64
	// Gang is the gang's namespace and name, empty for a plain pod.
	Gang string
	// Index is the member's place in its gang, such as a Job's completion index.
	Index int
	// UID of the pod. It makes the order total.
	UID string
}

// Compare returns a negative number if a is tried before b, a positive one if
// after, and 0 only for the same pod. Priority first, then repairs, then age;
// members of one gang stand together, in the order of their index.
func Compare(a, b Key) int {
	return cmp.Or(
		cmp.Compare(b.Priority, a.Priority),
		repairFirst(a.Repair, b.Repair),
		cmp.Compare(a.Since, b.Since),
		cmp.Compare(a.Gang, b.Gang),
		cmp.Compare(a.Index, b.Index),
		cmp.Compare(a.UID, b.UID),
	)
}

func repairFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
