// Package v1alpha1 has the types in which a scheduler tells what it knows, under
// /state/v1alpha1/ on its own port. They are read there, and never stored.
//
// Whoever may list the pods of a namespace may read what is said of them: what is
// read for one namespace names no object of another.
package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// APIVersion of the types.
	APIVersion = "state.muster.dev/v1alpha1"
	// Prefix of the paths at which they are served: pods, gangs and moves, those of one
	// namespace below namespaces/NAME, and one pod or gang below these; images and nodes.
	Prefix = "/state/v1alpha1/"
)

// Places in which a pod can be on its way to a node.
const (
	Gated         = "Gated"         // kept out of the queue, by scheduling gates or by what its gang waits for
	Active        = "Active"        // waits for its turn
	Backoff       = "Backoff"       // was refused a short time ago, and waits before it may be tried again
	Unschedulable = "Unschedulable" // was refused, and waits for an event that may help it
	Scheduling    = "Scheduling"    // has its turn, or is being bound
	Bound         = "Bound"         // has a node, and left the queue
	Gone          = "Gone"          // left the queue without a node
)

// PodList is the pods that wait, in the order in which they would have their turn:
// those who have it, then by place.
type PodList struct {
	metav1.TypeMeta `json:",inline"`
	Items           []Pod `json:"items"`
	// Next is the number of the next move: from there on they can be followed. Of many pods,
	// some may be here as a move from there on has left them.
	Next uint64 `json:"next"`
	// Unknown is how many pods came of which nothing is known, because too many waited then.
	Unknown uint64 `json:"unknown,omitempty"`
}

// Pod is one pod on its way.
type Pod struct {
	metav1.TypeMeta `json:",inline"`
	Namespace       string    `json:"namespace"`
	Name            string    `json:"name"`
	UID             types.UID `json:"uid,omitempty"`
	// Gang is the name of the gang of which the pod is a member.
	Gang string `json:"gang,omitempty"`
	// Place is where it is, and Since when it came there.
	Place string           `json:"place"`
	Since metav1.MicroTime `json:"since"`
	// Position is its place among the pods that are Active, counted over all namespaces from 1.
	Position int `json:"position,omitempty"`
	// Came is when the scheduler saw it first.
	Came     metav1.MicroTime `json:"came"`
	Priority int32            `json:"priority"`
	// Attempts is how many turns it has had.
	Attempts int `json:"attempts"`
	// BackoffUntil is until when the last attempt keeps it from the next one, to the second.
	BackoffUntil *metav1.MicroTime `json:"backoffUntil,omitempty"`
	// RefusedBy is the plugins that refused it last.
	RefusedBy []string `json:"refusedBy,omitempty"`
	// WokenBy is kube-scheduler's names for the events after which these plugins are asked whether
	// they help the pod, if it is Unschedulable; it is left out of lists.
	WokenBy []string `json:"wokenBy,omitempty"`
	// Message is what it waits for: what the last attempt said, or what its gang lacks.
	Message string `json:"message,omitempty"`
	// Moves are the last ones, the oldest first, and EarlierMoves how many there were before.
	Moves        []Move `json:"moves,omitempty"`
	EarlierMoves int    `json:"earlierMoves,omitempty"`
}

// Move is a pod's coming to a place.
type Move struct {
	At    metav1.MicroTime `json:"at"`
	Place string           `json:"place"`
	// Event is kube-scheduler's name for what moved the pod.
	Event string `json:"event,omitempty"`
	// Object is what the event was about, such as "Node n1", if it was not the pod. For those
	// who read of one namespace it is no more than a kind, but for nodes and objects there.
	Object string `json:"object,omitempty"`
	// RefusedBy is the plugins that refused the pod, if it comes from an attempt.
	RefusedBy []string `json:"refusedBy,omitempty"`
}

// Step is a move as a stream of moves has it, a line of JSON each.
type Step struct {
	metav1.TypeMeta `json:",inline"`
	Number          uint64 `json:"number"`
	// Lost is true of a step that is none, and says that moves before the next one may be
	// missing: they were too old to be told.
	Lost      bool      `json:"lost,omitempty"`
	Namespace string    `json:"namespace,omitempty"`
	Name      string    `json:"name,omitempty"`
	UID       types.UID `json:"uid,omitempty"`
	Move      `json:",inline"`
}

