// Package process is muster-images as a process: its flags, its health, metrics
// and leader election, as Kubernetes' own components have them.
//
// What it is not: it knows nothing of images. Package publish does.
//
// Invariant: whatever is wrong with the flags is said before anything connects to
// a cluster or a registry.
package process
