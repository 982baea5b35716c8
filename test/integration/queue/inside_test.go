package queue

import (
	"context"
	"slices"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	upstream "k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-scheduler/muster/pkg/plugins"
	"github.com/muster-scheduler/muster/pkg/scheduler"
)

// inside is a scheduler in the process of the test, with the profile that ships and the
// two plugins of the script.
type inside struct {
	*cluster
	*script
	sched *upstream.Scheduler
}

// scripted returns a part of the control plane with a scheduler of its own.
func scripted(t *testing.T, nodes ...string) *inside {
	t.Helper()
	c := newCluster(t, "", nodes...)
	return run(t, c, rest.CopyConfig(control.sandbox.Config))
}

// configuration is the one that ships, for another scheduler name.
func configuration(t *testing.T, name string) *config.KubeSchedulerConfiguration {
	t.Helper()
	obj, err := runtime.Decode(scheme.Codecs.UniversalDecoder(), scheduler.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	cfg := obj.(*config.KubeSchedulerConfiguration)
	cfg.Profiles[0].SchedulerName = name
	return cfg
}

// run runs a scheduler until the test ends.
func run(t *testing.T, c *cluster, kubeconfig *rest.Config) *inside {
	t.Helper()
	s := &inside{cluster: c, script: newScript()}
	cfg := configuration(t, c.scheduler)
	enabled := cfg.Profiles[0].Plugins
	ours := []config.Plugin{{Name: first, Weight: 100}, {Name: second, Weight: 1}}
	enabled.MultiPoint.Enabled = append(enabled.MultiPoint.Enabled, ours...)
	enabled.Bind.Enabled = slices.Concat(ours, enabled.Bind.Enabled) // before GangBind, which binds all

	// It ends before the control plane's part is removed, which waits for nobody.
	ctx, cancel := context.WithCancel(klog.NewContext(context.Background(), logr.Discard()))
	set := plugins.New()
	set.StripNodes()
	registry := set.Registry()
	registry[first], registry[second] = s.factory(first), s.factory(second)
	informers := upstream.NewInformerFactory(c.client, 0, nil)
	var err error
	s.sched, err = upstream.New(ctx, c.client, informers, nil,
		func(string) events.EventRecorderLogger { return &events.FakeRecorder{} },
		upstream.WithComponentConfigVersion(cfg.APIVersion),
		upstream.WithKubeConfig(kubeconfig),
		upstream.WithProfiles(cfg.Profiles...),
		upstream.WithPercentageOfNodesToScore(cfg.PercentageOfNodesToScore),
		upstream.WithFrameworkOutOfTreeRegistry(registry),
		upstream.WithPodMaxBackoffSeconds(cfg.PodMaxBackoffSeconds),
		upstream.WithPodInitialBackoffSeconds(cfg.PodInitialBackoffSeconds),
		upstream.WithParallelism(cfg.Parallelism),
	)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	known := scheduler.Attach(klog.FromContext(ctx), s.sched, set, cfg)
	c.state = known.Handler(func() bool { return true }, ctx.Done())
	informers.Start(ctx.Done())
	informers.WaitForCacheSync(ctx.Done())
	done := make(chan struct{})
	t.Cleanup(func() {
		cancel()
		<-done
		informers.Shutdown()
	})
	if err := s.sched.WaitForHandlersSync(ctx); err != nil {
		close(done)
		t.Fatal(err)
	}
	go func() {
		defer close(done)
		s.sched.Run(ctx)
	}()
	return s
}

func (s *inside) framework() framework.Framework { return s.sched.Profiles[s.scheduler] }

// clog has the scheduler busy with a pod, so that whoever is Active or in back-off waits,
// until it is let go. The pod gets a node then.
func (s *inside) clog(pod string) (letGo func()) {
	s.t.Helper()
	a, held, letGo := holds(nil)
	s.on("First.PreFilter", pod, a)
	s.t.Cleanup(letGo)
	s.create(s.pod(pod, "1m"))
	s.reached(held)
	return letGo
}

// reached waits until a plugin is asked that holds who asks.
func (s *inside) reached(held <-chan struct{}) {
	s.t.Helper()
	s.wait("a plugin to be asked", func() (bool, string) {
		select {
		case <-held:
			return true, ""
		default:
			return false, "nobody asks it"
		}
	})
}
