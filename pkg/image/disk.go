package image

// Disk is the file system on which a node keeps images. The zero value is one of
// which nothing is known: it is never full.
type Disk struct {
	// Bytes that it has; 0 if that is not known.
	Bytes int64
	// Certain is set if Bytes is what images have for certain: somebody stated it. What
	// a node says of its root disk is not, since images may have one of their own.
	Certain bool
	// Reserved is what else takes up room on it.
	Reserved int64
	// LayerExpansion is how many bytes one of a layer takes up, packed and unpacked;
	// ImageExpansion the same for one of an image of which the layers are not known.
	LayerExpansion, ImageExpansion float64
	// Collect, Keep and Evict are shares of Bytes: from Collect on, images that no pod
	// uses are deleted until Keep is left; from Evict on, all of them are, and no pod
	// is admitted. Keep <= Collect.
	Collect, Keep, Evict float64
}

// most is how much images may take up on the disk.
func (d *Disk) most() float64 { return d.Evict*float64(d.Bytes) - float64(d.Reserved) }

// Fits reports whether the disk may have room for images of so many bytes, as they
// travel. It has not if that is more than all that it has for images, and that is certain.
func (d *Disk) Fits(bytes int64) bool { return !d.Certain || float64(bytes) <= d.most() }

// Bounded reports whether a node has a disk of which it is certain how large it is.
func (inv *Inventory) Bounded() bool { return inv.certain > 0 }

// FitEverywhere reports, without looking at any node, that Disk.Fits is true of all.
func (inv *Inventory) FitEverywhere(needs []Need) bool {
	if !inv.Bounded() {
		return true
	}
	sum := int64(0)
	for _, need := range needs {
		bytes, _ := inv.Bytes(need.Key)
		sum = add(sum, bytes)
	}
	return float64(sum) <= inv.tightest
}

// Totals returns how many bytes the images have on a platform, what they share counted
// once. Those of platforms that no node has are what is known of none.
func (inv *Inventory) Totals(needs []Need) func(platform string) int64 {
	e := Estimates{inv: inv, ask: Ask{Needs: needs}}
	totals := map[string]int64{"": e.on("").total.bytes}
	for _, p := range inv.platforms {
		totals[p.name] = e.on(p.name).total.bytes
	}
	return func(platform string) int64 {
		if total, ok := totals[platform]; ok {
			return total
		}
		return totals[""]
	}
}

// setDisk notes the disk of a node.
func (inv *Inventory) setDisk(n *node, d Disk) {
	if n.disk.Certain {
		inv.certain--
	}
	if n.disk = d; !d.Certain {
		return
	}
	if inv.certain++; inv.certain == 1 || d.most() < inv.tightest {
		inv.tightest = d.most() // of the nodes that were here as well, which errs to the safe side
	}
}

// used is how much of its disk a node uses, as far as is known: what it holds and
// what it is about to pull.
func (n *node) used() float64 {
	sum := float64(n.disk.Reserved) + n.taken
	for _, p := range n.queue {
		sum += float64(p.bytes) * n.disk.LayerExpansion
	}
	return sum
}

// weigh works out what the images on a node take up.
func (inv *Inventory) weigh(n *node) {
	n.taken = 0
	for _, id := range n.layers {
		n.taken += float64(inv.blobs[id].bytes) * n.disk.LayerExpansion
	}
	for at := range n.held {
		if h := &n.held[at]; n.whole(h) {
			n.taken += float64(h.bytes) * n.disk.ImageExpansion
		}
	}
}

// whole reports whether a holding stands for the bytes of an image of which the
// layers are not known; of several keys of one image, one does.
func (n *node) whole(h *holding) bool {
	return h.image.on(n.platform) == nil && (h.names == nil || h.names.digests[0] == h.image.key)
}

// evicts returns how many bytes of images, as they travel, a node would lose if what
// it pulls took up that room on its disk; full is set if there is not enough room
// even then.
func (inv *Inventory) evicts(n *node, room float64) (bytes int64, full bool) {
	d := &n.disk
	if d.Bytes == 0 || room <= 0 {
		return 0, false
	}
	all := float64(d.Bytes)
	after := n.used() + room
	if after <= min(d.Collect, d.Evict)*all {
		return 0, false
	}
	unused, travelled := inv.unused(n)
	if unused == 0 {
		return 0, after > d.Evict*all
	}
	lost := unused
	if after <= d.Evict*all {
		lost = min(unused, after-d.Keep*all)
	}
	return int64(float64(travelled) * lost / unused), after-lost > d.Evict*all
}

// unused is what images take up on a node that neither a pod uses nor one is about
// to, and how many bytes that was when it travelled.
func (inv *Inventory) unused(n *node) (room float64, travelled int64) {
	keys, images, layers := map[*entry]bool{}, map[*names]bool{}, map[int32]bool{} // in use
	use := func(e *entry) {
		keys[e] = true
		if m := e.on(n.platform); m != nil {
			for _, l := range m.layers {
				layers[l.id] = true
			}
		}
	}
	for _, p := range n.queue {
		for _, need := range p.needs {
			use(inv.images[need.Key])
		}
	}
	for at := range n.held {
		if h := &n.held[at]; h.pods > 0 || keys[h.image] {
			use(h.image)
			images[h.names] = h.names != nil
		}
	}
	for _, id := range n.layers {
		if l := inv.blobs[id]; !layers[id] {
			travelled = add(travelled, l.bytes)
			room += float64(l.bytes) * n.disk.LayerExpansion
		}
	}
	for at := range n.held {
		if h := &n.held[at]; n.whole(h) && !keys[h.image] && !images[h.names] {
			travelled = add(travelled, h.bytes)
			room += float64(h.bytes) * n.disk.ImageExpansion
		}
	}
	return room, travelled
}
