package report

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/muster-scheduler/muster/test/pulls/record"
)

// column is one figure of a record.
type column struct {
	name string
	of   func(r record.Record) float64
	// spread shows the least and the most of the seeds as well.
	spread bool
	// simulated figures exist for policies that were run, not for the bound.
	simulated bool
}

var columns = []column{
	{name: "wait s", of: func(r record.Record) float64 { return r.Wait.Mean }, spread: true},
	{name: "p50", of: func(r record.Record) float64 { return r.Wait.P50 }},
	{name: "p99", of: func(r record.Record) float64 { return r.Wait.P99 }},
	{name: "2nd half", of: func(r record.Record) float64 { return r.Late.Mean }},
	{name: "gangs of 8+ s", of: func(r record.Record) float64 { return r.Large.Mean }, spread: true},
	{name: "p50", of: func(r record.Record) float64 { return r.Large.P50 }},
	{name: "p99", of: func(r record.Record) float64 { return r.Large.P99 }},
	{name: "gangs of 2-7 s", of: func(r record.Record) float64 { return r.Small.Mean }},
	{name: "p99", of: func(r record.Record) float64 { return r.Small.P99 }},
	{name: "MB/pod", of: func(r record.Record) float64 { return r.Bytes / float64(r.Pods) / 1e6 }, spread: true},
	{name: "TB", of: func(r record.Record) float64 { return r.Bytes / 1e12 }},
	{name: "peak GB/s", of: func(r record.Record) float64 { return r.Peak / 1e9 }, simulated: true},
	{name: "mean GB/s", of: func(r record.Record) float64 { return r.Bytes / max(r.Seconds, r.End) / 1e9 }, simulated: true},
	{name: "warm", of: func(r record.Record) float64 { return r.Warm }, simulated: true},
	{name: "bytes present", of: func(r record.Record) float64 { return r.Present }, simulated: true},
	{name: "load CV", of: func(r record.Record) float64 { return r.Balance }, simulated: true},
	{name: "for room s", of: func(r record.Record) float64 { return r.Queue }, simulated: true},
	{name: "collected", of: func(r record.Record) float64 { return float64(r.Evicted) }, simulated: true},
	{name: "error p50 s", of: func(r record.Record) float64 {
		return predicted(r, func(d record.Distribution) float64 { return d.P50 })
	}, simulated: true},
	{name: "error p90 s", of: func(r record.Record) float64 {
		return predicted(r, func(d record.Distribution) float64 { return d.P90 })
	}, simulated: true},
	{name: "bias s", of: func(r record.Record) float64 {
		if r.Error == nil {
			return math.NaN()
		}
		return r.Bias
	}, simulated: true},
}

// predicted is a figure of the error of predictions, NaN if there were none.
func predicted(r record.Record, figure func(record.Distribution) float64) float64 {
	if r.Error == nil {
		return math.NaN()
	}
	return figure(*r.Error)
}

// table writes the means over seeds, one line for each policy.
func table(out io.Writer, records []record.Record) {
	fmt.Fprint(out, "| policy |")
	for _, c := range columns {
		fmt.Fprintf(out, " %s |", c.name)
	}
	fmt.Fprintf(out, "\n|---|%s\n", strings.Repeat("---|", len(columns)))
	for _, policy := range policies(records) {
		own := of(records, policy)
		cells := []string{policy}
		for _, c := range columns {
			if c.simulated && policy == record.Bound {
				cells = append(cells, "")
				continue
			}
			cells = append(cells, cell(own, c))
		}
		fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
	}
}

// cell is the mean of a figure, and the least and most of it.
func cell(records []record.Record, c column) string {
	mean := average(records, c.of)
	if math.IsNaN(mean) {
		return ""
	}
	if !c.spread || len(records) < 2 {
		return digits(mean)
	}
	least, most := math.Inf(1), math.Inf(-1)
	for _, r := range records {
		least, most = min(least, c.of(r)), max(most, c.of(r))
	}
	return fmt.Sprintf("%s (%s-%s)", digits(mean), digits(least), digits(most))
}

func average(records []record.Record, of func(record.Record) float64) float64 {
	sum := 0.0
	for _, r := range records {
		sum += of(r)
	}
	return sum / float64(len(records))
}

// digits writes a number with about three digits.
func digits(x float64) string {
	switch size := math.Abs(x); {
	case size >= 100:
		return fmt.Sprintf("%.0f", x)
	case size >= 10:
		return fmt.Sprintf("%.1f", x)
	case x == 0:
		return "0"
	case size >= 1:
		return strings.TrimSuffix(fmt.Sprintf("%.2f", x), ".00")
	}
	return fmt.Sprintf("%.3f", x)
}
