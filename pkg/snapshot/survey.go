package snapshot

import (
	"cmp"
	"slices"

	"github.com/muster-scheduler/muster/pkg/image"
	"github.com/muster-scheduler/muster/pkg/imagename"
)

// Rates are bytes per second.
type Rates struct {
	Registry      float64
	RegistryPulls int            // from which it was learnt
	Pools         []image.Learnt // by name
}

// Find returns the images that nodes have or pull, and how fast they are pulled.
func (i *Images) Find() ([]image.Found, Rates) {
	i.advance()
	i.mu.RLock()
	defer i.mu.RUnlock()
	rates := Rates{Pools: i.inventory.Learnt()}
	rates.Registry, rates.RegistryPulls = i.inventory.Registry()
	slices.SortFunc(rates.Pools, func(a, b image.Learnt) int { return cmp.Compare(a.Pool, b.Pool) })
	return i.inventory.Find(), rates
}

// Loads returns what each node has and pulls, as sums, by node.
func (i *Images) Loads() map[string]image.Load {
	i.advance()
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.inventory.Loads()
}

// Where returns what is known of one image, however its name is spelt, and the nodes
// that have it and pull it; ok is false if that is nothing.
func (i *Images) Where(name string) (f image.Found, have, pull []string, ok bool) {
	i.advance()
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.inventory.Where(imagename.Key(name))
}

// Survey returns what a node has and pulls; ok is false if it is not known.
func (i *Images) Survey(node string) (image.Survey, bool) {
	i.advance()
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.inventory.Survey(node)
}
