package process

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/apiserver/pkg/server/mux"
	"k8s.io/client-go/rest"
	"k8s.io/component-base/metrics/legacyregistry"
	"k8s.io/controller-manager/app"
)

// serve serves health and metrics until what it returns is called. Who may read
// the metrics is asked of the API server.
func (o *options) serve(ctx context.Context, l *leader) (stop func(), err error) {
	var (
		info           *server.SecureServingInfo
		loopback       *rest.Config
		authentication server.AuthenticationInfo
		authorization  server.AuthorizationInfo
	)
	if err := o.serving.MaybeDefaultWithSelfSignedCerts("localhost", nil, nil); err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	if err := o.serving.ApplyTo(&info, &loopback); err != nil {
		return nil, err
	}
	if info == nil {
		return func() {}, nil // --secure-port=0
	}
	for _, kubeconfig := range []*string{&o.authentication.RemoteKubeConfigFile, &o.authorization.RemoteKubeConfigFile} {
		if *kubeconfig == "" {
			*kubeconfig = o.kubeconfig
		}
	}
	if err := o.authentication.ApplyTo(&authentication, info, nil); err != nil {
		return nil, err
	}
	if err := o.authorization.ApplyTo(&authorization); err != nil {
		return nil, err
	}

	paths := mux.NewPathRecorderMux(command)
	checks := []healthz.HealthChecker{healthz.PingHealthz}
	if l.watchdog != nil {
		checks = append(checks, l.watchdog)
	}
	healthz.InstallHandler(paths, checks...)
	healthz.InstallLivezHandler(paths, healthz.PingHealthz)
	healthz.InstallReadyzHandler(paths, append(checks, healthz.NamedCheck("caches", l.ready))...)
	paths.Handle("/metrics", legacyregistry.Handler())

	serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stopped, listenerStopped, err := info.Serve(app.BuildHandlerChain(paths, &authorization, &authentication), 5*time.Second, serving.Done())
	if err != nil {
		cancel()
		return nil, err
	}
	return func() {
		cancel()
		<-listenerStopped
		<-stopped
	}, nil
}

// ready is a health check: who waits for the lease is ready to take over.
func (l *leader) ready(*http.Request) error {
	select {
	case <-l.started:
		if !l.publisher.Synced() {
			return errors.New("pods, nodes and ImageManifests are being read")
		}
	default:
	}
	return nil
}
