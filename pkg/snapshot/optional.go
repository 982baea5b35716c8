package snapshot

import (
	"context"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// servedPoll is how often a cluster that does not serve a resource is asked again.
const servedPoll = 30 * time.Second

// whenServed calls watch as soon as the cluster serves a resource. It says once
// that it does not, and what that means. Nothing waits for it: plain pods are
// scheduled whatever is missing. settled is called once, when all that there is
// of the resource has been read, or there is none so far.
func whenServed(ctx context.Context, client discovery.ServerResourcesInterface, resource schema.GroupVersionResource, without string, settled func(), watch func() (cache.InformerSynced, error)) {
	logger := klog.FromContext(ctx)
	settled = sync.OnceFunc(settled)
	defer settled()
	said := false
	err := wait.PollUntilContextCancel(ctx, servedPoll, true, func(context.Context) (bool, error) {
		ok, err := serves(client, resource)
		switch {
		case err != nil:
			logger.Error(err, "Asking the cluster what it serves", "resource", resource, "retryIn", servedPoll)
		case !ok && !said:
			said = true
			logger.Info("The cluster does not serve a resource: "+without, "resource", resource)
			settled()
		}
		return ok, nil
	})
	if err != nil {
		return // the context ended
	}
	synced, err := watch()
	if err != nil {
		logger.Error(err, "Watching a resource", "resource", resource)
		return
	}
	cache.WaitForCacheSync(ctx.Done(), synced)
}

func serves(client discovery.ServerResourcesInterface, resource schema.GroupVersionResource) (bool, error) {
	list, err := client.ServerResourcesForGroupVersion(resource.GroupVersion().String())
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == resource.Resource }), nil
}

// sayForbidden has an informer say once which right it lacks and where to get
// it. It goes on asking, and finds out by itself when it is granted.
func sayForbidden(resource schema.GroupVersionResource) cache.WatchErrorHandlerWithContext {
	var once sync.Once
	return func(ctx context.Context, r *cache.Reflector, err error) {
		if !apierrors.IsForbidden(err) {
			cache.DefaultWatchErrorHandler(ctx, r, err)
			return
		}
		once.Do(func() {
			klog.FromContext(ctx).Error(err, "Not allowed to watch a resource: grant get, list and watch, as the rbac.yaml in manifests that names it does", "resource", resource)
		})
	}
}
