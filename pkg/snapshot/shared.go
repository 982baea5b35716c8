package snapshot

import (
	"context"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/clock"

	"github.com/muster-scheduler/muster/pkg/gang"
)

// Shared is the state that the plugins of one scheduler share.
type Shared struct {
	Gangs  *Gangs
	Images *Images

	reporter *reporter // nil without a cluster
}

// Connect returns the state of one scheduler, fed from the cluster behind the
// handle until the context ends.
func Connect(ctx context.Context, h fwk.Handle) (*Shared, error) {
	s := &Shared{Gangs: newGangs(ctx, h), Images: newImages()}
	core := h.SharedInformerFactory().Core().V1()
	if _, err := core.Pods().Informer().AddEventHandler(s.Gangs.podHandler()); err != nil {
		return nil, fmt.Errorf("watching pods: %w", err)
	}
	if _, err := core.Nodes().Informer().AddEventHandler(s.Images.nodeHandler()); err != nil {
		return nil, fmt.Errorf("watching nodes: %w", err)
	}
	if h.KubeConfig() == nil {
		return s, nil // no cluster: the configuration is only being checked
	}
	return s, s.watchSources(ctx, h)
}

// Lead lets what there is to say be said from now on; see Gangs.Lead.
func (s *Shared) Lead(freed func(who func(*v1.Pod) bool)) {
	s.Gangs.Lead(freed)
	if s.reporter != nil {
		s.reporter.lead()
	}
}

// watchSources starts to report, and watches what else says something of gangs:
// what every cluster serves at once, the rest as soon as it is served.
func (s *Shared) watchSources(ctx context.Context, h fwk.Handle) error {
	config := rest.CopyConfig(h.KubeConfig())
	config.ContentType, config.AcceptContentTypes = "application/json", "application/json" // custom resources have no other
	config.QPS = -1                                                                        // the reporter has a limit of its own
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("building the client for PodGroups: %w", err)
	}
	s.reporter = newReporter(client, s.Gangs.status, clock.RealClock{})
	s.Gangs.touched = s.reporter.touch
	go s.reporter.run(ctx)

	for _, selector := range endedMembers {
		if err := s.watchEnded(ctx, h.ClientSet(), selector); err != nil {
			return err
		}
	}
	served := h.ClientSet().Discovery()
	for _, k := range kinds() {
		go whenServed(ctx, served, k.resource, "its PodGroups make no gangs here", func() error {
			if k.source == gang.Native {
				if err := s.watchEnded(ctx, h.ClientSet(), endedNativeMembers); err != nil {
					return err
				}
			}
			return s.watchPodGroups(ctx, client, k)
		})
	}
	jobs := batchv1.SchemeGroupVersion.WithResource("jobs")
	go whenServed(ctx, served, jobs, "every gang has to state its minimum", func() error {
		return s.watchJobs(ctx, h.ClientSet())
	})
	return nil
}

// watchEnded watches the members that have ended and have these labels.
func (s *Shared) watchEnded(ctx context.Context, client kubernetes.Interface, selector string) error {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(trimEnded), informers.WithTweakListOptions(func(o *metav1.ListOptions) {
		o.LabelSelector, o.FieldSelector = selector, endedPods
	}))
	if _, err := factory.Core().V1().Pods().Informer().AddEventHandler(s.Gangs.doneHandler()); err != nil {
		return fmt.Errorf("watching members that have ended: %w", err)
	}
	factory.Start(ctx.Done())
	return nil
}

func (s *Shared) watchPodGroups(ctx context.Context, client dynamic.Interface, k kind) error {
	factory := dynamicinformer.NewDynamicSharedInformerFactory(client, 0)
	informer := factory.ForResource(k.resource).Informer()
	if err := informer.SetTransform(k.trim); err != nil {
		return err
	}
	if err := informer.SetWatchErrorHandlerWithContext(sayForbidden(k.resource)); err != nil {
		return err
	}
	see := func(pg *podGroup) {
		s.Gangs.seeGroup(pg.key, &pg.group)
		s.reporter.see(pg)
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { see(o.(*podGroup)) },
		UpdateFunc: func(old, o any) {
			if pg := o.(*podGroup); !pg.states(old.(*podGroup)) {
				see(pg)
			} else {
				s.reporter.see(pg) // its status, most often
			}
		},
		DeleteFunc: func(o any) {
			if pg, ok := LastKnown[*podGroup](o); ok {
				s.Gangs.loseGroup(pg.key)
				s.reporter.lose(pg)
			}
		},
	})
	if err != nil {
		return err
	}
	factory.Start(ctx.Done())
	return nil
}

func (s *Shared) watchJobs(ctx context.Context, client kubernetes.Interface) error {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(trimJob))
	informer := factory.Batch().V1().Jobs().Informer()
	if err := informer.SetWatchErrorHandlerWithContext(sayForbidden(batchv1.SchemeGroupVersion.WithResource("jobs"))); err != nil {
		return err
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { s.Gangs.seeJob(o.(*jobObject)) },
		UpdateFunc: func(old, o any) {
			if a, b := old.(*jobObject), o.(*jobObject); a.UID != b.UID || a.job != b.job {
				s.Gangs.seeJob(b)
			}
		},
		DeleteFunc: func(o any) {
			if job, ok := LastKnown[*jobObject](o); ok {
				s.Gangs.loseJob(job)
			}
		},
	})
	if err != nil {
		return err
	}
	factory.Start(ctx.Done())
	return nil
}
