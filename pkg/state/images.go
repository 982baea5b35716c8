package state

import (
	"k8s.io/apimachinery/pkg/types"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/image"
)

// Images returns the images that nodes have or pull.
func (s *State) Images() v1alpha1.ImageList {
	list := v1alpha1.ImageList{TypeMeta: typeMeta("ImageList"), Items: []v1alpha1.Image{}}
	if s.images == nil {
		return list
	}
	found, rates := s.images.Find()
	for _, f := range found {
		list.Items = append(list.Items, imageOf(f))
	}
	list.Rates = v1alpha1.Rates{Registry: rates.Registry, RegistryPulls: rates.RegistryPulls}
	for _, p := range rates.Pools {
		list.Rates.Pools = append(list.Rates.Pools, v1alpha1.PoolRate{Pool: p.Pool, BytesPerSecond: p.BytesPerSecond, Pulls: p.Pulls})
	}
	return list
}

func imageOf(f image.Found) v1alpha1.Image {
	return v1alpha1.Image{Image: f.Key, Bytes: f.Bytes, Layers: f.Layered, Nodes: f.Nodes, Pulling: f.Pulls}
}

// Image returns where an image is, however its name is spelt; ok is false if no node
// has it or pulls it.
func (s *State) Image(name string) (v1alpha1.Image, bool) {
	if s.images == nil {
		return v1alpha1.Image{}, false
	}
	f, have, pull, ok := s.images.Where(name)
	image := imageOf(f)
	image.TypeMeta, image.On, image.PulledOn = typeMeta("Image"), have, pull
	return image, ok
}

// Node returns what a node has and pulls; ok is false for one that is not known.
func (s *State) Node(name string) (v1alpha1.NodeImages, bool) {
	if s.images == nil {
		return v1alpha1.NodeImages{}, false
	}
	is, ok := s.images.Survey(name)
	if !ok {
		return v1alpha1.NodeImages{}, false
	}
	node := v1alpha1.NodeImages{
		TypeMeta: typeMeta("NodeImages"), Node: name, Platform: is.Platform, BytesPerSecond: is.BytesPerSecond, ListCutOff: is.Cut,
		DiskPressure: is.Pressed, DiskBytes: is.Disk.Bytes, DiskUsed: int64(is.Used), Images: []v1alpha1.HeldImage{},
	}
	for _, h := range is.Images {
		node.Images = append(node.Images, v1alpha1.HeldImage{Image: h.Key, Bytes: h.Bytes, Pods: h.Pods, Unlisted: h.Unlisted})
	}
	for _, p := range is.Pulls {
		node.Pulls = append(node.Pulls, v1alpha1.ImagePull{PodUID: types.UID(p.Pod), Images: p.Images, Bytes: p.Bytes, Arrived: p.Arrived, Reserved: p.Soft})
	}
	return node, true
}