// GangList is gangs, by namespace and name.
type GangList struct {
	metav1.TypeMeta `json:",inline"`
	Items           []Gang `json:"items"`
}

// Gang is what the scheduler knows of a gang.
type Gang struct {
	metav1.TypeMeta `json:",inline"`
	Namespace       string `json:"namespace"`
	Name            string `json:"name"`
	// Source is how its members name it: Label, PodGroup or Native.
	Source string `json:"source"`
	// State is how far it has come: Invalid, Gathering, Queued, Waiting, Placing, Starting,
	// Running, Repairing or Finished.
	State string `json:"state"`
	// Min is how many members start together; the others count the members that there are.
	Min       int `json:"min"`
	Members   int `json:"members"`
	Bound     int `json:"bound"`
	Running   int `json:"running"`
	Succeeded int `json:"succeeded"`
	Failed    int `json:"failed"`
	// Planned are those with a planned node that is not reserved yet, and Reserved those with
	// a node in the scheduler's memory, which wait there for the rest.
	Planned  int `json:"planned"`
	Reserved int `json:"reserved"`
	// Message is what it waits for.
	Message string `json:"message,omitempty"`
	// Contested is who holds the room that it lacks, if room is what it lacks.
	Contested *Contested `json:"contested,omitempty"`
	// Outlook is what is expected of its start, and ImagesReadyAt when the images of its plan
	// are expected to be there, if that is in the future.
	Outlook       string            `json:"outlook,omitempty"`
	ImagesReadyAt *metav1.MicroTime `json:"imagesReadyAt,omitempty"`
	// Representative is the member that stands in the queue for a gang without a plan.
	Representative string `json:"representative,omitempty"`
	// Pods are its members, by name, and where each is. Moves are its last ones, the oldest
	// first, and EarlierMoves how many there were before. All are left out of lists.
	Pods         []Member   `json:"pods,omitempty"`
	Moves        []GangMove `json:"moves,omitempty"`
	EarlierMoves int        `json:"earlierMoves,omitempty"`
}

// GangMove is a gang's coming to a state, and what was said of it there last.
type GangMove struct {
	At      metav1.MicroTime `json:"at"`
	State   string           `json:"state"`
	Message string           `json:"message,omitempty"`
}

// Contested is who holds the room that a gang lacks, on the nodes that would do otherwise; on
// the 32 nearest of them, if there are more.
type Contested struct {
	// Pods are those of the gang's namespace, most first of those who hold most, at most
	// ten; More is how many there are besides.
	Pods []string `json:"pods,omitempty"`
	More int      `json:"more,omitempty"`
	// Others is how many pods of other namespaces hold some.
	Others int `json:"others,omitempty"`
}

// Member is one pod of a gang.
type Member struct {
	Name  string `json:"name"`
	Role  string `json:"role,omitempty"`
	Place string `json:"place,omitempty"`
	// Node is the one that it has, and Planned the one that it is going to get.
	Node    string `json:"node,omitempty"`
	Planned string `json:"planned,omitempty"`
}

// ImageList is the images that nodes have or are about to have, by name, and how fast
// they are pulled.
type ImageList struct {
	metav1.TypeMeta `json:",inline"`
	Items           []Image `json:"items"`
	Rates           Rates   `json:"rates"`
}

// Rates are bytes per second, as stated or as learnt from pulls.
type Rates struct {
	// Registry is what the registries serve over all nodes, and RegistryPulls from how many
	// pulls that was learnt: 0 if it is stated, or assumed.
	Registry      float64 `json:"registry,omitempty"`
	RegistryPulls int     `json:"registryPulls,omitempty"`
	// Pools are how fast the nodes of pools pull, where that was learnt.
	Pools []PoolRate `json:"pools,omitempty"`
}

