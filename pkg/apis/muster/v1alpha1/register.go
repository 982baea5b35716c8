package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	// GroupVersion of the types.
	GroupVersion = schema.GroupVersion{Group: "muster.dev", Version: "v1alpha1"}
	// ImageManifests is the resource.
	ImageManifests = GroupVersion.WithResource("imagemanifests")
)

// AddToScheme adds the types to a scheme.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &ImageManifest{}, &ImageManifestList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
