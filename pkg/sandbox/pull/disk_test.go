package pull

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const file = `
images:
- name: reg.example/a:v1
  layers: [{digest: base, size: 1k}, {digest: a, size: "500"}]
- name: reg.example/b:v1
  layers: [{digest: base, size: 1k}, {digest: b, size: "200"}]
- name: reg.example/old
  layers: [{digest: old, size: 3k}]
  preloaded: [node-1, "gpu-*"]
`

func newDisk(t *testing.T, node string) *Disk {
	t.Helper()
	images, err := ParseImages([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	catalogue, err := NewCatalogue(images)
	if err != nil {
		t.Fatal(err)
	}
	return NewDisk(node, catalogue, NewNetwork(0).NewLink(100), 1<<30)
}

func mustPull(t *testing.T, d *Disk, ref string) time.Duration {
	t.Helper()
	began := time.Now()
	if _, err := d.Pull(t.Context(), ref); err != nil {
		t.Error(err)
	}
	return time.Since(began).Round(time.Millisecond)
}

func TestPullMovesMissingLayersOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t, "node-0")
		for _, step := range []struct {
			ref  string
			want time.Duration
			used int64
		}{
			{"reg.example/a:v1", 15 * time.Second, 1500},
			{"reg.example/a:v1", 0, 1500},
			{"reg.example/b:v1", 2 * time.Second, 1700},
		} {
			if got := mustPull(t, d, step.ref); got != step.want {
				t.Errorf("pull of %s took %v, want %v", step.ref, got, step.want)
			}
			if got := d.Used(); got != step.used {
				t.Errorf("after %s %d bytes are used, want %d", step.ref, got, step.used)
			}
		}
	})
}

func TestLayerInFlightIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t, "node-0")
		done := make(chan time.Duration)
		for _, ref := range []string{"reg.example/a:v1", "reg.example/b:v1"} {
			go func() { done <- mustPull(t, d, ref) }()
		}
		// 1,700 bytes in all: b needs base, so it ends last or with it.
		if last := max(<-done, <-done); last != 17*time.Second {
			t.Errorf("both took %v, want 17s", last)
		}
	})
}

func TestCancelledPullIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t, "node-0")
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		go func() { _, _ = d.Pull(ctx, "reg.example/old:latest") }()
		synctest.Wait()
		if got, want := mustPull(t, d, "reg.example/old"), 34*time.Second; got != want {
			t.Errorf("pull took %v, want %v", got, want)
		}
	})
}

func TestPreloaded(t *testing.T) {
	for node, want := range map[string]int{"node-0": 0, "node-1": 1, "gpu-7": 1, "node-10": 0} {
		if got := len(newDisk(t, node).Images()); got != want {
			t.Errorf("%s holds %d images, want %d", node, got, want)
		}
	}
}

func TestRemoveKeepsSharedLayers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t, "node-0")
		mustPull(t, d, "reg.example/a:v1")
		mustPull(t, d, "reg.example/b:v1")
		a, _ := d.Find("reg.example/a:v1")
		d.Remove(a.ID())
		if got := d.Used(); got != 1200 {
			t.Errorf("%d bytes are used, want 1200", got)
		}
		d.Remove("reg.example/b:v1")
		if got := d.Used(); got != 0 {
			t.Errorf("%d bytes are used, want 0", got)
		}
	})
}

func TestFindInCatalogue(t *testing.T) {
	d := newDisk(t, "node-0")
	for _, test := range []struct {
		ref, name string
		size      int64
		fails     bool
	}{
		{ref: "reg.example/old", name: "reg.example/old:latest", size: 3000},
		{ref: "nginx", name: "docker.io/library/nginx:latest", size: UnknownImageSize},
		{ref: "reg.invalid/x:v1", fails: true},
		{ref: "not a reference", fails: true},
	} {
		img, err := d.catalogue.Find(test.ref)
		if (err != nil) != test.fails || img.Name != test.name || img.Size() != test.size {
			t.Errorf("Find(%q) = %s of %d bytes, %v", test.ref, img.Name, img.Size(), err)
		}
	}
	if digest, _ := d.catalogue.Find("reg.example:5000/x@sha256:" + strings.Repeat("0", 64)); !strings.HasPrefix(digest.RepoDigest(), "reg.example:5000/x@sha256:") {
		t.Errorf("repository digest is %s", digest.RepoDigest())
	}
}

func TestParseImagesRejects(t *testing.T) {
	for _, test := range []struct{ yaml, want string }{
		{`images: [{name: "a b", layers: [{digest: x, size: 1}]}]`, "invalid reference"},
		{`images: [{name: a, layers: []}]`, "no layers"},
		{`images: [{name: a, layers: [{digest: x, size: 0}]}]`, "above zero"},
		{`images: [{name: a, layers: [{digest: x, size: 1}]}, {name: "a:latest", layers: [{digest: x, size: 1}]}]`, "twice"},
		{`images: [{name: a, layers: [{digest: x, size: 1}]}, {name: b, layers: [{digest: x, size: 2}]}]`, "elsewhere"},
		{`images: [{name: a, layers: [{digest: x, size: 1}], preloaded: ["["]}]`, "syntax error"},
		{`image: []`, "unknown field"},
	} {
		if _, err := ParseImages([]byte(test.yaml)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.yaml, err, test.want)
		}
	}
}
