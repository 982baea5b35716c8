// Package image knows which image is on which node and what it would cost, in
// bytes and in seconds, to start a pod's images on a node that lacks some.
//
// It is a value with no clock, no lock, no logger and no goroutine: whoever
// feeds an [Inventory] guards it. It imports the standard library only and
// knows nothing of pods, nodes or references as Kubernetes spells them: a node
// is a name, an image is a key that the caller has already normalised.
//
// What it is not: it does not pull, it does not ask registries, and it does
// not choose a node. It counts whole images; layers shared between images,
// pulls already under way and the capacity of the registry are not in it yet.
// They will enter as more terms of [Pull] and [Rate]: what is asked of an
// Inventory, a Pull for a node and some keys, stays the same.
//
// Invariants:
//
//   - The answer depends on the nodes' last reports only, never on the order
//     in which they came.
//   - An image whose size nobody reports is neutral: it adds nothing anywhere.
//   - 0 <= Pull.Bytes, and sums stop at the largest int64 instead of wrapping.
//   - Reads do not write, so any number of them may run at once.
package image
