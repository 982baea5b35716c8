package image

import (
	"slices"
	"strings"
	"time"
)

// ListCap is how many images a node lists at most unless it is configured
// otherwise. A list of exactly this length is taken to be cut off.
const ListCap = 50

// What a node does not list is believed to be there for a while: a list is up to
// 40 s old, so that an image which a pod runs may not be on it yet; and a list
// that is cut off does not say what is below its end.
const (
	listLag = time.Minute
	cutLag  = 10 * time.Minute
)

// Report is one image that a node says it has.
type Report struct {
	// Names are the normalised keys under which the image is known, in any
	// order. An image without names is not counted.
	Names []string
	// Bytes is the size as the node's runtime reports it, 2^40 at most. Zero or
	// less means that it does not say.
	Bytes int64
}

// Node is what is known of a node.
type Node struct {
	// Platform is its operating system and architecture, such as "linux/amd64".
	Platform string
	// Images that it lists. They are not looked at if SameImages is set: it lists what
	// it did last.
	Images     []Report
	SameImages bool
	// Pressed nodes are short of disk: images that no pod uses are being deleted.
	Pressed bool
	Puller  Puller
	Disk    Disk
}

// Inventory is which image is on which node, and which is on its way. The zero
// value is not usable; see [NewInventory]. It is not safe for concurrent use
// while it is written.
type Inventory struct {
	nodes     map[string]*node
	slots     []*node // by slot; nil for a free one
	platforms []platform
	plat      []int // by slot: the place of the node's platform in platforms; -1 for a free one
	images    map[string]*entry
	manifests map[string]*manifest
	layers    map[blobKey]*layer
	blobs     []*layer // by ID; nil for a free one
	freeIDs   []int32
	// free are the slots of nodes that were removed, to be given out again
	// so that the sets stay as small as the cluster.
	free []int

	promises map[string]*promise // by pod
	early    map[string]*early   // by node that is not known yet
	common   Puller              // of the node that spoke last
	pulling  set                 // the slots of the nodes with promises
	aging    set                 // the slots of the nodes with images that they do not list
	contents uint64              // counts the changes to what is on the nodes, and to manifests
	registry pipe
	racks    map[string]*pipe
	rackLink float64            // capacity of each rack
	learnt   map[string]*learnt // by pool
	served   learnt             // by the registry
	// registryStated is set if the registry's capacity is not to be learnt.
	registryStated bool
	certain        int       // nodes whose disk is certain
	tightest       float64   // what the smallest of those disks has for images
	crowded        float64   // seconds that nodes have been busy, over all of them
	now            time.Time // of the last advance
}

// node is what is known of one node.
type node struct {
	slot     int
	name     string
	platform string
	pressed  bool
	puller   Puller
	disk     Disk
	taken    float64 // of the disk, by what it holds
	rack     *pipe
	held     []holding
	cut      bool    // its list is cut off
	until    uint32  // when the first image that it does not list may be gone, in Unix seconds; 0 for none
	layers   []int32 // IDs, ascending, of the layers of what it holds
	queue    []*promise
	active   int // pulls that take bytes now
}

// holding is one key on one node.
type holding struct {
	image *entry
	names *names // of the same image; nil for none
	// bytes as this node reports them; 0 if it does not say.
	bytes int64
	// until is when an image that is not listed is believed to be gone, in Unix
	// seconds; 0 for one that is listed.
	until uint32
	// pods that run it.
	pods int32
}

// NewInventory returns an Inventory of no nodes, whose registry serves any
// number of bytes.
func NewInventory() *Inventory {
	return &Inventory{
		nodes: map[string]*node{}, images: map[string]*entry{},
		manifests: map[string]*manifest{}, layers: map[blobKey]*layer{},
		promises: map[string]*promise{}, early: map[string]*early{}, racks: map[string]*pipe{}, learnt: map[string]*learnt{},
	}
}

// SetNode replaces what a node says of itself. The Inventory keeps none of the
// slices. It costs O(names before + names now), and their layers.
func (inv *Inventory) SetNode(name string, is Node, now time.Time) {
	n := inv.nodes[name]
	isNew := n == nil
	if isNew {
		n = &node{name: name, slot: inv.slot()}
		inv.nodes[name], inv.slots[n.slot] = n, n
	}
	inv.leave(n)
	n.platform, n.pressed, n.puller = is.Platform, is.Pressed, is.Puller
	inv.setDisk(n, is.Disk)
	inv.platform(n)
	inv.common = is.Puller
	inv.assume()
	inv.setRack(n, is.Puller.Rack)
	inv.join(n)
	var before []holding
	if !is.SameImages {
		before = n.held
		inv.list(n, is.Images, now)
	}
	inv.age(n, now)
	inv.expand(n)
	for _, h := range before {
		inv.forget(h.image)
	}
	if isNew {
		inv.catchUp(n, now)
	}
}

