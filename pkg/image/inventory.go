package image

// ListCap is how many images a node lists at most unless it is configured
// otherwise. A list of exactly this length is taken to be cut off: images no
// larger than the smallest one listed may be on the node without being listed.
const ListCap = 50

// Report is one image that a node says it has.
type Report struct {
	// Names are the normalised keys under which the image is known, in any
	// order. An image without names is not counted.
	Names []string
	// Bytes is the size as the node's runtime reports it. Zero or less
	// means that it does not say.
	Bytes int64
}

// Inventory is which image is on which node. The zero value is not usable;
// see [NewInventory]. It is not safe for concurrent use while it is written.
type Inventory struct {
	nodes  map[string]*node
	images map[string]*entry
	// free are the slots of nodes that were removed, to be given out again
	// so that the sets stay as small as the cluster.
	free []int
}

// node is what one node last reported.
type node struct {
	slot int
	held []holding
	// unseen is the largest size an image may have and be on the node
	// without being listed; 0 if the list is complete.
	unseen int64
}

// holding is one key on one node.
type holding struct {
	image *entry
	// bytes as this node reports them; 0 if it does not say.
	bytes int64
}

// NewInventory returns an Inventory of no nodes.
func NewInventory() *Inventory {
	return &Inventory{nodes: map[string]*node{}, images: map[string]*entry{}}
}

// SetNode replaces all that is known of the node by what it reports now. The
// Inventory keeps none of the slices. It costs O(names before + names now).
func (inv *Inventory) SetNode(name string, images []Report) {
	n, ok := inv.nodes[name]
	if !ok {
		n = &node{slot: inv.slot()}
		inv.nodes[name] = n
	}
	before := n.held
	inv.release(n)
	n.held = inv.holdings(images)
	for _, h := range n.held {
		h.image.add(n.slot, h.bytes)
	}
	n.unseen = unseen(images)
	// Only now: an image that the node keeps must not be forgotten between.
	inv.forget(before)
}

// RemoveNode forgets the node, and the sizes that only it reported.
func (inv *Inventory) RemoveNode(name string) {
	n, ok := inv.nodes[name]
	if !ok {
		return
	}
	inv.release(n)
	inv.forget(n.held)
	delete(inv.nodes, name)
	inv.free = append(inv.free, n.slot)
}

// Bytes returns the largest size that a node reports for the image, and false
// if no node reports one.
func (inv *Inventory) Bytes(key string) (int64, bool) {
	e := inv.images[key]
	if e == nil || e.bytes == 0 {
		return 0, false
	}
	return e.bytes, true
}

// Missing returns what the node has to pull before the images are on it, and
// whether the size of at least one of them is known. Each key must stand for
// another image. Images of unknown size add nothing, and so do images that a
// node with a cut-off list may have unlisted. A node that has not reported is
// one that has nothing. It costs O(keys).
func (inv *Inventory) Missing(name string, keys []string) (pull Pull, known bool) {
	n := inv.nodes[name]
	for _, key := range keys {
		e := inv.images[key]
		if e == nil || e.bytes == 0 {
			continue
		}
		known = true
		if n != nil && (e.on.has(n.slot) || e.bytes <= n.unseen) {
			continue
		}
		pull = pull.Add(Pull{Bytes: e.bytes, Images: 1})
	}
	return pull, known
}

// Same reports whether it is certain, without looking at any node, that every
// reporting node has to pull the same: each image is unknown or everywhere.
// It costs O(keys).
func (inv *Inventory) Same(keys []string) bool {
	for _, key := range keys {
		if e := inv.images[key]; e != nil && e.bytes != 0 && e.nodes != len(inv.nodes) {
			return false
		}
	}
	return true
}

// slot returns a slot that no node has.
func (inv *Inventory) slot() int {
	if last := len(inv.free) - 1; last >= 0 {
		s := inv.free[last]
		inv.free = inv.free[:last]
		return s
	}
	return len(inv.nodes)
}

// holdings returns each key of the images once, with the largest size given
// for it, and makes entries for keys that are new.
func (inv *Inventory) holdings(images []Report) []holding {
	var held []holding
	at := map[*entry]int{}
	for _, r := range images {
		for _, key := range r.Names {
			e := inv.images[key]
			if e == nil {
				e = &entry{key: key}
				inv.images[key] = e
			}
			i, twice := at[e]
			if !twice {
				i = len(held)
				at[e] = i
				held = append(held, holding{image: e})
			}
			held[i].bytes = max(held[i].bytes, r.Bytes)
		}
	}
	return held
}

// release takes the node out of all its images.
func (inv *Inventory) release(n *node) {
	for _, h := range n.held {
		h.image.remove(n.slot, h.bytes)
	}
}

// forget drops the images that no node has any more.
func (inv *Inventory) forget(held []holding) {
	for _, h := range held {
		if h.image.nodes == 0 {
			delete(inv.images, h.image.key)
		}
	}
}

// unseen returns the largest size an image may have and be missing from the
// list although it is on the node: lists are cut off below their smallest.
func unseen(images []Report) int64 {
	if len(images) != ListCap {
		return 0
	}
	smallest := images[0].Bytes
	for _, r := range images[1:] {
		smallest = min(smallest, r.Bytes)
	}
	return max(smallest, 0)
}
