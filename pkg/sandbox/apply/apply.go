// Package apply reads manifests and applies them to a cluster, as "kubectl apply --server-side" does.
//
// It is for clusters that were just made: it waits for what a new cluster does not have yet (definitions that were
// applied a moment ago, the service account of a new namespace), and it takes over fields others own.
package apply

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

const (
	fieldManager = "muster-sandbox"
	// retryTimeout is how long an object may wait for what it needs; a definition is served within a second.
	retryTimeout  = 15 * time.Second
	retryInterval = 100 * time.Millisecond
)

// Objects applies the objects, what others depend on first: namespaces, definitions, then access, then all else in
// the order given. Objects without a namespace go to the namespace default; those with a generateName are created.
func Objects(ctx context.Context, config *rest.Config, objects []*unstructured.Unstructured) error {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	served, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return err
	}
	a := applier{client: client, mapper: restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(served))}
	objects = slices.Clone(objects)
	slices.SortStableFunc(objects, func(x, y *unstructured.Unstructured) int { return rank(x) - rank(y) })
	for _, object := range objects {
		if err := a.apply(ctx, object); err != nil {
			return fmt.Errorf("apply %s %s: %w", object.GetKind(), name(object), err)
		}
	}
	return nil
}

type applier struct {
	client dynamic.Interface
	mapper *restmapper.DeferredDiscoveryRESTMapper
}

// apply tries until the object is in the cluster or the reason why it is not will not go away.
func (a applier) apply(ctx context.Context, object *unstructured.Unstructured) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, retryInterval, retryTimeout, true, func(ctx context.Context) (bool, error) {
		if last = a.try(ctx, object); last == nil {
			return true, nil
		}
		if meta.IsNoMatchError(last) {
			a.mapper.Reset()
			return false, nil
		}
		if passing(last) {
			return false, nil
		}
		return false, last
	})
	if err != nil && last != nil {
		return last
	}
	return err
}

func (a applier) try(ctx context.Context, object *unstructured.Unstructured) error {
	gvk := object.GroupVersionKind()
	mapping, err := a.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return err
	}
	var resource dynamic.ResourceInterface = a.client.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		namespace := object.GetNamespace()
		if namespace == "" {
			namespace = metav1.NamespaceDefault
		}
		resource = a.client.Resource(mapping.Resource).Namespace(namespace)
	}
	if object.GetName() == "" && object.GetGenerateName() != "" {
		_, err = resource.Create(ctx, object, metav1.CreateOptions{FieldManager: fieldManager})
		return err
	}
	_, err = resource.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	return err
}

// passing tells errors that a new cluster gives while it is being filled.
func passing(err error) bool {
	switch {
	case apierrors.IsForbidden(err): // the service account of a new namespace, made by the controller manager
		return strings.Contains(err.Error(), "error looking up service account")
	case apierrors.IsNotFound(err): // a definition that discovery shows already, but that is not served yet
		return strings.Contains(err.Error(), "the server could not find the requested resource")
	}
	return apierrors.IsServerTimeout(err) || apierrors.IsTooManyRequests(err)
}

func rank(object *unstructured.Unstructured) int {
	switch object.GetKind() {
	case "Namespace":
		return 0
	case "CustomResourceDefinition":
		return 1
	case "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "PriorityClass", "FlowSchema":
		return 2
	}
	return 3
}

func name(object *unstructured.Unstructured) string {
	if object.GetName() == "" {
		return object.GetGenerateName() + "…"
	}
	return object.GetName()
}
