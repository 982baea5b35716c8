package record

import (
	"runtime"
	"slices"
	"sync"

	"github.com/muster-scheduler/muster/test/pulls/policy"
)

// Suite is all the cases of an evaluation.
type Suite struct {
	// Shapes are the clusters and their work; what else a case has is set by the suite.
	Shapes     []Case
	Registries []float64 // bytes per second
	Seeds      int
	Policies   []string
}

// usual is a kubelet as it comes, with room for all images of a trace.
const (
	usualStore    = 250e9
	usualParallel = 1
)

// Full is what the results are made of.
func Full(seeds int) Suite {
	return Suite{
		Shapes: []Case{
			{Trace: "catalog", Nodes: 300, Slots: 16, Seconds: 4 * 3600, Load: 0.6},
			{Trace: "shop", Nodes: 300, Slots: 16, Seconds: 4 * 3600, Load: 0.6},
			{Trace: "shop", Nodes: 1300, Slots: 16, Seconds: 1.5 * 3600, Load: 0.6},
		},
		Registries: []float64{1e9, 2e9, 4.4e9, 10e9, 25e9},
		Seeds:      seeds,
		Policies:   append(slices.Clone(policy.Names), Bound),
	}
}

// Small is the same in seconds, to see that it works.
func Small() Suite {
	s := Full(1)
	for i := range s.Shapes {
		s.Shapes[i].Nodes, s.Shapes[i].Seconds = 60, 1800
	}
	s.Shapes = s.Shapes[:2]
	s.Registries = []float64{1e9, 4.4e9}
	return s
}

// Sweep is every policy on every shape with every registry. Fixed prices are left
// out on large clusters: where these collapse, to simulate it takes minutes.
func (s Suite) Sweep() []Case {
	var cases []Case
	for _, shape := range s.Shapes {
		of := s
		if shape.Nodes > 1000 {
			of = s.adaptive()
		}
		for _, registry := range s.Registries {
			c := shape
			c.Registry, c.Store, c.Parallel = registry, usualStore, usualParallel
			cases = append(cases, of.each(c)...)
		}
	}
	return cases
}

// adaptive is the suite without the policies of fixed prices.
func (s Suite) adaptive() Suite {
	s.Policies = slices.DeleteFunc(slices.Clone(s.Policies), func(name string) bool {
		return name == policy.Free || name == policy.Dear
	})
	return s
}

// Variants is other kubelets, with a registry of middling capacity: with little
// room for images, and with several pulls at a time.
func (s Suite) Variants() []Case {
	var cases []Case
	s = s.adaptive()
	for _, shape := range s.Shapes {
		shape.Registry, shape.Store, shape.Parallel = 4.4e9, usualStore, usualParallel
		parallel := shape
		parallel.Parallel = 3
		cases = append(cases, s.each(parallel)...)
		if shape.Trace == "catalog" {
			for _, store := range []int64{60e9, 30e9} {
				small := shape
				small.Store = store
				cases = append(cases, s.each(small)...)
			}
		}
	}
	return cases
}

// each is the case for every policy and seed.
func (s Suite) each(c Case) []Case {
	var cases []Case
	for _, name := range s.Policies {
		for seed := range s.Seeds {
			c.Policy, c.Seed = name, uint64(seed+1)
			cases = append(cases, c)
		}
	}
	return cases
}

// RunAll runs cases, as many at a time as there are processors, and gives the
// records in the order of the cases to each. Those that are in done are not run.
func RunAll(cases []Case, done map[Case]Record, each func(Record) error) error {
	type outcome struct {
		record Record
		err    error
	}
	outcomes := make([]chan outcome, len(cases))
	next := make(chan int, len(cases))
	for i := range cases {
		outcomes[i] = make(chan outcome, 1)
		next <- i
	}
	close(next)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range next {
				r, ok := done[cases[i]]
				var err error
				if !ok {
					r, err = Run(cases[i])
				}
				outcomes[i] <- outcome{r, err}
			}
		})
	}
	defer workers.Wait()
	for i := range cases {
		o := <-outcomes[i]
		if o.err == nil {
			o.err = each(o.record)
		}
		if o.err != nil {
			for range next {
			} // the others are not run
			return o.err
		}
	}
	return nil
}
