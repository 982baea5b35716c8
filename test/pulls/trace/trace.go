// Package trace makes the work that the simulated cluster gets: images with
// their layers, and gangs of pods that use them, in the order of submission.
//
// There are two kinds. [Catalog] draws from 113 real images with 782 layers,
// [Shop] invents the releases of a company with a few bases, a score of
// environments and hundreds of services. A trace knows nothing of nodes'
// speeds, nor of who places what.
//
// Invariants: the same seed and size give the same trace; gangs are in
// ascending order of At; the layers of an image are distinct.
package trace

// Layer is a part of images, told from others by its digest.
type Layer struct {
	Digest string
	Bytes  int64 // compressed, as they go over the wire; > 0
}

// Image is what a container is started from.
type Image struct {
	Name   string
	Layers []int // positions in Trace.Layers, the lowest first
	Bytes  int64 // of its layers together
}

// Gang is a number of equal pods that are submitted together and placed
// together; one of them is a plain pod.
type Gang struct {
	At      float64 // seconds since the begin of the trace
	Members int     // 1 to 64
	Images  []int   // positions in Trace.Images, in the order in which a pod pulls them
	Seconds float64 // for which each member runs once its images are ready
	CPU     int64   // that a member asks for, in thousandths of a core
	Memory  int64   // that a member asks for, in bytes
	// Service is set for the pods of a ReplicaSet, which the default scheduler
	// spreads over hosts and zones; a Job's pods it does not.
	Service bool
	// Always is imagePullPolicy: Always.
	Always bool
}

// Trace is all the work of one run.
type Trace struct {
	Name      string
	Size      Size
	Layers    []Layer
	Images    []Image
	Preloaded []int // images that are on every node from the begin
	Gangs     []Gang
}

// Size is how large the cluster is and how busy it is kept.
type Size struct {
	Nodes   int
	Slots   int     // pods that a node takes
	Seconds float64 // for which gangs are submitted
	// Load is the part of all slots that are in use on average, waits for images
	// not counted; 0 < Load < 1.
	Load float64
}

// What a slot stands for: no pod asks for more, so it is the slots that run out.
const (
	SlotCPU    = 1000
	SlotMemory = 4 << 30
)

// Pods is how many pods the trace has.
func (t *Trace) Pods() int {
	sum := 0
	for i := range t.Gangs {
		sum += t.Gangs[i].Members
	}
	return sum
}

// Missing returns the layers of the images that are not in have, each once, in
// the order in which they are pulled.
func (t *Trace) Missing(images []int, have func(layer int) bool) []int {
	var missing []int
	seen := map[int]bool{}
	for _, i := range images {
		for _, l := range t.Images[i].Layers {
			if !seen[l] && !have(l) {
				seen[l] = true
				missing = append(missing, l)
			}
		}
	}
	return missing
}

// addImage appends an image and returns its position.
func (t *Trace) addImage(name string, layers []int) int {
	image := Image{Name: name, Layers: layers}
	for _, l := range layers {
		image.Bytes += t.Layers[l].Bytes
	}
	t.Images = append(t.Images, image)
	return len(t.Images) - 1
}

// addLayer appends a layer and returns its position.
func (t *Trace) addLayer(digest string, bytes int64) int {
	t.Layers = append(t.Layers, Layer{Digest: digest, Bytes: max(bytes, 1)})
	return len(t.Layers) - 1
}
