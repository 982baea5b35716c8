package world

import (
	"cmp"
	"slices"

	"github.com/muster-scheduler/muster/test/pulls/trace"
)

// store is the images and layers on one node.
type store struct {
	t      *trace.Trace
	layers []layer
	images map[int]*held
	users  map[int]int // by image: pods on the node that use it, or wait for it
	bytes  int64       // of all layers that are there

	fetched int64 // bytes of layers that came from the registry
	evicted int   // images that were collected
}

// layer is one layer on one node.
type layer struct {
	there bool
	// holders is how many images that are there have it, and how many pulls that
	// are under way want it.
	holders int
	coming  bool
	waiting []func() // pulls that wait for another one to bring it
}

// held is an image that is there.
type held struct{ since, used float64 }

func newStore(t *trace.Trace) *store {
	return &store{t: t, layers: make([]layer, len(t.Layers)), images: map[int]*held{}, users: map[int]int{}}
}

// hold keeps the layers of the image from being dropped.
func (s *store) hold(image int) {
	for _, l := range s.t.Images[image].Layers {
		s.layers[l].holders++
	}
}

// release undoes a hold, and drops what nobody holds any more.
func (s *store) release(image int) {
	for _, l := range s.t.Images[image].Layers {
		at := &s.layers[l]
		if at.holders--; at.holders == 0 && at.there {
			at.there = false
			s.bytes -= s.t.Layers[l].Bytes
		}
	}
}

// put adds a layer that is held.
func (s *store) put(l int) {
	s.layers[l].there = true
	s.bytes += s.t.Layers[l].Bytes
}

// complete makes an image of layers that are held and all there. The image is
// their holder from now on. It reports whether the image is new.
func (s *store) complete(image int, now float64) bool {
	if s.images[image] != nil {
		s.release(image)
		return false
	}
	s.images[image] = &held{since: now, used: now}
	return true
}

// preload puts the image there as if it had always been.
func (s *store) preload(image int) {
	s.hold(image)
	for _, l := range s.t.Images[image].Layers {
		if !s.layers[l].there {
			s.put(l)
		}
	}
	s.complete(image, 0)
}

// collect removes images as kubelet's image garbage collection does, and
// reports whether there were any to remove.
func (s *store) collect(cfg *Config, now float64) bool {
	if float64(s.bytes) < cfg.GCHigh*float64(cfg.Store) {
		return false
	}
	var unused []int
	for image, h := range s.images {
		if s.users[image] == 0 && now-h.since >= cfg.GCAge {
			unused = append(unused, image)
		}
	}
	slices.SortFunc(unused, func(a, b int) int {
		return cmp.Or(cmp.Compare(s.images[a].used, s.images[b].used), cmp.Compare(s.images[a].since, s.images[b].since), cmp.Compare(a, b))
	})
	removed := false
	for _, image := range unused {
		if float64(s.bytes) <= cfg.GCLow*float64(cfg.Store) {
			break
		}
		delete(s.images, image)
		s.release(image)
		s.evicted++
		removed = true
	}
	return removed
}

// list returns the images, the largest first, as many as a status has room for.
func (s *store) list(limit int) []int {
	images := make([]int, 0, len(s.images))
	for image := range s.images {
		images = append(images, image)
	}
	slices.SortFunc(images, func(a, b int) int {
		return cmp.Or(cmp.Compare(s.t.Images[b].Bytes, s.t.Images[a].Bytes), cmp.Compare(a, b))
	})
	if limit > 0 && len(images) > limit {
		images = images[:limit]
	}
	return images
}
