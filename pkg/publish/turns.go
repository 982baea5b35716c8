package publish

// turns is a workqueue.Queue in which owners take turns: however much one of them
// has in it, another's first comes next.
type turns struct {
	owner  func(key string) string
	length int
	order  []string            // owners with something in it; the first is next
	queues map[string][]string // by owner
}

func newTurns(owner func(string) string) *turns {
	return &turns{owner: owner, queues: map[string][]string{}}
}

// Touch implements workqueue.Queue: what is in it already keeps its place.
func (t *turns) Touch(string) {}

// Push implements workqueue.Queue.
func (t *turns) Push(key string) {
	owner := t.owner(key)
	if len(t.queues[owner]) == 0 {
		t.order = append(t.order, owner)
	}
	t.queues[owner] = append(t.queues[owner], key)
	t.length++
}

// Len implements workqueue.Queue.
func (t *turns) Len() int { return t.length }

// Pop implements workqueue.Queue.
func (t *turns) Pop() string {
	owner := t.order[0]
	t.order = t.order[1:]
	key := t.queues[owner][0]
	if rest := t.queues[owner][1:]; len(rest) > 0 {
		t.queues[owner] = rest
		t.order = append(t.order, owner)
	} else {
		delete(t.queues, owner)
	}
	t.length--
	return key
}
