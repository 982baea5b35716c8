package snapshot

import (
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-scheduler/muster/pkg/image"
)

func TestWhereNodesKeepImages(t *testing.T) {
	node := func(runtime, storage, label string) *v1.Node {
		n := &v1.Node{Status: v1.NodeStatus{
			NodeInfo: v1.NodeSystemInfo{ContainerRuntimeVersion: runtime},
			Capacity: v1.ResourceList{v1.ResourceEphemeralStorage: resource.MustParse(storage)},
		}}
		if label != "" {
			n.Labels = map[string]string{DiskLabel: label}
		}
		return n
	}
	tests := map[string]struct {
		stated int64 // by the arguments
		node   *v1.Node
		want   image.Disk
	}{
		"on the root disk, as far as one can tell": {0, node("containerd://2.1.4", "100G", ""), image.Disk{Bytes: 100e9, LayerExpansion: 3.5, ImageExpansion: 3.5}},
		"CRI-O keeps them unpacked alone":          {0, node("cri-o://1.34.0", "100G", ""), image.Disk{Bytes: 100e9, LayerExpansion: 2.5, ImageExpansion: 1}},
		"a label states a disk of their own":       {0, node("containerd://2.1.4", "100G", "2T"), image.Disk{Bytes: 2e12, Certain: true, LayerExpansion: 3.5, ImageExpansion: 3.5}},
		"a label that is none does not count":      {0, node("containerd://2.1.4", "100G", "-1"), image.Disk{Bytes: 100e9, LayerExpansion: 3.5, ImageExpansion: 3.5}},
		"the arguments state all of them":          {5e11, node("containerd://2.1.4", "100G", ""), image.Disk{Bytes: 5e11, Certain: true, LayerExpansion: 3.5, ImageExpansion: 3.5}},
		"but for the node that says otherwise":     {5e11, node("containerd://2.1.4", "100G", "2T"), image.Disk{Bytes: 2e12, Certain: true, LayerExpansion: 3.5, ImageExpansion: 3.5}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := (Pulls{Disk: image.Disk{Bytes: tc.stated}}).disk(tc.node)
			if got != tc.want {
				t.Errorf("disk() = %+v, want %+v", got, tc.want)
			}
			if useless := tc.node.Labels[DiskLabel] == "-1"; (err != nil) != useless {
				t.Errorf("disk() = %v, want an error: %v", err, useless)
			}
		})
	}
}

// TestALargerDiskCountsAtOnce: the queue wakes a pod for it, once, and nobody can say
// whether the inventory has heard of it by then.
func TestALargerDiskCountsAtOnce(t *testing.T) {
	images := newImages()
	if err := images.Serve("muster", Pulls{Disk: image.Disk{Evict: 0.85}}); err != nil {
		t.Fatal(err)
	}
	huge := v1.ContainerImage{Names: []string{"registry.example/huge:v1"}, SizeBytes: 8 << 30}
	tells := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "tells"}, Status: v1.NodeStatus{Images: []v1.ContainerImage{huge}}}
	node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", Labels: map[string]string{DiskLabel: "5Gi"}}}
	images.nodeChanged(nil, tells)
	images.nodeChanged(nil, node)
	pod := &v1.Pod{Spec: v1.PodSpec{SchedulerName: "muster", Containers: []v1.Container{{Image: huge.Names[0]}}}}
	may := images.Fit(pod)
	if may == nil || may(node) {
		t.Fatal("8 GiB fit on 5")
	}
	larger := node.DeepCopy()
	larger.Labels[DiskLabel] = "50Gi"
	if !may(larger) {
		t.Error("8 GiB do not fit on 50")
	}
}
