// Package recording is what a scheduler knew when it decided about pods, written down: enough to
// decide the same again on another machine.
//
// It has of every object no more than filters and the planner look at: no environment, no commands,
// no annotations but those of gangs, no volumes of secrets, no parameters of drivers. Names, labels,
// images and amounts are in it, of all namespaces.
package recording

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
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
	// Objects are the nodes, the pods that have or are about to have one, and what filters look at besides.
	Objects []runtime.RawExtension `json:"objects"`
	// Muster and Kubernetes are the versions of the scheduler.
	Muster     string    `json:"muster"`
	Kubernetes string    `json:"kubernetes"`
	At         time.Time `json:"at"`
	// FeatureGates are those that were not as they are by default.
	FeatureGates map[string]bool `json:"featureGates,omitempty"`
	// Configuration is a KubeSchedulerConfiguration with the profiles.
	Configuration runtime.RawExtension `json:"configuration"`
	// Units were decided about one after the other.
	Units []Unit `json:"units"`
	// Kept is the room that was kept for members.
	Kept []Kept `json:"kept,omitempty"`
	// Images are what images cost, and TooSmall the nodes that cannot hold some, by these.
	Images   []Images            `json:"images,omitempty"`
	TooSmall map[string][]string `json:"tooSmall,omitempty"`
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

// Write writes a recording with these objects, reduced one after the other: all of them at once would take as much
// memory again as a scheduler has for them.
func Write(w io.Writer, r Recording, objects []runtime.Object) error {
	r.Objects = []runtime.RawExtension{}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	const empty = `"objects":[]`
	before, after, ok := bytes.Cut(text, []byte(empty))
	if !ok {
		return fmt.Errorf("a recording without %s", empty)
	}
	if _, err := fmt.Fprintf(w, "%s%s", before, empty[:len(empty)-1]); err != nil {
		return err
	}
	separator := ""
	for _, object := range objects {
		reduced := Reduce(object)
		if reduced == nil {
			continue
		}
		one, err := json.Marshal(reduced)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "%s%s", separator, one); err != nil {
			return err
		}
		separator = ","
	}
	_, err = fmt.Fprintf(w, "]%s\n", after)
	return err
}
