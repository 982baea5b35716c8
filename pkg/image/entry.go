package image

// entry is one image key and the nodes that have it.
type entry struct {
	key string
	// on are the slots of the nodes that have it; nodes is their number.
	on    set
	nodes int
	// sizes are the distinct sizes reported, each with the number of nodes
	// that report it: a handful, one for each runtime or architecture.
	sizes []size
	// bytes is the largest of sizes; 0 if nobody reports one.
	bytes int64
}

// size is one reported size. 0 < bytes, 0 < nodes.
type size struct {
	bytes int64
	nodes int
}

// add counts the node in slot as having the image.
func (e *entry) add(slot int, bytes int64) {
	e.on.add(slot)
	e.nodes++
	if bytes <= 0 {
		return
	}
	e.bytes = max(e.bytes, bytes)
	for i := range e.sizes {
		if e.sizes[i].bytes == bytes {
			e.sizes[i].nodes++
			return
		}
	}
	e.sizes = append(e.sizes, size{bytes: bytes, nodes: 1})
}

// remove undoes an add with the same arguments.
func (e *entry) remove(slot int, bytes int64) {
	e.on.remove(slot)
	e.nodes--
	if bytes <= 0 {
		return
	}
	e.bytes = 0
	kept := e.sizes[:0]
	for _, s := range e.sizes {
		if s.bytes == bytes {
			s.nodes--
		}
		if s.nodes > 0 {
			kept = append(kept, s)
			e.bytes = max(e.bytes, s.bytes)
		}
	}
	e.sizes = kept
}

// set is a set of small non-negative integers. It grows to the largest one.
type set []uint64

func (s set) has(i int) bool {
	return i/64 < len(s) && s[i/64]&(1<<(i%64)) != 0
}

func (s *set) add(i int) {
	for len(*s) <= i/64 {
		*s = append(*s, 0)
	}
	(*s)[i/64] |= 1 << (i % 64)
}

func (s set) remove(i int) { s[i/64] &^= 1 << (i % 64) }
