package explain

import (
	"testing"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/reason"
)

func TestNoFit(t *testing.T) {
	key := gang.Key{Namespace: "ml", Name: "train"}
	tests := map[string]struct {
		verdict gang.Verdict
		want    string
	}{
		"an amount is short": {
			gang.Verdict{
				Gang: key, Min: 5, Need: 5, Fit: 4, Nodes: 4,
				Tally: reason.Tally{{Code: reason.Resource, Detail: "cpu"}: 4},
				Short: []gang.Shortage{{Resource: "cpu", Ask: 2000, Free: 500}},
			},
			"gang ml/train: 4 of 5 members fit; one more needs cpu 2, the nearest node has cpu 500m free; of 4 nodes: 4 insufficient cpu",
		},
		"members that have a node count as fitting": {
			gang.Verdict{Gang: key, Min: 5, Placed: 3, Need: 2, Fit: 1, Nodes: 1, Tally: reason.Tally{{Code: reason.Taint}: 1}},
			"gang ml/train: 4 of 5 members fit; of 1 node: 1 untolerated taint",
		},
		"several amounts are short, in people's units": {
			gang.Verdict{
				Gang: key, Min: 2, Need: 2, Nodes: 3,
				Tally: reason.Tally{{Code: reason.Resource, Detail: "memory"}: 1, {Code: reason.Resource, Detail: "nvidia.com/gpu"}: 2},
				Short: []gang.Shortage{{Resource: "memory", Ask: 3 << 29, Free: 1<<30 - 1}, {Resource: "nvidia.com/gpu", Ask: 8, Free: 7}},
			},
			"gang ml/train: 0 of 2 members fit; one more needs memory 1.5Gi and nvidia.com/gpu 8, the nearest node has memory 1023.9Mi and nvidia.com/gpu 7 free; of 3 nodes: 2 insufficient nvidia.com/gpu, 1 insufficient memory",
		},
		"no nodes at all": {
			gang.Verdict{Gang: key, Min: 1, Need: 1},
			"gang ml/train: 0 of 1 members fit; the cluster has no nodes",
		},
		"a plugin refused every node": {
			gang.Verdict{
				Gang: key, Min: 1, Need: 1, Nodes: 2, Tally: reason.Tally{{Code: reason.Volume}: 2},
				Note: "pod has unbound immediate PersistentVolumeClaims",
			},
			"gang ml/train: 0 of 1 members fit; of 2 nodes: 2 volume not usable; pod has unbound immediate PersistentVolumeClaims",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := NoFit(tc.verdict); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}
