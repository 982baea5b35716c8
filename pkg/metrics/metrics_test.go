package metrics

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"k8s.io/component-base/metrics"
)

var rewrite = flag.Bool("rewrite", false, "write the list anew")

// TestTheListIsKnown: dashboards and alerts are built on names, labels and
// meanings. Who changes them changes the list.
func TestTheListIsKnown(t *testing.T) {
	registry := metrics.NewKubeRegistry()
	registry.MustRegister(all()...)
	Gangs.WithLabelValues("Running").Set(1)
	Attempts.WithLabelValues("room", Planned).Inc()
	UselessAttempts.WithLabelValues("room").Inc()
	PlanDuration.WithLabelValues(Size(3)).Observe(1)
	PullRate.WithLabelValues("large").Set(1)
	Seeds.WithLabelValues(SeedPulled).Inc()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if len(families) != len(all()) {
		t.Errorf("%d metrics are served, %d exist: touch those with labels above", len(families), len(all()))
	}
	var list strings.Builder
	for _, f := range families {
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		fmt.Fprintf(&list, "%s{%s} %s\n  %s\n", f.GetName(), strings.Join(labels, ","), strings.ToLower(f.GetType().String()), f.GetHelp())
	}
	const golden = "testdata/metrics.txt"
	if *rewrite {
		if err := os.WriteFile(golden, []byte(list.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if list.String() != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s\nif that is meant, run the test with -rewrite", list.String(), want)
	}
}

// TestRegisterTwice: tests build several schedulers in one process.
func TestRegisterTwice(t *testing.T) {
	Register()
	Register()
}
