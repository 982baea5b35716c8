package snapshot

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"

	"github.com/muster-scheduler/muster/pkg/image"
)

const digest = "sha256:7cc4b5aefd1d0cadf8d97d4350462ba51c694ebca145b08d7d41b41acc8db5aa"

func TestPodImages(t *testing.T) {
	container := func(image string) v1.Container { return v1.Container{Image: image} }
	tests := map[string]struct {
		spec v1.PodSpec
		want []image.Need
	}{
		"no containers, no images": {v1.PodSpec{}, []image.Need{}},
		"in the order of pulling, each once": {
			v1.PodSpec{
				Containers:     []v1.Container{container("app"), container("nginx:latest"), container("app")},
				InitContainers: []v1.Container{container("init:1"), container("nginx")},
				Volumes: []v1.Volume{
					{VolumeSource: v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}},
					{VolumeSource: v1.VolumeSource{Image: &v1.ImageVolumeSource{Reference: "reg.io/model:7b"}}},
				},
			},
			[]image.Need{{Key: "reg.io/model:7b"}, {Key: "docker.io/library/init:1"}, {Key: "docker.io/library/nginx:latest"}, {Key: "docker.io/library/app:latest"}},
		},
		"asked for always if any of those who need it does": {
			v1.PodSpec{Containers: []v1.Container{container("app"), {Image: "app", ImagePullPolicy: v1.PullAlways}}},
			[]image.Need{{Key: "docker.io/library/app:latest", Always: true}},
		},
		"a container without an image needs none": {v1.PodSpec{Containers: []v1.Container{container("")}}, []image.Need{}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, PodImages(&v1.Pod{Spec: tc.spec})); diff != "" {
				t.Errorf("PodImages() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNodeReportFeedsAnInventoryThatPodsCanAsk(t *testing.T) {
	node := &v1.Node{Status: v1.NodeStatus{Images: []v1.ContainerImage{
		{Names: []string{"docker.io/library/nginx@" + digest, "docker.io/library/nginx:latest"}, SizeBytes: 70},
		{Names: []string{"reg.io/app:v1"}, SizeBytes: -5},
		{SizeBytes: 9},
	}}}
	inv, now := image.NewInventory(), time.Unix(1e9, 0)
	inv.SetNode("warm", image.Node{Images: NodeReport(node), Puller: image.Puller{BytesPerSecond: 1, Eager: 1}}, now)
	inv.SetNode("cold", image.Node{Puller: image.Puller{BytesPerSecond: 1, Eager: 1}}, now)

	for _, spelt := range []string{"nginx", "nginx:latest", "docker.io/nginx", "nginx:1.27@" + digest} {
		all := inv.Estimate(image.Ask{Needs: PodImages(&v1.Pod{Spec: v1.PodSpec{Containers: []v1.Container{{Image: spelt}}}})})
		if e := all.Of("warm"); !all.Known || e.Bytes != 0 || e.Seconds != 0 {
			t.Errorf("%q on warm: %+v, known %v, want nothing to pull", spelt, e, all.Known)
		}
		if e := all.Of("cold"); e.Bytes != 70 || e.Seconds != 70 {
			t.Errorf("%q on cold: %+v, want 70 bytes in 70 s", spelt, e)
		}
	}
}
