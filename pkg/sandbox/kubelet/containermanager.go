package kubelet

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/kubelet/cm"
	containertest "k8s.io/kubernetes/pkg/kubelet/container/testing"
)

// containerManager is the upstream stub where it does no harm, and answers where the stub's silence makes the kubelet
// report errors all the time.
type containerManager struct {
	cm.ContainerManager
	machine machine
}

func newContainerManager(m machine) cm.ContainerManager {
	return containerManager{ContainerManager: cm.NewStubContainerManager(), machine: m}
}

func (c containerManager) GetCapacity(klog.Logger, bool) v1.ResourceList {
	return v1.ResourceList{v1.ResourceEphemeralStorage: c.machine.ephemeralStorage()}
}

func (c containerManager) GetPodCgroupRoot() string { return "/kubepods" }

func (c containerManager) NewPodContainerManager() cm.PodContainerManager {
	return podContainerManager{c.ContainerManager.NewPodContainerManager()}
}

// podContainerManager pretends that pods have cgroups.
type podContainerManager struct{ cm.PodContainerManager }

// GetPodCgroupConfig returns a configuration without a nil in it: the kubelet follows every pointer.
func (podContainerManager) GetPodCgroupConfig(*v1.Pod, v1.ResourceName) (*cm.ResourceConfig, error) {
	memory, shares, quota, period := int64(0), uint64(0), int64(0), uint64(100_000)
	return &cm.ResourceConfig{Memory: &memory, CPUShares: &shares, CPUQuota: &quota, CPUPeriod: &period}, nil
}

func (podContainerManager) SetPodCgroupConfig(klog.Logger, *v1.Pod, *cm.ResourceConfig) error {
	return nil
}

// fakeOS is the upstream fake without its record of removed files, which grows for ever and is not locked.
type fakeOS struct{ containertest.FakeOS }

func (*fakeOS) Remove(string) error    { return nil }
func (*fakeOS) RemoveAll(string) error { return nil }
