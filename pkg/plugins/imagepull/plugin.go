package imagepull

import (
	"context"
	"slices"

	v1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/muster-scheduler/muster/pkg/image"
	"github.com/muster-scheduler/muster/pkg/snapshot"
)

// Name of the plugin.
const Name = "ImagePull"

// stateKey is where PreScore leaves the pod's images for Score.
const stateKey fwk.StateKey = Name

// Images knows which images are where. Safe for concurrent use.
type Images interface {
	// Missing returns what the node has to pull before the images are on
	// it; known is false if no size of theirs is known.
	Missing(node string, keys []string) (pull image.Pull, known bool)
	// Same reports whether all nodes certainly have to pull the same.
	Same(keys []string) bool
}

// ImagePull scores nodes by the seconds until a pod's images are ready.
type ImagePull struct {
	rate   image.Rate
	images Images
}

var (
	_ fwk.PreScorePlugin  = &ImagePull{}
	_ fwk.ScorePlugin     = &ImagePull{}
	_ fwk.ScoreExtensions = &ImagePull{}
	_ fwk.SignPlugin      = &ImagePull{}
)

// New returns the plugin. The arguments must be valid.
func New(args Args, images Images) *ImagePull {
	return &ImagePull{rate: args.Rate(), images: images}
}

// Name of the plugin.
func (pl *ImagePull) Name() string { return Name }

// SignPod says that pods with the same images score the same.
func (pl *ImagePull) SignPod(_ context.Context, pod *v1.Pod) ([]fwk.SignFragment, *fwk.Status) {
	keys := snapshot.PodImages(pod)
	slices.Sort(keys)
	return []fwk.SignFragment{{Key: fwk.ImageNamesSignerName, Value: keys}}, nil
}

// keys are the images of the pod that is being scheduled.
type keys []string

// Clone returns the keys themselves: nobody writes to them.
func (k keys) Clone() fwk.StateData { return k }

// PreScore leaves the images for Score, or skips it if it can make no difference.
func (pl *ImagePull) PreScore(_ context.Context, state fwk.CycleState, pod *v1.Pod, _ []fwk.NodeInfo) *fwk.Status {
	needed := snapshot.PodImages(pod)
	if pl.images.Same(needed) {
		return fwk.NewStatus(fwk.Skip)
	}
	state.Write(stateKey, keys(needed))
	return nil
}

// longest is the longest time that Score tells apart from longer ones, in
// milliseconds: 30 years, so that adding to it cannot overflow.
const longest = 1e12

// Score returns the milliseconds until the images are ready on the node.
func (pl *ImagePull) Score(_ context.Context, state fwk.CycleState, _ *v1.Pod, nodeInfo fwk.NodeInfo) (int64, *fwk.Status) {
	data, err := state.Read(stateKey)
	if err != nil {
		return 0, fwk.AsStatus(err)
	}
	pull, _ := pl.images.Missing(nodeInfo.Node().Name, data.(keys))
	return int64(min(pl.rate.Seconds(pull)*1000, longest)), nil
}

// ScoreExtensions returns the plugin: it normalises.
func (pl *ImagePull) ScoreExtensions() fwk.ScoreExtensions { return pl }

// NormalizeScore turns milliseconds into scores.
func (pl *ImagePull) NormalizeScore(_ context.Context, _ fwk.CycleState, _ *v1.Pod, scores fwk.NodeScoreList) *fwk.Status {
	seconds := make([]float64, len(scores))
	for i := range scores {
		seconds[i] = float64(scores[i].Score) / 1000
	}
	for i, score := range image.Scores(seconds) {
		scores[i].Score = score
	}
	return nil
}
