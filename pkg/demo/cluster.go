package demo

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/muster-scheduler/muster/pkg/sandbox"
	"github.com/muster-scheduler/muster/pkg/sandbox/pull"
)

const (
	kubelets = 4
	cores    = 8
	// trainer is the image of warm.yaml and cold.yaml.
	trainer = "registry.example/trainer:v1"

	// realBandwidth, in bytes per second, is what nodes manage and Muster expects unless told otherwise; bandwidth is
	// what they have here.
	realBandwidth = 40e6
	compression   = 10
	bandwidth     = realBandwidth * compression
	// pullSeconds is how long the trainer's layers take in life.
	pullSeconds = 8e9 / realBandwidth
)

// imageNodes are the nodes that hold the trainer from the start.
func imageNodes() []string { return []string{"node-1", "node-3"} }

// compressed is how long so many seconds of pulling last here.
func compressed(seconds float64) time.Duration {
	return time.Duration(seconds / compression * float64(time.Second))
}

// cluster describes the sandbox.
func cluster(progress func(format string, args ...any)) sandbox.Options {
	return sandbox.Options{
		Kubelets:  kubelets,
		Racks:     2,
		CPU:       resource.MustParse(fmt.Sprint(cores)),
		Bandwidth: *resource.NewQuantity(bandwidth, resource.DecimalSI),
		Images: []pull.Image{{
			Name: trainer,
			Layers: []pull.Layer{
				{Digest: "cuda", Size: resource.MustParse("5G")},
				{Digest: "framework", Size: resource.MustParse("2500M")},
				{Digest: "code", Size: resource.MustParse("500M")},
			},
			Preloaded: imageNodes(),
		}},
		Progress: progress,
	}
}
