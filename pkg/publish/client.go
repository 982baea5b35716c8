package publish

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/gentype"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/muster-scheduler/muster/pkg/apis/muster/v1alpha1"
)

// client is that of ImageManifests.
type client = gentype.ClientWithList[*v1alpha1.ImageManifest, *v1alpha1.ImageManifestList]

func newClient(config *rest.Config) (*client, error) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	config = rest.CopyConfig(config)
	config.APIPath, config.GroupVersion = "/apis", &v1alpha1.GroupVersion
	config.ContentType, config.AcceptContentTypes = "application/json", "application/json" // custom resources have no other
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	rc, err := rest.RESTClientFor(config)
	if err != nil {
		return nil, err
	}
	return gentype.NewClientWithList(v1alpha1.ImageManifests.Resource, rc, runtime.NewParameterCodec(scheme), "",
		func() *v1alpha1.ImageManifest { return &v1alpha1.ImageManifest{} },
		func() *v1alpha1.ImageManifestList { return &v1alpha1.ImageManifestList{} }), nil
}

const byReference = "reference"

func newInformer(c *client) cache.SharedIndexInformer {
	return cache.NewSharedIndexInformer(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return c.List(ctx, o) },
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return c.Watch(ctx, o)
		},
	}, &v1alpha1.ImageManifest{}, 0, cache.Indexers{
		byReference: func(o any) ([]string, error) { return o.(*v1alpha1.ImageManifest).Status.References, nil },
	})
}
