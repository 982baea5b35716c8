package imagepull

import (
	"context"
	"fmt"
	"math"
	"slices"

	v1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-scheduler/muster/pkg/image"
	"github.com/muster-scheduler/muster/pkg/snapshot"
)

// Name of the plugin.
const Name = snapshot.ImagePlugin

// stateKey is where PreScore leaves the nodes' times for Score.
const stateKey fwk.StateKey = Name

// Images knows which images are where, and what is being pulled. Safe for
// concurrent use.
type Images interface {
	// Estimates returns what the pod's images cost on each node while others are
	// pulled elsewhere, or nil if that makes no difference.
	Estimates(pod *v1.Pod, others int, nodes []fwk.NodeInfo) []image.Estimate
	// Fit returns which nodes may hold the pod's images, for concurrent use; nil if all
	// may, as far as is known.
	Fit(pod *v1.Pod) (may func(*v1.Node) bool)
	// Warm returns the nodes that stand out because they have the images, the
	// ones that are ready first leading.
	Warm(pod *v1.Pod) []string
	// Reserve promises the pod's images to the node, Unreserve takes that back,
	// and Bound says that the node pulls them now.
	Reserve(pod *v1.Pod, node string)
	Unreserve(pod *v1.Pod)
	Bound(pod *v1.Pod)
}

// ImagePull scores nodes by the seconds until a pod's images are ready, and keeps
// account of what they are about to pull.
type ImagePull struct {
	fw        framework.Framework // of its profile
	fullScore float64             // seconds
	images    Images
	next      int // node of which the next sample starts; for the scheduling cycle alone
}

var (
	_ fwk.PreFilterPlugin   = &ImagePull{}
	_ fwk.FilterPlugin      = &ImagePull{}
	_ fwk.EnqueueExtensions = &ImagePull{}
	_ fwk.PreScorePlugin    = &ImagePull{}
	_ fwk.ScorePlugin       = &ImagePull{}
	_ fwk.ScoreExtensions   = &ImagePull{}
	_ fwk.SignPlugin        = &ImagePull{}
	_ fwk.ReservePlugin     = &ImagePull{}
	_ fwk.PostBindPlugin    = &ImagePull{}
)

// New returns the plugin of a profile's framework. The arguments must be valid.
func New(args Args, fw framework.Framework, images Images) *ImagePull {
	return &ImagePull{fw: fw, fullScore: args.FullScoreSeconds, images: images}
}

// Name of the plugin.
func (pl *ImagePull) Name() string { return Name }

// SignPod says that pods with the same images, asked for in the same way, score
// the same.
func (pl *ImagePull) SignPod(_ context.Context, pod *v1.Pod) ([]fwk.SignFragment, *fwk.Status) {
	needs := snapshot.PodImages(pod)
	signs := make([]string, len(needs))
	for i, need := range needs {
		signs[i] = need.Key
		if need.Always {
			signs[i] += " always"
		}
	}
	slices.Sort(signs)
	return []fwk.SignFragment{{Key: fwk.ImageNamesSignerName, Value: signs}}, nil
}

// times are the milliseconds until the images are ready, by node.
type times map[string]int64

// Clone returns the times themselves: nobody writes to them.
func (t times) Clone() fwk.StateData { return t }

// longest is the longest time that Score tells apart from longer ones, in
// milliseconds: 30 years, so that adding to it cannot overflow.
const longest = 1e12

// PreScore leaves the times for Score, or skips it if they make no difference. A
// node that is far fuller than the others gets no bonus for what it holds: it
// counts as the slowest. One whose disk has no room for the images is worse than that.
func (pl *ImagePull) PreScore(_ context.Context, state fwk.CycleState, pod *v1.Pod, nodes []fwk.NodeInfo) *fwk.Status {
	estimates := pl.images.Estimates(pod, 0, nodes)
	if estimates == nil {
		return fwk.NewStatus(fwk.Skip)
	}
	ms, slowest := make([]int64, len(nodes)), int64(0)
	for i, e := range estimates {
		if ms[i] = int64(min(e.Seconds*(1+e.Price)*1000, longest)); !e.Full {
			slowest = max(slowest, ms[i])
		}
	}
	full := overfull(nodes)
	t := make(times, len(nodes))
	for i, node := range nodes {
		switch name := node.Node().Name; {
		case estimates[i].Full:
			t[name] = slowest + int64(pl.fullScore*1000)
		case full != nil && full[i]:
			t[name] = slowest
		default:
			t[name] = ms[i]
		}
	}
	state.Write(stateKey, t)
	return nil
}

// overfull tells which nodes have more than two standard deviations, and a tenth
// of a node, more of their largest share in use than the mean; nil for none.
func overfull(nodes []fwk.NodeInfo) []bool {
	loads := make([]float64, len(nodes))
	sum, squares := 0.0, 0.0
	for i, node := range nodes {
		loads[i] = load(node)
		sum += loads[i]
		squares += loads[i] * loads[i]
	}
	n := float64(len(nodes))
	mean := sum / n
	limit := mean + max(0.1, 2*math.Sqrt(max(0, squares/n-mean*mean)))
	var full []bool
	for i := range nodes {
		if loads[i] > limit {
			if full == nil {
				full = make([]bool, len(nodes))
			}
			full[i] = true
		}
	}
	return full
}

// load is the larger of the shares of a node's CPU and memory that are in use.
func load(node fwk.NodeInfo) float64 {
	used, has := node.GetRequested(), node.GetAllocatable()
	share := func(used, has int64) float64 {
		if has <= 0 {
			return 0
		}
		return float64(used) / float64(has)
	}
	return max(share(used.GetMilliCPU(), has.GetMilliCPU()), share(used.GetMemory(), has.GetMemory()))
}

// Score returns the milliseconds until the images are ready on the node.
func (pl *ImagePull) Score(_ context.Context, state fwk.CycleState, _ *v1.Pod, nodeInfo fwk.NodeInfo) (int64, *fwk.Status) {
	data, err := state.Read(stateKey)
	if err != nil {
		return 0, fwk.AsStatus(err)
	}
	ms, ok := data.(times)[nodeInfo.Node().Name]
	if !ok {
		return 0, fwk.AsStatus(fmt.Errorf("node %s was not there at PreScore", nodeInfo.Node().Name))
	}
	return ms, nil
}

// ScoreExtensions returns the plugin: it normalises.
func (pl *ImagePull) ScoreExtensions() fwk.ScoreExtensions { return pl }

// NormalizeScore turns milliseconds into scores.
func (pl *ImagePull) NormalizeScore(_ context.Context, _ fwk.CycleState, _ *v1.Pod, scores fwk.NodeScoreList) *fwk.Status {
	seconds := make([]float64, len(scores))
	for i := range scores {
		seconds[i] = float64(scores[i].Score) / 1000
	}
	for i, score := range image.Scores(seconds, pl.fullScore) {
		scores[i].Score = score
	}
	return nil
}

// Reserve promises the pod's images to the node.
func (pl *ImagePull) Reserve(_ context.Context, _ fwk.CycleState, pod *v1.Pod, node string) *fwk.Status {
	pl.images.Reserve(pod, node)
	return nil
}

// Unreserve takes the promise back.
func (pl *ImagePull) Unreserve(_ context.Context, _ fwk.CycleState, pod *v1.Pod, _ string) {
	pl.images.Unreserve(pod)
}

// PostBind has the promise count for everybody.
func (pl *ImagePull) PostBind(_ context.Context, _ fwk.CycleState, pod *v1.Pod, _ string) {
	pl.images.Bound(pod)
}
