package scheduler

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	goruntime "runtime"
	"slices"
	"sync/atomic"
	"time"

	genericapifilters "k8s.io/apiserver/pkg/endpoints/filters"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericfilters "k8s.io/apiserver/pkg/server/filters"
	"k8s.io/apiserver/pkg/server/flagz"
	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/apiserver/pkg/server/mux"
	"k8s.io/apiserver/pkg/server/routes"
	"k8s.io/apiserver/pkg/server/statusz"
	"k8s.io/apiserver/pkg/util/compatibility"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/component-base/configz"
	"k8s.io/component-base/logs"
	"k8s.io/component-base/metrics/legacyregistry"
	"k8s.io/component-base/metrics/prometheus/slis"
	zpagesfeatures "k8s.io/component-base/zpages/features"
	"k8s.io/kubernetes/cmd/kube-scheduler/app/config"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/metrics/resources"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/state"
)

// drainTimeout is how long requests may go on when the process ends.
const drainTimeout = 5 * time.Second

// server answers on the scheduler's port: what kube-scheduler answers, and what Muster
// knows below [v1alpha1.Prefix]. app.Run has no room for the latter, so it is not given the
// port, and all that it would serve is served here.
type server struct {
	leads, synced atomic.Bool
	stop          chan struct{}
	ended         []<-chan struct{}
}

// serve begins to answer, until the server is closed; it takes the port from cc.
func serve(ctx context.Context, cc *config.CompletedConfig, sched *scheduler.Scheduler, known *state.State) (*server, error) {
	s := &server{stop: make(chan struct{})}
	if cc.SecureServing == nil {
		return s, nil
	}
	go func() { s.synced.Store(sched.WaitForHandlersSync(ctx) == nil) }()
	handler := authorized(s.endpoints(ctx, cc, known), cc)
	serving := cc.SecureServing
	cc.SecureServing = nil
	stopped, closed, err := serving.Serve(handler, drainTimeout, s.stop)
	if err != nil {
		return nil, fmt.Errorf("serving: %w", err)
	}
	s.ended = []<-chan struct{}{closed, stopped}
	return s, nil
}

// close has requests end.
func (s *server) close() {
	close(s.stop)
	for _, ended := range s.ended {
		<-ended
	}
}

// authorized is the handler behind kube-scheduler's filters: who may have an answer is
// asked of the API server.
func authorized(handler http.Handler, cc *config.CompletedConfig) http.Handler {
	resolver := state.Authorize(&request.RequestInfoFactory{})
	handler = genericapifilters.WithAuthorization(handler, cc.Authorization.Authorizer, scheme.Codecs)
	handler = genericapifilters.WithAuthentication(handler, cc.Authentication.Authenticator, genericapifilters.Unauthorized(scheme.Codecs), nil, nil)
	handler = genericapifilters.WithRequestInfo(handler, resolver)
	handler = genericapifilters.WithCacheControl(handler)
	handler = genericfilters.WithHTTPLogging(handler)
	return genericfilters.WithPanicRecovery(handler, resolver)
}

// endpoints are what kube-scheduler serves, in its own words, and the state.
func (s *server) endpoints(ctx context.Context, cc *config.CompletedConfig, known *state.State) http.Handler {
	const name = "kube-scheduler"
	paths := mux.NewPathRecorderMux(name)
	var checks []healthz.HealthChecker
	if cc.ComponentConfig.LeaderElection.LeaderElect {
		checks = append(checks, cc.LeaderElection.WatchDog)
	}
	synced := healthz.NamedCheck("sched-handler-sync", func(*http.Request) error {
		if !s.synced.Load() {
			return errors.New("handlers are not fully synchronized")
		}
		return nil
	})
	healthz.InstallHandler(paths, checks...)
	healthz.InstallLivezHandler(paths)
	healthz.InstallReadyzHandler(paths, slices.Concat(checks, []healthz.HealthChecker{healthz.NewShutdownHealthz(ctx.Done()), synced})...)

	configz.InstallHandler(paths)
	paths.Handle("/metrics", legacyregistry.HandlerWithReset())
	pods := resources.Handler(cc.InformerFactory.Core().V1().Pods().Lister())
	paths.HandleFunc("/metrics/resources", func(w http.ResponseWriter, r *http.Request) {
		if s.leads.Load() {
			pods.ServeHTTP(w, r)
		}
	})
	slis.SLIMetricsWithReset{}.Install(paths)
	paths.HandlePrefix(v1alpha1.Prefix, known.Handler(s.leads.Load, s.stop))

	if cc.ComponentConfig.EnableProfiling {
		routes.Profiling{}.Install(paths)
		if cc.ComponentConfig.EnableContentionProfiling {
			goruntime.SetBlockProfileRate(1)
		}
		routes.DebugFlags{}.Install(paths, "v", routes.StringFlagPutHandler(logs.GlogSetter))
	}
	if utilfeature.DefaultFeatureGate.Enabled(zpagesfeatures.ComponentFlagz) && cc.Flagz != nil {
		flagz.Install(paths, name, cc.Flagz)
	}
	if utilfeature.DefaultFeatureGate.Enabled(zpagesfeatures.ComponentStatusz) {
		statusz.Install(paths, name, statusz.NewRegistry(compatibility.DefaultBuildEffectiveVersion(), statusz.WithListedPaths(paths.ListedPaths())))
	}
	return paths
}
