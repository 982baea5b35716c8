// Package doctor knows which settings of a cluster cost start time, by how much and why,
// and what to set instead. Values go in, findings come out.
//
// It reads no cluster, has no clock and changes nothing: pkg/cli reads, with the rights of
// whoever asks. It does not measure either. A rule tells from a setting what it can cost,
// by arithmetic or by the mechanism behind it; whether it does costs a look at the pods.
//
// Invariants: the same values give the same findings in the same order, whatever the order
// of the values. A setting that a component does not state has no finding. A component
// with the recommended values has none either. README.md lists the rules.
package doctor
