package snapshot

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/image"
)

// WaitingGang is a gang that was tried, and does not fit.
type WaitingGang struct {
	Key     gang.Key
	Pods    []*v1.Pod // members without a node, in the order in which they are tried; at least one
	Spec    gang.Spec
	Verdict gang.Verdict
}

// Waiting returns the gangs that wait for room, so many at most: those of a higher priority
// first, of one priority the oldest.
func (g *Gangs) Waiting(most int) []WaitingGang {
	type waiting struct {
		WaitingGang
		by *v1.Pod // who waits for the gang
	}
	var all []waiting
	g.waits.mu.Lock()
	by := map[gang.Key]string{}
	for key, a := range g.waits.gangs {
		if _, ok := g.waits.wakes.Waits(string(a.by)); ok {
			by[key] = string(a.by)
			all = append(all, waiting{WaitingGang: WaitingGang{Key: key, Verdict: a.last}})
		}
	}
	g.waits.mu.Unlock()

	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range all {
		all[i].by = g.pods[by[all[i].Key]]
	}
	all = slices.DeleteFunc(all, func(w waiting) bool { return w.by == nil })
	slices.SortFunc(all, func(a, b waiting) int {
		return cmp.Or(
			cmp.Compare(corev1helpers.PodPriority(b.by), corev1helpers.PodPriority(a.by)),
			a.by.CreationTimestamp.Compare(b.by.CreationTimestamp.Time),
			cmp.Compare(a.Key.String(), b.Key.String()),
		)
	})
	var first []WaitingGang
	for _, w := range all[:min(most, len(all))] {
		status, _ := g.roster.Status(w.Key)
		w.Pods, w.Spec = g.podsOf(g.roster.Pending(w.Key)), status.Spec
		if len(w.Pods) > 0 {
			first = append(first, w.WaitingGang)
		}
	}
	return first
}

// Alike returns equal text for pods that need equal nodes and pull the same images.
func Alike(pod *v1.Pod) string { return classKey(pod) + pullKey(pod) }

// Seed is images that a node is to pull ahead. It counts as a promise, under its
// ID, until it is Seeded or Unseeded.
type Seed struct {
	image.Seed
	ID string
}

// Foreseen is pods that are expected, with the one that came last.
type Foreseen struct {
	image.Expected
	Like *v1.Pod
}

// Foresee has the pods that get a node counted from now on, for Foreseen to tell
// which are going to come.
func (i *Images) Foresee() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.forecast == nil {
		i.forecast, i.examples = image.NewForecast(), map[string]*v1.Pod{}
	}
}

// came counts a pod that gets a node. The lock is held.
func (i *Images) came(pod *v1.Pod, needs []image.Need) {
	if !i.profiles[pod.Spec.SchedulerName] {
		return
	}
	kind := kindOf(pod, needs)
	if i.forecast.Came(kind, needs, i.clock.Now()) {
		i.examples[kind] = pod
	}
}

// kindOf names pods that are expected together: of one namespace, with images of the
// same repositories, that ask for as much.
func kindOf(pod *v1.Pod, needs []image.Need) string {
	repositories := make([]string, len(needs))
	for at, need := range needs {
		repositories[at] = image.Repository(need.Key)
	}
	slices.Sort(repositories)
	requests := resource.PodRequests(pod, resource.PodResourcesOptions{})
	asks := make([]string, 0, len(requests))
	for name, q := range requests {
		asks = append(asks, fmt.Sprint(name, "=", q.String()))
	}
	slices.Sort(asks)
	return pod.Namespace + " " + strings.Join(repositories, " ") + " " + strings.Join(asks, ",")
}

// Foreseen returns the pods that are expected, the most of one kind first; none
// unless Foresee was called.
func (i *Images) Foreseen() []Foreseen {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.forecast == nil {
		return nil
	}
	all := i.forecast.Expect(i.clock.Now())
	examples, expected := make(map[string]*v1.Pod, len(all)), make([]Foreseen, len(all))
	for at, e := range all {
		examples[e.Kind] = i.examples[e.Kind]
		expected[at] = Foreseen{e, i.examples[e.Kind]}
	}
	i.examples = examples // without those that are forgotten
	return expected
}

// Seeds chooses what is to be pulled ahead for a demand, and promises it.
func (i *Images) Seeds(d image.Demand, budget *image.SeedBudget) []Seed {
	i.advance()
	i.mu.RLock() // the choice looks at every node, and the scheduling cycle reads as well
	chosen := i.inventory.Seeds(d, budget)
	i.mu.RUnlock()
	if len(chosen) == 0 {
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	var seeds []Seed
	for _, seed := range chosen {
		i.seeds++
		id := fmt.Sprint("seed/", i.seeds)
		i.inventory.Pulling(id, "", seed.Node, seed.Needs, i.clock.Now())
		seeds = append(seeds, Seed{Seed: seed, ID: id})
	}
	return seeds
}

// Pulls has the promise of a seed be that of a pod which pulls it.
func (i *Images) Pulls(seed Seed, pod *v1.Pod) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.inventory.Undo(seed.ID)
	i.inventory.Pulling(string(pod.UID), "", seed.Node, PodImages(pod), i.clock.Now())
}

// Unseeded takes the promise of a seed back.
func (i *Images) Unseeded(seed Seed) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.inventory.Undo(seed.ID)
}

// Seeded notes that the images of a seed are on their node, and nobody runs them.
func (i *Images) Seeded(seed Seed) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.clock.Now()
	var keys []string
	for _, need := range seed.Needs {
		keys = append(keys, need.Key)
	}
	i.inventory.Undo(seed.ID)
	i.inventory.Ran(seed.Node, keys, now)
	i.inventory.Ended(seed.Node, keys, now)
}
