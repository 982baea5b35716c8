package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/muster-scheduler/muster/test/pulls/policy"
	"github.com/muster-scheduler/muster/test/pulls/record"
)

// ours is the policy whose figures are compared with the targets.
const ours = "muster"

// target is something that was aimed at.
type target struct {
	name    string
	against string // a policy; empty for a figure of ours alone
	of      func(r record.Record) float64
	// most is true if the figure may be at most bound; without, the other's figure
	// is to be at least bound times ours.
	most  bool
	bound float64
	// fixed divides our figure by the better one of ours with a fixed price of bytes.
	fixed bool
	trace string // the only one for which it was set; empty for all
}

var aims = []target{
	{name: "mean wait", against: "default", of: func(r record.Record) float64 { return r.Wait.Mean }, bound: 4},
	{name: "gangs of 8+, mean", against: "default", of: func(r record.Record) float64 { return r.Large.Mean }, bound: 8},
	{name: "gangs of 8+, p99", against: "default", of: func(r record.Record) float64 { return r.Large.P99 }, bound: 4},
	{name: "bytes", against: "default", of: func(r record.Record) float64 { return r.Bytes }, bound: 2.2},
	{name: "gangs of 8+, mean", against: "layer", of: func(r record.Record) float64 { return r.Large.Mean }, bound: 3, trace: "catalog"},
	{name: "gangs of 8+, mean", fixed: true, of: func(r record.Record) float64 { return r.Large.Mean }, most: true, bound: 1.5},
	{name: "load CV", of: func(r record.Record) float64 { return r.Balance }, most: true, bound: 0.35},
}

// targets writes what was aimed at beside what was measured, for every shape and registry.
func targets(out io.Writer, groups []group) {
	for _, g := range groups {
		if !slices.Contains(policies(g.records), ours) {
			return
		}
	}
	fmt.Fprintf(out, "\n## Targets\n\nMean over seeds of the other policy's figure / %s's, for each registry in GB/s. Bold: missed.\n", ours)
	for _, g := range groups {
		all := registries(g.records)
		fmt.Fprintf(out, "\n%s\n\n| target |", title(g.shape))
		for _, registry := range all {
			fmt.Fprintf(out, " %s |", digits(registry/1e9))
		}
		fmt.Fprintf(out, "\n|---|%s\n", strings.Repeat("---|", len(all)))
		for _, a := range aims {
			if a.trace != "" && a.trace != g.shape.Trace || a.fixed && !slices.Contains(policies(g.records), policy.Free) {
				continue
			}
			cells := []string{a.String()}
			for _, registry := range all {
				cells = append(cells, a.measure(at(g.records, registry)))
			}
			fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
		}
	}
}

// String is the target in words.
func (a target) String() string {
	switch {
	case a.fixed:
		return fmt.Sprintf("%s, at most %sx the better fixed price", a.name, digits(a.bound))
	case a.most:
		return fmt.Sprintf("%s at most %s", a.name, digits(a.bound))
	}
	return fmt.Sprintf("%s, %s at least %sx", a.name, a.against, digits(a.bound))
}

// measure is the figure, in bold if it misses the target.
func (a target) measure(records []record.Record) string {
	value, unit := average(of(records, ours), a.of), ""
	met := value <= a.bound
	if a.fixed {
		better := min(average(of(records, policy.Free), a.of), average(of(records, policy.Dear), a.of))
		value, unit = value/better, "x"
		met = value <= a.bound
	}
	if !a.most {
		value, unit = average(of(records, a.against), a.of)/value, "x"
		met = value >= a.bound
	}
	if math.IsNaN(value) || met {
		return digits(value) + unit
	}
	return "**" + digits(value) + unit + "**"
}
