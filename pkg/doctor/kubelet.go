package doctor

import (
	"encoding/json"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/doctor/v1alpha1"
)

// Settings are the fields of a KubeletConfiguration that decide when pods start, as a
// kubelet serves them under /configz. A field that is nil or empty is one that the kubelet
// does not state: older and newer kubelets have fewer and more.
type Settings struct {
	SerializeImagePulls   *bool  `json:"serializeImagePulls"`
	MaxParallelImagePulls *int32 `json:"maxParallelImagePulls"`
	RegistryPullQPS       *int32 `json:"registryPullQPS"`
	RegistryBurst         int32  `json:"registryBurst"`

	KubeAPIQPS     *int32 `json:"kubeAPIQPS"`
	KubeAPIBurst   *int32 `json:"kubeAPIBurst"`
	EventRecordQPS *int32 `json:"eventRecordQPS"`

	NodeStatusUpdateFrequency metav1.Duration `json:"nodeStatusUpdateFrequency"`
	NodeStatusReportFrequency metav1.Duration `json:"nodeStatusReportFrequency"`
	NodeStatusMaxImages       *int32          `json:"nodeStatusMaxImages"`

	ImageMinimumGCAge           *metav1.Duration `json:"imageMinimumGCAge"`
	ImageMaximumGCAge           metav1.Duration  `json:"imageMaximumGCAge"`
	ImageGCHighThresholdPercent *int32           `json:"imageGCHighThresholdPercent"`

	EvictionHard                     map[string]string `json:"evictionHard"`
	EvictionSoftGracePeriod          map[string]string `json:"evictionSoftGracePeriod"`
	EvictionMinimumReclaim           map[string]string `json:"evictionMinimumReclaim"`
	MergeDefaultEvictionSettings     bool              `json:"mergeDefaultEvictionSettings"`
	EvictionPressureTransitionPeriod metav1.Duration   `json:"evictionPressureTransitionPeriod"`
	SystemReserved                   map[string]string `json:"systemReserved"`
	KubeReserved                     map[string]string `json:"kubeReserved"`

	MemoryThrottlingFactor *float64        `json:"memoryThrottlingFactor"`
	TopologyManagerPolicy  string          `json:"topologyManagerPolicy"`
	FeatureGates           map[string]bool `json:"featureGates"`

	ConfigMapAndSecretChangeDetectionStrategy string `json:"configMapAndSecretChangeDetectionStrategy"`
	ImagePullCredentialsVerificationPolicy    string `json:"imagePullCredentialsVerificationPolicy"`
}

// ParseKubelet reads what a kubelet serves under /configz.
func ParseKubelet(configz []byte) (*Settings, error) {
	var served struct {
		Kubelet *Settings `json:"kubeletconfig"`
	}
	if err := json.Unmarshal(configz, &served); err != nil {
		return nil, fmt.Errorf("the kubelet's configz: %w", err)
	}
	if served.Kubelet == nil {
		return nil, errors.New("the kubelet's configz has no kubeletconfig")
	}
	return served.Kubelet, nil
}

// Kubelet is one that was asked.
type Kubelet struct {
	Node string
	// Version is its release, such as v1.37.1; empty if it is not known.
	Version  string
	Settings *Settings
}

// Kubelets finds what the settings of kubelets cost. The cluster has so many nodes, of
// which these were asked.
func Kubelets(asked []Kubelet, nodes int) []v1alpha1.Finding {
	all := symptoms{}
	for _, k := range asked {
		for _, check := range kubeletRules {
			if found := check(k, nodes); found != nil {
				found.subject = "kubelet"
				all.add(k.Node, *found)
			}
		}
	}
	return all.findings("nodes", len(asked))
}

// inKubelet is how a setting of a kubelet is set.
func inKubelet(lines string) string {
	return lines + " in the file of the kubelet's --config; it counts from the kubelet's next start on"
}
