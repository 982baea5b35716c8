// Package gang decides about gangs: who belongs to one, whether it may be
// tried, where its members go, and what happens when one of them fails.
//
// It has two parts. The Roster is the life of every gang as a state machine:
// it is told what happens (a member appears, is reserved, is bound, goes away)
// and answers with what to do about it, as data. Plan places the members of one
// gang on a cluster, all or nothing: plan.go is the way through it, topology.go
// says where it is tried, fill.go places members one class after the other,
// search.go takes members back where that is not enough, and refusal.go finds out
// what is missing.
//
// The package knows no Kubernetes types, no clock, no goroutine and no lock:
// the caller serialises the calls to one Roster.
//
// Invariants:
//   - Between scheduling cycles, a gang holds a reservation only while it has a
//     complete plan: as many slots as members are missing.
//   - Members are counted by UID, within one namespace. A member that is being
//     deleted, or has failed, does not count; one that has succeeded does.
//   - One member at a time, the representative, may enter the queue for a gang
//     that has no plan: a gang that fails costs one attempt, whatever its size.
//   - The answer to a question depends on the history of calls alone.
package gang
