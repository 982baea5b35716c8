package gang

// The marks that make a pod a member.
const (
	// NameLabel names a gang without any object of its own.
	NameLabel = "muster.dev/gang"
	// MinAnnotation is the minimum of a gang named by NameLabel, on every member.
	MinAnnotation = "muster.dev/min-member"
	// MaxAnnotation is how many members may have a node at a time. It and the two
	// below are on every member of a gang named by NameLabel, or on the PodGroup.
	MaxAnnotation = "muster.dev/max-member"
	// RolesAnnotation is the minimum by role, such as launcher=1,worker=8.
	RolesAnnotation = "muster.dev/roles"
	// TopologyAnnotation is the levels of the topology, the widest first, such as
	// topology.kubernetes.io/zone=required,example.com/rack=preferred.
	TopologyAnnotation = "muster.dev/topology"
	// RoleAnnotation is the role of one member.
	RoleAnnotation = "muster.dev/role"
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
	// Native is a scheduling.k8s.io PodGroup object, which spec.schedulingGroup names.
	Native
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
	Role      string // of the member, or empty
	// Spec is what this member states for its gang; empty if the gang's object
	// states it.
	Spec Spec
	// Node is the node that the member has in the API, or empty; BoundAt is when
	// it got it, in nanoseconds since 1970, 0 if that is not known.
	Node    string
	BoundAt int64
	// RefusedAt is when the member was first told, by a condition in the API, that
	// there is no node for it, in nanoseconds since 1970; 0 if it was not.
	RefusedAt int64
	// Running members have started to run, as their node says.
	Running bool
	// Blocked says why a member that exists may not be tried yet, such as that it
	// has scheduling gates; empty if it may.
	Blocked string
	// Phase is Pending, Bound or Done as the API has it; Reserved and Binding
	// are the roster's own.
	Phase Phase
	// Fault says why this pod can be no member, in a sentence for its owner.
	Fault string
}

// Group is what a gang's own object states.
type Group struct {
	UID     string
	Spec    Spec
	Created int64 // nanoseconds since 1970
	// WholeAt is when it was last recorded at the object that the gang had been
	// whole, in the run of that time, in nanoseconds since 1970; 0 if it was not.
	WholeAt int64
	Fault   string
}

// Job is what is known of a controller of members that runs them to completion.
type Job struct {
	Parallelism int // how many of its pods it has at a time, >= 0; never more than it has to complete
	Succeeded   int // how many of its pods or indexes have succeeded, whether their pods still exist or not
}
