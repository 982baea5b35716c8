package imagepull

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/muster-scheduler/muster/pkg/image"
	"github.com/muster-scheduler/muster/pkg/snapshot"
)

// Args of the plugin. Bandwidths are quantities of bytes a second: "40M" is
// 40,000,000. Nodes can state their own with labels; see snapshot.BandwidthLabel.
type Args struct {
	// NodeBandwidth is how many bytes one pull downloads and unpacks in a second.
	// At least 1.
	NodeBandwidth string `json:"nodeBandwidth"`
	// NodeLinkBandwidth is what a node takes in over all its pulls; 0 for no limit.
	NodeLinkBandwidth string `json:"nodeLinkBandwidth"`
	// RegistryBandwidth is what the registries serve over all nodes; 0 for no limit.
	RegistryBandwidth string `json:"registryBandwidth"`
	// PeerBandwidth is what a node gets from other nodes, whatever the registries
	// serve, where images are shared between nodes; 0 for nothing.
	PeerBandwidth string `json:"peerBandwidth"`
	// RackLabel is the label of the nodes that share RackBandwidth; empty if racks
	// do not matter.
	RackLabel     string `json:"rackLabel"`
	RackBandwidth string `json:"rackBandwidth"`
	// PoolLabel is the label of nodes that pull alike: once five pulls of theirs have told
	// how fast, that counts instead of NodeBandwidth. Empty to learn nothing.
	PoolLabel string `json:"poolLabel"`
	// ParallelPulls is how many images a node pulls at once: 1 for a kubelet with
	// serializeImagePulls, 0 for any number. 0 to 1000.
	ParallelPulls int `json:"parallelPulls"`
	// PerImageSeconds is what every image costs besides its bytes, and
	// PerLayerSeconds what every layer of more than 100 KB does. 0 to 60.
	PerImageSeconds float64 `json:"perImageSeconds"`
	PerLayerSeconds float64 `json:"perLayerSeconds"`
	// FullScoreSeconds is the difference in seconds that is worth the whole range
	// of scores, 100 points times the plugin's weight. With the default and a weight of 5,
	// 10 s weigh as much as 25 points of a plugin whose weight is 1. 1 to 3600.
	FullScoreSeconds float64 `json:"fullScoreSeconds"`
}

// DefaultArgs returns the defaults: cold pulls of about 0.9 GB on three clouds
// ran at 37 to 45 MB/s on each node, download and unpacking together, and each
// layer of 810 took a fraction of a second besides.
func DefaultArgs() Args {
	return Args{
		NodeBandwidth: "40M", NodeLinkBandwidth: "0", RegistryBandwidth: "0", PeerBandwidth: "0", RackBandwidth: "0",
		PoolLabel:     v1.LabelInstanceTypeStable,
		ParallelPulls: 1, PerImageSeconds: 0.2, PerLayerSeconds: 0.2, FullScoreSeconds: 200,
	}
}

// Kind returns the kind that the arguments may state.
func (Args) Kind() string { return Name + "Args" }

// Validate returns what is wrong with the arguments.
func (a Args) Validate() field.ErrorList {
	var errs field.ErrorList
	bandwidth := func(name, value string, least float64, atLeast string) {
		path := field.NewPath(name)
		if q, err := resource.ParseQuantity(value); err != nil {
			errs = append(errs, field.Invalid(path, value, "must be a quantity of bytes per second, such as 40M"))
		} else if q.AsApproximateFloat64() < least {
			errs = append(errs, field.Invalid(path, value, "must be at least "+atLeast))
		}
	}
	bandwidth("nodeBandwidth", a.NodeBandwidth, 1, "1")
	bandwidth("nodeLinkBandwidth", a.NodeLinkBandwidth, 0, "0, which is no limit")
	bandwidth("registryBandwidth", a.RegistryBandwidth, 0, "0, which is no limit")
	bandwidth("peerBandwidth", a.PeerBandwidth, 0, "0, which is no peers")
	bandwidth("rackBandwidth", a.RackBandwidth, 0, "0, which is no limit")
	for name, label := range map[string]string{"rackLabel": a.RackLabel, "poolLabel": a.PoolLabel} {
		if label != "" {
			errs = append(errs, metav1validation.ValidateLabelName(label, field.NewPath(name))...)
		}
	}
	if a.ParallelPulls < 0 || a.ParallelPulls > 1000 {
		errs = append(errs, field.Invalid(field.NewPath("parallelPulls"), a.ParallelPulls, "must be between 0, which is any number, and 1000"))
	}
	seconds := func(name string, value, least, most float64, between string) {
		if !(value >= least && value <= most) {
			errs = append(errs, field.Invalid(field.NewPath(name), value, "must be between "+between))
		}
	}
	seconds("perImageSeconds", a.PerImageSeconds, 0, 60, "0 and 60")
	seconds("perLayerSeconds", a.PerLayerSeconds, 0, 60, "0 and 60")
	seconds("fullScoreSeconds", a.FullScoreSeconds, 1, 3600, "1 and 3600")
	return errs
}

// Pulls returns the arguments, which must be valid, as what they mean.
func (a Args) Pulls() snapshot.Pulls {
	bandwidth := func(value string) float64 {
		q := resource.MustParse(value)
		return q.AsApproximateFloat64()
	}
	return snapshot.Pulls{
		Node: image.Puller{
			BytesPerSecond: bandwidth(a.NodeBandwidth), Link: bandwidth(a.NodeLinkBandwidth), Peers: bandwidth(a.PeerBandwidth),
			Parallel: a.ParallelPulls, SecondsPerLayer: a.PerLayerSeconds, SecondsPerImage: a.PerImageSeconds, Eager: 1,
		},
		Registry: bandwidth(a.RegistryBandwidth), Rack: bandwidth(a.RackBandwidth), RackLabel: a.RackLabel, PoolLabel: a.PoolLabel,
	}
}
