// Package demo is the tour that make demo gives: it starts a sandbox with Muster, applies the files of
// manifests/examples/demo, and tells in plain words what happens, as it happens.
//
// It is neither a test suite nor a benchmark: it shows a few promises on a small cluster, in compressed time.
//
// Invariants:
//   - it tells what a watch of the cluster saw, never what should have happened;
//   - it waits for conditions, with a deadline each, and never for time to pass;
//   - a promise that is not kept is an error that says what was expected and what was seen.
package demo
