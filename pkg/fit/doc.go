// Package fit answers whether pods that do not exist would fit now: it has the scheduler's own
// planner try them between two scheduling cycles, on the snapshot, the filters and the
// estimates that a cycle would use.
//
// It creates and keeps nothing, and is no admission: quotas and the API server's rules are
// for who asks to have tried, by a dry run. Invariants: scheduling cycles and questions exclude
// each other, and questions take at most a tenth of the time.
package fit
