package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// FitReview asks whether pods would fit now if they were created, and where. It is posted to
// namespaces/NAME/fitreviews and comes back with its status; nothing is created. Whoever
// may create pods in the namespace may ask.
type FitReview struct {
	metav1.TypeMeta `json:",inline"`
	Spec            FitSpec   `json:"spec"`
	Status          FitStatus `json:"status"`
}

// FitSpec is what would be created, in the order in which it would be.
type FitSpec struct {
	Pods []FitPods `json:"pods"`
	// Objects are the PodGroups that pods name and the Jobs that control them, as far as they
	// do not exist yet.
	Objects []runtime.RawExtension `json:"objects,omitempty"`
}

// FitPods is a number of pods that are alike.
type FitPods struct {
	// Name is what they are called in the answer, such as job/train.
	Name string `json:"name"`
	// Pod is one of them, with the defaults that the API server sets.
	Pod   runtime.RawExtension `json:"pod"`
	Count int                  `json:"count"`
}

// FitStatus is the answer.
type FitStatus struct {
	// Fits is true if all of it does.
	Fits bool `json:"fits"`
	// Items are the gangs and the pods of no gang. What comes later in the list finds the room
	// taken that what came before it got.
	Items []Fit `json:"items"`
}

// Fit is the answer for one gang, or for pods of no gang that are alike.
type Fit struct {
	// Name is that of the gang, if Gang is true, or that of the pods.
	Name string `json:"name"`
	Gang bool   `json:"gang"`
	Fits bool   `json:"fits"`
	// Of is how many pods are asked for, and Min with how many of them a gang starts, which is
	// all if it is none. Placed have a node in the answer.
	Of     int `json:"of"`
	Min    int `json:"min"`
	Placed int `json:"placed"`
	// Message says why it does not fit, in the words of the event that the pods would have.
	Message string `json:"message,omitempty"`
	// Nodes have the pods. Of a gang they are those of the plan that would be made now; other
	// pods would get theirs one by one, by score.
	Nodes []FitNode `json:"nodes,omitempty"`
	// Images is when the last pod would have its images; omitted if their sizes are not known.
	Images *FitImages `json:"images,omitempty"`
}

// FitNode is how many pods a node would get.
type FitNode struct {
	Name string `json:"name"`
	Pods int    `json:"pods"`
}

// FitImages is what the last pod to have its images would wait for.
type FitImages struct {
	// Seconds from now until it would have them, and Wait what of that is for pulls that are
	// under way.
	Seconds float64 `json:"seconds"`
	Wait    float64 `json:"wait"`
	Node    string  `json:"node"`
	// Bytes that the node would fetch for it.
	Bytes int64 `json:"bytes"`
}
