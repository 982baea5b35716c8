package publish

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/component-base/metrics"
)

// TestTheMetricsAreKnown: dashboards and alerts are built on names and labels.
func TestTheMetricsAreKnown(t *testing.T) {
	served := metrics.NewKubeRegistry()
	served.MustRegister(reads, readSeconds, manifests)
	reads.WithLabelValues("reg.io", published).Inc()
	readSeconds.WithLabelValues("reg.io").Observe(1)
	families, err := served.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, f := range families {
		labels := []string{}
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		got[f.GetName()] = labels
	}
	want := map[string][]string{
		"muster_images_reads_total":           {"registry", "result"},
		"muster_images_read_duration_seconds": {"registry"},
		"muster_images_manifests":             {},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