// list replaces what the node lists. Entries of what it held may be left over.
func (inv *Inventory) list(n *node, images []Report, now time.Time) {
	cut, wasCut := len(images) == ListCap, n.cut
	n.cut = cut
	before := n.held
	held, listed := inv.holdings(images)
	n.held = held
	for _, h := range before { // what it has beside its list
		if at, ok := listed[h.image]; ok {
			n.held[at].pods = h.pods
			continue
		}
		switch {
		case h.until == 0 && !cut: // it was listed until now
			h.until = seconds(now)
		case h.until == 0 || cut && !wasCut:
			h.until = n.later(now)
		}
		n.held = append(n.held, h)
	}
	for _, h := range n.held {
		h.image.add(n.slot, h.bytes)
	}
	for _, h := range before { // after the additions: nothing that stays is forgotten in between
		h.image.remove(n.slot, h.bytes)
	}
	for _, h := range n.held {
		h.image.whole.on.add(n.slot)
	}
}

// RemoveNode forgets the node, the sizes that only it reported, and what was
// promised on it.
func (inv *Inventory) RemoveNode(name string) {
	n := inv.nodes[name]
	if n == nil {
		return
	}
	for _, p := range slices.Clone(n.queue) {
		inv.Undo(p.pod)
	}
	inv.leave(n)
	inv.setRack(n, "")
	inv.setDisk(n, Disk{})
	inv.contents++
	for _, h := range n.held {
		h.image.remove(n.slot, h.bytes)
		h.image.moved.remove(n.slot)
		if h.pods > 0 {
			inv.earlyOn(name).pods[h.image.key] = h.pods // their ends are still to come
		}
	}
	for _, id := range n.layers {
		inv.blobs[id].on.remove(n.slot)
	}
	for _, h := range n.held {
		inv.forget(h.image)
	}
	delete(inv.nodes, name)
	inv.platforms[inv.plat[n.slot]].nodes--
	inv.slots[n.slot], inv.plat[n.slot] = nil, -1
	inv.pulling.remove(n.slot)
	inv.aging.remove(n.slot)
	inv.free = append(inv.free, n.slot)
}

// Ran notes that a pod runs these images on a node, or did: they are there. The
// node may not be known yet.
func (inv *Inventory) Ran(name string, keys []string, now time.Time) {
	n := inv.nodes[name]
	if n == nil {
		inv.earlyOn(name).count(keys, 1)
		return
	}
	isNew := false
	for _, key := range keys {
		e := inv.entry(key)
		at := n.at(e)
		if at < 0 {
			e.add(n.slot, 0)
			at, isNew = len(n.held), true
			n.held = append(n.held, holding{image: e, until: n.later(now)})
		} else if n.held[at].until != 0 {
			n.held[at].until = n.later(now)
		}
		n.held[at].pods++
	}
	if isNew {
		inv.expand(n)
	}
}

// Ended notes that a pod of which Ran was told runs no more.
func (inv *Inventory) Ended(name string, keys []string, now time.Time) {
	n := inv.nodes[name]
	if n == nil {
		inv.earlyOn(name).count(keys, -1)
		return
	}
	for _, key := range keys {
		e := inv.images[key]
		if e == nil {
			continue
		}
		if at := n.at(e); at >= 0 && n.held[at].pods > 0 {
			if n.held[at].pods--; n.held[at].until != 0 {
				n.held[at].until = n.later(now)
			}
		}
	}
	if inv.age(n, now) {
		inv.expand(n)
	}
}

// age drops from what the node holds what it does not list and is not believed
// to have any more, and reports whether there was any.
func (inv *Inventory) age(n *node, now time.Time) bool {
	var gone []*entry
	n.until = 0
	n.held = slices.DeleteFunc(n.held, func(h holding) bool {
		drop := h.pods == 0 && (n.pressed || h.until != 0 && h.until <= seconds(now))
		if drop {
			h.image.remove(n.slot, h.bytes)
			h.image.moved.remove(n.slot)
			gone = append(gone, h.image)
		} else if h.until != 0 && h.pods == 0 && (n.until == 0 || h.until < n.until) {
			n.until = h.until
		}
		return drop
	})
	inv.aging.remove(n.slot)
	if n.until != 0 {
		inv.aging.add(n.slot)
	}
	for _, e := range gone {
		inv.forget(e)
	}
	return len(gone) > 0
}

