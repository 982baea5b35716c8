package doctor

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
	kubeletdefaults "k8s.io/kubernetes/pkg/kubelet/apis/config/v1beta1"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/doctor/v1alpha1"
)

// good is the configuration of a kubelet that has all that is recommended, and what is the
// default besides.
const good = `{
	"serializeImagePulls": false, "maxParallelImagePulls": 3, "registryPullQPS": 0, "registryBurst": 10,
	"kubeAPIQPS": 50, "kubeAPIBurst": 100, "eventRecordQPS": 50,
	"nodeStatusUpdateFrequency": "10s", "nodeStatusReportFrequency": "5m0s", "nodeStatusMaxImages": -1,
	"imageMinimumGCAge": "2m0s", "imageMaximumGCAge": "0s", "imageGCHighThresholdPercent": 85,
	"evictionHard": {"memory.available": "100Mi", "imagefs.available": "15%", "nodefs.available": "10%"},
	"evictionMinimumReclaim": {"imagefs.available": "5%"}, "evictionPressureTransitionPeriod": "5m0s",
	"kubeReserved": {"cpu": "200m", "memory": "1Gi"},
	"topologyManagerPolicy": "none", "configMapAndSecretChangeDetectionStrategy": "Watch",
	"imagePullCredentialsVerificationPolicy": "NeverVerifyPreloadedImages"
}`

