package doctor

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/doctor/v1alpha1"
)

// kubeletRules each look at one setting of a kubelet, in a cluster of so many nodes.
var kubeletRules = []func(k Kubelet, nodes int) *symptom{
	serialPulls, unlimitedPulls, pullRate, verifiedImages,
	imageList, collectionAfterEviction, earlyCollection, minimumImageAge, maximumImageAge,
	apiRate, eventRate, secretsByGet, statusFrequency, statusReports, relist, eventedPLEG,
	memoryEviction, reserved, minimumReclaim, pressureTransition, pressureFlaps, memoryThrottling, topologyRefusals,
}

const (
	// What Kubernetes has had since 1.27.
	goodAPIQPS, goodAPIBurst = 50, 100
	// clientDefaultQPS is what client-go takes a rate of 0 for.
	clientDefaultQPS = 5
	// The example of what a burst of pods costs: so many, with so many requests each at least.
	burstPods, requestsPerPod = 30, 4
)

func apiRate(k Kubelet, _ int) *symptom {
	if k.Settings.KubeAPIQPS == nil || k.Settings.KubeAPIBurst == nil {
		return nil
	}
	qps, burst := *k.Settings.KubeAPIQPS, *k.Settings.KubeAPIBurst
	if qps >= goodAPIQPS && burst >= goodAPIBurst {
		return nil
	}
	is, good := held(burstPods*requestsPerPod, float64(cmp.Or(qps, clientDefaultQPS)), float64(burst)), held(burstPods*requestsPerPod, goodAPIQPS, goodAPIBurst)
	value := fmt.Sprintf("%d, burst %d", qps, burst)
	if qps == 0 {
		value += fmt.Sprintf(" (0 counts as %d)", clientDefaultQPS)
	}
	return &symptom{
		severity: v1alpha1.Warning, rule: "kubelet-api-rate", setting: "kubeAPIQPS", value: value,
		recommended: fmt.Sprintf("%d, burst %d", goodAPIQPS, goodAPIBurst),
		cost: fmt.Sprintf("a pod's start takes %d requests at least (token, config maps and secrets, status); of %d pods that come at once the last is held back for %s by this rate, for %s by the recommended one",
			requestsPerPod, burstPods, seconds(is), seconds(good)),
		fix: inKubelet(fmt.Sprintf("kubeAPIQPS: %d and kubeAPIBurst: %d", goodAPIQPS, goodAPIBurst)),
	}
}

func eventRate(k Kubelet, _ int) *symptom {
	qps := k.Settings.EventRecordQPS
	if qps == nil || *qps == 0 || *qps >= goodAPIQPS {
		return nil
	}
	return &symptom{
		severity: v1alpha1.Info, rule: "kubelet-event-rate", setting: "eventRecordQPS", value: strconv.Itoa(int(*qps)), recommended: strconv.Itoa(goodAPIQPS),
		cost: "events beyond this rate are dropped: pods start no later, but why one does not start can be missing",
		fix:  inKubelet(fmt.Sprintf("eventRecordQPS: %d and eventBurst: %d", goodAPIQPS, goodAPIBurst)),
	}
}

func secretsByGet(k Kubelet, _ int) *symptom {
	if k.Settings.ConfigMapAndSecretChangeDetectionStrategy != "Get" {
		return nil
	}
	return &symptom{
		severity: v1alpha1.Warning, rule: "kubelet-secrets-by-get", setting: "configMapAndSecretChangeDetectionStrategy", value: "Get", recommended: "Watch",
		cost: "each start of a pod, and each look at a running one, reads every config map and secret of it anew, and these requests share the rate kubeAPIQPS with all others",
		fix:  inKubelet("configMapAndSecretChangeDetectionStrategy: Watch"),
	}
}

// goodStatusFrequency is the default.
const goodStatusFrequency = 10 * time.Second

func statusFrequency(k Kubelet, _ int) *symptom {
	every := k.Settings.NodeStatusUpdateFrequency.Duration
	if every <= goodStatusFrequency {
		return nil
	}
	return &symptom{
		severity: v1alpha1.Warning, rule: "kubelet-status-frequency", setting: "nodeStatusUpdateFrequency", value: every.String(), recommended: goodStatusFrequency.String(),
		cost: fmt.Sprintf("that a node has pulled an image, or is short of disk, is known up to %s later than it could be; until then pods go where their images are not, or to a node that refuses them", every-goodStatusFrequency),
		fix:  inKubelet("nodeStatusUpdateFrequency: 10s and nodeStatusReportFrequency: 5m"),
	}
}

// busyReports is from how many writes of node statuses a second on they are a load.
const busyReports = 50

func statusReports(k Kubelet, nodes int) *symptom {
	every := k.Settings.NodeStatusReportFrequency.Duration
	if every <= 0 || float64(nodes)/every.Seconds() < busyReports {
		return nil
	}
	return &symptom{
		severity: v1alpha1.Warning, rule: "kubelet-status-reports", setting: "nodeStatusReportFrequency", value: every.String(), recommended: "5m0s",
		cost: fmt.Sprintf("%d nodes that write their whole status, unchanged, every %s are %.0f writes a second to etcd and to whoever watches nodes, beside those that bind pods; that a node lives is told by its lease",
			nodes, every, float64(nodes)/every.Seconds()),
		fix: inKubelet("nodeStatusReportFrequency: 5m") + "; when it is not set, it is nodeStatusUpdateFrequency if that is set",
	}
}

// relistOnDemand is the minor release since which a kubelet looks at a pod at once when
// something happens to it.
const relistOnDemand = 36

func relist(k Kubelet, _ int) *symptom {
	asked, stated := k.Settings.FeatureGates["PLEGOnDemandRelist"]
	minor, known := minorOf(k.Version)
	var found symptom
	switch {
	case stated && !asked:
		found = symptom{severity: v1alpha1.Warning, setting: "featureGates.PLEGOnDemandRelist", value: "false", recommended: "true", fix: inKubelet("featureGates without PLEGOnDemandRelist")}
	case known && minor < relistOnDemand && !k.Settings.FeatureGates["EventedPLEG"]:
		found = symptom{severity: v1alpha1.Info, setting: "version", value: k.Version, recommended: fmt.Sprintf("1.%d or newer", relistOnDemand), fix: "upgrade the kubelet"}
	default:
		return nil
	}
	found.rule = "kubelet-relist"
	found.cost = "that a container has started or ended is seen when all containers are listed, once a second: up to 1 s for each step of a start, and more when there are many containers"
	return &found
}

func eventedPLEG(k Kubelet, _ int) *symptom {
	minor, known := minorOf(k.Version)
	if !k.Settings.FeatureGates["EventedPLEG"] || known && minor < relistOnDemand {
		return nil
	}
	return &symptom{
		severity: v1alpha1.Info, rule: "kubelet-evented-pleg", setting: "featureGates.EventedPLEG", value: "true", recommended: "false",
		cost: "is alpha, needs a container runtime that sends events, and saves little since a kubelet of 1.36 looks at a pod at once when it has changed something",
		fix:  inKubelet("featureGates without EventedPLEG"),
	}
}

// minorOf is the 37 of v1.37.1.
func minorOf(version string) (minor int, known bool) {
	parts := strings.Split(strings.TrimPrefix(version, "v"), ".")
	if len(parts) < 2 || parts[0] != "1" {
		return 0, false
	}
	minor, err := strconv.Atoi(strings.TrimRight(parts[1], "+"))
	return minor, err == nil
}
