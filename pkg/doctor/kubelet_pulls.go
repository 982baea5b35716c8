package doctor

import (
	"fmt"
	"strconv"
	"time"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/doctor/v1alpha1"
)

const parallelPulls = "serializeImagePulls: false and maxParallelImagePulls: 3"

func serialPulls(k Kubelet, _ int) *symptom {
	if s := k.Settings.SerializeImagePulls; s == nil || !*s {
		return nil
	}
	return &symptom{
		severity: v1alpha1.Warning, rule: "kubelet-serial-pulls", setting: "serializeImagePulls", value: "true", recommended: "false, with maxParallelImagePulls 3",
		cost: "a node pulls one image at a time, in the order in which they are asked for: behind one of 10 GB, at 100 MB/s, an image of 50 MB waits for 100 s",
		fix:  inKubelet(parallelPulls),
	}
}

func unlimitedPulls(k Kubelet, _ int) *symptom {
	if s := k.Settings.SerializeImagePulls; s == nil || *s || k.Settings.MaxParallelImagePulls != nil {
		return nil
	}
	return &symptom{
		severity: v1alpha1.Info, rule: "kubelet-unlimited-pulls", setting: "maxParallelImagePulls", value: "none", recommended: "3",
		cost: "all pulls of a burst share the node's network and disk: of 20 images of one size that are asked for at once, the first is there when the last is",
		fix:  inKubelet(parallelPulls),
	}
}

func pullRate(k Kubelet, _ int) *symptom {
	qps := k.Settings.RegistryPullQPS
	if qps == nil || *qps <= 0 {
		return nil
	}
	severity, rarely := v1alpha1.Warning, ""
	if s := k.Settings.SerializeImagePulls; s != nil && *s {
		severity, rarely = v1alpha1.Info, "; while pulls go one after the other, few come so fast"
	}
	return &symptom{
		severity: severity, rule: "kubelet-pull-rate", setting: "registryPullQPS", value: fmt.Sprintf("%d, burst %d", *qps, k.Settings.RegistryBurst), recommended: "0 (no limit)",
		cost: "a pull beyond this rate does not wait, it fails (pull QPS exceeded), and is tried again after 10 s, then 20 s, up to 300 s; images that are there but have the pull policy Always count too" + rarely,
		fix:  inKubelet("registryPullQPS: 0, and maxParallelImagePulls as the limit"),
	}
}

func verifiedImages(k Kubelet, _ int) *symptom {
	if k.Settings.ImagePullCredentialsVerificationPolicy != "AlwaysVerify" {
		return nil
	}
	return &symptom{
		severity: v1alpha1.Info, rule: "kubelet-verified-images", setting: "imagePullCredentialsVerificationPolicy", value: "AlwaysVerify", recommended: "NeverVerifyPreloadedImages",
		cost: "an image that is on the node, but was not pulled with the pod's own credentials, is asked for at the registry before the pod starts: a round trip, and no start while the registry is away",
		fix:  inKubelet("imagePullCredentialsVerificationPolicy: NeverVerifyPreloadedImages") + "; keep it where tenants must not use one another's images",
	}
}

func imageList(k Kubelet, _ int) *symptom {
	most := k.Settings.NodeStatusMaxImages
	if most == nil || *most < 0 {
		return nil
	}
	found := symptom{
		severity: v1alpha1.Info, rule: "kubelet-image-list", setting: "nodeStatusMaxImages", value: strconv.Itoa(int(*most)), recommended: "-1 (no limit)",
		cost: fmt.Sprintf("of a node with more images, only the %d largest are known to the scheduler: it takes the others for images that have to be pulled, and starts pods elsewhere", *most),
		fix:  inKubelet("nodeStatusMaxImages: -1"),
	}
	if *most == 0 {
		found.severity = v1alpha1.Warning
		found.cost = "the node lists no images: the scheduler does not know where a pod need not pull, and starts it anywhere"
	}
	return &found
}

// collectionAfterEviction is when a full disk evicts pods before it costs unused images.
func collectionAfterEviction(k Kubelet, _ int) *symptom {
	high := k.Settings.ImageGCHighThresholdPercent
	if high == nil {
		return nil
	}
	for _, signal := range []string{"imagefs.available", "nodefs.available"} {
		free, ok := percent(k.Settings.EvictionHard[signal])
		if !ok || float64(*high) <= 100-free {
			continue
		}
		return &symptom{
			severity: v1alpha1.Warning, rule: "kubelet-collection-after-eviction", setting: "imageGCHighThresholdPercent", value: strconv.Itoa(int(*high)), recommended: fmt.Sprintf("%.0f or less", 100-free),
			cost: fmt.Sprintf("with evictionHard %s at %s, the node is short of disk at %g %% already: it takes no pods then, and deletes all unused images at once, instead of the oldest from %d %% on", signal, k.Settings.EvictionHard[signal], 100-free, *high),
			fix:  inKubelet("imageGCHighThresholdPercent: 85 and imageGCLowThresholdPercent: 80"),
		}
	}
	return nil
}

// goodHigh is from how many percent on a disk is worth being emptied of images.
const goodHigh = 80

func earlyCollection(k Kubelet, _ int) *symptom {
	high := k.Settings.ImageGCHighThresholdPercent
	if high == nil || *high >= goodHigh {
		return nil
	}
	return &symptom{
		severity: v1alpha1.Info, rule: "kubelet-early-collection", setting: "imageGCHighThresholdPercent", value: strconv.Itoa(int(*high)), recommended: "85",
		cost: fmt.Sprintf("images that no pod uses are deleted while %d %% of the disk are free, and pulled again when a pod comes", 100-*high),
		fix:  inKubelet("imageGCHighThresholdPercent: 85 and imageGCLowThresholdPercent: 80"),
	}
}

// goodMinimumAge is the default.
const goodMinimumAge = 2 * time.Minute

func minimumImageAge(k Kubelet, _ int) *symptom {
	age := k.Settings.ImageMinimumGCAge
	if age == nil || age.Duration >= goodMinimumAge {
		return nil
	}
	return &symptom{
		severity: v1alpha1.Info, rule: "kubelet-minimum-image-age", setting: "imageMinimumGCAge", value: age.Duration.String(), recommended: goodMinimumAge.String(),
		cost: "on a full disk, an image that was pulled ahead can be deleted before its pod is there",
		fix:  inKubelet("imageMinimumGCAge: 2m"),
	}
}

// goodMaximumAge is how long an unused image ought to be kept at least.
const goodMaximumAge = 24 * time.Hour

func maximumImageAge(k Kubelet, _ int) *symptom {
	age := k.Settings.ImageMaximumGCAge.Duration
	if age <= 0 || age >= goodMaximumAge {
		return nil
	}
	return &symptom{
		severity: v1alpha1.Warning, rule: "kubelet-maximum-image-age", setting: "imageMaximumGCAge", value: age.String(), recommended: "0s (no limit)",
		cost: fmt.Sprintf("an image that no pod used for %s is deleted even if the disk has room for it, and pulled again when a pod comes", age),
		fix:  inKubelet("imageMaximumGCAge: 0s"),
	}
}
