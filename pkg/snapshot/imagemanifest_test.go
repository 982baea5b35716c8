package snapshot

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	"github.com/muster-scheduler/muster/pkg/apis/muster/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/image"
)

// notes keeps what it is told of images.
type notes struct {
	known map[string]image.Manifest
	told  int
}

func (n *notes) SetManifest(m image.Manifest) {
	n.known[m.Digest] = m
	n.told++
}

func (n *notes) RemoveManifest(digest string) {
	delete(n.known, digest)
	n.told++
}

// published is an ImageManifest as the informer keeps it.
func published(t *testing.T, uid types.UID, references ...string) *imageManifest {
	t.Helper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&v1alpha1.ImageManifest{
		ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.ManifestName(digest, "linux/arm64"), UID: uid},
		Spec: v1alpha1.ImageManifestSpec{
			Digest: digest, MediaType: "m", Platform: "linux/arm64", Size: 7,
			Layers: []v1alpha1.Layer{{Digest: "b", Size: 5}, {Digest: "a", Size: 2, Foreign: true}},
		},
		Status: v1alpha1.ImageManifestStatus{References: references},
	})
	if err != nil {
		t.Fatal(err)
	}
	return trim(t, content)
}

func trim(t *testing.T, content map[string]any) *imageManifest {
	t.Helper()
	o, err := trimManifest(&unstructured.Unstructured{Object: content})
	if err != nil {
		t.Fatal(err)
	}
	return o.(*imageManifest)
}

func TestImageManifestsAreToldAsTheyChange(t *testing.T) {
	n := &notes{known: map[string]image.Manifest{}}
	handler := manifestHandler(n)
	name := v1alpha1.ManifestName(digest, "linux/arm64")
	stated := func(keys ...string) map[string]image.Manifest {
		return map[string]image.Manifest{name: {
			Digest: name, Platform: "linux/arm64", Keys: keys,
			Layers: []image.Layer{{Digest: "b", Bytes: 5}, {Digest: "a", Bytes: 2}},
		}}
	}
	none := map[string]image.Manifest{}
	first, more := published(t, "1", "r.io/a:v1"), published(t, "1", "r.io/b:v1", "r.io/a:v1")
	anew, bare := published(t, "2", "r.io/a:v1", "r.io/b:v1"), published(t, "2")
	for _, step := range []struct {
		name string
		do   func()
		told int
		want map[string]image.Manifest
	}{
		{"it is there", func() { handler.OnAdd(first, true) }, 1, stated("r.io/a:v1")},
		{"it has another reference", func() { handler.OnUpdate(first, more) }, 1, stated("r.io/a:v1", "r.io/b:v1")},
		{"only the order of them differs", func() { handler.OnUpdate(more, published(t, "1", "r.io/a:v1", "r.io/b:v1")) }, 0, stated("r.io/a:v1", "r.io/b:v1")},
		{"it was deleted and made anew unseen", func() { handler.OnUpdate(more, anew) }, 1, stated("r.io/a:v1", "r.io/b:v1")},
		{"nobody names it", func() { handler.OnUpdate(anew, bare) }, 1, none},
		{"again", func() { handler.OnUpdate(bare, anew) }, 1, stated("r.io/a:v1", "r.io/b:v1")},
		{"it was deleted unseen", func() { handler.OnDelete(cache.DeletedFinalStateUnknown{Obj: anew}) }, 1, none},
	} {
		before := n.told
		step.do()
		if diff := cmp.Diff(step.want, n.known); diff != "" || n.told-before != step.told {
			t.Errorf("%s: told %d times, want %d (-want +got):\n%s", step.name, n.told-before, step.told, diff)
		}
	}
}

func TestAnImageManifestThatCannotBeReadSaysNothing(t *testing.T) {
	m := trim(t, map[string]any{
		"metadata": map[string]any{"name": "odd"}, "spec": map[string]any{"layers": "none"}, "status": map[string]any{"references": []any{"r.io/a:v1"}},
	})
	if m.Name != "odd" || len(m.stated.Keys) > 0 {
		t.Errorf("%+v", m)
	}
}