// Bytes returns the size that most nodes report for the image, or the largest that
// its manifests say, and false if neither is known.
func (inv *Inventory) Bytes(key string) (int64, bool) {
	e := inv.images[key]
	if !e.known() {
		return 0, false
	}
	bytes := e.whole.bytes
	for _, m := range e.manifests {
		sum := int64(0)
		for _, l := range m.layers {
			sum = add(sum, l.bytes)
		}
		bytes = max(bytes, sum)
	}
	return bytes, true
}

// at returns the place of an image in what the node holds, or -1.
func (n *node) at(e *entry) int {
	return slices.IndexFunc(n.held, func(h holding) bool { return h.image == e })
}

// later is until when an image that is not listed now is believed to be there.
func (n *node) later(now time.Time) uint32 {
	if n.cut {
		return seconds(now.Add(cutLag))
	}
	return seconds(now.Add(listLag))
}

// seconds since 1970, in half the room: there is one for every name of every image of
// every node. They last until 2106.
func seconds(t time.Time) uint32 { return uint32(t.Unix()) }

// platform notes which platform the node has. Those that no node has are used
// again, so that there are never more than nodes.
func (inv *Inventory) platform(n *node) {
	if at := inv.plat[n.slot]; at >= 0 {
		if inv.platforms[at].name == n.platform {
			return
		}
		inv.platforms[at].nodes--
	}
	at := slices.IndexFunc(inv.platforms, func(p platform) bool { return p.nodes > 0 && p.name == n.platform })
	if at < 0 {
		at = slices.IndexFunc(inv.platforms, func(p platform) bool { return p.nodes == 0 })
	}
	if at < 0 {
		at = len(inv.platforms)
		inv.platforms = append(inv.platforms, platform{})
	}
	inv.platforms[at].name = n.platform
	inv.platforms[at].nodes++
	inv.plat[n.slot] = at
}

// platform is one that nodes have, or had.
type platform struct {
	name  string
	nodes int
}

// slot returns a slot that no node has.
func (inv *Inventory) slot() int {
	if last := len(inv.free) - 1; last >= 0 {
		s := inv.free[last]
		inv.free = inv.free[:last]
		return s
	}
	inv.slots, inv.plat = append(inv.slots, nil), append(inv.plat, -1)
	return len(inv.slots) - 1
}

// entry returns the image with this key, and makes it if it is new.
func (inv *Inventory) entry(key string) *entry {
	e := inv.images[key]
	if e == nil {
		e = &entry{key: key}
		inv.images[key] = e
	}
	return e
}

// forget drops an image of which nothing is known any more.
func (inv *Inventory) forget(e *entry) {
	if e.whole.on.n == 0 && len(e.manifests) == 0 && e.wanted == 0 {
		delete(inv.images, e.key)
	}
}

// holdings returns each key of the images once, with the largest size given
// for it, and the place of each; it makes entries for keys that are new.
func (inv *Inventory) holdings(images []Report) (held []holding, at map[*entry]int) {
	keys := 0
	for _, r := range images {
		keys += len(r.Names)
	}
	held, at = make([]holding, 0, keys), make(map[*entry]int, keys)
	for _, r := range images {
		also := inv.digests(r.Names)
		for _, key := range r.Names {
			e := inv.entry(key)
			i, twice := at[e]
			if !twice {
				i = len(held)
				at[e] = i
				held = append(held, holding{image: e, names: also})
			}
			held[i].bytes = max(held[i].bytes, plausible(r.Bytes))
		}
	}
	return held, at
}

// digests returns the digests among the keys. Most images have one, which all
// nodes share.
func (inv *Inventory) digests(keys []string) *names {
	var found *names
	for _, key := range keys {
		if !strings.Contains(key, "@") {
			continue
		}
		e := inv.entry(key)
		if e.alone == nil {
			e.alone = &names{[]string{e.key}}
		}
		if found == nil {
			found = e.alone
			continue
		}
		found = &names{append(slices.Clip(found.digests), e.key)}
	}
	return found
}

// names are what a node calls one image.
type names struct{ digests []string }

// other reports whether the node has another image under the key than the
// manifest is of: it gives digests in the key's repository, and none of them is
// the manifest's.
func (h *holding) other(m *manifest) bool {
	prefix, other := Repository(h.image.key)+"@", false
	if h.names == nil {
		return false
	}
	for _, digest := range h.names.digests {
		if !strings.HasPrefix(digest, prefix) {
			continue
		}
		if slices.ContainsFunc(m.images, func(e *entry) bool { return e.key == digest }) {
			return false
		}
		other = true
	}
	return other
}

// Repository returns a key without its tag or digest.
func Repository(key string) string {
	key, _, _ = strings.Cut(key, "@")
	if colon := strings.LastIndexByte(key, ':'); colon > strings.LastIndexByte(key, '/') {
		return key[:colon]
	}
	return key
}
