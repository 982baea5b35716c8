// Package snapshot translates between the cluster and the pure packages: pods,
// PodGroups of both kinds, Jobs and nodes become members, groups and inventories;
// the framework's nodes and filters become the what-if world in which a gang is
// planned; and what is known of a gang becomes the status of its PodGroup.
//
// It owns the state that several plugins share, and its locks, and carries out
// what the pure packages answer. It decides nothing itself.
//
// Invariant: no lock of this package is held while the scheduling queue, the
// API or a plugin is called. PreEnqueue runs under the queue's lock and takes
// ours, so taking the queue's under ours would deadlock.
package snapshot
