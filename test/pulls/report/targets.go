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

// ours are the policies whose figures are compared with the targets: what ships, the
// same with images pulled ahead, and the same if nobody states its constants.
var ours = []string{"muster", "muster-seeding", "muster-untold"}

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
		if !slices.Contains(policies(g.records), ours[0]) {
			return
		}
	}
	fmt.Fprint(out, "\n## Targets\n\nMean over seeds of the other policy's figure / ours, for each registry in GB/s. Bold: missed.\n")
	for _, g := range groups {
		all := registries(g.records)
		fmt.Fprintf(out, "\n%s\n\n| target | policy |", title(g.shape))
		for _, registry := range all {
			fmt.Fprintf(out, " %s |", digits(registry/1e9))
		}
		fmt.Fprintf(out, "\n|---|---|%s\n", strings.Repeat("---|", len(all)))
		for _, a := range aims {
			if a.trace == "" || a.trace == g.shape.Trace {
				a.rows(out, g.records, all)
			}
		}
	}
}

// rows writes what was measured, a row for each of ours that it is about and that was run.
func (a target) rows(out io.Writer, records []record.Record, registries []float64) {
	ran, about, name := policies(records), ours, a.String()
	if a.fixed {
		about = ours[:1]
		if !slices.Contains(ran, policy.Free) {
			return
		}
	}
	for _, who := range about {
		if !slices.Contains(ran, who) {
			continue
		}
		cells := []string{name, who}
		for _, registry := range registries {
			cells = append(cells, a.measure(at(records, registry), who))
		}
		fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
		name = ""
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

// measure is the figure of a policy of ours, in bold if it misses the target.
func (a target) measure(records []record.Record, who string) string {
	value, unit := average(of(records, who), a.of), ""
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
