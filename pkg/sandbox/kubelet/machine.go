package kubelet

import (
	"context"
	"time"

	cadvisor "github.com/google/cadvisor/lib/model"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/klog/v2"

	"github.com/muster-scheduler/muster/pkg/sandbox/pull"
)

// imageMount is where a machine's images are, as seen by the kubelet.
const imageMount = "/sandbox/images"

// rootDiskUsed is what the rest of the system takes of a machine's root disk.
const rootDiskUsed = 5 << 30

// machine makes up the facts that cAdvisor finds on a real one. Images have a disk of their own, so that it can fill
// up without the root disk.
type machine struct {
	name     string
	capacity v1.ResourceList
	images   *pull.Disk
}

func (m machine) Start() error { return nil }

func (m machine) MachineInfo(klog.Logger) (*cadvisor.MachineInfo, error) {
	return &cadvisor.MachineInfo{
		NumCores:       int(m.capacity.Cpu().Value()),
		MemoryCapacity: uint64(m.capacity.Memory().Value()),
		MachineID:      m.name,
		SystemUUID:     m.name,
		BootID:         m.name,
	}, nil
}

func (m machine) VersionInfo() (*cadvisor.VersionInfo, error) {
	return &cadvisor.VersionInfo{KernelVersion: "sandbox", ContainerOsVersion: "Muster sandbox"}, nil
}

// ContainerInfoV2 answers for the root container; the eviction manager does not work without it.
func (m machine) ContainerInfoV2(name string, _ cadvisor.RequestOptions) (map[string]cadvisor.ContainerInfo, error) {
	memory := uint64(m.capacity.Memory().Value())
	used := memory / 10
	return map[string]cadvisor.ContainerInfo{name: {
		Spec: cadvisor.ContainerSpec{HasCpu: true, HasMemory: true, Memory: cadvisor.MemorySpec{Limit: memory}},
		Stats: []*cadvisor.ContainerStats{{
			Timestamp: time.Now(),
			Cpu:       &cadvisor.CpuStats{},
			Memory:    &cadvisor.MemoryStats{Usage: used, WorkingSet: used},
		}},
	}}, nil
}

func (m machine) GetRequestedContainersInfo(string, cadvisor.RequestOptions) (map[string]*cadvisor.ContainerInfo, error) {
	return map[string]*cadvisor.ContainerInfo{}, nil
}

func (m machine) ImagesFsInfo(context.Context) (cadvisor.FsInfo, error) {
	return disk("/dev/sandbox-images", imageMount, m.images.Capacity(), m.images.Used()), nil
}

func (m machine) ContainerFsInfo(ctx context.Context) (cadvisor.FsInfo, error) {
	return m.ImagesFsInfo(ctx)
}

func (m machine) RootFsInfo() (cadvisor.FsInfo, error) {
	return disk("/dev/sandbox-root", "/", m.capacity.StorageEphemeral().Value(), rootDiskUsed), nil
}

func (m machine) GetDirFsInfo(path string) (cadvisor.FsInfo, error) {
	if path == imageMount {
		return m.ImagesFsInfo(context.Background())
	}
	return m.RootFsInfo()
}

func disk(device, mount string, capacity, used int64) cadvisor.FsInfo {
	inodes, free := uint64(10_000_000), uint64(9_000_000)
	return cadvisor.FsInfo{
		Timestamp:  time.Now(),
		Device:     device,
		Mountpoint: mount,
		Capacity:   uint64(capacity),
		Usage:      uint64(used),
		Available:  uint64(max(0, capacity-used)),
		Inodes:     &inodes,
		InodesFree: &free,
	}
}

// ephemeralStorage is the part of the capacity that the kubelet asks its container manager for, not cAdvisor.
func (m machine) ephemeralStorage() resource.Quantity { return *m.capacity.StorageEphemeral() }
