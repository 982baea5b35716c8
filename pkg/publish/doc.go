// Package publish keeps the ImageManifests of a cluster: one for each image and
// platform that pods name or nodes have, read from registries once, and gone some
// time after nobody has used it.
//
// Every entry of the list of allowed registries is a lane of its own, with its own
// queue, workers and rate: a registry that is slow, busy or hostile holds up nobody
// but itself. In a lane, namespaces take turns, so that one that names thousands of
// images delays the others by one read each. What is not there, or not ours to
// read, is asked for again later and later, also when it is named anew; so whatever
// pods name, a registry is asked no more often than its lane allows.
//
// What it is not: it places nothing and pulls nothing. The scheduler works without
// it, on whole images.
//
// Invariants: one replica writes at a time, as leader. A registry outside of the
// list is never asked. A tag is a reference of what its registry says it stands
// for, never of what a node or an index says. What all objects hold together is
// bounded: their number, and of each its layers and references.
package publish
