package pull

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"
)

// Network is the way from the registry to the nodes. Transfers share it fairly: the registry's capacity is divided
// among the nodes that pull (max-min: what a slow node cannot use goes to the others), and a node's share is divided
// equally among its transfers.
//
// It is a processor-sharing queue driven by events. A transfer's rate changes only when a transfer starts or ends, or
// when a bandwidth is set, so the next end is always known, and one timer is enough for any number of transfers.
type Network struct {
	mu        sync.Mutex
	capacity  float64 // bytes per second of the registry; +Inf when unlimited
	links     []*Link // with transfers in flight, in order of first transfer
	timer     *time.Timer
	updatedAt time.Time
}

// Link is one node's connection to the network.
type Link struct {
	network   *Network
	bandwidth float64
	rate      float64 // bytes per second for each transfer, as of the last rebalance
	transfers []*transfer
}

type transfer struct {
	left float64 // bytes
	done chan struct{}
}

// NewNetwork returns a network whose registry serves at most capacity bytes per second; 0 is unlimited.
func NewNetwork(capacity int64) *Network {
	return &Network{capacity: rate(capacity)}
}

// NewLink connects a node with the given bandwidth in bytes per second; 0 is unlimited.
func (n *Network) NewLink(bandwidth int64) *Link {
	return &Link{network: n, bandwidth: rate(bandwidth)}
}

// SetCapacity changes the registry's capacity; transfers in flight go on at their new rate.
func (n *Network) SetCapacity(capacity int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.advance()
	n.capacity = rate(capacity)
	n.rebalance()
}

// Fetch moves size bytes over the link, and returns when they arrived or the context ended.
func (l *Link) Fetch(ctx context.Context, size int64) error {
	if size <= 0 || ctx.Err() != nil {
		return ctx.Err()
	}
	n, t := l.network, &transfer{left: float64(size), done: make(chan struct{})}
	n.mu.Lock()
	n.advance()
	if len(l.transfers) == 0 {
		n.links = append(n.links, l)
	}
	l.transfers = append(l.transfers, t)
	n.rebalance()
	n.mu.Unlock()

	select {
	case <-t.done:
		return nil
	case <-ctx.Done():
		n.mu.Lock()
		defer n.mu.Unlock()
		n.advance()
		l.transfers = slices.DeleteFunc(l.transfers, func(o *transfer) bool { return o == t })
		n.rebalance()
		return ctx.Err()
	}
}

// advance moves every transfer from updatedAt to now, and ends those that are complete.
func (n *Network) advance() {
	now := time.Now()
	elapsed := now.Sub(n.updatedAt).Seconds()
	n.updatedAt = now
	for _, l := range n.links {
		l.transfers = slices.DeleteFunc(l.transfers, func(t *transfer) bool {
			t.left -= l.rate * elapsed
			// The timer has nanosecond steps; what would take less than one is complete. The test is also true for an
			// infinite rate, for which left is -Inf or NaN.
			complete := !(t.left > l.rate*1e-9)
			if complete {
				close(t.done)
			}
			return complete
		})
	}
}

// rebalance sets the rate of every link, and the timer to the next end of a transfer.
func (n *Network) rebalance() {
	n.links = slices.DeleteFunc(n.links, func(l *Link) bool { return len(l.transfers) == 0 })
	bandwidths := make([]float64, len(n.links))
	for i, l := range n.links {
		bandwidths[i] = l.bandwidth
	}
	next := math.Inf(1)
	for i, share := range shares(n.capacity, bandwidths) {
		l := n.links[i]
		l.rate = share / float64(len(l.transfers))
		for _, t := range l.transfers {
			next = min(next, t.left/l.rate)
		}
	}
	if n.timer != nil {
		n.timer.Stop()
	}
	if len(n.links) > 0 {
		n.timer = time.AfterFunc(delay(next), n.tick)
	}
}

func (n *Network) tick() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.advance()
	n.rebalance()
}

// shares divides a capacity among demands, max-min fair: no one gets more than it asks, and all who get less than they
// ask get the same.
func shares(capacity float64, demands []float64) []float64 {
	order := make([]int, len(demands))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case demands[a] < demands[b]:
			return -1
		case demands[a] > demands[b]:
			return 1
		}
		return 0
	})
	got := make([]float64, len(demands))
	for i, d := range order {
		got[d] = min(demands[d], capacity/float64(len(order)-i))
		if !math.IsInf(capacity, 1) { // Inf minus Inf is not a number
			capacity -= got[d]
		}
	}
	return got
}

// rate turns a limit of which 0 is "none" into bytes per second.
func rate(limit int64) float64 {
	if limit <= 0 {
		return math.Inf(1)
	}
	return float64(limit)
}

// delay turns seconds into a duration, rounded up so that a timer never fires before its transfer is complete.
func delay(seconds float64) time.Duration {
	const longest = 24 * time.Hour
	if !(seconds < longest.Seconds()) {
		return longest
	}
	return time.Duration(math.Ceil(seconds * float64(time.Second)))
}
