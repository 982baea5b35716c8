package calibration

import (
	"fmt"
	"io"
	"slices"
)

// Print writes how wrong the model is: with the constants of the simulation,
// with those that fit all sure pulls best, and with those of each provider's
// nodes, which is as much as a scheduler can learn.
func Print(out io.Writer, used Constants) error {
	pulls, err := Pulls()
	if err != nil {
		return err
	}
	sure := only(pulls, Pull.Sure)
	floor := Floor(pulls)
	fmt.Fprintf(out, "%d pulls, of %d of which it is sure what they fetched. The fastest twentieth took %.2f s or less.\n\n",
		len(pulls), len(sure), floor)
	fmt.Fprintln(out, "| constants | unpack MB/s | registry GB/s | s per layer | tested on | pulls | median error | p75 | p90 | bias | median predicted s | measured s |")
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|---|---|---|---|---|")
	row := func(name, on string, c Constants, e Errors) {
		fmt.Fprintf(out, "| %s | %.1f | %.1f | %.2f | %s | %d | %.0f %% | %.0f %% | %.0f %% | %+.0f %% | %.1f | %.1f |\n", name,
			c.Unpack/1e6, c.Registry/1e9, c.Layer, on, e.Pulls, 100*e.Median, 100*e.P75, 100*e.P90, 100*e.Bias, e.Predicted, e.Measured)
	}
	from := used
	from.Resolve = floor
	fitted := Fit(from, sure)
	for _, set := range []struct {
		name string
		c    Constants
	}{{"as simulated", used}, {"fitted", fitted}} {
		row(set.name, "sure", set.c, set.c.Wrong(sure, Cold))
		row(set.name, "all, likelier load", set.c, set.c.Wrong(pulls, set.c.Likelier))
	}
	for _, provider := range providers(sure) {
		own := only(sure, func(p Pull) bool { return p.Provider == provider })
		others := only(sure, func(p Pull) bool { return p.Provider != provider })
		c := Fit(from, own)
		row("fitted on "+provider, "its own, sure", c, c.Wrong(own, Cold))
		row("fitted on "+provider, "the others, sure", c, c.Wrong(others, Cold))
	}
	return nil
}

func only(pulls []Pull, keep func(Pull) bool) []Pull {
	return slices.DeleteFunc(slices.Clone(pulls), func(p Pull) bool { return !keep(p) })
}

func providers(pulls []Pull) []string {
	var names []string
	for _, p := range pulls {
		names = append(names, p.Provider)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
