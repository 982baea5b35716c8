// Package image knows which image is on which node, which pulls are under way,
// and what it would cost, in bytes and in seconds, to start a pod's images on a
// node that lacks some.
//
// It is a value with no clock, no lock, no logger and no goroutine: whoever
// feeds an [Inventory] guards it, and says what time it is. It imports the
// standard library only and knows nothing of pods, nodes or references as
// Kubernetes spells them: a node is a name, an image is a key that the caller
// has already normalised, a pod is what its owner calls it.
//
// What it is not: it does not pull, it does not ask registries, and it does
// not choose a node.
//
// An image whose [Manifest] is known counts by layers, any other as a whole. A
// node has the layers of the images that it reports or on which its pods run.
// What a node is about to pull is a [Promise]: soft while its gang may still be
// given up, firm from the binding on, gone when the pod runs, has failed to pull,
// or is overdue. The pulls of a node are a queue, in the order of the bindings,
// and its time is worked out as a kubelet and a registry would spend it.
//
// Invariants:
//
//   - An image of which no size is known is neutral: it adds nothing anywhere.
//   - Undo takes back all that Reserve did, whatever happened between.
//   - A soft promise counts for its own gang only.
//   - 0 <= Estimate.Bytes, and sums stop at the largest int64 instead of wrapping;
//     seconds are finite and not negative.
//   - Reads do not write, so any number of them may run at once.
package image
