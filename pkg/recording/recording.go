// Package recording is what a scheduler knew when it decided about pods, written down: enough to
// decide the same again on another machine.
//
// It has of every object no more than filters and the planner look at: no environment, no commands,
// no annotations but those of gangs, no volumes of secrets, no parameters of drivers. Names, labels,
// images and amounts are in it, of all namespaces.
package recording

import (
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/image"
)

// Kind of a Recording; its version is that of the state.
const Kind = "Recording"

// Recording is one.
type Recording struct {
	metav1.TypeMeta `json:",inline"`
	// Muster and Kubernetes are the versions of the scheduler.
	Muster     string    `json:"muster"`
	Kubernetes string    `json:"kubernetes"`
	At         time.Time `json:"at"`
	// Configuration is a KubeSchedulerConfiguration with the profiles.
	Configuration runtime.RawExtension `json:"configuration"`
	// Units were decided about one after the other.
	Units []Unit `json:"units"`
	// Objects are the nodes, the pods that have or are about to have one, and what filters look at besides.
	Objects []runtime.RawExtension `json:"objects"`
	// Kept is the room that was kept for members.
	Kept []Kept `json:"kept,omitempty"`
	// Images are what images cost.
	Images []Images `json:"images,omitempty"`
}

// Unit is pods that were decided about together, and what was decided.
type Unit struct {
	Name string    `json:"name"`
	Gang bool      `json:"gang"` // else they are of none
	Turn gang.Turn `json:"turn"`
	Pods []v1.Pod  `json:"pods"`
	// Why it would not be tried; empty if it was.
	Why string `json:"why,omitempty"`
	// Placement is empty if it does not fit, and Fit what was said of it.
	Placement gang.Placement `json:"placement,omitempty"`
	Fit       v1alpha1.Fit   `json:"fit"`
	// TooSmall are the nodes that cannot hold the images of a pod, by its UID.
	TooSmall map[string][]string `json:"tooSmall,omitempty"`
}

// Kept is room that was kept on a node for a pod of a gang, which is on it no more if it is lost.
type Kept struct {
	Node string   `json:"node"`
	Gang gang.Key `json:"gang"`
	Pod  v1.Pod   `json:"pod"`
	Lost bool     `json:"lost,omitempty"`
}

// Images is what some images cost on each node while so many other pulls begin; Nodes is empty if that makes no
// difference.
type Images struct {
	Images string `json:"images"`
	Others int    `json:"others"`
	// Nodes are by name.
	Nodes map[string]image.Estimate `json:"nodes,omitempty"`
}

// ImagesOf is what images are called in a recording.
func ImagesOf(needs []image.Need) string { return fmt.Sprint(needs) }
