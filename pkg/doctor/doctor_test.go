package doctor

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/doctor/v1alpha1"
)

// healthy is a node as it should be, with one condition otherwise if that is given.
func healthy(name string, condition v1.NodeConditionType, status v1.ConditionStatus) Node {
	n := Node{Name: name, Images: 10, DiskBytes: 100e9, Conditions: map[v1.NodeConditionType]v1.ConditionStatus{
		v1.NodeReady: v1.ConditionTrue, v1.NodeDiskPressure: v1.ConditionFalse, v1.NodeMemoryPressure: v1.ConditionFalse, v1.NodePIDPressure: v1.ConditionFalse,
	}}
	if condition != "" {
		n.Conditions[condition] = status
	}
	return n
}

const (
	inSchedulerConfig = " in the scheduler's configuration (manifests/components/custom-config)"
	schemas           = "kubectl apply --server-side -f manifests/install/flowschema.yaml"
)

func nodeWith(change func(*Node)) []Node {
	n := healthy("a", "", "")
	change(&n)
	return []Node{n, healthy("b", "", "")}
}

func scheduler(t *testing.T, fields string, nodes, replicas int) []v1alpha1.Finding {
	t.Helper()
	s, err := ParseScheduler([]byte(`{"componentconfig": ` + fields + `}`))
	if err != nil {
		t.Fatal(err)
	}
	return Scheduler("muster-system/muster-scheduler", s, nodes, replicas)
}

