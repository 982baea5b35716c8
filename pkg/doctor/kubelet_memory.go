package doctor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/doctor/v1alpha1"
)

const memoryAvailable = "memory.available"

// percent reads a threshold such as 15%; ok is false if it is an amount, or nonsense.
func percent(threshold string) (value float64, ok bool) {
	number, found := strings.CutSuffix(threshold, "%")
	if !found {
		return 0, false
	}
	value, err := strconv.ParseFloat(number, 64)
	return value, err == nil && value >= 0 && value <= 100
}

func memoryEviction(k Kubelet, _ int) *symptom {
	threshold, stated := k.Settings.EvictionHard[memoryAvailable]
	off, isPercent := percent(threshold)
	if len(k.Settings.EvictionHard) == 0 || k.Settings.MergeDefaultEvictionSettings || stated && (!isPercent || off > 0 && off < 100) {
		return nil // without any threshold there is no telling whether defaults hold
	}
	return &symptom{
		severity: v1alpha1.Warning, rule: "kubelet-memory-eviction", setting: "evictionHard", value: "without " + memoryAvailable, recommended: "memory.available: 100Mi or more",
		cost: "nobody is evicted when memory runs out: the kernel kills instead, be it a pod that starts, the container runtime or what pulls images. Thresholds that are not named are off when others are",
		fix:  inKubelet("memory.available in evictionHard, or mergeDefaultEvictionSettings: true"),
	}
}

func reserved(k Kubelet, _ int) *symptom {
	for _, amounts := range []map[string]string{k.Settings.SystemReserved, k.Settings.KubeReserved} {
		if amounts["memory"] != "" {
			return nil
		}
	}
	value := "none"
	if len(k.Settings.SystemReserved)+len(k.Settings.KubeReserved) > 0 {
		value = "no memory (systemReserved " + amounts(k.Settings.SystemReserved) + "; kubeReserved " + amounts(k.Settings.KubeReserved) + ")"
	}
	return &symptom{
		severity: v1alpha1.Warning, rule: "kubelet-reserved", setting: "kubeReserved, systemReserved", value: value, recommended: "cpu and memory that they use, such as 5 % of the node",
		cost: "the scheduler fills the node to the brim: kubelet, container runtime and pulls compete with the pods, and pods that are evicted start once more elsewhere",
		fix:  inKubelet("kubeReserved and systemReserved, such as {cpu: 200m, memory: 1Gi}"),
	}
}

func minimumReclaim(k Kubelet, _ int) *symptom {
	if len(k.Settings.EvictionHard) == 0 || len(k.Settings.EvictionMinimumReclaim) > 0 {
		return nil
	}
	return &symptom{
		severity: v1alpha1.Info, rule: "kubelet-minimum-reclaim", setting: "evictionMinimumReclaim", value: "none", recommended: "imagefs.available: 5%",
		cost: fmt.Sprintf("a node that is short of disk frees just as much as it has to, and is short again with the next pull; each time it takes no pods for %s (evictionPressureTransitionPeriod)", k.Settings.EvictionPressureTransitionPeriod.Duration),
		fix:  inKubelet(`evictionMinimumReclaim: {imagefs.available: 5%, nodefs.available: 5%}`),
	}
}

// goodTransition is the default.
const goodTransition = 5 * time.Minute

func pressureTransition(k Kubelet, _ int) *symptom {
	period := k.Settings.EvictionPressureTransitionPeriod.Duration
	if period <= goodTransition {
		return nil
	}
	return &symptom{
		severity: v1alpha1.Warning, rule: "kubelet-pressure-transition", setting: "evictionPressureTransitionPeriod", value: period.String(), recommended: goodTransition.String(),
		cost: fmt.Sprintf("a node that was short of memory or disk takes no pods for %s after it has enough again", period),
		fix:  inKubelet("evictionPressureTransitionPeriod: 5m"),
	}
}

// pressureFlaps is when a soft threshold is waited for longer than the end of a shortage.
func pressureFlaps(k Kubelet, _ int) *symptom {
	period := k.Settings.EvictionPressureTransitionPeriod.Duration
	var longest time.Duration
	for _, text := range k.Settings.EvictionSoftGracePeriod {
		if grace, err := time.ParseDuration(text); err == nil {
			longest = max(longest, grace)
		}
	}
	if period <= 0 || longest <= period {
		return nil
	}
	return &symptom{
		severity: v1alpha1.Info, rule: "kubelet-pressure-flaps", setting: "evictionPressureTransitionPeriod", value: period.String(), recommended: longest.String() + " or more",
		cost: fmt.Sprintf("is shorter than the longest evictionSoftGracePeriod, %s: the condition of the node can come and go in between, and pods are bound to a node that evicts them", longest),
		fix:  inKubelet(fmt.Sprintf("evictionPressureTransitionPeriod: %s", longest)),
	}
}

// goodThrottling was the default while there was one.
const goodThrottling = 0.9

func memoryThrottling(k Kubelet, _ int) *symptom {
	factor := k.Settings.MemoryThrottlingFactor
	if factor == nil || *factor >= goodThrottling {
		return nil
	}
	return &symptom{
		severity: v1alpha1.Warning, rule: "kubelet-memory-throttling", setting: "memoryThrottlingFactor", value: strconv.FormatFloat(*factor, 'g', -1, 64), recommended: "unset, or 0.9",
		cost: fmt.Sprintf("a container that has used %g %% of the memory between its request and its limit is slowed down until pages are freed; many come so far while they start", 100**factor),
		fix:  inKubelet("no memoryThrottlingFactor"),
	}
}

func topologyRefusals(k Kubelet, _ int) *symptom {
	policy := k.Settings.TopologyManagerPolicy
	if !slices.Contains([]string{"restricted", "single-numa-node"}, policy) {
		return nil
	}
	return &symptom{
		severity: v1alpha1.Info, rule: "kubelet-topology-refusals", setting: "topologyManagerPolicy", value: policy, recommended: "best-effort, where the pods can do with it",
		cost: "the scheduler does not see NUMA nodes: a pod that fits the node and none of these is refused by the kubelet (TopologyAffinityError), fails, and starts once more as another pod; a gang loses a member",
		fix:  inKubelet("topologyManagerPolicy: best-effort"),
	}
}
