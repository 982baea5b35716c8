package imagepull

import (
	"math"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/muster-scheduler/muster/pkg/image"
	"github.com/muster-scheduler/muster/pkg/plugins/args"
	"github.com/muster-scheduler/muster/pkg/snapshot"
)

func TestArgs(t *testing.T) {
	with := func(change func(*snapshot.Pulls)) snapshot.Pulls {
		p := snapshot.Pulls{
			Node:      image.Puller{BytesPerSecond: 40e6, Parallel: 1, SecondsPerLayer: 0.2, SecondsPerImage: 0.2, Eager: 1},
			Disk:      image.Disk{Collect: 0.85, Keep: 0.8, Evict: 0.85},
			PoolLabel: "node.kubernetes.io/instance-type",
		}
		change(&p)
		return p
	}
	tests := map[string]struct {
		raw     string
		want    snapshot.Pulls
		wantErr string
	}{
		"the defaults are 40 MB/s, one pull after the other": {`{}`, with(func(*snapshot.Pulls) {}), ""},
		"binary units are understood":                        {`{"nodeBandwidth":"1Gi"}`, with(func(p *snapshot.Pulls) { p.Node.BytesPerSecond = 1 << 30 }), ""},
		"images may cost nothing besides their bytes":        {`{"perImageSeconds":0}`, with(func(p *snapshot.Pulls) { p.Node.SecondsPerImage = 0 }), ""},
		"registries and racks have limits if they are stated": {
			`{"registryBandwidth":"5G","rackLabel":"example.org/rack","rackBandwidth":"1G"}`,
			with(func(p *snapshot.Pulls) { p.Registry, p.RackLabel, p.Rack = 5e9, "example.org/rack", 1e9 }), "",
		},
		"disks can be stated, with the kubelets' thresholds": {
			`{"imageDisk":{"capacity":"500G","reserved":"20G","imageGCHighThresholdPercent":70,"imageGCLowThresholdPercent":50,"evictionAvailablePercent":10}}`,
			with(func(p *snapshot.Pulls) {
				p.Disk = image.Disk{Bytes: 500e9, Reserved: 20e9, Collect: 0.7, Keep: 0.5, Evict: 0.9}
			}), "",
		},
		"a disk's capacity is a quantity": {`{"imageDisk":{"capacity":"much"}}`, snapshot.Pulls{}, `args.imageDisk.capacity: Invalid value: "much": must be a quantity of bytes, such as 500Gi`},
		"nobody collects up to more than down to": {
			`{"imageDisk":{"imageGCHighThresholdPercent":70}}`, snapshot.Pulls{}, `args.imageDisk.imageGCLowThresholdPercent: Invalid value: 80: must be between 0 and 70`,
		},
		"unknown arguments of disks are refused": {`{"imageDisk":{"size":"1"}}`, snapshot.Pulls{}, `args.imageDisk.size: unknown field`},
		"seeds have a namespace":                 {`{"seeding":{"namespace":"A_B"}}`, snapshot.Pulls{}, `args.seeding.namespace: Invalid value: "A_B": must be the name of a namespace, such as muster-seeds`},
		"seeds are pulled with something":        {`{"seeding":{"with":"Magic"}}`, snapshot.Pulls{}, `args.seeding.with: Unsupported value: "Magic": supported values: "Auto", "Pods", "ImagePullJobs"`},
		"seeds are bounded in bytes":             {`{"seeding":{"maxBytes":"0"}}`, snapshot.Pulls{}, `args.seeding.maxBytes: Invalid value: "0": must be a quantity of bytes, such as 50G`},
		"seeds are bounded":                      {`{"seeding":{"maxSeeds":0}}`, snapshot.Pulls{}, `args.seeding.maxSeeds: Invalid value: 0: must be between 1 and 10000`},
		"seeds need something to run":            {`{"seeding":{"pauseImage":""}}`, snapshot.Pulls{}, `args.seeding.pauseImage: Required value: a pod has to run something: name an image that does nothing`},
		"seeds have a priority class by name":    {`{"seeding":{"priorityClass":"A_B"}}`, snapshot.Pulls{}, `args.seeding.priorityClass: Invalid value: "A_B": must be the name of a PriorityClass, such as muster-seed`},
		"unknown arguments of seeds are refused": {`{"seeding":{"rate":"1"}}`, snapshot.Pulls{}, `args.seeding.rate: unknown field`},
		"a bandwidth is a quantity":              {`{"nodeBandwidth":"fast"}`, snapshot.Pulls{}, `args.nodeBandwidth: Invalid value: "fast": must be a quantity of bytes per second, such as 40M`},
		"a node's is more than nothing":          {`{"nodeBandwidth":"0"}`, snapshot.Pulls{}, `args.nodeBandwidth: Invalid value: "0": must be at least 1`},
		"a limit is not negative":                {`{"registryBandwidth":"-1"}`, snapshot.Pulls{}, `args.registryBandwidth: Invalid value: "-1": must be at least 0, which has it learnt`},
		"seconds are not negative":               {`{"perImageSeconds":-1}`, snapshot.Pulls{}, `args.perImageSeconds: Invalid value: -1: must be between 0 and 60`},
		"the range of scores is worth some time": {`{"fullScoreSeconds":0}`, snapshot.Pulls{}, `args.fullScoreSeconds: Invalid value: 0: must be between 1 and 3600`},
		"pulls at once are a number":             {`{"parallelPulls":-1}`, snapshot.Pulls{}, `args.parallelPulls: Invalid value: -1: must be between 0, which is any number, and 1000`},
		"unknown arguments are refused":          {`{"bandwidth":"40M"}`, snapshot.Pulls{}, `args.bandwidth: unknown field`},
		"the kind is the plugin's":               {`{"kind":"ImageLocalityArgs"}`, snapshot.Pulls{}, `args.kind: want ImagePullArgs, got "ImageLocalityArgs"`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := args.Load(field.NewPath("args"), &runtime.Unknown{Raw: []byte(tc.raw)}, DefaultArgs())
			if tc.wantErr != "" {
				if err == nil || err.Error() != tc.wantErr {
					t.Fatalf("error = %v, want %s", err, tc.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Pulls() != tc.want {
				t.Errorf("Pulls() = %+v, want %+v", got.Pulls(), tc.want)
			}
		})
	}
	nan := DefaultArgs()
	nan.PerImageSeconds = math.NaN()
	if errs := nan.Validate(); len(errs) != 1 {
		t.Errorf("NaN is accepted: %v", errs)
	}
}
