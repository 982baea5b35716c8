package kubelet

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"k8s.io/component-base/metrics/legacyregistry"
	"k8s.io/kubernetes/pkg/capabilities"
)

// startTimeout is how long one kubelet may take to register its metrics; it needs about 10 ms.
const startTimeout = 30 * time.Second

// registry stands before prometheus.DefaultRegisterer, and lets a process have more than one kubelet.
//
// Each kubelet registers a few collectors of its own in the two process-wide registries, first the legacy one, then
// the default one, and panics when they are there already. Those collectors are taken out again as they pass; kubelets
// must therefore start one after another.
type registry struct {
	prometheus.Registerer
	passed chan struct{} // receives when the last collector of a kubelet has passed
}

// prepareProcess makes this process fit for many kubelets. Call it once.
func prepareProcess() *registry {
	r := &registry{Registerer: prometheus.DefaultRegisterer, passed: make(chan struct{}, 1)}
	prometheus.DefaultRegisterer = r
	capabilities.Initialize(capabilities.Capabilities{AllowPrivileged: true})
	return r
}

// MustRegister implements prometheus.Registerer.
func (r *registry) MustRegister(collectors ...prometheus.Collector) {
	for _, c := range collectors {
		t := reflect.TypeOf(c)
		if t.Kind() != reflect.Pointer || !strings.HasSuffix(t.Elem().PkgPath(), "pkg/kubelet/metrics/collectors") {
			r.Registerer.MustRegister(c)
			continue
		}
		legacyregistry.Registerer().Unregister(c)
		if strings.HasSuffix(t.String(), "logMetricsCollector") { // the last one, registered by Kubelet.Run
			r.passed <- struct{}{}
		}
	}
}

// wait blocks until the kubelet being started has registered all it will.
func (r *registry) wait(ctx context.Context) error {
	select {
	case <-r.passed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(startTimeout):
		return errors.New("metrics were not registered in time")
	}
}

// onTracer is a tracer provider that calls a function when it is first asked for a tracer.
//
// The kubelet opens /dev/kmsg, which needs root, unless its event recorder is a fake; and then no event would ever be
// seen. It asks for a tracer right after that decision: the moment to give it the real recorder.
type onTracer struct {
	noop.TracerProvider
	call func()
}

func (o onTracer) Tracer(name string, options ...trace.TracerOption) trace.Tracer {
	o.call()
	return o.TracerProvider.Tracer(name, options...)
}
