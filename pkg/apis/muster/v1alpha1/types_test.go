package v1alpha1

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"
)

func TestManifestName(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0f", 32)
	for platform, want := range map[string]string{
		"":            "sha256-" + strings.Repeat("0f", 32),
		"linux/amd64": "sha256-" + strings.Repeat("0f", 32) + "-linux-amd64",
		strings.Repeat("a", 20) + "/" + strings.Repeat("b", 20): "sha256-" + strings.Repeat("0f", 32) + "-" + strings.Repeat("a", 20) + "-" + strings.Repeat("b", 20),
	} {
		got := ManifestName(digest, platform)
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if problems := validation.IsDNS1123Subdomain(got); len(problems) > 0 {
			t.Errorf("%q: %v", got, problems)
		}
	}
}

func TestACopySharesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		original := rapid.Make[ImageManifest]().Draw(t, "original")
		original.TypeMeta, original.ObjectMeta = metav1.TypeMeta{}, metav1.ObjectMeta{Labels: map[string]string{"a": "b"}}
		list := &ImageManifestList{Items: []ImageManifest{original}}
		copied := list.DeepCopyObject().(*ImageManifestList)
		if diff := cmp.Diff(list, copied); diff != "" {
			t.Fatal(diff)
		}
		c := &copied.Items[0]
		c.Labels["a"] = "c"
		for i := range c.Spec.Layers {
			c.Spec.Layers[i].Size--
		}
		for i := range c.Status.References {
			c.Status.References[i] += "x"
		}
		if c.Status.UnusedSince != nil {
			c.Status.UnusedSince.Time = c.Status.UnusedSince.Add(1)
		}
		again := list.DeepCopyObject().(*ImageManifestList)
		if diff := cmp.Diff(&ImageManifestList{Items: []ImageManifest{original}}, again); diff != "" || original.Labels["a"] != "b" {
			t.Fatal(diff)
		}
		for i := range original.Spec.Layers {
			if original.Spec.Layers[i].Size == c.Spec.Layers[i].Size {
				t.Fatal("layers are shared")
			}
		}
		for i := range original.Status.References {
			if original.Status.References[i] == c.Status.References[i] {
				t.Fatal("references are shared")
			}
		}
		if s := original.Status.UnusedSince; s != nil && s.Equal(c.Status.UnusedSince) {
			t.Fatal("the time is shared")
		}
	})
}
