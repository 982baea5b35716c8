package snapshot

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"

	"github.com/muster-scheduler/muster/pkg/apis/muster/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/image"
)

// manifests is told of which layers images are made.
type manifests interface {
	SetManifest(m image.Manifest)
	RemoveManifest(digest string)
}

// imageManifest is what is kept of an ImageManifest.
type imageManifest struct {
	metav1.ObjectMeta
	stated image.Manifest // by the object's name, which is its digest's and its platform's
}

// trimManifest is a cache.TransformFunc. What cannot be read has no keys, and so
// says nothing: an error would end the watch for all.
func trimManifest(o any) (any, error) {
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return o, nil // trimmed already, or what is left of a deleted one
	}
	m := &imageManifest{ObjectMeta: metav1.ObjectMeta{Name: u.GetName(), UID: u.GetUID(), ResourceVersion: u.GetResourceVersion()}}
	var read v1alpha1.ImageManifest
	if runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &read) == nil {
		m.stated = statedBy(&read)
	}
	return m, nil
}

func statedBy(m *v1alpha1.ImageManifest) image.Manifest {
	stated := image.Manifest{
		Digest: m.Name, Platform: m.Spec.Platform,
		Keys: slices.Clone(m.Status.References), Layers: make([]image.Layer, len(m.Spec.Layers)),
	}
	slices.Sort(stated.Keys)
	for i, l := range m.Spec.Layers {
		stated.Layers[i] = image.Layer{Digest: l.Digest, Bytes: l.Size}
	}
	return stated
}

// watchManifests watches ImageManifests.
func watchManifests(ctx context.Context, client dynamic.Interface, to manifests) (cache.InformerSynced, error) {
	factory := dynamicinformer.NewDynamicSharedInformerFactory(client, 0)
	informer := factory.ForResource(v1alpha1.ImageManifests).Informer()
	if err := informer.SetTransform(trimManifest); err != nil {
		return nil, err
	}
	if err := informer.SetWatchErrorHandlerWithContext(sayForbidden(v1alpha1.ImageManifests)); err != nil {
		return nil, err
	}
	handler, err := informer.AddEventHandler(manifestHandler(to))
	if err != nil {
		return nil, err
	}
	factory.Start(ctx.Done())
	return handler.HasSynced, nil
}

func manifestHandler(to manifests) cache.ResourceEventHandler {
	see := func(m *imageManifest) {
		if len(m.stated.Keys) > 0 {
			to.SetManifest(m.stated)
		} else {
			to.RemoveManifest(m.Name)
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { see(o.(*imageManifest)) },
		UpdateFunc: func(before, after any) {
			// All but the keys is as it was, unless the object was deleted and made anew.
			was, is := before.(*imageManifest), after.(*imageManifest)
			if was.UID != is.UID || !slices.Equal(was.stated.Keys, is.stated.Keys) {
				see(is)
			}
		},
		DeleteFunc: func(o any) {
			if m, ok := LastKnown[*imageManifest](o); ok {
				to.RemoveManifest(m.Name)
			}
		},
	}
}
