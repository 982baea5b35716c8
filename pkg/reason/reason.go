// Package reason is the one vocabulary of "why not": why a member cannot go on
// a node. Every refusal that a user reads is built from these values.
//
// It is not a place for sentences about whole gangs (see package explain), and
// it knows no Kubernetes types. Invariant: the set of codes is fixed, so that
// counts per reason stay small whatever the cluster does.
package reason

import (
	"cmp"
	"fmt"
	"slices"
)

// Code says which kind of obstacle it is.
type Code uint8

// The codes, in the order in which equal counts are shown.
const (
	None     Code = iota // nothing stands in the way
	Resource             // the node has too little of the resource named by Detail
	Taint                // the node has a taint that the member does not tolerate
	Affinity             // the node does not match the member's node selector or node affinity
	Cordoned             // the node is marked unschedulable
	Port                 // a host port of the member is taken on the node
	PodRules             // pod affinity or anti-affinity, of the member or against it
	Spread               // a topology spread constraint
	Volume               // a volume cannot be used on the node
	Claim                // a resource claim cannot be satisfied on the node
	Excluded             // the node was tried for this gang and refused the member
	Disk                 // the images of the member do not fit on the node's disk
	Kept                 // the node has room, which is kept for members of another gang
	Other                // the plugin named by Detail refused
)

// Reason is one obstacle. The zero value means that the member fits.
type Reason struct {
	Code Code
	// Detail is the resource's name for Resource, the device classes' for Claim if
	// they are known, the plugin's for Other, else empty.
	Detail string
}

// Fits reports whether nothing stands in the way.
func (r Reason) Fits() bool { return r.Code == None }

// String is the obstacle in the words that users read.
func (r Reason) String() string {
	switch r.Code {
	case None:
		return "fits"
	case Resource:
		return "insufficient " + r.Detail
	case Taint:
		return "untolerated taint"
	case Affinity:
		return "node affinity or selector does not match"
	case Cordoned:
		return "marked unschedulable"
	case Port:
		return "host port taken"
	case PodRules:
		return "pod affinity or anti-affinity"
	case Spread:
		return "topology spread constraint"
	case Volume:
		return "volume not usable"
	case Claim:
		if r.Detail != "" {
			return "resource claim for " + r.Detail + " not satisfiable"
		}
		return "resource claim not satisfiable"
	case Excluded:
		return "refused a member of this gang just now"
	case Disk:
		return "images do not fit on the disk"
	case Kept:
		return "room kept for another gang"
	case Other:
		return "refused by " + r.Detail
	}
	return fmt.Sprintf("code %d", r.Code)
}

// Tally counts nodes by reason.
type Tally map[Reason]int

// Count is one row of a tally.
type Count struct {
	Reason Reason
	Nodes  int // > 0
}

// Rows returns the counts, most frequent first; equal counts in order of code, then detail.
func (t Tally) Rows() []Count {
	rows := make([]Count, 0, len(t))
	for r, n := range t {
		rows = append(rows, Count{r, n})
	}
	slices.SortFunc(rows, func(a, b Count) int {
		return cmp.Or(
			cmp.Compare(b.Nodes, a.Nodes),
			cmp.Compare(a.Reason.Code, b.Reason.Code),
			cmp.Compare(a.Reason.Detail, b.Reason.Detail),
		)
	})
	return rows
}
