package publish

import (
	"sync"

	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
)

const subsystem = "muster_images"

// The results of a read besides the reasons of package registry.
const (
	published = "published"
	unchanged = "unchanged" // a tag that still stands for the same
	failed    = "failed"    // read, but the API server did not take it
	full      = "full"      // read, but there are as many objects as there may be
)

var (
	reads = metrics.NewCounterVec(&metrics.CounterOpts{
		Subsystem: subsystem, Name: "reads_total", StabilityLevel: metrics.ALPHA,
		Help: "Images read from registries, by registry as it is allowed and by result: published, unchanged, failed, full, missing, denied, invalid, barred, busy or unavailable.",
	}, []string{"registry", "result"})
	readSeconds = metrics.NewHistogramVec(&metrics.HistogramOpts{
		Subsystem: subsystem, Name: "read_duration_seconds", StabilityLevel: metrics.ALPHA,
		Help:    "Time that reading an image took, all requests for it together, by registry as it is allowed.",
		Buckets: metrics.ExponentialBuckets(0.01, 2, 13),
	}, []string{"registry"})
	manifests = metrics.NewGauge(&metrics.GaugeOpts{
		Subsystem: subsystem, Name: "manifests", StabilityLevel: metrics.ALPHA,
		Help: "ImageManifests that there are.",
	})
)

var register sync.Once

// RegisterMetrics has the metrics served with the others of the process.
func RegisterMetrics() {
	register.Do(func() { legacyregistry.MustRegister(reads, readSeconds, manifests) })
}
