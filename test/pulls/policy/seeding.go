package policy

import (
	"fmt"
	"strings"

	"github.com/muster-scheduler/muster/pkg/image"
	"github.com/muster-scheduler/muster/test/pulls/trace"
)

// seeding is Muster with its seeder for pods that are expected: what the shipped
// code chooses to pull ahead, at most so much of it at a time.
type seeding struct {
	*muster
	forecast *image.Forecast
	newest   map[string]*trace.Gang // by kind: the gang that came last
	flying   map[int]int64          // by seed under way: its bytes
	next     int
}

// What the arguments of ImagePull have as defaults.
const (
	seedBytes = 50e9
	seedCount = 64
)

func newSeeding(m *muster) *seeding {
	return &seeding{muster: m, forecast: image.NewForecast(), newest: map[string]*trace.Gang{}, flying: map[int]int64{}}
}

// Bound counts the pod for the forecast. Pods of one kind have images of the same
// repositories.
func (s *seeding) Bound(g *trace.Gang, pod, node int, now float64) {
	s.muster.Bound(g, pod, node, now)
	var repositories []string
	var needs []image.Need
	for _, i := range g.Images {
		name := s.c.Trace.Images[i].Name
		repository, _, _ := strings.Cut(name, ":")
		repositories = append(repositories, repository)
		needs = append(needs, image.Need{Key: name})
	}
	kind := strings.Join(repositories, " ")
	s.newest[kind] = g
	s.forecast.Came(kind, needs, clock(now))
}

// Seeds asks for each kind of pods that is expected what to pull ahead.
func (s *seeding) Seeds(now float64) []Seed {
	s.inv.Advance(clock(now))
	budget := image.SeedBudget{Bytes: seedBytes, Seeds: seedCount - len(s.flying)}
	for _, bytes := range s.flying {
		budget.Bytes -= bytes
	}
	var all []Seed
	for _, e := range s.forecast.Expect(clock(now)) {
		g := s.newest[e.Kind]
		d := image.Demand{Needs: e.Needs, Pods: e.Pods, Near: e.Burst, Places: s.places(g)}
		for _, seed := range s.inv.Seeds(d, &budget) {
			s.next++
			s.flying[s.next] = seed.Bytes
			s.inv.Pulling(seedID(s.next), "", seed.Node, seed.Needs, clock(now))
			all = append(all, Seed{ID: s.next, Node: s.index[seed.Node], Images: g.Images})
		}
	}
	return all
}

func seedID(number int) string { return fmt.Sprint("seed-", number) }

// places are the nodes with room for members of the gang.
func (s *seeding) places(g *trace.Gang) []image.Place {
	var places []image.Place
	cpu, memory := s.plain.capacity()
	for n, node := range s.c.Nodes {
		free := int64(s.c.Trace.Size.Slots - node.Pods)
		if room := min(free, (cpu-node.CPU)/g.CPU, (memory-node.Memory)/g.Memory); room > 0 {
			places = append(places, image.Place{Node: s.names[n], Room: int(room)})
		}
	}
	return places
}

// Seeded ends what Seeds began: the images are there, and nobody runs them.
func (s *seeding) Seeded(seed Seed, now float64) {
	delete(s.flying, seed.ID)
	var keys []string
	for _, i := range seed.Images {
		keys = append(keys, s.c.Trace.Images[i].Name)
	}
	s.inv.Started(seedID(seed.ID), clock(now))
	s.inv.Ran(s.names[seed.Node], keys, clock(now))
	s.inv.Ended(s.names[seed.Node], keys, clock(now))
}
