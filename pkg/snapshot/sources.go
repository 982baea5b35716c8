package snapshot

import (
	"context"
	"fmt"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/clock"

	"github.com/muster-scheduler/muster/pkg/apis/muster/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/gang"
)

// sourcesPatience is for how long at most a new leader waits for the sources
// before it reports: a right may be lacking to read one of them.
const sourcesPatience = 30 * time.Second

// watchSources watches what says something of gangs besides the pods that are to
// run, and of images: what every cluster serves at once, the rest as soon as it is
// served. It sets how to report: not before all that says something of gangs was
// read once, or a new leader would take back what it has not seen yet, such as the
// members that have ended.
func (s *Shared) watchSources(ctx context.Context, h fwk.Handle) error {
	config := rest.CopyConfig(h.KubeConfig())
	config.ContentType, config.AcceptContentTypes = "application/json", "application/json" // custom resources have no other
	config.QPS = -1                                                                        // the reporter has a limit of its own
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("building the client for custom resources: %w", err)
	}
	reporter := newReporter(client, kinds(h.ProfileName()), s.Gangs.status, clock.RealClock{})
	s.Gangs.touched = reporter.touch
	go reporter.run(ctx)

	var unread sync.WaitGroup
	for _, selector := range endedMembers {
		synced, err := s.watchEnded(ctx, h.ClientSet(), selector)
		if err != nil {
			return err
		}
		unread.Go(func() { cache.WaitForCacheSync(ctx.Done(), synced) })
	}
	served := h.ClientSet().Discovery()
	for _, k := range reporter.kinds {
		unread.Add(1)
		go whenServed(ctx, served, k.resource, "its PodGroups make no gangs here", unread.Done, func() (cache.InformerSynced, error) {
			groups, err := s.watchPodGroups(ctx, client, k, reporter)
			if err != nil || k.source != gang.Native {
				return groups, err
			}
			ended, err := s.watchEnded(ctx, h.ClientSet(), endedNativeMembers)
			return func() bool { return groups() && ended() }, err
		})
	}
	unread.Add(1)
	jobs := batchv1.SchemeGroupVersion.WithResource("jobs")
	go whenServed(ctx, served, jobs, "every gang has to state its minimum", unread.Done, func() (cache.InformerSynced, error) {
		return s.watchJobs(ctx, h.ClientSet())
	})
	go whenServed(ctx, served, v1alpha1.ImageManifests, "images count as a whole, whatever layers a node has", func() {}, func() (cache.InformerSynced, error) {
		return watchManifests(ctx, client, s.Images)
	})
	s.report = func() { go reportAfter(ctx, &unread, reporter) }
	return nil
}

// reportAfter lets statuses be written when all has been read.
func reportAfter(ctx context.Context, unread *sync.WaitGroup, reporter *reporter) {
	read := make(chan struct{})
	go func() {
		unread.Wait()
		close(read)
	}()
	patience, cancel := context.WithTimeout(ctx, sourcesPatience)
	defer cancel()
	select {
	case <-read:
	case <-patience.Done():
		if ctx.Err() != nil {
			return
		}
		klog.FromContext(ctx).Info("Not all that says something of gangs could be read, reporting without it", "after", sourcesPatience)
	}
	reporter.lead()
}

// watchEnded watches the members that have ended and have these labels.
func (s *Shared) watchEnded(ctx context.Context, client kubernetes.Interface, selector string) (cache.InformerSynced, error) {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(trimEnded), informers.WithTweakListOptions(func(o *metav1.ListOptions) {
		o.LabelSelector, o.FieldSelector = selector, endedPods
	}))
	handler, err := factory.Core().V1().Pods().Informer().AddEventHandler(s.Gangs.doneHandler())
	if err != nil {
		return nil, fmt.Errorf("watching members that have ended: %w", err)
	}
	factory.Start(ctx.Done())
	return handler.HasSynced, nil
}

func (s *Shared) watchPodGroups(ctx context.Context, client dynamic.Interface, k kind, reporter *reporter) (cache.InformerSynced, error) {
	factory := dynamicinformer.NewDynamicSharedInformerFactory(client, 0)
	informer := factory.ForResource(k.resource).Informer()
	if err := informer.SetTransform(k.trim); err != nil {
		return nil, err
	}
	if err := informer.SetWatchErrorHandlerWithContext(sayForbidden(k.resource)); err != nil {
		return nil, err
	}
	see := func(pg *podGroup) {
		s.Gangs.seeGroup(pg.key, &pg.group)
		reporter.see(pg)
	}
	handler, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { see(o.(*podGroup)) },
		UpdateFunc: func(old, o any) {
			if pg := o.(*podGroup); !pg.states(old.(*podGroup)) {
				see(pg)
			} else {
				reporter.see(pg) // its status, most often
			}
		},
		DeleteFunc: func(o any) {
			if pg, ok := LastKnown[*podGroup](o); ok {
				s.Gangs.loseGroup(pg.key)
				reporter.lose(pg)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	factory.Start(ctx.Done())
	return handler.HasSynced, nil
}

func (s *Shared) watchJobs(ctx context.Context, client kubernetes.Interface) (cache.InformerSynced, error) {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(trimJob))
	informer := factory.Batch().V1().Jobs().Informer()
	if err := informer.SetWatchErrorHandlerWithContext(sayForbidden(batchv1.SchemeGroupVersion.WithResource("jobs"))); err != nil {
		return nil, err
	}
	handler, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { s.Gangs.seeJob(o.(*jobObject)) },
		UpdateFunc: func(old, o any) {
			a, b := old.(*jobObject), o.(*jobObject)
			if a.UID != b.UID {
				s.Gangs.loseJob(a)
			}
			if a.UID != b.UID || a.job != b.job {
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
		return nil, err
	}
	factory.Start(ctx.Done())
	return handler.HasSynced, nil
}
