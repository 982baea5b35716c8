package snapshot

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	schedv1alpha1 "sigs.k8s.io/scheduler-plugins/apis/scheduling/v1alpha1"
	podgroupclient "sigs.k8s.io/scheduler-plugins/pkg/generated/clientset/versioned"
	podgroupinformers "sigs.k8s.io/scheduler-plugins/pkg/generated/informers/externalversions"

	"github.com/muster-scheduler/muster/pkg/gang"
)

// Shared is the state that the plugins of one scheduler share.
type Shared struct {
	Gangs  *Gangs
	Images *Images
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
	if err := s.watchDone(ctx, h); err != nil {
		return nil, err
	}
	if h.KubeConfig() == nil {
		return s, nil // no cluster: the configuration is only being checked
	}
	client, err := podGroupClient(h.KubeConfig())
	if err != nil {
		return nil, fmt.Errorf("building the PodGroup client: %w", err)
	}
	go s.watchPodGroups(ctx, client)
	return s, nil
}

// watchDone watches the members that have succeeded: they still count, and the
// scheduler's own pod informer leaves them out.
func (s *Shared) watchDone(ctx context.Context, h fwk.Handle) error {
	for _, label := range []string{gang.NameLabel, gang.PodGroupLabel} {
		factory := informers.NewSharedInformerFactoryWithOptions(h.ClientSet(), 0, informers.WithTweakListOptions(func(o *metav1.ListOptions) {
			o.LabelSelector, o.FieldSelector = label, "status.phase=Succeeded"
		}))
		if _, err := factory.Core().V1().Pods().Informer().AddEventHandler(s.Gangs.doneHandler()); err != nil {
			return fmt.Errorf("watching succeeded members: %w", err)
		}
		factory.Start(ctx.Done())
	}
	return nil
}

// podGroupClient returns a client for the PodGroup resource. Custom resources
// are served as JSON only.
func podGroupClient(config *rest.Config) (*podgroupclient.Clientset, error) {
	config = rest.CopyConfig(config)
	config.ContentType, config.AcceptContentTypes = "application/json", "application/json"
	return podgroupclient.NewForConfig(config)
}

// podGroupPoll is how often a cluster that does not serve PodGroups is asked again.
const podGroupPoll = 30 * time.Second

// watchPodGroups watches PodGroups as soon as the cluster serves them. It says
// once that it does not; plain pods and label gangs do not need them.
func (s *Shared) watchPodGroups(ctx context.Context, client *podgroupclient.Clientset) {
	logger := klog.FromContext(ctx)
	said := false
	err := wait.PollUntilContextCancel(ctx, podGroupPoll, true, func(context.Context) (bool, error) {
		_, err := client.Discovery().ServerResourcesForGroupVersion(schedv1alpha1.SchemeGroupVersion.String())
		switch {
		case err == nil:
			return true, nil
		case !apierrors.IsNotFound(err):
			logger.Error(err, "Asking the cluster whether it serves PodGroups", "retryIn", podGroupPoll)
		case !said:
			said = true
			logger.Info("The cluster serves no PodGroups, gangs by label only", "groupVersion", schedv1alpha1.SchemeGroupVersion)
		}
		return false, nil
	})
	if err != nil {
		return // the context ended
	}
	factory := podgroupinformers.NewSharedInformerFactory(client, 0)
	_, err = factory.Scheduling().V1alpha1().PodGroups().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { s.Gangs.seeGroup(o.(*schedv1alpha1.PodGroup)) },
		UpdateFunc: func(_, o any) { s.Gangs.seeGroup(o.(*schedv1alpha1.PodGroup)) },
		DeleteFunc: func(o any) {
			if pg, ok := lastKnown[*schedv1alpha1.PodGroup](o); ok {
				s.Gangs.loseGroup(pg)
			}
		},
	})
	if err != nil {
		logger.Error(err, "Watching PodGroups")
		return
	}
	factory.Start(ctx.Done())
}
