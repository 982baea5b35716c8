package snapshot

import (
	"strings"

	fwk "k8s.io/kube-scheduler/framework"

	"github.com/muster-scheduler/muster/pkg/reason"
	"github.com/muster-scheduler/muster/pkg/resources"
)

// reasonOf translates a plugin's refusal into our vocabulary.
func reasonOf(s *fwk.Status) reason.Reason {
	if s.IsSuccess() {
		return reason.Reason{}
	}
	switch s.Plugin() {
	case "NodeResourcesFit":
		for _, text := range s.Reasons() {
			if what, ok := strings.CutPrefix(text, "Insufficient "); ok {
				return reason.Reason{Code: reason.Resource, Detail: what}
			}
			if strings.HasPrefix(text, "Too many pods") {
				return reason.Reason{Code: reason.Resource, Detail: resources.Pods}
			}
		}
		return reason.Reason{Code: reason.Resource, Detail: "resources"}
	case "TaintToleration":
		return reason.Reason{Code: reason.Taint}
	case "NodeAffinity", "NodeName":
		return reason.Reason{Code: reason.Affinity}
	case "NodeUnschedulable":
		return reason.Reason{Code: reason.Cordoned}
	case "NodePorts":
		return reason.Reason{Code: reason.Port}
	case "InterPodAffinity":
		return reason.Reason{Code: reason.PodRules}
	case "PodTopologySpread":
		return reason.Reason{Code: reason.Spread}
	case "VolumeBinding", "VolumeZone", "VolumeRestrictions", "NodeVolumeLimits":
		return reason.Reason{Code: reason.Volume}
	case ImagePlugin:
		return reason.Reason{Code: reason.Disk}
	case PermitPlugin:
		return reason.Reason{Code: reason.Kept}
	case "DynamicResources":
		return reason.Reason{Code: reason.Claim}
	}
	return reason.Reason{Code: reason.Other, Detail: s.Plugin()}
}
