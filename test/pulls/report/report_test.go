package report

import (
	"strings"
	"testing"

	"github.com/muster-scheduler/muster/test/pulls/policy"
	"github.com/muster-scheduler/muster/test/pulls/record"
)

// made is two seeds of every policy, whose gangs start after so many seconds.
func made(seconds map[string]float64) []record.Record {
	var records []record.Record
	for name, mean := range seconds {
		for seed := range uint64(2) {
			r := record.Record{Case: record.Case{Trace: "catalog", Policy: name, Seed: seed, Registry: 1e9}}
			r.Large.Mean = mean + 2*float64(seed) - 1 // the mean over seeds is as given
			records = append(records, r)
		}
	}
	return records
}

// TestTargets checks what counts as missed: that is what the results are read for.
func TestTargets(t *testing.T) {
	start := func(r record.Record) float64 { return r.Large.Mean }
	sooner := target{against: "default", of: start, bound: 8}
	fixed := target{fixed: true, of: start, most: true, bound: 1.5}
	level := target{of: start, most: true, bound: 10}
	for name, test := range map[string]struct {
		target target
		other  string
		theirs float64
		want   string
	}{
		"eight times sooner":        {sooner, "default", 80, "8x"},
		"not quite":                 {sooner, "default", 79, "**7.90x**"},
		"within half of the better": {fixed, policy.Free, 8, "1.25x"},
		"worse than the better":     {fixed, policy.Free, 5, "**2x**"},
		"a figure of ours":          {level, "default", 1, "10.0"},
	} {
		records := made(map[string]float64{ours[0]: 10, policy.Dear: 30, test.other: test.theirs})
		if got := test.target.measure(records, ours[0]); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestTable(t *testing.T) {
	var out strings.Builder
	table(&out, made(map[string]float64{"default": 20}))
	if !strings.Contains(out.String(), "20.0 (19.0-21.0)") {
		t.Errorf("no mean with its range:\n%s", out.String())
	}
	for line := range strings.SplitSeq(strings.TrimSpace(out.String()), "\n") {
		if got, want := strings.Count(line, "|"), len(columns)+2; got != want {
			t.Errorf("%d bars, want %d: %s", got, want, line)
		}
	}
}
