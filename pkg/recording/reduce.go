package recording

import (
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	resourceapi "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Reduce returns an object with no more than placement looks at, or nil for a kind that it does not look
// at. The object given stays as it is.
func Reduce(object runtime.Object) runtime.Object {
	switch o := object.(type) {
	case *v1.Pod:
		pod := Pod(o)
		pod.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
		return pod
	case *v1.Node:
		return node(o)
	case *v1.Namespace:
		return &v1.Namespace{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: meta(o.ObjectMeta)}
	case *v1.PersistentVolumeClaim:
		claim := &v1.PersistentVolumeClaim{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolumeClaim"}, ObjectMeta: meta(o.ObjectMeta), Spec: *o.Spec.DeepCopy(), Status: *o.Status.DeepCopy()}
		claim.Annotations = only(o.Annotations, "pv.kubernetes.io/", "volume.kubernetes.io/", "volume.beta.kubernetes.io/")
		return claim
	case *v1.PersistentVolume:
		return volume(o)
	case *storagev1.StorageClass:
		class := o.DeepCopy()
		class.TypeMeta, class.ObjectMeta, class.Parameters = metav1.TypeMeta{APIVersion: "storage.k8s.io/v1", Kind: "StorageClass"}, meta(o.ObjectMeta), nil
		return class
	case *storagev1.CSINode:
		csi := o.DeepCopy()
		csi.TypeMeta, csi.ObjectMeta = metav1.TypeMeta{APIVersion: "storage.k8s.io/v1", Kind: "CSINode"}, meta(o.ObjectMeta)
		csi.Annotations = only(o.Annotations, "storage.alpha.kubernetes.io/")
		return csi
	case *storagev1.CSIDriver:
		driver := o.DeepCopy()
		driver.TypeMeta, driver.ObjectMeta = metav1.TypeMeta{APIVersion: "storage.k8s.io/v1", Kind: "CSIDriver"}, meta(o.ObjectMeta)
		return driver
	case *storagev1.CSIStorageCapacity:
		capacity := o.DeepCopy()
		capacity.TypeMeta, capacity.ObjectMeta = metav1.TypeMeta{APIVersion: "storage.k8s.io/v1", Kind: "CSIStorageCapacity"}, meta(o.ObjectMeta)
		return capacity
	case *storagev1.VolumeAttachment:
		attachment := &storagev1.VolumeAttachment{TypeMeta: metav1.TypeMeta{APIVersion: "storage.k8s.io/v1", Kind: "VolumeAttachment"}, ObjectMeta: meta(o.ObjectMeta), Spec: *o.Spec.DeepCopy()}
		attachment.Spec.Source.InlineVolumeSpec = nil
		attachment.Status.Attached = o.Status.Attached
		return attachment
	case *resourceapi.ResourceClaim:
		claim := o.DeepCopy()
		claim.TypeMeta, claim.ObjectMeta = metav1.TypeMeta{APIVersion: "resource.k8s.io/v1", Kind: "ResourceClaim"}, meta(o.ObjectMeta)
		claim.Spec.Devices.Config, claim.Status.Devices = nil, nil
		if claim.Status.Allocation != nil {
			claim.Status.Allocation.Devices.Config = nil
		}
		return claim
	case *resourceapi.ResourceSlice:
		slice := o.DeepCopy()
		slice.TypeMeta, slice.ObjectMeta = metav1.TypeMeta{APIVersion: "resource.k8s.io/v1", Kind: "ResourceSlice"}, meta(o.ObjectMeta)
		return slice
	case *resourceapi.DeviceClass:
		class := o.DeepCopy()
		class.TypeMeta, class.ObjectMeta = metav1.TypeMeta{APIVersion: "resource.k8s.io/v1", Kind: "DeviceClass"}, meta(o.ObjectMeta)
		class.Spec.Config = nil
		return class
	}
	return nil
}

// Pod returns a pod with no more than placement looks at.
func Pod(o *v1.Pod) *v1.Pod {
	spec := o.Spec.DeepCopy()
	pod := &v1.Pod{ObjectMeta: meta(o.ObjectMeta), Spec: v1.PodSpec{
		NodeName: spec.NodeName, NodeSelector: spec.NodeSelector, Affinity: spec.Affinity, Tolerations: spec.Tolerations,
		TopologySpreadConstraints: spec.TopologySpreadConstraints, SchedulerName: spec.SchedulerName, SchedulingGates: spec.SchedulingGates,
		SchedulingGroup: spec.SchedulingGroup, Priority: spec.Priority, PriorityClassName: spec.PriorityClassName, PreemptionPolicy: spec.PreemptionPolicy,
		HostNetwork: spec.HostNetwork, Overhead: spec.Overhead, OS: spec.OS, ResourceClaims: spec.ResourceClaims, Resources: spec.Resources,
		RestartPolicy: spec.RestartPolicy, InitContainers: containers(spec.InitContainers), Containers: containers(spec.Containers),
	}}
	pod.Annotations = only(o.Annotations, "muster.dev/")
	for _, volume := range spec.Volumes {
		if kept := podVolume(volume); kept != nil {
			pod.Spec.Volumes = append(pod.Spec.Volumes, *kept)
		}
	}
	pod.Status = v1.PodStatus{
		Phase: o.Status.Phase, NominatedNodeName: o.Status.NominatedNodeName, ResourceClaimStatuses: o.Status.ResourceClaimStatuses,
		ExtendedResourceClaimStatus: o.Status.ExtendedResourceClaimStatus, Resources: o.Status.Resources,
	}
	// What running containers were given counts for as much as what they ask for.
	reduced := func(statuses []v1.ContainerStatus) (out []v1.ContainerStatus) {
		for _, s := range statuses {
			out = append(out, v1.ContainerStatus{Name: s.Name, AllocatedResources: s.AllocatedResources, Resources: s.Resources})
		}
		return out
	}
	pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses = reduced(o.Status.ContainerStatuses), reduced(o.Status.InitContainerStatuses)
	for _, c := range o.Status.Conditions {
		pod.Status.Conditions = append(pod.Status.Conditions, v1.PodCondition{Type: c.Type, Status: c.Status, Reason: c.Reason, LastTransitionTime: c.LastTransitionTime})
	}
	return pod.DeepCopy() // the status shares with the object
}

func containers(all []v1.Container) []v1.Container {
	var out []v1.Container
	for _, c := range all {
		out = append(out, v1.Container{Name: c.Name, Image: c.Image, ImagePullPolicy: c.ImagePullPolicy, Ports: c.Ports, Resources: c.Resources, RestartPolicy: c.RestartPolicy, RestartPolicyRules: c.RestartPolicyRules})
	}
	return out
}

// podVolume returns a volume that can keep a pod off a node or has to be pulled, without what its driver is
// told; nil for any other.
func podVolume(v v1.Volume) *v1.Volume {
	switch {
	case v.PersistentVolumeClaim != nil, v.Ephemeral != nil, v.Image != nil, v.GCEPersistentDisk != nil, v.AWSElasticBlockStore != nil, v.AzureDisk != nil, v.ISCSI != nil, v.RBD != nil:
		kept := v.DeepCopy()
		if kept.ISCSI != nil {
			kept.ISCSI.SecretRef = nil
		}
		if kept.RBD != nil {
			kept.RBD.SecretRef = nil
		}
		return kept
	case v.CSI != nil:
		return &v1.Volume{Name: v.Name, VolumeSource: v1.VolumeSource{CSI: &v1.CSIVolumeSource{Driver: v.CSI.Driver}}}
	}
	return nil
}

func node(o *v1.Node) *v1.Node {
	n := &v1.Node{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"}, ObjectMeta: meta(o.ObjectMeta)}
	n.Spec = v1.NodeSpec{Taints: o.Spec.Taints, Unschedulable: o.Spec.Unschedulable, ProviderID: o.Spec.ProviderID}
	n.Status = v1.NodeStatus{Capacity: o.Status.Capacity, Allocatable: o.Status.Allocatable, DeclaredFeatures: o.Status.DeclaredFeatures, Features: o.Status.Features}
	n.Status.NodeInfo = v1.NodeSystemInfo{Architecture: o.Status.NodeInfo.Architecture, OperatingSystem: o.Status.NodeInfo.OperatingSystem}
	for _, c := range o.Status.Conditions {
		n.Status.Conditions = append(n.Status.Conditions, v1.NodeCondition{Type: c.Type, Status: c.Status})
	}
	return n.DeepCopy()
}

func volume(o *v1.PersistentVolume) *v1.PersistentVolume {
	pv := o.DeepCopy()
	pv.TypeMeta, pv.ObjectMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolume"}, meta(o.ObjectMeta)
	pv.Annotations = only(o.Annotations, "pv.kubernetes.io/")
	if csi := pv.Spec.CSI; csi != nil {
		pv.Spec.CSI = &v1.CSIPersistentVolumeSource{Driver: csi.Driver, VolumeHandle: csi.VolumeHandle}
	}
	if pv.Spec.ISCSI != nil {
		pv.Spec.ISCSI.SecretRef = nil
	}
	// No filter looks at these, and they name secrets.
	pv.Spec.FlexVolume, pv.Spec.AzureFile, pv.Spec.CephFS, pv.Spec.ScaleIO, pv.Spec.StorageOS, pv.Spec.Cinder = nil, nil, nil, nil, nil, nil
	return pv
}

// meta is what says who an object is.
func meta(o metav1.ObjectMeta) metav1.ObjectMeta {
	m := metav1.ObjectMeta{Namespace: o.Namespace, Name: o.Name, UID: o.UID, CreationTimestamp: o.CreationTimestamp, Labels: o.Labels, ResourceVersion: o.ResourceVersion}
	m.DeletionTimestamp, m.OwnerReferences = o.DeletionTimestamp, o.OwnerReferences
	return *m.DeepCopy()
}

// only returns the annotations whose keys begin in one of these ways.
func only(annotations map[string]string, prefixes ...string) map[string]string {
	var out map[string]string
	for key, value := range annotations {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p) }) {
			if out == nil {
				out = map[string]string{}
			}
			out[key] = value
		}
	}
	return out
}
