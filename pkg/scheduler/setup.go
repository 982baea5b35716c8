package scheduler

import (
	"context"
	"fmt"

	clientset "k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	serverconfig "k8s.io/kubernetes/cmd/kube-scheduler/app/config"
	"k8s.io/kubernetes/cmd/kube-scheduler/app/options"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/muster-scheduler/muster/pkg/version"
)

// setup builds the scheduler from options that are configured. It is
// app.Setup but for two things that cannot be had from there: the
// configuration without --config is ours, and the clients carry our name.
// A test holds the two to the same list of options.
func setup(ctx context.Context, opts *options.Options, registry runtime.Registry) (*serverconfig.CompletedConfig, *scheduler.Scheduler, error) {
	c, err := opts.Config(ctx)
	if clientcmd.IsEmptyConfig(err) {
		return nil, nil, fmt.Errorf("no cluster to schedule for: give --kubeconfig, or clientConnection.kubeconfig in --config, or run in a pod: %w", err)
	}
	if err != nil {
		return nil, nil, err
	}
	c.KubeConfig.UserAgent = version.UserAgent("muster-scheduler")
	if c.Client, err = clientset.NewForConfig(c.KubeConfig); err != nil {
		return nil, nil, fmt.Errorf("building the client: %w", err)
	}
	// Named here, not in opts: the factory that opts.Config makes would take
	// the name first, and the informers in use would have no metrics.
	name, err := cache.NewInformerName("muster-scheduler")
	if err != nil {
		return nil, nil, err
	}
	c.InformerFactory = scheduler.NewInformerFactory(c.Client, 0, name)
	cc := c.Complete()

	var profiles []config.KubeSchedulerProfile // as the framework completes them
	sched, err := scheduler.New(ctx,
		cc.Client,
		cc.InformerFactory,
		cc.DynInformerFactory,
		func(name string) events.EventRecorderLogger { return cc.EventBroadcaster.NewRecorder(name) },
		scheduler.WithComponentConfigVersion(cc.ComponentConfig.TypeMeta.APIVersion),
		scheduler.WithKubeConfig(cc.KubeConfig),
		scheduler.WithProfiles(cc.ComponentConfig.Profiles...),
		scheduler.WithPercentageOfNodesToScore(cc.ComponentConfig.PercentageOfNodesToScore),
		scheduler.WithFrameworkOutOfTreeRegistry(registry),
		scheduler.WithPodMaxBackoffSeconds(cc.ComponentConfig.PodMaxBackoffSeconds),
		scheduler.WithPodInitialBackoffSeconds(cc.ComponentConfig.PodInitialBackoffSeconds),
		scheduler.WithPodMaxInUnschedulablePodsDuration(cc.PodMaxInUnschedulablePodsDuration),
		scheduler.WithExtenders(cc.ComponentConfig.Extenders...),
		scheduler.WithParallelism(cc.ComponentConfig.Parallelism),
		scheduler.WithBuildFrameworkCapturer(func(profile config.KubeSchedulerProfile) {
			profiles = append(profiles, profile)
		}),
	)
	if err != nil {
		return nil, nil, err
	}
	// Never writes a file: --write-config-to has been served by then.
	if err := options.LogOrWriteConfig(klog.FromContext(ctx), "", &cc.ComponentConfig, profiles); err != nil {
		return nil, nil, err
	}
	return &cc, sched, nil
}