func settings(t *testing.T, fields ...string) *Settings {
	t.Helper()
	all := map[string]any{}
	for _, f := range append([]string{good}, fields...) {
		if err := json.Unmarshal([]byte(f), &all); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
	}
	text, err := json.Marshal(map[string]any{"kubeletconfig": all})
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseKubelet(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// told is all that a user reads of findings.
func told(findings []v1alpha1.Finding) []string {
	var all []string
	for _, f := range findings {
		all = append(all, fmt.Sprintf("%s %s, %s %s %s, not %s: %s. Set %s", f.Severity, f.Rule, f.Subject, f.Setting, f.Recommended, f.Value, f.Cost, f.Fix))
	}
	return all
}

const file = " in the file of the kubelet's --config; it counts from the kubelet's next start on"

var kubeletCases = map[string]struct {
	fields  string
	version string // v1.37.1 if it is not given
	nodes   int
	want    []string
}{
	"as recommended": {fields: `{}`},
	"one pull at a time": {
		fields: `{"serializeImagePulls": true, "maxParallelImagePulls": null}`,
		want: []string{
			"warning kubelet-serial-pulls, kubelet serializeImagePulls false, with maxParallelImagePulls 3, not true: a node pulls one image at a time, in the order in which they are asked for: behind one of 10 GB, at 100 MB/s, an image of 50 MB waits for 100 s. Set serializeImagePulls: false and maxParallelImagePulls: 3" + file,
		},
	},
	"pulls without a limit": {
		fields: `{"maxParallelImagePulls": null}`,
		want: []string{
			"info kubelet-unlimited-pulls, kubelet maxParallelImagePulls 3, not none: all pulls of a burst share the node's network and disk: of 20 images of one size that are asked for at once, the first is there when the last is. Set serializeImagePulls: false and maxParallelImagePulls: 3" + file,
		},
	},
	"a rate of pulls": {
		fields: `{"registryPullQPS": 5}`,
		want: []string{
			"warning kubelet-pull-rate, kubelet registryPullQPS 0 (no limit), not 5, burst 10: a pull beyond this rate does not wait, it fails (pull QPS exceeded), and is tried again after 10 s, then 20 s, up to 300 s; images that are there but have the pull policy Always count too. Set registryPullQPS: 0, and maxParallelImagePulls as the limit" + file,
		},
	},
	"a rate of pulls, one at a time": {
		fields: `{"registryPullQPS": 5, "serializeImagePulls": true, "maxParallelImagePulls": null}`,
		want: []string{
			"warning kubelet-serial-pulls, kubelet serializeImagePulls false, with maxParallelImagePulls 3, not true: a node pulls one image at a time, in the order in which they are asked for: behind one of 10 GB, at 100 MB/s, an image of 50 MB waits for 100 s. Set serializeImagePulls: false and maxParallelImagePulls: 3" + file,
			"info kubelet-pull-rate, kubelet registryPullQPS 0 (no limit), not 5, burst 10: a pull beyond this rate does not wait, it fails (pull QPS exceeded), and is tried again after 10 s, then 20 s, up to 300 s; images that are there but have the pull policy Always count too; while pulls go one after the other, few come so fast. Set registryPullQPS: 0, and maxParallelImagePulls as the limit" + file,
		},
	},
	"images that are verified": {
		fields: `{"imagePullCredentialsVerificationPolicy": "AlwaysVerify"}`,
		want: []string{
			"info kubelet-verified-images, kubelet imagePullCredentialsVerificationPolicy NeverVerifyPreloadedImages, not AlwaysVerify: an image that is on the node, but was not pulled with the pod's own credentials, is asked for at the registry before the pod starts: a round trip, and no start while the registry is away. Set imagePullCredentialsVerificationPolicy: NeverVerifyPreloadedImages" + file + "; keep it where tenants must not use one another's images",
		},
	},
	"a short list of images": {
		fields: `{"nodeStatusMaxImages": 50}`,
		want: []string{
			"info kubelet-image-list, kubelet nodeStatusMaxImages -1 (no limit), not 50: of a node with more images, only the 50 largest are known to the scheduler: it takes the others for images that have to be pulled, and starts pods elsewhere. Set nodeStatusMaxImages: -1" + file,
		},
	},
	"no list of images": {
		fields: `{"nodeStatusMaxImages": 0}`,
		want: []string{
			"warning kubelet-image-list, kubelet nodeStatusMaxImages -1 (no limit), not 0: the node lists no images: the scheduler does not know where a pod need not pull, and starts it anywhere. Set nodeStatusMaxImages: -1" + file,
		},
	},
	"collection after eviction": {
		fields: `{"imageGCHighThresholdPercent": 90}`,
		want: []string{
			"warning kubelet-collection-after-eviction, kubelet imageGCHighThresholdPercent 85 or less, not 90: with evictionHard imagefs.available at 15%, the node is short of disk at 85 % already: it takes no pods then, and deletes all unused images at once, instead of the oldest from 90 % on. Set imageGCHighThresholdPercent: 85 and imageGCLowThresholdPercent: 80" + file,
		},
	},
	"collection after eviction by nodefs": {
		fields: `{"imageGCHighThresholdPercent": 95, "evictionHard": {"memory.available": "5%", "nodefs.available": "10%"}}`,
		want: []string{
			"warning kubelet-collection-after-eviction, kubelet imageGCHighThresholdPercent 90 or less, not 95: with evictionHard nodefs.available at 10%, the node is short of disk at 90 % already: it takes no pods then, and deletes all unused images at once, instead of the oldest from 95 % on. Set imageGCHighThresholdPercent: 85 and imageGCLowThresholdPercent: 80" + file,
		},
	},
	"early collection": {
		fields: `{"imageGCHighThresholdPercent": 70}`,
		want: []string{
			"info kubelet-early-collection, kubelet imageGCHighThresholdPercent 85, not 70: images that no pod uses are deleted while 30 % of the disk are free, and pulled again when a pod comes. Set imageGCHighThresholdPercent: 85 and imageGCLowThresholdPercent: 80" + file,
		},
	},
	"images that are deleted young": {
		fields: `{"imageMinimumGCAge": "30s"}`,
		want: []string{
			"info kubelet-minimum-image-age, kubelet imageMinimumGCAge 2m0s, not 30s: on a full disk, an image that was pulled ahead can be deleted before its pod is there. Set imageMinimumGCAge: 2m" + file,
		},
	},
	"images that are deleted old": {
		fields: `{"imageMaximumGCAge": "1h"}`,
		want: []string{
			"warning kubelet-maximum-image-age, kubelet imageMaximumGCAge 0s (no limit), not 1h0m0s: an image that no pod used for 1h0m0s is deleted even if the disk has room for it, and pulled again when a pod comes. Set imageMaximumGCAge: 0s" + file,
		},
	},
	"the rate of Kubernetes 1.26": {
		fields: `{"kubeAPIQPS": 5, "kubeAPIBurst": 10}`,
		want: []string{
			"warning kubelet-api-rate, kubelet kubeAPIQPS 50, burst 100, not 5, burst 10: a pod's start takes 4 requests at least (token, config maps and secrets, status); of 30 pods that come at once the last is held back for 22 s by this rate, for 0.4 s by the recommended one. Set kubeAPIQPS: 50 and kubeAPIBurst: 100" + file,
		},
	},
	"a small burst": {
		fields: `{"kubeAPIBurst": 20}`,
		want: []string{
			"warning kubelet-api-rate, kubelet kubeAPIQPS 50, burst 100, not 50, burst 20: a pod's start takes 4 requests at least (token, config maps and secrets, status); of 30 pods that come at once the last is held back for 2 s by this rate, for 0.4 s by the recommended one. Set kubeAPIQPS: 50 and kubeAPIBurst: 100" + file,
		},
	},
	"a rate of 0": {
		fields: `{"kubeAPIQPS": 0}`,
		want: []string{
			"warning kubelet-api-rate, kubelet kubeAPIQPS 50, burst 100, not 0, burst 100 (0 counts as 5): a pod's start takes 4 requests at least (token, config maps and secrets, status); of 30 pods that come at once the last is held back for 4 s by this rate, for 0.4 s by the recommended one. Set kubeAPIQPS: 50 and kubeAPIBurst: 100" + file,
		},
	},
	"few events": {
		fields: `{"eventRecordQPS": 5}`,
		want: []string{
			"info kubelet-event-rate, kubelet eventRecordQPS 50, not 5: events beyond this rate are dropped: pods start no later, but why one does not start can be missing. Set eventRecordQPS: 50 and eventBurst: 100" + file,
		},
	},
	"events without a limit": {
		fields: `{"eventRecordQPS": 0}`,
	},
	"secrets by get": {
		fields: `{"configMapAndSecretChangeDetectionStrategy": "Get"}`,
		want: []string{
			"warning kubelet-secrets-by-get, kubelet configMapAndSecretChangeDetectionStrategy Watch, not Get: each start of a pod, and each look at a running one, reads every config map and secret of it anew, and these requests share the rate kubeAPIQPS with all others. Set configMapAndSecretChangeDetectionStrategy: Watch" + file,
		},
	},
	"a rare status": {
		fields: `{"nodeStatusUpdateFrequency": "1m"}`,
		want: []string{
			"warning kubelet-status-frequency, kubelet nodeStatusUpdateFrequency 10s, not 1m0s: that a node has pulled an image, or is short of disk, is known up to 50s later than it could be; until then pods go where their images are not, or to a node that refuses them. Set nodeStatusUpdateFrequency: 10s and nodeStatusReportFrequency: 5m" + file,
		},
	},
	"statuses of many nodes": {
		fields: `{"nodeStatusReportFrequency": "10s"}`, nodes: 5000,
		want: []string{
			"warning kubelet-status-reports, kubelet nodeStatusReportFrequency 5m0s, not 10s: 5000 nodes that write their whole status, unchanged, every 10s are 500 writes a second to etcd and to whoever watches nodes, beside those that bind pods; that a node lives is told by its lease. Set nodeStatusReportFrequency: 5m" + file + "; when it is not set, it is nodeStatusUpdateFrequency if that is set",
		},
	},
	"statuses of some nodes": {
		fields: `{"nodeStatusReportFrequency": "10s"}`, nodes: 499,
	},
	"no relisting on demand": {
		fields: `{"featureGates": {"PLEGOnDemandRelist": false}}`,
		want: []string{
			"warning kubelet-relist, kubelet featureGates.PLEGOnDemandRelist true, not false: that a container has started or ended is seen when all containers are listed, once a second: up to 1 s for each step of a start, and more when there are many containers. Set featureGates without PLEGOnDemandRelist" + file,
		},
	},
	"an old kubelet": {
		fields: `{}`, version: "v1.35.2",
		want: []string{
			"info kubelet-relist, kubelet version 1.36 or newer, not v1.35.2: that a container has started or ended is seen when all containers are listed, once a second: up to 1 s for each step of a start, and more when there are many containers. Set upgrade the kubelet",
		},
	},
	"an old kubelet that hears of events": {
		fields: `{"featureGates": {"EventedPLEG": true}}`, version: "v1.35.2",
	},
	"a new kubelet that hears of events": {
		fields: `{"featureGates": {"EventedPLEG": true}}`,
		want: []string{
			"info kubelet-evented-pleg, kubelet featureGates.EventedPLEG false, not true: is alpha, needs a container runtime that sends events, and saves little since a kubelet of 1.36 looks at a pod at once when it has changed something. Set featureGates without EventedPLEG" + file,
		},
	},
	"a kubelet of a version that says nothing": {
		fields: `{}`, version: "custom",
	},
	"no eviction by memory": {
		fields: `{"evictionHard": {"nodefs.available": "10%"}}`,
		want: []string{
			"warning kubelet-memory-eviction, kubelet evictionHard memory.available: 100Mi or more, not without memory.available: nobody is evicted when memory runs out: the kernel kills instead, be it a pod that starts, the container runtime or what pulls images. Thresholds that are not named are off when others are. Set memory.available in evictionHard, or mergeDefaultEvictionSettings: true" + file,
		},
	},
	"eviction by memory turned off": {
		fields: `{"evictionHard": {"memory.available": "0%"}}`,
		want: []string{
			"warning kubelet-memory-eviction, kubelet evictionHard memory.available: 100Mi or more, not without memory.available: nobody is evicted when memory runs out: the kernel kills instead, be it a pod that starts, the container runtime or what pulls images. Thresholds that are not named are off when others are. Set memory.available in evictionHard, or mergeDefaultEvictionSettings: true" + file,
		},
	},
	"no eviction by memory but the default": {
		fields: `{"evictionHard": {"nodefs.available": "10%"}, "mergeDefaultEvictionSettings": true}`,
	},
	"nothing reserved": {
		fields: `{"kubeReserved": null}`,
		want: []string{
			"warning kubelet-reserved, kubelet kubeReserved, systemReserved cpu and memory that they use, such as 5 % of the node, not none: the scheduler fills the node to the brim: kubelet, container runtime and pulls compete with the pods, and pods that are evicted start once more elsewhere. Set kubeReserved and systemReserved, such as {cpu: 200m, memory: 1Gi}" + file,
		},
	},
	"no memory reserved": {
		fields: `{"kubeReserved": {"cpu": "100m"}, "systemReserved": {"pid": "100"}}`,
		want: []string{
			"warning kubelet-reserved, kubelet kubeReserved, systemReserved cpu and memory that they use, such as 5 % of the node, not no memory (systemReserved pid=100; kubeReserved cpu=100m): the scheduler fills the node to the brim: kubelet, container runtime and pulls compete with the pods, and pods that are evicted start once more elsewhere. Set kubeReserved and systemReserved, such as {cpu: 200m, memory: 1Gi}" + file,
		},
	},
	"memory reserved for the system": {
		fields: `{"kubeReserved": null, "systemReserved": {"memory": "1Gi"}}`,
	},
	"just as much freed as needed": {
		fields: `{"evictionMinimumReclaim": null}`,
		want: []string{
			"info kubelet-minimum-reclaim, kubelet evictionMinimumReclaim imagefs.available: 5%, not none: a node that is short of disk frees just as much as it has to, and is short again with the next pull; each time it takes no pods for 5m0s (evictionPressureTransitionPeriod). Set evictionMinimumReclaim: {imagefs.available: 5%, nodefs.available: 5%}" + file,
		},
	},
	"a long end of pressure": {
		fields: `{"evictionPressureTransitionPeriod": "30m"}`,
		want: []string{
			"warning kubelet-pressure-transition, kubelet evictionPressureTransitionPeriod 5m0s, not 30m0s: a node that was short of memory or disk takes no pods for 30m0s after it has enough again. Set evictionPressureTransitionPeriod: 5m" + file,
		},
	},
	"pressure that comes and goes": {
		fields: `{"evictionPressureTransitionPeriod": "30s", "evictionSoftGracePeriod": {"memory.available": "1m30s"}}`,
		want: []string{
			"info kubelet-pressure-flaps, kubelet evictionPressureTransitionPeriod 1m30s or more, not 30s: is shorter than the longest evictionSoftGracePeriod, 1m30s: the condition of the node can come and go in between, and pods are bound to a node that evicts them. Set evictionPressureTransitionPeriod: 1m30s" + file,
		},
	},
	"early throttling": {
		fields: `{"memoryThrottlingFactor": 0.8}`,
		want: []string{
			"warning kubelet-memory-throttling, kubelet memoryThrottlingFactor unset, or 0.9, not 0.8: a container that has used 80 % of the memory between its request and its limit is slowed down until pages are freed; many come so far while they start. Set no memoryThrottlingFactor" + file,
		},
	},
	"late throttling": {
		fields: `{"memoryThrottlingFactor": 0.9}`,
	},
	"NUMA nodes": {
		fields: `{"topologyManagerPolicy": "single-numa-node"}`,
		want: []string{
			"info kubelet-topology-refusals, kubelet topologyManagerPolicy best-effort, where the pods can do with it, not single-numa-node: the scheduler does not see NUMA nodes: a pod that fits the node and none of these is refused by the kubelet (TopologyAffinityError), fails, and starts once more as another pod; a gang loses a member. Set topologyManagerPolicy: best-effort" + file,
		},
	},
	"best effort for NUMA nodes": {
		fields: `{"topologyManagerPolicy": "best-effort"}`,
	},
}

func TestKubelets(t *testing.T) {
	for name, tc := range kubeletCases {
		t.Run(name, func(t *testing.T) {
			if tc.version == "" {
				tc.version = "v1.37.1"
			}
			got := told(Kubelets([]Kubelet{{Node: "node-1", Version: tc.version, Settings: settings(t, tc.fields)}}, tc.nodes))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestDefaults is what a kubelet has that nobody configured. A Kubernetes upgrade that
// changes a default fails here.
func TestDefaults(t *testing.T) {
	var c kubeletv1beta1.KubeletConfiguration
	kubeletdefaults.SetDefaults_KubeletConfiguration(&c)
	text, err := json.Marshal(map[string]any{"kubeletconfig": c})
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseKubelet(text)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range Kubelets([]Kubelet{{Node: "node-1", Version: "v1.37.1", Settings: s}}, 5000) {
		got = append(got, fmt.Sprintf("%s %s %s", f.Severity, f.Rule, f.Value))
	}
	want := []string{
		"warning kubelet-reserved none",
		"warning kubelet-serial-pulls true",
		"info kubelet-image-list 50",
		"info kubelet-pull-rate 5, burst 10",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestFieldsExist checks that every field that is read is one that kubelets have.
func TestFieldsExist(t *testing.T) {
	theirs := map[string]bool{}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[kubeletv1beta1.KubeletConfiguration]()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		theirs[name] = true
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Settings]()) {
		if name := f.Tag.Get("json"); !theirs[name] {
			t.Errorf("no kubelet has %s", name)
		}
	}
}

// TestOneFindingForAlikeNodes has 4,998 nodes with one configuration and two with another,
// in any order.
func TestOneFindingForAlikeNodes(t *testing.T) {
	serial, parallel := settings(t, `{"serializeImagePulls": true, "maxParallelImagePulls": null}`), settings(t)
	var asked []Kubelet
	for i := range 5000 {
		k := Kubelet{Node: fmt.Sprintf("node-%d", i), Version: "v1.37.1", Settings: serial}
		if i == 0 || i == 7 {
			k.Settings = parallel
		}
		asked = append(asked, k)
	}
	for range 3 {
		findings := Kubelets(asked, 5000)
		if len(findings) != 1 {
			t.Fatalf("%d findings, want one", len(findings))
		}
		want := v1alpha1.Objects{Kind: "nodes", Count: 4998, Of: 5000, Names: []string{"node-1", "node-2", "node-3", "node-4", "node-5"}}
		if diff := cmp.Diff(want, findings[0].Objects); diff != "" {
			t.Error(diff)
		}
		rand.Shuffle(len(asked), func(i, j int) { asked[i], asked[j] = asked[j], asked[i] })
	}
}

// FuzzParseKubelet has no input that ends the process, and no reading that a rule cannot stand.
func FuzzParseKubelet(f *testing.F) {
	for name := range kubeletCases {
		f.Add([]byte(`{"kubeletconfig": `+kubeletCases[name].fields+`}`), "v1.37.1", 10)
	}
	f.Add([]byte(`{"kubeletconfig": {"evictionHard": {"imagefs.available": "-1e999%"}, "imageGCHighThresholdPercent": 100}}`), "v1.", 0)
	f.Add([]byte(`{"kubeletconfig": {"nodeStatusReportFrequency": "1ns", "kubeAPIQPS": -1, "kubeAPIBurst": -5}}`), "v1.36+", 1)
	f.Add([]byte(`{"kubeletconfig": null}`), "", 0)
	f.Fuzz(func(t *testing.T, configz []byte, version string, nodes int) {
		s, err := ParseKubelet(configz)
		if err != nil {
			return
		}
		for _, finding := range Kubelets([]Kubelet{{Node: "n", Version: version, Settings: s}}, nodes) {
			if finding.Rule == "" || finding.Cost == "" || finding.Recommended == "" || strings.Contains(finding.Cost, "%!") {
				t.Errorf("finding %+v", finding)
			}
		}
	})
}
