package v1alpha1

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What an ImageManifest may have. Together, they keep one below 100 kB in etcd.
const (
	MaxLayers     = 500
	MaxReferences = 64
)

// ImageManifest says of which layers an image is made, for one platform. It is
// cluster-scoped: pods of several namespaces use one image.
type ImageManifest struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	// Spec is what the digest and the platform stand for. It never changes.
	Spec ImageManifestSpec `json:"spec"`
	// Status is who uses it. It is no subresource: the object comes with it at once.
	Status ImageManifestStatus `json:"status"`
}

// ImageManifestSpec is an image for one platform.
type ImageManifestSpec struct {
	// Digest of the manifest, as in "sha256:…".
	Digest string `json:"digest"`
	// MediaType of the manifest.
	MediaType string `json:"mediaType"`
	// Platform that the image is for, as in "linux/amd64"; empty if it is for all.
	Platform string `json:"platform,omitempty"`
	// Size is the bytes of all layers, as they travel.
	Size int64 `json:"size"`
	// Layers from the bottom up, each of them once.
	Layers []Layer `json:"layers"`
}

// Layer is one blob of an image.
type Layer struct {
	// Digest of the blob.
	Digest string `json:"digest"`
	// Size is its bytes, as they travel.
	Size int64 `json:"size"`
	// Foreign layers come from elsewhere than the registry.
	Foreign bool `json:"foreign,omitempty"`
}

// ImageManifestStatus is who uses an image.
type ImageManifestStatus struct {
	// References are the names under which pods or nodes may name the image: by tag,
	// by its own digest, and by the digests of indexes that list it. They are spelt
	// out, as in "docker.io/library/nginx:latest".
	References []string `json:"references,omitempty"`
	// UnusedSince is when neither pods nor nodes had it any more.
	UnusedSince *metav1.Time `json:"unusedSince,omitempty"`
}

// ImageManifestList is a list of ImageManifests.
type ImageManifestList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`
	Items           []ImageManifest `json:"items"`
}

// ManifestName returns the name of the object for a manifest on a platform, which
// may be empty. An index says for which platform a manifest is; were the object
// named by the digest alone, an index of anybody's could say so wrongly for all.
func ManifestName(digest, platform string) string {
	name := strings.Replace(digest, ":", "-", 1)
	if platform != "" {
		name += "-" + strings.Replace(platform, "/", "-", 1)
	}
	return name
}
