package v1alpha1

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
)

// DeepCopy returns a copy that shares nothing with the original.
func (in *ImageManifest) DeepCopy() *ImageManifest {
	out := *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Spec.Layers = slices.Clone(in.Spec.Layers)
	out.Status.References = slices.Clone(in.Status.References)
	out.Status.UnusedSince = in.Status.UnusedSince.DeepCopy()
	return &out
}

// DeepCopyObject implements runtime.Object.
func (in *ImageManifest) DeepCopyObject() runtime.Object { return in.DeepCopy() }

// DeepCopyObject implements runtime.Object.
func (in *ImageManifestList) DeepCopyObject() runtime.Object {
	out := *in
	in.ListMeta.DeepCopyInto(&out.ListMeta)
	out.Items = make([]ImageManifest, len(in.Items))
	for i := range in.Items {
		out.Items[i] = *in.Items[i].DeepCopy()
	}
	return &out
}
