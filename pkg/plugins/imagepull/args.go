package imagepull

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/muster-scheduler/muster/pkg/image"
	"github.com/muster-scheduler/muster/pkg/seed"
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
	// RegistryBandwidth is what the registries serve over all nodes; 0 to learn it.
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
	// ImageDisk is the file system on which nodes keep images.
	ImageDisk DiskArgs `json:"imageDisk"`
	// Seeding is what nodes pull ahead.
	Seeding SeedingArgs `json:"seeding"`
}

// SeedingArgs is what nodes pull ahead. It takes the namespace, with rights in it.
type SeedingArgs struct {
	// Gangs has the images of gangs that wait for room pulled on nodes that they will
	// likely get.
	Gangs bool `json:"gangs"`
	// Rollouts has those of pods pulled that are expected: what a ReplicaSet that is
	// rolled out has not made yet, and as many of a kind as came within five minutes of
	// the last hour.
	Rollouts bool `json:"rollouts"`
	// Namespace of the objects that pull.
	Namespace string `json:"namespace"`
	// With is what pulls: Pods, which have images as volumes, ImagePullJobs of
	// OpenKruise, or Auto for the first of the two that the cluster has.
	With string `json:"with"`
	// MaxBytes and MaxSeeds bound what is pulled ahead at a time. At least 1; 1 to 10000.
	MaxBytes string `json:"maxBytes"`
	MaxSeeds int    `json:"maxSeeds"`
	// PauseImage is what the container of a pod runs that pulls: something that does
	// nothing, and that every node has.
	PauseImage string `json:"pauseImage"`
	// PriorityClass of these pods; empty for the cluster's default.
	PriorityClass string `json:"priorityClass"`
}

// DiskArgs is the file system on which nodes keep images. Percentages are those of
// the kubelets' configuration, by the names that they have there.
type DiskArgs struct {
	// Capacity is how many bytes it has, if that is the same everywhere; 0 for what
	// a node says of its ephemeral storage, which is its root disk. Only a stated
	// one keeps pods off nodes that can never hold their images.
	Capacity string `json:"capacity"`
	// Reserved is what else takes up room on it.
	Reserved string `json:"reserved"`
	// ImageGCHighThresholdPercent is the usage from which on kubelets delete images that
	// no pod uses, until ImageGCLowThresholdPercent is left. 1 to 100, low at most high.
	ImageGCHighThresholdPercent int `json:"imageGCHighThresholdPercent"`
	ImageGCLowThresholdPercent  int `json:"imageGCLowThresholdPercent"`
	// EvictionAvailablePercent is imagefs.available of evictionHard: with less, all
	// images go that no pod uses, and the node is short of disk. 0 to 99.
	EvictionAvailablePercent int `json:"evictionAvailablePercent"`
}

// DefaultArgs returns the defaults: cold pulls of about 0.9 GB on three clouds
// ran at 37 to 45 MB/s on each node, download and unpacking together, and each
// layer of 810 took a fraction of a second besides.
func DefaultArgs() Args {
	return Args{
		NodeBandwidth: "40M", NodeLinkBandwidth: "0", RegistryBandwidth: "0", PeerBandwidth: "0", RackBandwidth: "0",
		PoolLabel:     v1.LabelInstanceTypeStable,
		ParallelPulls: 1, PerImageSeconds: 0.2, PerLayerSeconds: 0.2, FullScoreSeconds: 200,
		ImageDisk: DiskArgs{
			Capacity: "0", Reserved: "0",
			ImageGCHighThresholdPercent: 85, ImageGCLowThresholdPercent: 80, EvictionAvailablePercent: 15,
		},
		Seeding: SeedingArgs{
			Gangs: true, Namespace: "muster-seeds", With: seed.Auto, MaxBytes: "50G", MaxSeeds: 64,
			PauseImage: "registry.k8s.io/pause:3.10", PriorityClass: "muster-seed",
		},
	}
}

// Kind returns the kind that the arguments may state.
func (Args) Kind() string { return Name + "Args" }

