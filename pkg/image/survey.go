package image

import (
	"cmp"
	"maps"
	"slices"
)

// Found is what is known of one image.
type Found struct {
	Key   string
	Bytes int64 // as it travels; 0 if that is not known
	Nodes int   // that have it
	Pulls int   // nodes that are about to have it, or pull it now
	// Layered is set if its layers are known, by a manifest.
	Layered bool
}

// Find returns what is known of the images that a node has or that are being pulled, by
// their keys.
func (inv *Inventory) Find() []Found {
	type pull struct {
		of *entry
		on *node
	}
	pulls, known := map[*entry]int{}, map[pull]bool{}
	for _, p := range inv.promises {
		for _, need := range p.needs {
			e := inv.images[need.Key]
			if at := (pull{e, p.node}); e != nil && p.node.at(e) < 0 && !known[at] {
				known[at] = true
				pulls[e]++
			}
		}
	}
	var all []Found
	for _, key := range slices.Sorted(maps.Keys(inv.images)) {
		if e := inv.images[key]; e.whole.on.n+pulls[e] > 0 { // else a manifest alone
			all = append(all, inv.found(e, pulls[e]))
		}
	}
	return all
}

// Survey is what is known of a node.
type Survey struct {
	Platform string
	// Cut is set if the node lists no more images than it may, so that it can have others.
	Cut     bool
	Pressed bool
	Disk    Disk
	Used    float64 // bytes of the disk, as far as is known: by images and what they are pulled for
	// BytesPerSecond is how fast it is taken to pull when nothing is in the way.
	BytesPerSecond float64
	Images         []Held
	Pulls          []Pull // in the order in which it makes them
}

// Load is what a node has and pulls, as sums.
type Load struct {
	Images int   // that it has
	Bytes  int64 // of these, each counted as a whole
	Cut    bool  // see Survey
	Pulls  int   // that are not over
	Coming int64 // bytes that these are still to bring
}

// Loads returns what each node has and pulls, by its name. It costs O(images of all nodes).
func (inv *Inventory) Loads() map[string]Load {
	loads := make(map[string]Load, len(inv.nodes))
	for name, n := range inv.nodes {
		l := Load{Images: len(n.held), Cut: n.cut}
		for at := range n.held {
			h := &n.held[at]
			bytes := h.bytes
			if bytes == 0 {
				bytes, _ = inv.Bytes(h.image.key)
			}
			l.Bytes = add(l.Bytes, bytes)
		}
		for _, p := range n.queue {
			if !p.arrived() {
				l.Pulls++
				l.Coming = add(l.Coming, p.bytes-int64(p.done))
			}
		}
		loads[name] = l
	}
	return loads
}

// Held is an image on a node.
type Held struct {
	Key      string
	Bytes    int64 // 0 if nobody says
	Pods     int   // that run it
	Unlisted bool  // the node does not list it, but had it a short time ago
}

// Pull is what a node pulls for one pod.
type Pull struct {
	Pod     string // its UID
	Images  []string
	Bytes   int64 // what it is the first to bring
	Arrived int64 // of these
	// Soft ones are of pods that can still lose the node.
	Soft bool
}

// Survey returns what is known of a node; ok is false for one that is not known.
func (inv *Inventory) Survey(name string) (s Survey, ok bool) {
	n := inv.nodes[name]
	if n == nil {
		return Survey{}, false
	}
	s = Survey{Platform: n.platform, Cut: n.cut, Pressed: n.pressed, Disk: n.disk, Used: n.used(), BytesPerSecond: inv.alone(n)}
	for at := range n.held {
		h := &n.held[at]
		bytes := h.bytes
		if bytes == 0 {
			bytes, _ = inv.Bytes(h.image.key)
		}
		s.Images = append(s.Images, Held{Key: h.image.key, Bytes: bytes, Pods: int(h.pods), Unlisted: h.until != 0})
	}
	slices.SortFunc(s.Images, func(a, b Held) int { return cmp.Compare(a.Key, b.Key) })
	for _, p := range n.queue {
		pull := Pull{Pod: p.pod, Bytes: p.bytes, Arrived: int64(p.done), Soft: !p.firm}
		for _, need := range p.needs {
			pull.Images = append(pull.Images, need.Key)
		}
		s.Pulls = append(s.Pulls, pull)
	}
	return s, true
}

// Where returns what is known of an image, the nodes that have it, and those that are about
// to have it, by name; ok is false if there are none of either.
func (inv *Inventory) Where(key string) (f Found, have, pull []string, ok bool) {
	e := inv.images[key]
	if e == nil {
		return Found{}, nil, nil, false
	}
	for slot := range e.whole.on.all() {
		have = append(have, inv.slots[slot].name)
	}
	for _, p := range inv.promises {
		if p.node.at(e) < 0 && slices.ContainsFunc(p.needs, func(need Need) bool { return need.Key == key }) {
			pull = append(pull, p.node.name)
		}
	}
	slices.Sort(have)
	slices.Sort(pull)
	pull = slices.Compact(pull)
	return inv.found(e, len(pull)), have, pull, len(have)+len(pull) > 0
}

func (inv *Inventory) found(e *entry, pulls int) Found {
	bytes, _ := inv.Bytes(e.key)
	return Found{Key: e.key, Bytes: bytes, Nodes: e.whole.on.n, Pulls: pulls, Layered: len(e.manifests) > 0}
}
