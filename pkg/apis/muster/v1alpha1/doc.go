// Package v1alpha1 has the types of muster.dev/v1alpha1, the group of the labels
// and annotations that Muster reads: the resources of which it is the only owner.
//
// It is not what gangs are described by: PodGroups are others', and stay theirs.
//
// The definitions in manifests/ are written by hand and say more than these types
// can: a test compares the two.
package v1alpha1
