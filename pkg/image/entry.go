package image

import "slices"

// entry is what is known of an image by one of its keys.
type entry struct {
	key string
	// whole stands for the image on the nodes that have it by this key, and for
	// its bytes where no manifest does.
	whole layer
	// sizes are the distinct sizes reported, each with the number of nodes
	// that report it: a handful, one for each runtime or architecture. What most
	// report is the size of the whole, of several the largest: one node that lies
	// does not decide.
	sizes []size
	// manifests, one for each platform, in the order of platform and digest.
	manifests []*manifest
	// moved are the nodes that have another image under this key than the
	// manifest says: a tag was moved after they pulled it.
	moved set
	// alone is the image's key as the only digest of it.
	alone *names
	// wanted counts the promises that keep the entry.
	wanted int
}

// size is one reported size. 0 < bytes, 0 < nodes.
type size struct {
	bytes int64
	nodes int
}

// add counts the node in slot as having the image.
func (e *entry) add(slot int, bytes int64) {
	e.whole.on.add(slot)
	if bytes <= 0 {
		return
	}
	at := slices.IndexFunc(e.sizes, func(s size) bool { return s.bytes == bytes })
	if at < 0 {
		at = len(e.sizes)
		e.sizes = append(e.sizes, size{bytes: bytes})
	}
	e.sizes[at].nodes++
	e.elect()
}

// remove undoes an add with the same arguments.
func (e *entry) remove(slot int, bytes int64) {
	e.whole.on.remove(slot)
	if bytes <= 0 {
		return
	}
	at := slices.IndexFunc(e.sizes, func(s size) bool { return s.bytes == bytes })
	if e.sizes[at].nodes--; e.sizes[at].nodes == 0 {
		e.sizes = slices.Delete(e.sizes, at, at+1)
	}
	e.elect()
}

// elect settles the size of the whole.
func (e *entry) elect() {
	most := size{}
	for _, s := range e.sizes {
		if s.nodes > most.nodes || s.nodes == most.nodes && s.bytes > most.bytes {
			most = s
		}
	}
	e.whole.bytes = most.bytes
}

// on returns the image's manifest for a platform, or nil. An image that does not
// say for what it is, and a node that does not say what it is, go with anything
// that there is only one of.
func (e *entry) on(platform string) *manifest {
	for _, m := range e.manifests {
		if m.platform == platform || m.platform == "" {
			return m
		}
	}
	if platform == "" && len(e.manifests) == 1 {
		return e.manifests[0]
	}
	return nil
}

// known reports whether the size of the image is.
func (e *entry) known() bool { return e != nil && (e.whole.bytes > 0 || len(e.manifests) > 0) }
