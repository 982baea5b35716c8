// Package v1alpha1 has the types in which kubectl muster doctor writes what it found, with
// -o json and -o yaml. They are written for scripts, and never stored.
//
// Fields may be added. What a field means, and the name of a rule, stay as they are.
package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

const (
	// APIVersion of the types.
	APIVersion = "doctor.muster.dev/v1alpha1"
	// Kind of a report.
	Kind = "Report"
)

// Severity is how much a finding matters.
type Severity string

// The severities, the worst first.
const (
	Error   Severity = "error"   // something does not work: pods do not start, or start twice
	Warning Severity = "warning" // pods start later than they could
	Info    Severity = "info"    // can cost time under circumstances that the finding states
)

// Rank orders severities: the worse, the greater. That of what is none is 0.
func (s Severity) Rank() int {
	return map[Severity]int{Info: 1, Warning: 2, Error: 3}[s]
}

// Report is what was found in one cluster.
type Report struct {
	metav1.TypeMeta `json:",inline"`
	// Nodes is how many the cluster has, and NodesAsked of how many the settings were read.
	Nodes      int `json:"nodes"`
	NodesAsked int `json:"nodesAsked"`
	// Findings come the worst first.
	Findings []Finding `json:"findings"`
	// NotChecked is what could not be looked at.
	NotChecked []NotChecked `json:"notChecked"`
}

// Finding is one thing that costs start time, with all the objects that have it.
type Finding struct {
	Severity Severity `json:"severity"`
	// Rule is the name of the rule that found it.
	Rule string `json:"rule"`
	// Subject is what has the setting: kubelet, node, scheduler or API server.
	Subject string `json:"subject"`
	// Setting is the name of a field, in the words of its owner, or of what was looked at;
	// Value is what it is, Recommended what it should be.
	Setting     string  `json:"setting"`
	Value       string  `json:"value"`
	Recommended string  `json:"recommended"`
	Objects     Objects `json:"objects"`
	// Cost is what it costs, and why.
	Cost string `json:"cost"`
	// Fix is how to set it.
	Fix string `json:"fix"`
}

// Objects are those that have a finding in common.
type Objects struct {
	// Kind is that of the objects, in the plural.
	Kind string `json:"kind"`
	// Count is how many have it, Of how many were looked at.
	Count int `json:"count"`
	Of    int `json:"of"`
	// Names are the first few, in order.
	Names []string `json:"names"`
}

// NotChecked is something that could not be looked at.
type NotChecked struct {
	What   string `json:"what"`
	Reason string `json:"reason"`
	// Needs is the right or the part that is missing.
	Needs string `json:"needs,omitempty"`
	// Objects are those of which it could not be read, if not all of it could not.
	Objects *Objects `json:"objects,omitempty"`
}
