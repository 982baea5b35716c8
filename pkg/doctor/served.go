package doctor

import (
	"fmt"
	"slices"
	"strings"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/doctor/v1alpha1"
)

// Served are the versions of resources that the API server serves, by resource and group,
// such as podgroups.scheduling.x-k8s.io.
type Served map[string][]string

// reading is a resource that Muster reads in one version.
type reading struct {
	resource, version   string
	severity            v1alpha1.Severity
	rule, cost, fix     string
	onlyIfOtherVersions bool // an API server need not have it at all
}

// read is what Muster reads if it is served.
var read = []reading{
	{
		resource: "podgroups.scheduling.x-k8s.io", version: "v1alpha1", severity: v1alpha1.Info, rule: "served-pod-groups",
		cost: "gangs are made by labels alone: without an object that says how far they have come, or that a rule can bound",
		fix:  "kubectl apply --server-side -f manifests/install/crd-podgroups.yaml",
	},
	{
		resource: "podgroups.scheduling.k8s.io", version: "v1beta1", severity: v1alpha1.Warning, rule: "served-native-pod-groups", onlyIfOtherVersions: true,
		cost: "pods that name such a PodGroup in spec.schedulingGroup wait for ever: Muster reads another version",
		fix:  "--runtime-config=scheduling.k8s.io/v1beta1=true on the API server",
	},
	{
		resource: "imagemanifests.muster.dev", version: "v1alpha1", severity: v1alpha1.Info, rule: "served-image-manifests",
		cost: "images count as a whole: that a new image shares most of its layers with one that a node has is not known, and pods start where they pull more",
		fix:  "manifests/components/images, as its kustomization.yaml says",
	},
}

// Reads reports whether Muster reads resources of a group.
func Reads(group string) bool {
	return slices.ContainsFunc(read, func(r reading) bool { return strings.HasSuffix(r.resource, "."+group) })
}

// APIs finds what Muster would read and the API server does not serve.
func APIs(served Served) []v1alpha1.Finding {
	all := symptoms{}
	for _, r := range read {
		versions := served[r.resource]
		if slices.Contains(versions, r.version) || r.onlyIfOtherVersions && len(versions) == 0 {
			continue
		}
		value := "absent"
		if len(versions) > 0 {
			value = "served as " + strings.Join(slices.Sorted(slices.Values(versions)), ", ")
		}
		all.add(r.resource, symptom{
			severity: r.severity, rule: r.rule, subject: "API server", setting: r.resource, value: value, recommended: r.version, cost: r.cost, fix: r.fix,
		})
	}
	return all.findings("resources", len(read))
}

// Binding is a pod that was given a node, by the event of it.
type Binding struct {
	// Scheduler is the name that pods ask for, Instance the process that had it.
	Scheduler, Instance string
}

// turns is how often two processes take turns before it is no longer one taking over from
// the other.
const turns = 4

// Rivals finds scheduler names that several processes answer to at the same time: they bind
// in turns. Bindings come in the order of time.
func Rivals(bindings []Binding) []v1alpha1.Finding {
	type names struct {
		last  string
		turns int
		all   []string
	}
	by := map[string]*names{}
	for _, b := range bindings {
		n := by[b.Scheduler]
		if n == nil {
			n = &names{}
			by[b.Scheduler] = n
		}
		if n.last != b.Instance {
			n.turns, n.last = n.turns+1, b.Instance
		}
		if !slices.Contains(n.all, b.Instance) {
			n.all = append(n.all, b.Instance)
		}
	}
	all := symptoms{}
	for scheduler, n := range by {
		if len(n.all) < 2 || n.turns < turns {
			continue
		}
		slices.Sort(n.all)
		all.add(scheduler, symptom{
			severity: v1alpha1.Error, rule: "scheduler-rivals", subject: "scheduler", setting: "schedulerName", value: fmt.Sprintf("%s, by %s", scheduler, strings.Join(n.all, " and ")), recommended: "one process for each name",
			cost: "each binds the same pods to nodes of its own choice: bindings fail, nodes get more than they have room for, and gangs are broken up", fix: "stop one of them, or have them use one lease (leaderElection)",
		})
	}
	return all.findings("scheduler names", len(by))
}
