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

// The phases, in the order in which a member goes through them.
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
	Owner     string // UID of the controller that made the pod, or empty
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

// older orders members by who speaks for their gang: first those that have a
// node, so that no newcomer speaks against them, then by age, so that the order
// in which members are seen does not matter.
func older(a, b *member) int {
	hasNode := func(m *member) int {
		if m.Phase == Pending {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(hasNode(a), hasNode(b)),
		cmp.Compare(a.Created, b.Created),
		cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.UID, b.UID),
	)
}

// claim is what a gang's leader states for its whole gang.
type claim struct {
	stated    bool // false without a leader
	priority  int32
	scheduler string
	min       int
}

func (m *member) claim() claim { return claim{true, m.Priority, m.Scheduler, m.Min} }

// disagreement says where m departs from what holds for its gang, or "".
func (c claim) disagreement(m *member) string {
	const oldest = "that its oldest member states: all members need one"
	switch {
	case m.Priority != c.priority:
		return fmt.Sprintf("priority %d differs from gang %s's %d, %s priority", m.Priority, m.key, c.priority, oldest)
	case m.Scheduler != c.scheduler:
		return fmt.Sprintf("spec.schedulerName %s differs from gang %s's %s, %s scheduler", m.Scheduler, m.key, c.scheduler, oldest)
	case m.Min != c.min:
		return fmt.Sprintf("annotation muster.dev/min-member: %d differs from gang %s's %d, %s minimum", m.Min, m.key, c.min, oldest)
	}
	return ""
}
