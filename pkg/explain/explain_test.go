package explain

import (
	"testing"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/reason"
	"github.com/muster-scheduler/muster/pkg/resources"
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
				Tally:     reason.Tally{{Code: reason.Resource, Detail: "cpu"}: 4},
				Short:     []gang.Shortage{{Resource: "cpu", Ask: 2000, Free: 500, All: 1500}},
				Resources: resources.Index{"cpu", "memory"},
				Lacks:     []gang.Lack{{Ask: resources.Vector{2000, 1 << 30}, Members: 1}},
			},
			"gang ml/train: 4 of 5 members fit; one more needs cpu 2, the nearest node has cpu 500m free; of 4 nodes: 4 insufficient cpu; it would start with room for 1 more (cpu 2), or with a minimum of 4",
		},
		"it is scattered over nodes": {
			gang.Verdict{
				Gang: key, Min: 3, Need: 3, Nodes: 9,
				Tally:     reason.Tally{{Code: reason.Resource, Detail: "nvidia.com/gpu"}: 9},
				Short:     []gang.Shortage{{Resource: "nvidia.com/gpu", Ask: 8, Free: 7, All: 36}},
				Resources: resources.Index{"cpu", "nvidia.com/gpu"},
				Lacks:     []gang.Lack{{Ask: resources.Vector{2000, 8}, Members: 2}, {Ask: resources.Vector{1000, 4}, Members: 1}},
			},
			"gang ml/train: 0 of 3 members fit; one more needs nvidia.com/gpu 8, the nearest node has nvidia.com/gpu 7 free, all nodes together nvidia.com/gpu 36; of 9 nodes: 9 insufficient nvidia.com/gpu; it would start with room for 3 more (nvidia.com/gpu 20)",
		},
		"room may not be all that it lacks": {
			gang.Verdict{
				Gang: key, Min: 3, Need: 3, Fit: 2, Nodes: 1, Obstructed: true,
				Tally:     reason.Tally{{Code: reason.Resource, Detail: "cpu"}: 1},
				Short:     []gang.Shortage{{Resource: "cpu", Ask: 2000}},
				Resources: resources.Index{"cpu"},
				Lacks:     []gang.Lack{{Ask: resources.Vector{2000}, Members: 1}},
			},
			"gang ml/train: 2 of 3 members fit; one more needs cpu 2, the nearest node has cpu 0 free; of 1 node: 1 insufficient cpu; it would start with a minimum of 2",
		},
		"members that have a node count as fitting": {
			gang.Verdict{Gang: key, Min: 5, Placed: 3, Need: 2, Fit: 1, Nodes: 1, Tally: reason.Tally{{Code: reason.Taint}: 1}},
			"gang ml/train: 4 of 5 members fit; of 1 node: 1 untolerated taint; it would start with a minimum of 4",
		},
		"several amounts are short, in people's units": {
			gang.Verdict{
				Gang: key, Min: 2, Need: 2, Nodes: 3,
				Tally: reason.Tally{{Code: reason.Resource, Detail: "memory"}: 1, {Code: reason.Resource, Detail: "nvidia.com/gpu"}: 2},
				Short: []gang.Shortage{{Resource: "memory", Ask: 3 << 29, Free: 1<<30 - 1}, {Resource: "nvidia.com/gpu", Ask: 8, Free: 7}},
			},
			"gang ml/train: 0 of 2 members fit; one more needs memory 1.5Gi and nvidia.com/gpu 8, the nearest node has memory 1023.9Mi and nvidia.com/gpu 7 free; of 3 nodes: 2 insufficient nvidia.com/gpu, 1 insufficient memory",
		},
		"a role is short, counted with the members that have a node": {
			gang.Verdict{
				Gang: key, Min: 9, Placed: 3, Need: 6, Fit: 5, Nodes: 1, Tally: reason.Tally{{Code: reason.Port}: 1},
				Roles: []gang.RoleFit{{Role: gang.Role{Name: "worker", Min: 8}, Fit: 7}},
			},
			"gang ml/train: 8 of 9 members fit; role worker: 7 of 8 fit; of 1 node: 1 host port taken",
		},
		"it has to be in one rack": {
			gang.Verdict{
				Gang: key, Min: 8, Need: 8, Fit: 6, Nodes: 4, Domains: 12,
				Domain: gang.Domain{Key: "example.com/rack", Values: []string{"east", "r7"}},
				Tally:  reason.Tally{{Code: reason.Cordoned}: 4},
			},
			"gang ml/train: 6 of 8 members fit in example.com/rack east/r7, the nearest of 12; of 4 nodes: 4 marked unschedulable; it would start with a minimum of 6",
		},
		"it has to be in the one zone there is": {
			gang.Verdict{
				Gang: key, Min: 2, Need: 2, Fit: 1, Nodes: 1, Domains: 1,
				Domain: gang.Domain{Key: "zone", Values: []string{"a"}}, Tally: reason.Tally{{Code: reason.Taint}: 1},
			},
			"gang ml/train: 1 of 2 members fit in zone a, the only one; of 1 node: 1 untolerated taint; it would start with a minimum of 1",
		},
		"it has to be where its other members are": {
			gang.Verdict{
				Gang: key, Min: 8, Placed: 4, Need: 4, Fit: 2, Nodes: 4, Domains: 1, Joined: true,
				Domain: gang.Domain{Key: "zone", Values: []string{"a"}}, Tally: reason.Tally{{Code: reason.Taint}: 4},
			},
			"gang ml/train: 6 of 8 members fit in zone a, where others of it are; of 4 nodes: 4 untolerated taint; it would start with a minimum of 6",
		},
		"no node has the label of a required level": {
			gang.Verdict{Gang: key, Min: 8, Need: 8, Domain: gang.Domain{Key: "example.com/rack"}},
			"gang ml/train: 0 of 8 members fit; no node is in any example.com/rack",
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

func TestHeld(t *testing.T) {
	own := []gang.Holder{{Name: "a", Gang: true, Pods: 8}, {Name: "b", Pods: 1}, {Name: "c", Gang: true, Pods: 1}, {Name: "d", Gang: true, Pods: 4}, {Name: "e", Pods: 1}}
	tests := map[string]struct {
		holders gang.Holders
		want    string
	}{
		"nobody":                            {gang.Holders{}, ""},
		"one pod":                           {gang.Holders{Own: own[1:2]}, "; it is held by pod ml/b"},
		"a gang and a pod, and others":      {gang.Holders{Own: own[:2], Others: 12}, "; it is held by gang ml/a (8 pods) and pod ml/b, and by 12 pods of other namespaces"},
		"three are named":                   {gang.Holders{Own: own[:3]}, "; it is held by gang ml/a (8 pods), pod ml/b and gang ml/c (1 pod)"},
		"more are counted":                  {gang.Holders{Own: own, Others: 1}, "; it is held by gang ml/a (8 pods), pod ml/b, gang ml/c (1 pod) and 5 pods more of ml, and by 1 pod of another namespace"},
		"others alone, who are never named": {gang.Holders{Others: 2}, "; it is held by 2 pods of other namespaces"},
		"another alone, who is never named": {gang.Holders{Others: 1}, "; it is held by 1 pod of another namespace"},
		"a fourth that is one pod":          {gang.Holders{Own: append(own[:3:3], own[4])}, "; it is held by gang ml/a (8 pods), pod ml/b, gang ml/c (1 pod) and 1 pod more of ml"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			v := gang.Verdict{Gang: gang.Key{Namespace: "ml", Name: "train"}, Holders: tc.holders}
			if got := Held(v); got != tc.want {
				t.Errorf("Held() =\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
	large := gang.Verdict{
		Gang: gang.Key{Namespace: "ml", Name: "train"}, Holders: gang.Holders{Others: 900}, Contested: make([]int, 32),
		Tally: reason.Tally{{Code: reason.Resource, Detail: "cpu"}: 4000, {Code: reason.Resource, Detail: "memory"}: 5, {Code: reason.Taint}: 9},
	}
	if got, want := Held(large), "; on the 32 nearest nodes it is held by 900 pods of other namespaces"; got != want {
		t.Errorf("where not all nodes were looked at: %s, want %s", got, want)
	}
}

func TestOutlook(t *testing.T) {
	key := gang.Key{Namespace: "ml", Name: "train"}
	tests := map[string]struct {
		outlook gang.Outlook
		want    string
	}{
		"who has the images says nothing": {gang.Outlook{}, ""},
		"nor who has them soon":           {gang.Outlook{Node: "a", Seconds: 4.9, Bytes: 1 << 27, Pulling: 1, Total: 1 << 27}, ""},
		"one node pulls": {
			gang.Outlook{Node: "a", Seconds: 43.4, Bytes: 3 << 29, Pulling: 1, Total: 3 << 29},
			"gang ml/train: planned; its images are expected to be ready in 43 s: the last node, a, pulls 1.5Gi",
		},
		"several do, the last after others": {
			gang.Outlook{Node: "a", Seconds: 55, Wait: 12, Bytes: 3 << 29, Pulling: 4, Total: 3 << 31},
			"gang ml/train: planned; its images are expected to be ready in 55 s: the last node, a, pulls 1.5Gi after 12 s of other pulls; 4 nodes pull 6Gi",
		},
		"what it needs is on its way": {
			gang.Outlook{Node: "a", Seconds: 20, Wait: 20},
			"gang ml/train: planned; its images are expected to be ready in 20 s: the last node, a, waits for pulls under way",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Outlook(gang.Verdict{Gang: key, Outlook: tc.outlook}); got != tc.want {
				t.Errorf("Outlook() =\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
}
