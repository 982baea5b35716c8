package publish

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-scheduler/muster/pkg/apis/muster/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/registry"
)

func TestRepositoryOf(t *testing.T) {
	for key, want := range map[string]string{
		"docker.io/library/nginx:latest": "docker.io/library/nginx",
		"reg.local:5000/app:v1":          "reg.local:5000/app",
		"reg.local:5000/app@" + digest:   "reg.local:5000/app",
		"reg.local:5000/app":             "reg.local:5000/app",
	} {
		if got := repositoryOf(key); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
}

func TestFailuresAreTriedLaterAndLater(t *testing.T) {
	now := time.Unix(0, 0)
	for lasting, most := range map[bool]time.Duration{false: maxPassingDelay, true: maxLastingDelay} {
		k, last := &known{}, time.Duration(0)
		for i := range 100 {
			delay := k.fail(now, lasting, 0)
			if !k.until.Equal(now.Add(delay)) || delay > most*6/5 || i > 0 && i < 5 && delay < last*5/4 {
				t.Errorf("after %d failures %v, until %v, after %v", i+1, delay, k.until, last)
			}
			last = delay
		}
		if last < most {
			t.Errorf("it is tried every %v, want %v at least", last, most)
		}
	}
	if delay := new(known).fail(now, false, time.Hour); delay < time.Hour {
		t.Errorf("a registry that wants an hour gets %v", delay)
	}
}

func TestReferencesNobodyUsesMakePlace(t *testing.T) {
	u, _ := usesOf("")
	s := &store{uses: u}
	var has []string
	for i := range v1alpha1.MaxReferences {
		has = append(has, fmt.Sprintf("r.io/a:%02d", i))
	}
	u.change(nil, &user{keys: has[1:]})
	merged := s.merge(has, []string{"r.io/new:1"})
	if len(merged) != v1alpha1.MaxReferences || !slices.Contains(merged, "r.io/new:1") || slices.Contains(merged, has[0]) {
		t.Errorf("%v", merged)
	}
	u.change(nil, &user{keys: has[:1]})
	if merged = s.merge(has, []string{"r.io/new:1"}); !slices.Equal(merged, has) {
		t.Errorf("%v, want what is used to stay", merged)
	}
}

func TestObjectOf(t *testing.T) {
	m := &registry.Manifest{
		Digest: digest, MediaType: "m", Platform: registry.Platform{OS: "linux", Architecture: "arm64"},
		Layers: []registry.Layer{{Digest: "a", Bytes: 1 << 40}, {Digest: "b", Bytes: 2, Foreign: true}},
	}
	got := objectOf(m, []string{"r"})
	want := &v1alpha1.ImageManifest{
		Spec: v1alpha1.ImageManifestSpec{
			Digest: digest, MediaType: "m", Platform: "linux/arm64", Size: 1<<40 + 2,
			Layers: []v1alpha1.Layer{{Digest: "a", Size: 1 << 40}, {Digest: "b", Size: 2, Foreign: true}},
		},
		Status: v1alpha1.ImageManifestStatus{References: []string{"r"}},
	}
	want.Name = strings.Replace(digest, ":", "-", 1) + "-linux-arm64"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
