package pull

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
)

// Disk is the image store of one node.
type Disk struct {
	catalogue *Catalogue
	link      *Link
	capacity  int64

	mu       sync.Mutex
	images   map[string]Image         // by ID
	layers   map[string]int64         // on disk: digest to size
	inFlight map[string]chan struct{} // by digest; closed when the transfer ended, well or not
}

// NewDisk returns the store of the named node, holding the catalogue's preloaded images.
func NewDisk(node string, catalogue *Catalogue, link *Link, capacity int64) *Disk {
	d := &Disk{
		catalogue: catalogue,
		link:      link,
		capacity:  capacity,
		images:    map[string]Image{},
		layers:    map[string]int64{},
		inFlight:  map[string]chan struct{}{},
	}
	for _, img := range catalogue.Preloaded(node) {
		d.images[img.ID()] = img
		for _, l := range img.Layers {
			d.layers[l.Digest] = l.Size.Value()
		}
	}
	return d
}

// Pull fetches the layers that are missing, all at once as containerd does, and stores the image.
func (d *Disk) Pull(ctx context.Context, ref string) (Image, error) {
	img, err := d.catalogue.Find(ref)
	if err != nil {
		return Image{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for {
		errs := make(chan error, len(img.Layers))
		for _, l := range img.Layers {
			go func() { errs <- d.fetch(ctx, l) }()
		}
		for range img.Layers {
			err = cmp.Or(err, <-errs)
		}
		if err != nil {
			return Image{}, err
		}
		if d.store(img) {
			return img, nil
		}
		// Another image was removed meanwhile, and took a layer of this one with it.
	}
}

// fetch brings one layer to the disk, or waits while another pull does.
func (d *Disk) fetch(ctx context.Context, l Layer) error {
	for {
		d.mu.Lock()
		if _, ok := d.layers[l.Digest]; ok {
			d.mu.Unlock()
			return nil
		}
		ended, ok := d.inFlight[l.Digest]
		if !ok {
			break
		}
		d.mu.Unlock()
		select {
		case <-ended: // look again: the other pull may have been cancelled
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	ended := make(chan struct{})
	d.inFlight[l.Digest] = ended
	d.mu.Unlock()

	err := d.link.Fetch(ctx, l.Size.Value())

	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		d.layers[l.Digest] = l.Size.Value()
	}
	delete(d.inFlight, l.Digest)
	close(ended)
	return err
}

// store records the image if all its layers are on disk.
func (d *Disk) store(img Image) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range img.Layers {
		if _, ok := d.layers[l.Digest]; !ok {
			return false
		}
	}
	d.images[img.ID()] = img
	return true
}

// Find returns the image on this disk with the given ID or reference.
func (d *Disk) Find(ref string) (Image, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.find(ref)
}

func (d *Disk) find(ref string) (Image, bool) {
	if img, ok := d.images[ref]; ok {
		return img, true
	}
	name, err := Normalize(ref)
	if err != nil {
		return Image{}, false
	}
	img, ok := d.images[Image{Name: name}.ID()]
	return img, ok
}

// Images returns the images on this disk, by name.
func (d *Disk) Images() []Image {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.SortedFunc(maps.Values(d.images), func(a, b Image) int { return cmp.Compare(a.Name, b.Name) })
}

// Remove deletes an image, given by ID or reference, and the layers that no other image on this disk uses.
func (d *Disk) Remove(ref string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	img, ok := d.find(ref)
	if !ok {
		return
	}
	delete(d.images, img.ID())
	used := map[string]bool{}
	for _, other := range d.images {
		for _, l := range other.Layers {
			used[l.Digest] = true
		}
	}
	for _, l := range img.Layers {
		if !used[l.Digest] {
			delete(d.layers, l.Digest)
		}
	}
}

// Used is the number of bytes on the disk.
func (d *Disk) Used() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	var sum int64
	for _, size := range d.layers {
		sum += size
	}
	return sum
}

// Capacity is the size of the disk in bytes.
func (d *Disk) Capacity() int64 { return d.capacity }