// PoolRate is how fast a node of a pool pulls.
type PoolRate struct {
	Pool           string  `json:"pool"`
	BytesPerSecond float64 `json:"bytesPerSecond"`
	Pulls          int     `json:"pulls"` // from which it was learnt
}

// Image is where an image is.
type Image struct {
	metav1.TypeMeta `json:",inline"`
	Image           string `json:"image"`
	// Bytes of it as it travels; 0 if that is not known.
	Bytes int64 `json:"bytes,omitempty"`
	// Layers is true if its layers are known.
	Layers bool `json:"layers"`
	// Nodes that have it, and that pull it or are about to.
	Nodes   int `json:"nodes"`
	Pulling int `json:"pulling"`
	// On and PulledOn name these nodes; they are left out of lists.
	On       []string `json:"on,omitempty"`
	PulledOn []string `json:"pulledOn,omitempty"`
}

// NodeList is the nodes, by name.
type NodeList struct {
	metav1.TypeMeta `json:",inline"`
	Items           []Node `json:"items"`
}

// Node is what the scheduler counts of a node.
type Node struct {
	Name string `json:"name"`
	// Labels are its zone and region, and those by which gangs say within which domains
	// they belong.
	Labels        map[string]string `json:"labels,omitempty"`
	Ready         bool              `json:"ready"`
	Unschedulable bool              `json:"unschedulable"`
	// Room is what it has of each resource, and what pods use of it: those that it runs,
	// and those that it is about to get.
	Room map[string]Room `json:"room"`
	// Kept is for how many pods room is kept besides: members that are planned there and not
	// reserved yet, and those that a running gang lost and gets back.
	Kept int `json:"kept"`
	// Images that it has, and Pulls that are not over.
	Images ImageSum `json:"images"`
	Pulls  PullSum  `json:"pulls"`
}

// Room is what there is of a resource.
type Room struct {
	Has  resource.Quantity `json:"has"`
	Used resource.Quantity `json:"used"`
}

// ImageSum is how many images a node has.
type ImageSum struct {
	Count int   `json:"count"`
	Bytes int64 `json:"bytes"`
	// CutOff is true if the node lists as many as it may, and can have others.
	CutOff bool `json:"cutOff,omitempty"`
}

// PullSum is how many pulls a node has before it, and what they are still to bring.
type PullSum struct {
	Count int   `json:"count"`
	Bytes int64 `json:"bytes"`
}

// NodeImages is what a node has and pulls.
type NodeImages struct {
	metav1.TypeMeta `json:",inline"`
	Node            string `json:"node"`
	Platform        string `json:"platform,omitempty"`
	// BytesPerSecond is how fast it is taken to pull when nothing is in the way.
	BytesPerSecond float64 `json:"bytesPerSecond"`
	// ListCutOff is true if the node lists as many images as it may, and can have others.
	ListCutOff bool `json:"listCutOff,omitempty"`
	// DiskPressure is true if the node deletes what no pod uses.
	DiskPressure bool `json:"diskPressure,omitempty"`
	// DiskBytes is the size of the disk with the images, 0 if that is not known, and
	// DiskUsed what images are taken to use of it.
	DiskBytes int64       `json:"diskBytes,omitempty"`
	DiskUsed  int64       `json:"diskUsed,omitempty"`
	Images    []HeldImage `json:"images"`
	Pulls     []ImagePull `json:"pulls,omitempty"` // in the order in which they are made
}

// HeldImage is an image on a node.
type HeldImage struct {
	Image string `json:"image"`
	Bytes int64  `json:"bytes,omitempty"`
	Pods  int    `json:"pods"` // that run it
	// Unlisted is true if the node does not list it, and had it a short time ago.
	Unlisted bool `json:"unlisted,omitempty"`
}

// ImagePull is what a node pulls for a pod.
type ImagePull struct {
	PodUID types.UID `json:"podUID"`
	Images []string  `json:"images"`
	// Bytes are those that no other pull brings, and Arrived those of them that are taken to
	// have come.
	Bytes   int64 `json:"bytes"`
	Arrived int64 `json:"arrived"`
	// Reserved is true while the pod can still get another node.
	Reserved bool `json:"reserved,omitempty"`
}