// Validate returns what is wrong with the arguments.
func (a Args) Validate() field.ErrorList {
	var errs field.ErrorList
	amount := func(path *field.Path, value, what string, least float64, atLeast string) {
		if q, err := resource.ParseQuantity(value); err != nil {
			errs = append(errs, field.Invalid(path, value, "must be a quantity of "+what))
		} else if q.AsApproximateFloat64() < least {
			errs = append(errs, field.Invalid(path, value, "must be at least "+atLeast))
		}
	}
	bandwidth := func(name, value string, least float64, atLeast string) {
		amount(field.NewPath(name), value, "bytes per second, such as 40M", least, atLeast)
	}
	bandwidth("nodeBandwidth", a.NodeBandwidth, 1, "1")
	bandwidth("nodeLinkBandwidth", a.NodeLinkBandwidth, 0, "0, which is no limit")
	bandwidth("registryBandwidth", a.RegistryBandwidth, 0, "0, which has it learnt")
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
	disk, path := a.ImageDisk, field.NewPath("imageDisk")
	amount(path.Child("capacity"), disk.Capacity, "bytes, such as 500Gi", 0, "0, which is what nodes say of their ephemeral storage")
	amount(path.Child("reserved"), disk.Reserved, "bytes, such as 20Gi", 0, "0")
	percent := func(name string, value, least, most int) {
		if value < least || value > most {
			errs = append(errs, field.Invalid(path.Child(name), value, fmt.Sprintf("must be between %d and %d", least, most)))
		}
	}
	percent("imageGCHighThresholdPercent", disk.ImageGCHighThresholdPercent, 1, 100)
	percent("imageGCLowThresholdPercent", disk.ImageGCLowThresholdPercent, 0, disk.ImageGCHighThresholdPercent)
	percent("evictionAvailablePercent", disk.EvictionAvailablePercent, 0, 99)
	return append(errs, a.Seeding.validate(field.NewPath("seeding"))...)
}

func (s SeedingArgs) validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(validation.IsDNS1123Label(s.Namespace)) > 0 {
		errs = append(errs, field.Invalid(path.Child("namespace"), s.Namespace, "must be the name of a namespace, such as muster-seeds"))
	}
	if s.With != seed.Auto && s.With != seed.Pods && s.With != seed.PullJobs {
		errs = append(errs, field.NotSupported(path.Child("with"), s.With, []string{seed.Auto, seed.Pods, seed.PullJobs}))
	}
	if q, err := resource.ParseQuantity(s.MaxBytes); err != nil || q.Value() < 1 {
		errs = append(errs, field.Invalid(path.Child("maxBytes"), s.MaxBytes, "must be a quantity of bytes, such as 50G"))
	}
	if s.MaxSeeds < 1 || s.MaxSeeds > 10000 {
		errs = append(errs, field.Invalid(path.Child("maxSeeds"), s.MaxSeeds, "must be between 1 and 10000"))
	}
	if s.PauseImage == "" {
		errs = append(errs, field.Required(path.Child("pauseImage"), "a pod has to run something: name an image that does nothing"))
	}
	if s.PriorityClass != "" && len(validation.IsDNS1123Subdomain(s.PriorityClass)) > 0 {
		errs = append(errs, field.Invalid(path.Child("priorityClass"), s.PriorityClass, "must be the name of a PriorityClass, such as muster-seed"))
	}
	return errs
}

// Seeds returns what is to be pulled ahead, by arguments that are valid.
func (a Args) Seeds() seed.Options {
	most := resource.MustParse(a.Seeding.MaxBytes)
	return seed.Options{
		Gangs: a.Seeding.Gangs, Rollouts: a.Seeding.Rollouts, Namespace: a.Seeding.Namespace, With: a.Seeding.With,
		MaxBytes: most.Value(), MaxSeeds: a.Seeding.MaxSeeds, PauseImage: a.Seeding.PauseImage, PriorityClass: a.Seeding.PriorityClass,
	}
}

// Pulls returns the arguments, which must be valid, as what they mean.
func (a Args) Pulls() snapshot.Pulls {
	amount := func(value string) float64 {
		q := resource.MustParse(value)
		return q.AsApproximateFloat64()
	}
	return snapshot.Pulls{
		Node: image.Puller{
			BytesPerSecond: amount(a.NodeBandwidth), Link: amount(a.NodeLinkBandwidth), Peers: amount(a.PeerBandwidth),
			Parallel: a.ParallelPulls, SecondsPerLayer: a.PerLayerSeconds, SecondsPerImage: a.PerImageSeconds, Eager: 1,
		},
		Registry: amount(a.RegistryBandwidth), Rack: amount(a.RackBandwidth), RackLabel: a.RackLabel, PoolLabel: a.PoolLabel,
		Disk: image.Disk{
			Bytes: int64(amount(a.ImageDisk.Capacity)), Reserved: int64(amount(a.ImageDisk.Reserved)),
			Collect: float64(a.ImageDisk.ImageGCHighThresholdPercent) / 100,
			Keep:    float64(a.ImageDisk.ImageGCLowThresholdPercent) / 100,
			Evict:   1 - float64(a.ImageDisk.EvictionAvailablePercent)/100,
		},
	}
}
