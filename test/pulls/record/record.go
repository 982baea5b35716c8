// Package record runs traces and keeps what was measured, one record per run.
//
// It knows neither how a policy decides nor how the world works, and draws no
// conclusions: package report does.
package record

import (
	"fmt"
	"slices"

	"github.com/muster-scheduler/muster/test/pulls/policy"
	"github.com/muster-scheduler/muster/test/pulls/trace"
	"github.com/muster-scheduler/muster/test/pulls/world"
)

// Case is what one run is about; it decides the outcome.
type Case struct {
	Trace    string  `json:"trace"` // catalog or shop
	Policy   string  `json:"policy"`
	Seed     uint64  `json:"seed"`
	Nodes    int     `json:"nodes"`
	Slots    int     `json:"slots"`
	Seconds  float64 `json:"seconds"` // for which gangs are submitted
	Load     float64 `json:"load"`
	Registry float64 `json:"registry"` // bytes per second
	Store    int64   `json:"store"`    // bytes per node
	Parallel int     `json:"parallel"` // pulls of a kubelet at a time
}

// Record is what a run measured. Times are in seconds.
type Record struct {
	Case
	Pods int `json:"pods"`
	// Wait is from a pod's binding to its images being ready; Late the same of
	// pods submitted in the second half.
	Wait Distribution `json:"wait"`
	Late Distribution `json:"late"`
	// Large and Small are from a gang's binding to its last member's images being
	// ready, of gangs with 8 or more members, and with 2 to 7.
	Large Distribution `json:"large"`
	Small Distribution `json:"small"`
	// Queue is from submission to binding.
	Queue   float64 `json:"queue"`
	Within5 float64 `json:"within5"` // part of pods whose images are ready within 5 s
	Bytes   float64 `json:"bytes"`   // that the registry gave
	Wanted  float64 `json:"wanted"`  // bytes of the images of all pods
	Peak    float64 `json:"peak"`    // the registry's highest rate, bytes per second
	Warm    float64 `json:"warm"`    // part of pods that found all images on their node
	Present float64 `json:"present"` // part of wanted bytes that were on the node
	Balance float64 `json:"balance"` // coefficient of variation of pods over nodes
	Evicted int     `json:"evicted"` // images collected by nodes
	End     float64 `json:"end"`     // when the last pod was ready
	// Error is the difference of predicted and real waits, of policies that
	// predict; Bias its mean with the sign, positive if predictions are too long.
	Error *Distribution `json:"error,omitempty"`
	Bias  float64       `json:"bias,omitempty"`
}

// Make makes the trace of the case.
func (c Case) Make() (*trace.Trace, error) {
	size := trace.Size{Nodes: c.Nodes, Slots: c.Slots, Seconds: c.Seconds, Load: c.Load}
	switch c.Trace {
	case "catalog":
		return trace.Catalog(c.Seed, size)
	case "shop":
		return trace.Shop(c.Seed, size), nil
	}
	return nil, fmt.Errorf("no trace is named %q", c.Trace)
}

// Config is the world of the case.
func (c Case) Config() world.Config {
	config := world.Defaults()
	config.Registry, config.Store, config.Parallel = c.Registry, c.Store, c.Parallel
	return config
}

// Run does what the case says.
func Run(c Case) (Record, error) { return RunIn(c.Config(), c) }

// RunIn does what the case says in a world of which the case does not say all.
func RunIn(config world.Config, c Case) (Record, error) {
	t, err := c.Make()
	if err != nil {
		return Record{}, err
	}
	if c.Policy == Bound {
		return bound(c, t), nil
	}
	cluster := policy.NewCluster(t, config.Known())
	p, err := policy.New(c.Policy, cluster, c.Seed)
	if err != nil {
		return Record{}, err
	}
	return measure(c, t, world.Run(config, t, cluster, p, c.Seed)), nil
}

// measure turns what happened into figures.
func measure(c Case, t *trace.Trace, result world.Result) Record {
	r := Record{Case: c, Pods: len(result.Pods), Bytes: result.Bytes, Peak: result.Peak, Evicted: result.Evicted, End: result.End}
	r.Balance = mean(result.Loads)
	waits, late := make([]float64, 0, r.Pods), make([]float64, 0, r.Pods)
	starts := make([]float64, len(t.Gangs))
	var errors []float64
	missing := 0.0
	for _, pod := range result.Pods {
		gang := &t.Gangs[pod.Gang]
		wait := pod.Wait()
		waits = append(waits, wait)
		if gang.At >= t.Size.Seconds/2 {
			late = append(late, wait)
		}
		starts[pod.Gang] = max(starts[pod.Gang], wait)
		r.Queue += (pod.Bound - gang.At) / float64(r.Pods)
		if wait <= 5 {
			r.Within5 += 1 / float64(r.Pods)
		}
		if pod.Warm {
			r.Warm += 1 / float64(r.Pods)
		}
		missing += float64(pod.Missing)
		for _, i := range gang.Images {
			r.Wanted += float64(t.Images[i].Bytes)
		}
		if pod.Predicted == pod.Predicted {
			errors = append(errors, max(pod.Predicted-wait, wait-pod.Predicted))
			r.Bias += pod.Predicted - wait
		}
	}
	r.Present = 1 - missing/r.Wanted
	r.Wait, r.Late = Distribute(waits), Distribute(late)
	r.starts(t, starts)
	if len(errors) > 0 {
		d := Distribute(errors)
		r.Error, r.Bias = &d, r.Bias/float64(len(errors))
	}
	return r
}

// starts sets the distributions of the starts of gangs.
func (r *Record) starts(t *trace.Trace, starts []float64) {
	var large, small []float64
	for g, start := range starts {
		switch members := t.Gangs[g].Members; {
		case members >= 8:
			large = append(large, start)
		case members >= 2:
			small = append(small, start)
		}
	}
	r.Large, r.Small = Distribute(large), Distribute(small)
}

// Distribution is a number of values in short.
type Distribution struct {
	N    int     `json:"n"`
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	Max  float64 `json:"max"`
}

// Distribute returns the distribution of values, which it sorts; zero if there are none.
func Distribute(values []float64) Distribution {
	if len(values) == 0 {
		return Distribution{}
	}
	slices.Sort(values)
	at := func(q float64) float64 { return values[int(q*float64(len(values)-1)+0.5)] }
	return Distribution{
		N: len(values), Mean: mean(values),
		P50: at(0.5), P90: at(0.9), P99: at(0.99), Max: values[len(values)-1],
	}
}

func mean(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
