package gang

import (
	"cmp"
	"fmt"
)

// The marks that make a pod a member.
const (
	// NameLabel names a gang without any object of its own.
	NameLabel = "muster.dev/gang"
	// MinAnnotation is the minimum of a gang named by NameLabel, on every member.
	MinAnnotation = "muster.dev/min-member"
	// PodGroupLabel names the PodGroup that the pod belongs to.
	PodGroupLabel = "scheduling.x-k8s.io/pod-group"
)

// Source says which way of naming a gang its members use.
type Source uint8

const (
	// Label is the label muster.dev/gang; the members carry the minimum themselves.
	Label Source = iota
	// PodGroup is a scheduling.x-k8s.io/v1alpha1 PodGroup object, which carries the minimum.
	PodGroup
)

// Key identifies a gang.
type Key struct {
	Namespace, Name string
	Source          Source
}

// String returns namespace/name.
func (k Key) String() string { return k.Namespace + "/" + k.Name }

// Phase is how far a member has come.
type Phase uint8

const (
	Pending  Phase = iota // exists, has no node
	Reserved              // has a node in the scheduler's memory, waits for the rest of its gang
	Binding               // released, is being bound
	Bound                 // has a node in the API
	Done                  // has succeeded
)

// Member is what is known of one pod of a gang.
type Member struct {
	UID       string
	Name      string // of the pod
	Created   int64  // nanoseconds since 1970
	Index     int    // place in the gang, such as a Job's completion index; >= 0
	Priority  int32
	Scheduler string // the pod's spec.schedulerName
	// Min is the gang's minimum as this member states it, >= 1. It is 0 if the
	// gang's object states it.
	Min int
	// Blocked members exist but may not be tried: they have scheduling gates.
	Blocked bool
	// Phase is Pending, Bound or Done as the API has it; Reserved and Binding
	// are the roster's own.
	Phase Phase
	// Fault says why this pod can be no member, in a sentence for its owner.
	Fault string
}

// Group is what a gang's own object states.
type Group struct {
	Min     int   // >= 1
	Created int64 // nanoseconds since 1970
	Fault   string
}

// older orders members by age, so that the oldest speaks for its gang whatever
// the order in which members are seen.
func older(a, b *member) int {
	return cmp.Or(cmp.Compare(a.Created, b.Created), cmp.Compare(a.Name, b.Name), cmp.Compare(a.UID, b.UID))
}

// disagreement says where m departs from what the leader of its gang states, or "".
func disagreement(m, leader *member, k Key) string {
	switch {
	case m.Priority != leader.Priority:
		return fmt.Sprintf("priority %d differs from the %d of pod %s, the oldest of gang %s: all members need one priority",
			m.Priority, leader.Priority, leader.Name, k)
	case m.Scheduler != leader.Scheduler:
		return fmt.Sprintf("spec.schedulerName %s differs from the %s of pod %s, the oldest of gang %s: all members need one scheduler",
			m.Scheduler, leader.Scheduler, leader.Name, k)
	case m.Min != leader.Min:
		return fmt.Sprintf("annotation muster.dev/min-member says %d, pod %s, the oldest of gang %s, says %d: all members need one minimum",
			m.Min, leader.Name, k, leader.Min)
	}
	return ""
}
