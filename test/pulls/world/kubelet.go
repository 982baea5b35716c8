package world

// kubelet starts the pods of one node: it pulls their images, those of one pod
// one after the other, and reports what it has.
type kubelet struct {
	w       *World
	node    int
	store   *store
	queue   []request // for a pull, in the order in which they came
	pulling int       // 0 <= pulling <= Config.Parallel
	// listAt and statusAt are when it first lists images and sends its status.
	listAt, statusAt float64
	changed          bool // the images, since it last listed them
}

// request is a pod's wish for an image.
type request struct {
	image int
	done  func()
}

// start begins with a pod that was bound just now; ready is called when all its
// images are there.
func (k *kubelet) start(images []int, always bool, ready func()) {
	for _, i := range images {
		k.store.users[i]++
	}
	k.ensure(images, always, ready)
}

// ensure pulls the images, one after the other.
func (k *kubelet) ensure(images []int, always bool, ready func()) {
	if len(images) == 0 {
		ready()
		return
	}
	next := func() { k.ensure(images[1:], always, ready) }
	if h := k.store.images[images[0]]; h != nil && !always {
		h.used = k.w.now
		next()
		return
	}
	// Every pod that found the image missing asks for it, even if another one has
	// done so before.
	k.queue = append(k.queue, request{images[0], next})
	k.pull()
}

// finish ends a pod.
func (k *kubelet) finish(images []int) {
	for _, i := range images {
		if k.store.users[i]--; k.store.users[i] == 0 {
			delete(k.store.users, i)
		}
		if h := k.store.images[i]; h != nil {
			h.used = k.w.now
		}
	}
}

// pull serves the queue while it may.
func (k *kubelet) pull() {
	for k.pulling < k.w.cfg.Parallel && len(k.queue) > 0 {
		r := k.queue[0]
		k.queue = k.queue[1:]
		k.pulling++
		k.store.hold(r.image)
		k.w.after(k.w.cfg.Resolve, func() { k.layer(r, k.w.trace.Images[r.image].Layers) })
	}
}

// layer goes on with a pull of which these layers are left to look at.
func (k *kubelet) layer(r request, layers []int) {
	for len(layers) > 0 && k.store.layers[layers[0]].there {
		layers = layers[1:]
	}
	if len(layers) == 0 {
		k.pulled(r)
		return
	}
	id := layers[0]
	l := &k.store.layers[id]
	if l.coming {
		l.waiting = append(l.waiting, func() { k.layer(r, layers) })
		return
	}
	l.coming = true
	bytes := k.w.trace.Layers[id].Bytes
	k.w.after(k.w.cfg.Layer, func() {
		k.w.flows.start(k.node, bytes, k.w.now, func() {
			k.store.fetched += bytes
			k.store.put(id)
			waiting := l.waiting
			l.coming, l.waiting = false, nil
			for _, wake := range waiting {
				wake()
			}
			k.layer(r, layers[1:])
		})
	})
}

// pulled ends a pull.
func (k *kubelet) pulled(r request) {
	k.pulling--
	if k.store.complete(r.image, k.w.now) {
		k.change()
	}
	r.done()
	k.pull()
}

// change has the next status report the images. The list is taken first, and
// sent a little later.
func (k *kubelet) change() {
	if k.changed {
		return
	}
	k.changed = true
	k.w.at(tick(k.w.now, k.listAt, k.w.cfg.ListPeriod), func() {
		k.changed = false
		images := k.store.list(k.w.cfg.ListCap)
		k.w.at(tick(k.w.now, k.statusAt, k.w.cfg.StatusPeriod), func() { k.w.policy.Report(k.node, images, k.w.now) })
	})
}

// collect looks for images to remove, again and again.
func (k *kubelet) collect() {
	if k.store.collect(&k.w.cfg, k.w.now) {
		k.change()
	}
	k.w.after(k.w.cfg.GCPeriod, k.collect)
}