// own are the flow schemas of manifests/install.
func own(t *testing.T) []flowcontrolv1.FlowSchema {
	t.Helper()
	text, err := os.ReadFile("../../manifests/install/flowschema.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all []flowcontrolv1.FlowSchema
	for _, one := range regexp.MustCompile(`(?m)^---$`).Split(string(text), -1) {
		var s flowcontrolv1.FlowSchema
		if err := yaml.UnmarshalStrict([]byte(one), &s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// fair is what priority and fairness does with the cluster's own configuration, ours, and a
// change to both.
func fair(t *testing.T, change func(ours *[]flowcontrolv1.FlowSchema, levels map[string]*flowcontrolv1.PriorityLevelConfiguration)) []v1alpha1.Finding {
	t.Helper()
	all, levels := own(t), map[string]*flowcontrolv1.PriorityLevelConfiguration{}
	for _, l := range slices.Concat(bootstrap.MandatoryPriorityLevelConfigurations, bootstrap.SuggestedPriorityLevelConfigurations) {
		levels[l.Name] = l.DeepCopy()
	}
	change(&all, levels)
	for _, s := range slices.Concat(bootstrap.MandatoryFlowSchemas, bootstrap.SuggestedFlowSchemas) {
		all = append(all, *s)
	}
	var list []flowcontrolv1.PriorityLevelConfiguration
	for _, name := range slices.Sorted(maps.Keys(levels)) {
		list = append(list, *levels[name])
	}
	return Fairness(all, list, "muster-system", "muster-scheduler")
}

// without takes one of ours away.
func without(name string) func(*[]flowcontrolv1.FlowSchema, map[string]*flowcontrolv1.PriorityLevelConfiguration) {
	return func(ours *[]flowcontrolv1.FlowSchema, _ map[string]*flowcontrolv1.PriorityLevelConfiguration) {
		*ours = slices.DeleteFunc(*ours, func(s flowcontrolv1.FlowSchema) bool { return s.Name == name })
	}
}

// otherCases are those of the rules that do not look at kubelets.
var otherCases = map[string]struct {
	findings func(t *testing.T) []v1alpha1.Finding
	want     []string
}{
	"healthy nodes": {
		findings: func(*testing.T) []v1alpha1.Finding {
			return Nodes([]Node{healthy("a", "", ""), healthy("b", v1.NodeNetworkUnavailable, v1.ConditionFalse)})
		},
	},
	"a node that is not ready": {
		findings: func(*testing.T) []v1alpha1.Finding {
			return Nodes([]Node{healthy("a", v1.NodeReady, v1.ConditionUnknown), healthy("b", "", "")})
		},
		want: []string{
			"warning node-not-ready, node Ready True, not Unknown: takes no pods, and those that run there are made anew elsewhere after 5 min. Set kubectl describe node tells what its kubelet last said; look at kubelet and container runtime there",
		},
	},
	"a node without a network": {
		findings: func(*testing.T) []v1alpha1.Finding {
			return Nodes([]Node{healthy("a", v1.NodeNetworkUnavailable, v1.ConditionTrue), healthy("b", "", "")})
		},
		want: []string{
			"warning node-network-unavailable, node NetworkUnavailable False, not True: takes no pods until the network plug-in says that it is set up. Set look at the pods of the network plug-in on the node",
		},
	},
	"a node short of disk": {
		findings: func(*testing.T) []v1alpha1.Finding {
			return Nodes([]Node{healthy("a", v1.NodeDiskPressure, v1.ConditionTrue), healthy("b", "", "")})
		},
		want: []string{
			"warning node-disk-pressure, node DiskPressure False, not True: takes no pods, and deletes images that no pod uses: the next pods pull them again. Set a larger disk for images, or fewer and smaller ones; look at imageGCHighThresholdPercent",
		},
	},
	"a node short of memory": {
		findings: func(*testing.T) []v1alpha1.Finding {
			return Nodes([]Node{healthy("a", v1.NodeMemoryPressure, v1.ConditionTrue), healthy("b", "", "")})
		},
		want: []string{
			"warning node-memory-pressure, node MemoryPressure False, not True: takes no pods without memory requests, and evicts others, which start once more elsewhere. Set memory requests that say what pods use, and kubeReserved and systemReserved that say what the node does",
		},
	},
	"a node short of process numbers": {
		findings: func(*testing.T) []v1alpha1.Finding {
			return Nodes([]Node{healthy("a", v1.NodePIDPressure, v1.ConditionTrue), healthy("b", "", "")})
		},
		want: []string{
			"warning node-pid-pressure, node PIDPressure False, not True: takes no pods: it has hardly any process numbers left. Set find the pod that makes so many processes; podPidsLimit bounds each",
		},
	},
	"a node without images": {
		findings: func(*testing.T) []v1alpha1.Finding {
			return Nodes(nodeWith(func(n *Node) { n.Images, n.RunsPods = 0, true }))
		},
		want: []string{
			"warning node-lists-no-images, node status.images what it has, not none: runs pods, and lists no images: the scheduler takes every image for one that has to be pulled there, and starts pods elsewhere. Set look at the kubelet's log for the container runtime's answer to ListImages",
		},
	},
	"a new node": {
		findings: func(*testing.T) []v1alpha1.Finding { return Nodes(nodeWith(func(n *Node) { n.Images = 0 })) },
	},
	"a node that may list none": {
		findings: func(*testing.T) []v1alpha1.Finding {
			return Nodes(nodeWith(func(n *Node) { n.Images, n.RunsPods, n.Cap = 0, true, ptr.To[int32](0) }))
		},
	},
	"a list of images that may be cut off": {
		findings: func(*testing.T) []v1alpha1.Finding { return Nodes(nodeWith(func(n *Node) { n.Images = 50 })) },
		want: []string{
			"warning node-image-list-cut-off, node status.images all it has, not 50: lists as many images as it may: it can have others, which the scheduler takes for images that have to be pulled, so that pods start elsewhere and pull. Set nodeStatusMaxImages: -1" + file,
		},
	},
	"a list of images that is cut off": {
		findings: func(*testing.T) []v1alpha1.Finding {
			return Nodes(nodeWith(func(n *Node) { n.Images, n.Cap = 20, ptr.To[int32](20) }))
		},
		want: []string{
			"warning node-image-list-cut-off, node status.images all it has, not 20: lists as many images as it may: it can have others, which the scheduler takes for images that have to be pulled, so that pods start elsewhere and pull. Set nodeStatusMaxImages: -1" + file,
		},
	},
	"a list of images without a limit": {
		findings: func(*testing.T) []v1alpha1.Finding {
			return Nodes(nodeWith(func(n *Node) { n.Images, n.Cap = 200, ptr.To[int32](-1) }))
		},
	},
	"images that nobody uses": {
		findings: func(*testing.T) []v1alpha1.Finding {
			return Nodes(nodeWith(func(n *Node) { n.UnusedImageBytes = 31e9 }))
		},
		want: []string{
			"info node-unused-images, node status.images as it is, while the disk has room, not over 30 % of the disk unused: images that no pod of the node uses are what a full disk costs first, by when they were last used: those that were pulled ahead too. Set a larger disk for images, or smaller images",
		},
	},
	"a clock that is ahead": {
		findings: func(*testing.T) []v1alpha1.Finding { return Nodes(nodeWith(func(n *Node) { n.Ahead = time.Minute })) },
		want: []string{
			"warning node-clock, node clock that of the API server, not ahead: what the node says of itself is dated in the future: start times and pull times are wrong, and certificates and tokens count as not valid yet or as expired. Set time synchronisation on the node, such as chrony",
		},
	},
	"a heartbeat that is late": {
		findings: func(*testing.T) []v1alpha1.Finding { return Nodes(nodeWith(func(n *Node) { n.Late = time.Second })) },
		want: []string{
			"warning node-heartbeat, node lease renewed every 10 s, not older than it may be: the node is ready, but its heartbeats come late, or its clock is behind: with some more it counts as lost, and its pods are made anew elsewhere. Set look at the load of the node and at the kubelet's log; time synchronisation on the node",
		},
	},
	"the scheduler as it comes": {
		findings: func(t *testing.T) []v1alpha1.Finding {
			return scheduler(t, `{"clientConnection": {"qps": 1000, "burst": 2000}, "parallelism": 16, "percentageOfNodesToScore": 0, "podInitialBackoffSeconds": 1, "podMaxBackoffSeconds": 10, "enableContentionProfiling": false, "leaderElection": {"leaderElect": true}}`, 5000, 2)
		},
	},
	"kube-scheduler's rate": {
		findings: func(t *testing.T) []v1alpha1.Finding {
			return scheduler(t, `{"clientConnection": {"qps": 50, "burst": 100}}`, 10, 1)
		},
		want: []string{
			"warning scheduler-rate, scheduler clientConnection.qps 1000, burst 2000, not 50, burst 100: a binding is a request: of a gang of 512, the last waits for 8.2 s for its turn, and the gang is bound in part meanwhile. Set clientConnection: {qps: 1000, burst: 2000}" + inSchedulerConfig,
		},
	},
	"a rate without a limit": {
		findings: func(t *testing.T) []v1alpha1.Finding {
			return scheduler(t, `{"clientConnection": {"qps": -1, "burst": 0}}`, 10, 1)
		},
	},
	"little parallelism": {
		findings: func(t *testing.T) []v1alpha1.Finding { return scheduler(t, `{"parallelism": 1}`, 10, 1) },
		want: []string{
			"warning scheduler-parallelism, scheduler parallelism 16, not 1: so many nodes are looked at together for each pod, however many cores the scheduler has. Set parallelism: 16" + inSchedulerConfig,
		},
	},
	"all nodes scored": {
		findings: func(t *testing.T) []v1alpha1.Finding {
			return scheduler(t, `{"percentageOfNodesToScore": 100}`, 5000, 1)
		},
		want: []string{
			"warning scheduler-sample, scheduler percentageOfNodesToScore 0 (by the size of the cluster), not 100: 5000 of 5000 nodes are looked at and scored for each pod, where 500 do. Set percentageOfNodesToScore: 0" + inSchedulerConfig,
		},
	},
	"few nodes scored": {
		findings: func(t *testing.T) []v1alpha1.Finding { return scheduler(t, `{"percentageOfNodesToScore": 1}`, 5000, 1) },
		want: []string{
			"info scheduler-sample, scheduler percentageOfNodesToScore 0 (by the size of the cluster), not 1: 50 of 5000 nodes are scored for each pod: better ones are seldom among them. Set percentageOfNodesToScore: 0" + inSchedulerConfig,
		},
	},
	"all of a few nodes scored": {
		findings: func(t *testing.T) []v1alpha1.Finding {
			return scheduler(t, `{"percentageOfNodesToScore": 100}`, 999, 1)
		},
	},
	"a long first back-off": {
		findings: func(t *testing.T) []v1alpha1.Finding { return scheduler(t, `{"podInitialBackoffSeconds": 5}`, 10, 1) },
		want: []string{
			"warning scheduler-initial-backoff, scheduler podInitialBackoffSeconds 1, not 5: a pod that was refused once waits for 5 s before it is tried again, even if what it waited for is there. Set podInitialBackoffSeconds: 1" + inSchedulerConfig,
		},
	},
	"a long back-off": {
		findings: func(t *testing.T) []v1alpha1.Finding { return scheduler(t, `{"podMaxBackoffSeconds": 60}`, 10, 1) },
		want: []string{
			"warning scheduler-max-backoff, scheduler podMaxBackoffSeconds 10, not 60: a pod that was refused several times waits for up to 60 s before it is tried again, even if what it waited for is there. Set podMaxBackoffSeconds: 10" + inSchedulerConfig,
		},
	},
	"contention profiling": {
		findings: func(t *testing.T) []v1alpha1.Finding {
			return scheduler(t, `{"enableContentionProfiling": true}`, 10, 1)
		},
		want: []string{
			"info scheduler-contention-profiling, scheduler enableContentionProfiling false, not true: every wait for a lock is recorded, in the middle of the work. Set enableContentionProfiling: false" + inSchedulerConfig,
		},
	},
	"no election among two": {
		findings: func(t *testing.T) []v1alpha1.Finding {
			return scheduler(t, `{"leaderElection": {"leaderElect": false}}`, 10, 2)
		},
		want: []string{
			"error scheduler-election, scheduler leaderElection.leaderElect true, not false, with 2 replicas: all replicas bind the same pods to nodes of their own choice: bindings fail, and nodes get more than they have room for. Set leaderElection: {leaderElect: true}" + inSchedulerConfig,
		},
	},
	"no election of one": {
		findings: func(t *testing.T) []v1alpha1.Finding {
			return scheduler(t, `{"leaderElection": {"leaderElect": false}}`, 10, 1)
		},
	},
	"a leader": {
		findings: func(*testing.T) []v1alpha1.Finding {
			return Leads(&Lease{Name: "muster-system/muster-scheduler", Holder: "a", Age: 2 * time.Second, Duration: 15 * time.Second})
		},
	},
	"no lease": {
		findings: func(*testing.T) []v1alpha1.Finding { return Leads(nil) },
		want: []string{
			"error scheduler-leads, scheduler lease held by a replica, not none: no scheduler leads: no pod of Muster's is bound. Set kubectl apply --server-side -k manifests/install, or --scheduler-namespace if it is elsewhere",
		},
	},
	"a lease of nobody": {
		findings: func(*testing.T) []v1alpha1.Finding { return Leads(&Lease{Name: "muster-system/muster-scheduler"}) },
		want: []string{
			"error scheduler-leads, scheduler lease held by a replica, not held by nobody: no scheduler leads: no pod of Muster's is bound. Set look at the pods of the scheduler, and at what they log about the lease",
		},
	},
	"a lease that ran out": {
		findings: func(*testing.T) []v1alpha1.Finding {
			return Leads(&Lease{Name: "muster-system/muster-scheduler", Holder: "a", Age: 90 * time.Second, Duration: 15 * time.Second})
		},
		want: []string{
			"error scheduler-leads, scheduler lease renewed within 15s, not of a, renewed 1m30s ago: no scheduler leads: no pod of Muster's is bound. Set look at the pods of the scheduler, and at what they log about the lease",
		},
	},
	"two processes at a time": {
		findings: func(*testing.T) []v1alpha1.Finding {
			return Rivals([]Binding{{"muster", "a"}, {"muster", "b"}, {"default-scheduler", "c"}, {"muster", "a"}, {"muster", "b"}})
		},
		want: []string{
			"error scheduler-rivals, scheduler schedulerName one process for each name, not muster, by a and b: each binds the same pods to nodes of its own choice: bindings fail, nodes get more than they have room for, and gangs are broken up. Set stop one of them, or have them use one lease (leaderElection)",
		},
	},
	"one process after the other": {
		findings: func(*testing.T) []v1alpha1.Finding {
			return Rivals([]Binding{{"muster", "a"}, {"muster", "a"}, {"muster", "b"}, {"muster", "a"}})
		},
	},
	"the flow schemas of the installation": {
		findings: func(t *testing.T) []v1alpha1.Finding {
			return fair(t, func(*[]flowcontrolv1.FlowSchema, map[string]*flowcontrolv1.PriorityLevelConfiguration) {})
		},
	},
	"no flow schema for bindings": {
		findings: func(t *testing.T) []v1alpha1.Finding { return fair(t, without("muster-scheduler")) },
		want: []string{
			"warning fairness-crowd, API server flow schema of bindings muster-scheduler (workload-high), not service-accounts: bindings wait behind the requests of all tenants' pods when the API server is busy, and a gang is bound in part for as long. Set " + schemas,
		},
	},
	"no flow schema for the lease": {
		findings: func(t *testing.T) []v1alpha1.Finding { return fair(t, without("muster-leader-election")) },
		want: []string{
			"warning fairness-mixed, API server flow schema of the lease muster-leader-election (leader-election), not muster-scheduler (workload-high): the lease is renewed among the bindings: a burst of them on a busy API server makes the scheduler lose it, and start anew. Set " + schemas,
		},
	},
	"no flow schema for events": {
		findings: func(t *testing.T) []v1alpha1.Finding { return fair(t, without("muster-events")) },
		want: []string{
			"warning fairness-mixed, API server flow schema of events muster-events (workload-low), not muster-scheduler (workload-high): a burst of events takes the seats of the bindings. Set " + schemas,
		},
	},
	"a flow schema for everybody comes first": {
		findings: func(t *testing.T) []v1alpha1.Finding {
			return fair(t, func(ours *[]flowcontrolv1.FlowSchema, levels map[string]*flowcontrolv1.PriorityLevelConfiguration) {
				s := (*ours)[0].DeepCopy()
				s.Name, s.Spec.MatchingPrecedence, s.Spec.PriorityLevelConfiguration.Name = "catch-all", 1, "catch-all"
				s.Spec.Rules = []flowcontrolv1.PolicyRulesWithSubjects{{
					Subjects:      []flowcontrolv1.Subject{{Kind: flowcontrolv1.SubjectKindGroup, Group: &flowcontrolv1.GroupSubject{Name: "system:authenticated"}}},
					ResourceRules: []flowcontrolv1.ResourcePolicyRule{{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}, Namespaces: []string{"*"}}},
				}}
				*ours = append(*ours, *s)
			})
		},
		want: []string{
			"error fairness-crowd, API server flow schema of bindings muster-scheduler (workload-high), not catch-all: bindings wait behind the requests of all tenants' pods when the API server is busy, and a gang is bound in part for as long. Set " + schemas,
			"error fairness-crowd, API server flow schema of the lease muster-leader-election (leader-election), not catch-all: the lease is renewed among the requests of all tenants' pods: a busy API server makes the scheduler lose it and start anew, with caches to fill, when it is needed most. Set " + schemas,
		},
	},
	"a flow schema for other verbs comes first": {
		findings: func(t *testing.T) []v1alpha1.Finding {
			return fair(t, func(ours *[]flowcontrolv1.FlowSchema, levels map[string]*flowcontrolv1.PriorityLevelConfiguration) {
				s := (*ours)[2].DeepCopy()
				s.Name, s.Spec.MatchingPrecedence, s.Spec.PriorityLevelConfiguration.Name = "catch-all", 1, "catch-all"
				s.Spec.Rules[0].ResourceRules[0].Verbs = []string{"list"}
				*ours = append(*ours, *s)
			})
		},
	},
	"a flow schema for another account comes first": {
		findings: func(t *testing.T) []v1alpha1.Finding {
			return fair(t, func(ours *[]flowcontrolv1.FlowSchema, levels map[string]*flowcontrolv1.PriorityLevelConfiguration) {
				s := (*ours)[2].DeepCopy()
				s.Name, s.Spec.MatchingPrecedence, s.Spec.PriorityLevelConfiguration.Name = "catch-all", 1, "catch-all"
				s.Spec.Rules[0].Subjects[0].ServiceAccount.Name = "other"
				*ours = append(*ours, *s)
			})
		},
	},
	"a level that is not there": {
		findings: func(t *testing.T) []v1alpha1.Finding {
			return fair(t, func(ours *[]flowcontrolv1.FlowSchema, levels map[string]*flowcontrolv1.PriorityLevelConfiguration) {
				delete(levels, "workload-high")
			})
		},
		want: []string{
			"warning fairness-crowd, API server flow schema of bindings muster-scheduler (workload-high), not service-accounts: bindings wait behind the requests of all tenants' pods when the API server is busy, and a gang is bound in part for as long. Set " + schemas,
			"warning fairness-passed-over, API server priority level of muster-scheduler workload-high, not workload-high, which is not there: the flow schema is passed over, and bindings are served as the next one that matches says. Set " + schemas,
		},
	},
	"too few seats": {
		findings: func(t *testing.T) []v1alpha1.Finding {
			return fair(t, func(ours *[]flowcontrolv1.FlowSchema, levels map[string]*flowcontrolv1.PriorityLevelConfiguration) {
				levels["workload-high"].Spec.Limited.NominalConcurrencyShares = ptr.To[int32](10)
				levels["workload-high"].Spec.Limited.BorrowingLimitPercent = ptr.To[int32](50)
			})
		},
		want: []string{
			"warning fairness-seats, API server seats of workload-high 64 or more, not 42 of 600: GangBind makes 64 bindings at a time: the others wait at an API server that serves 600 requests at a time by its defaults. Set more nominalConcurrencyShares in the PriorityLevelConfiguration workload-high, or no borrowingLimitPercent",
		},
	},
	"few seats, and others to borrow": {
		findings: func(t *testing.T) []v1alpha1.Finding {
			return fair(t, func(ours *[]flowcontrolv1.FlowSchema, levels map[string]*flowcontrolv1.PriorityLevelConfiguration) {
				levels["workload-high"].Spec.Limited.NominalConcurrencyShares = ptr.To[int32](10)
			})
		},
	},
	"all is served": {
		findings: func(*testing.T) []v1alpha1.Finding {
			return APIs(Served{"podgroups.scheduling.x-k8s.io": {"v1alpha1"}, "podgroups.scheduling.k8s.io": {"v1beta1"}, "imagemanifests.muster.dev": {"v1alpha1"}})
		},
	},
	"nothing is served": {
		findings: func(*testing.T) []v1alpha1.Finding { return APIs(Served{}) },
		want: []string{
			"info served-image-manifests, API server imagemanifests.muster.dev v1alpha1, not absent: images count as a whole: that a new image shares most of its layers with one that a node has is not known, and pods start where they pull more. Set manifests/components/images, as its kustomization.yaml says",
			"info served-pod-groups, API server podgroups.scheduling.x-k8s.io v1alpha1, not absent: gangs are made by labels alone: without an object that says how far they have come, or that a rule can bound. Set kubectl apply --server-side -f manifests/install/crd-podgroups.yaml",
		},
	},
	"another version is served": {
		findings: func(*testing.T) []v1alpha1.Finding {
			return APIs(Served{"podgroups.scheduling.x-k8s.io": {"v1alpha1"}, "podgroups.scheduling.k8s.io": {"v1alpha2", "v1alpha1"}, "imagemanifests.muster.dev": {"v1alpha1"}})
		},
		want: []string{
			"warning served-native-pod-groups, API server podgroups.scheduling.k8s.io v1beta1, not served as v1alpha1, v1alpha2: pods that name such a PodGroup in spec.schedulingGroup wait for ever: Muster reads another version. Set --runtime-config=scheduling.k8s.io/v1beta1=true on the API server",
		},
	},
}

func TestOthers(t *testing.T) {
	for name, tc := range otherCases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, told(tc.findings(t))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestRules holds README.md to the rules that are tested, and the other way round.
func TestRules(t *testing.T) {
	tested := map[string]bool{}
	for _, tc := range kubeletCases {
		for _, line := range tc.want {
			tested[ruleOf(line)] = true
		}
	}
	for _, tc := range otherCases {
		for _, line := range tc.want {
			tested[ruleOf(line)] = true
		}
	}
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		documented = append(documented, row[1])
	}
	slices.Sort(documented)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(tested)), documented); diff != "" {
		t.Errorf("README.md differs from the tables here: %s", diff)
	}
}

// ruleOf is the rule in a line of a table, which begins with the severity.
func ruleOf(line string) string {
	return regexp.MustCompile(`^\w+ ([a-z-]+),`).FindStringSubmatch(line)[1]
}

// TestAllUnready is an error, not a warning for each.
func TestAllUnready(t *testing.T) {
	got := Nodes([]Node{healthy("a", v1.NodeReady, v1.ConditionFalse), healthy("b", v1.NodeReady, v1.ConditionFalse)})
	if len(got) != 1 || got[0].Severity != v1alpha1.Error || got[0].Cost != "no node takes pods" || got[0].Objects.Count != 2 {
		t.Errorf("found %+v", got)
	}
}

// FuzzParseScheduler has no input that a rule cannot stand.
func FuzzParseScheduler(f *testing.F) {
	f.Add([]byte(`{"componentconfig": {"clientConnection": {"qps": 0, "burst": -1}, "percentageOfNodesToScore": 200}}`), 10_000, 2)
	f.Add([]byte(`{"componentconfig": {"podMaxBackoffSeconds": 1e300}}`), -1, -1)
	f.Add([]byte(`[]`), 0, 0)
	f.Fuzz(func(t *testing.T, configz []byte, nodes, replicas int) {
		s, err := ParseScheduler(configz)
		if err != nil {
			return
		}
		for _, finding := range Scheduler("s", s, nodes, replicas) {
			if finding.Rule == "" || finding.Cost == "" || finding.Recommended == "" {
				t.Errorf("finding %+v", finding)
			}
		}
	})
}
