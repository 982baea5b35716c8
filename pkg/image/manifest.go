package image

import (
	"cmp"
	"slices"
)

// Layer is one blob of an image.
type Layer struct {
	Digest string
	// Bytes that travel: compressed. 0 <= Bytes <= 2^40; what is stated outside
	// of that counts as the nearest.
	Bytes int64
}

// plausible brings a stated size into the range of what can be.
func plausible(bytes int64) int64 { return min(max(0, bytes), 1<<40) }

// Manifest is of which layers an image is made, for one platform.
type Manifest struct {
	// Digest is the manifest's own, by which it is replaced and removed.
	Digest string
	// Keys under which pods and nodes name the image, normalised; its digests
	// among them, for a node has the image under a tag only if it has the digest.
	Keys []string
	// Platform is the operating system and architecture, such as "linux/amd64";
	// empty for an image that says nothing of it.
	Platform string
	// Layers in any order. A layer that is named twice counts once.
	Layers []Layer
}

// manifest is a known Manifest. Its layers are all different.
type manifest struct {
	digest   string
	platform string
	images   []*entry
	layers   []*layer
}

// layer is one blob, or the whole of an image.
type layer struct {
	id     int32 // of a blob; a place in Inventory.blobs
	digest string
	bytes  int64
	on     set // the slots of the nodes that have it
	users  int // manifests with this blob
}

// SetManifest states or replaces a manifest. The Inventory keeps none of the
// slices. Layers of one digest and of different sizes are different layers: who
// states a wrong size states it of nobody else's image.
func (inv *Inventory) SetManifest(m Manifest) {
	inv.contents++
	before := inv.manifests[m.Digest]
	inv.detach(before)
	known := &manifest{digest: m.Digest, platform: m.Platform, layers: make([]*layer, 0, len(m.Layers))}
	inv.manifests[m.Digest] = known
	seen := make(map[*layer]bool, len(m.Layers))
	for _, l := range m.Layers {
		if blob := inv.blob(l); !seen[blob] {
			seen[blob] = true
			blob.users++
			known.layers = append(known.layers, blob)
		}
	}
	for _, key := range m.Keys {
		if e := inv.entry(key); !slices.Contains(known.images, e) {
			known.images = append(known.images, e)
			e.manifests = append(e.manifests, known)
			slices.SortFunc(e.manifests, func(a, b *manifest) int {
				return cmp.Or(cmp.Compare(a.platform, b.platform), cmp.Compare(a.digest, b.digest))
			})
		}
	}
	images := known.images
	if before != nil {
		images = append(slices.Clone(images), before.images...)
	}
	inv.expandAll(images)
	inv.drop(before)
}

// RemoveManifest forgets a manifest: its image counts as a whole from then on.
func (inv *Inventory) RemoveManifest(digest string) {
	if m := inv.manifests[digest]; m != nil {
		inv.contents++
		inv.detach(m)
		inv.expandAll(m.images)
		inv.drop(m)
	}
}

// detach takes a manifest from its images, and drop forgets it, once no node has
// its layers for its sake.
func (inv *Inventory) detach(m *manifest) {
	if m == nil {
		return
	}
	delete(inv.manifests, m.digest)
	for _, e := range m.images {
		e.manifests = slices.DeleteFunc(e.manifests, func(other *manifest) bool { return other == m })
	}
}

func (inv *Inventory) drop(m *manifest) {
	if m == nil {
		return
	}
	for _, l := range m.layers {
		if l.users--; l.users == 0 {
			delete(inv.layers, blobKey{l.digest, l.bytes})
			inv.blobs[l.id] = nil
			inv.freeIDs = append(inv.freeIDs, l.id)
		}
	}
	for _, e := range m.images {
		inv.forget(e)
	}
}

// blobKey is what makes two layers the same.
type blobKey struct {
	digest string
	bytes  int64
}

// blob returns the layer with this digest, and makes it if it is new.
func (inv *Inventory) blob(l Layer) *layer {
	key := blobKey{l.Digest, plausible(l.Bytes)}
	known := inv.layers[key]
	if known != nil {
		return known
	}
	known = &layer{id: int32(len(inv.blobs)), digest: l.Digest, bytes: key.bytes}
	if last := len(inv.freeIDs) - 1; last >= 0 {
		known.id = inv.freeIDs[last]
		inv.freeIDs = inv.freeIDs[:last]
		inv.blobs[known.id] = known
	} else {
		inv.blobs = append(inv.blobs, known)
	}
	inv.layers[key] = known
	return known
}

// expandAll works out anew what the nodes have that have any of the images, or
// may be pulling them.
func (inv *Inventory) expandAll(images []*entry) {
	var slots set
	for _, e := range images {
		for slot := range e.whole.on.all() {
			slots.add(slot)
		}
	}
	for slot := range inv.pulling.all() {
		if inv.slots[slot].pulls(images) {
			slots.add(slot)
		}
	}
	for slot := range slots.all() {
		inv.expand(inv.slots[slot])
	}
}

// pulls reports whether any of the images is promised to the node.
func (n *node) pulls(images []*entry) bool {
	return slices.ContainsFunc(n.queue, func(p *promise) bool {
		return slices.ContainsFunc(p.needs, func(need Need) bool {
			return slices.ContainsFunc(images, func(e *entry) bool { return e.key == need.Key })
		})
	})
}

// expand works out which layers the node has. Where it has another digest under
// a tag than the manifest, the tag was moved since.
func (inv *Inventory) expand(n *node) {
	inv.contents++
	var ids []int32
	for h := range n.held {
		e := n.held[h].image
		e.moved.remove(n.slot)
		m := e.on(n.platform)
		if m == nil {
			continue
		}
		if n.held[h].other(m) {
			e.moved.add(n.slot)
			continue
		}
		for _, l := range m.layers {
			ids = append(ids, l.id)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	before := n.layers
	n.layers = slices.Clone(ids) // without the room it grew into
	for _, id := range ids {     // before the others are taken away: none is to be missed in between
		inv.blobs[id].on.add(n.slot)
	}
	for _, id := range before {
		if _, ok := slices.BinarySearch(ids, id); !ok && inv.blobs[id] != nil {
			inv.blobs[id].on.remove(n.slot)
		}
	}
	inv.weigh(n)
	inv.leave(n)
	inv.settle(n)
	inv.join(n)
}
