package kubelet

import (
	"context"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/muster-scheduler/muster/pkg/sandbox/pull"
)

// imageService is the image half of the container runtime interface over a simulated disk.
type imageService struct{ disk *pull.Disk }

func (s imageService) PullImage(ctx context.Context, spec *cri.ImageSpec, _ *cri.AuthConfig, _ *cri.PodSandboxConfig) (string, error) {
	img, err := s.disk.Pull(ctx, spec.GetImage())
	if err != nil {
		return "", err
	}
	return img.ID(), nil
}

func (s imageService) ListImages(_ context.Context, filter *cri.ImageFilter) ([]*cri.Image, error) {
	if ref := filter.GetImage().GetImage(); ref != "" {
		if img, ok := s.disk.Find(ref); ok {
			return []*cri.Image{describe(img)}, nil
		}
		return nil, nil
	}
	images := s.disk.Images()
	list := make([]*cri.Image, len(images))
	for i, img := range images {
		list[i] = describe(img)
	}
	return list, nil
}

func (s imageService) ImageStatus(_ context.Context, spec *cri.ImageSpec, _ bool) (*cri.ImageStatusResponse, error) {
	img, ok := s.disk.Find(spec.GetImage())
	if !ok {
		return &cri.ImageStatusResponse{}, nil
	}
	return &cri.ImageStatusResponse{Image: describe(img)}, nil
}

func (s imageService) RemoveImage(_ context.Context, spec *cri.ImageSpec) error {
	s.disk.Remove(spec.GetImage())
	return nil
}

func (s imageService) ImageFsInfo(context.Context) (*cri.ImageFsInfoResponse, error) {
	usage := []*cri.FilesystemUsage{{
		Timestamp:  time.Now().UnixNano(),
		FsId:       &cri.FilesystemIdentifier{Mountpoint: imageMount},
		UsedBytes:  &cri.UInt64Value{Value: uint64(s.disk.Used())},
		InodesUsed: &cri.UInt64Value{Value: 1000},
	}}
	return &cri.ImageFsInfoResponse{ImageFilesystems: usage, ContainerFilesystems: usage}, nil
}

func (s imageService) Close(context.Context) error { return nil }

func describe(img pull.Image) *cri.Image {
	return &cri.Image{
		Id:          img.ID(),
		RepoTags:    []string{img.Name},
		RepoDigests: []string{img.RepoDigest()},
		Size:        uint64(img.Size()),
		Spec:        &cri.ImageSpec{Image: img.ID()},
	}
}
