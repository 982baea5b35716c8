package publish

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/retry"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-scheduler/muster/pkg/apis/muster/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/registry"
)

const _ = uint(v1alpha1.MaxLayers - registry.MaxLayers) // what is read can be published

// errFull says that there are as many ImageManifests as there may be, all in use.
var errFull = errors.New("as many ImageManifests as there may be are in use")

// store is the ImageManifests. It makes, changes and deletes them one at a time.
type store struct {
	client  *client
	objects cache.Indexer // as seen last
	uses    *uses
	clock   clock.PassiveClock
	most    int // objects
	lost    func(references []string)

	mu    sync.Mutex          // held while writing
	names map[string]struct{} // of the objects that there are
	known sync.Mutex          // guards names
}

func newStore(c *client, informer cache.SharedIndexInformer, u *uses, most int, clock clock.PassiveClock) *store {
	return &store{client: c, objects: informer.GetIndexer(), uses: u, most: most, clock: clock, names: map[string]struct{}{}}
}

// handler takes in what the informer tells.
func (s *store) handler() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { s.remember(o.(*v1alpha1.ImageManifest).Name) },
		DeleteFunc: func(o any) {
			if gone, ok := o.(cache.DeletedFinalStateUnknown); ok {
				o = gone.Obj
			}
			if m, ok := o.(*v1alpha1.ImageManifest); ok {
				s.forget(m.Name)
				s.lost(m.Status.References)
			}
		},
	}
}

func (s *store) remember(name string) {
	s.known.Lock()
	defer s.known.Unlock()
	s.names[name] = struct{}{}
	manifests.Set(float64(len(s.names)))
}

func (s *store) forget(name string) {
	s.known.Lock()
	defer s.known.Unlock()
	delete(s.names, name)
	manifests.Set(float64(len(s.names)))
}

func (s *store) count() int {
	s.known.Lock()
	defer s.known.Unlock()
	return len(s.names)
}

// has reports whether there are some, and all of these exist.
func (s *store) has(names []string) bool {
	s.known.Lock()
	defer s.known.Unlock()
	for _, name := range names {
		if _, ok := s.names[name]; !ok {
			return false
		}
	}
	return len(names) > 0
}

// named returns the objects with this reference.
func (s *store) named(key string) []*v1alpha1.ImageManifest {
	found, _ := s.objects.ByIndex(byReference, key) // fails for an unknown index only
	list := make([]*v1alpha1.ImageManifest, len(found))
	for i := range found {
		list[i] = found[i].(*v1alpha1.ImageManifest)
	}
	return list
}

// covers reports whether the image is known for all these platforms.
func (s *store) covers(key string, platforms []registry.Platform) bool {
	objects := s.named(key)
	for _, p := range platforms {
		if !slices.ContainsFunc(objects, func(m *v1alpha1.ImageManifest) bool {
			return m.Spec.Platform == "" || m.Spec.Platform == p.String()
		}) {
			return false
		}
	}
	return true
}

// publish sees to it that there is an object for the manifest with these
// references, and returns its name.
func (s *store) publish(ctx context.Context, m *registry.Manifest, references []string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	object := objectOf(m, references)
	if !s.has([]string{object.Name}) {
		if err := s.makeRoom(ctx); err != nil {
			return "", err
		}
		_, err := s.client.Create(ctx, object, metav1.CreateOptions{})
		if err == nil {
			s.remember(object.Name)
		}
		if !apierrors.IsAlreadyExists(err) {
			return object.Name, err
		}
	}
	return object.Name, s.change(ctx, object.Name, func(m *v1alpha1.ImageManifest) bool {
		merged := s.merge(m.Status.References, references)
		same := m.Status.UnusedSince == nil && slices.Equal(merged, m.Status.References)
		m.Status.References, m.Status.UnusedSince = merged, nil
		return !same
	})
}

// merge returns all references, as far as there is place for them; those that
// nobody uses go first.
func (s *store) merge(has, more []string) []string {
	merged := slices.Clone(has)
	for _, reference := range more {
		if !slices.Contains(merged, reference) {
			merged = append(merged, reference)
		}
	}
	for i := 0; i < len(merged) && len(merged) > v1alpha1.MaxReferences; {
		if slices.Contains(more, merged[i]) || s.uses.used(merged[i]) {
			i++
		} else {
			merged = slices.Delete(merged, i, i+1)
		}
	}
	return merged[:min(len(merged), v1alpha1.MaxReferences)]
}

func objectOf(m *registry.Manifest, references []string) *v1alpha1.ImageManifest {
	platform := m.Platform.String()
	object := &v1alpha1.ImageManifest{
		ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.ManifestName(m.Digest, platform)},
		Spec:       v1alpha1.ImageManifestSpec{Digest: m.Digest, MediaType: m.MediaType, Platform: platform, Layers: make([]v1alpha1.Layer, len(m.Layers))},
		Status:     v1alpha1.ImageManifestStatus{References: references},
	}
	for i, l := range m.Layers {
		object.Spec.Layers[i] = v1alpha1.Layer{Digest: l.Digest, Size: l.Bytes, Foreign: l.Foreign}
		object.Spec.Size += l.Bytes
	}
	return object
}

// change lets f change an object, which returns whether it did.
func (s *store) change(ctx context.Context, name string, f func(*v1alpha1.ImageManifest) bool) error {
	var current *v1alpha1.ImageManifest
	if o, ok, _ := s.objects.GetByKey(name); ok { // the error is always nil
		current = o.(*v1alpha1.ImageManifest).DeepCopy()
	}
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		if current == nil {
			var err error
			if current, err = s.client.Get(ctx, name, metav1.GetOptions{}); err != nil {
				return err
			}
		}
		next := current
		current = nil // what a conflict is with has to be read
		if !f(next) {
			return nil
		}
		_, err := s.client.Update(ctx, next, metav1.UpdateOptions{})
		return err
	})
}

// keepTag takes a tag from all objects but these: it was moved.
func (s *store) keepTag(ctx context.Context, tag string, names []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, m := range s.named(tag) {
		if !slices.Contains(names, m.Name) {
			errs = append(errs, s.change(ctx, m.Name, func(m *v1alpha1.ImageManifest) bool {
				before := len(m.Status.References)
				m.Status.References = slices.DeleteFunc(m.Status.References, func(r string) bool { return r == tag })
				return len(m.Status.References) < before
			}))
		}
	}
	return errors.Join(errs...)
}

// makeRoom deletes, where there is no room for one more, the object that has been
// unused for longest, as far as that was noted.
func (s *store) makeRoom(ctx context.Context) error {
	if s.count() < s.most {
		return nil
	}
	var oldest *v1alpha1.ImageManifest
	for _, o := range s.objects.List() {
		m := o.(*v1alpha1.ImageManifest)
		if !s.has([]string{m.Name}) || s.uses.anyUsed(m.Status.References) {
			continue
		}
		if since := m.Status.UnusedSince; oldest == nil || since != nil && (oldest.Status.UnusedSince == nil || since.Before(oldest.Status.UnusedSince)) {
			oldest = m
		}
	}
	if oldest == nil {
		return errFull
	}
	return s.remove(ctx, oldest)
}

// collect notes which objects are not used any more, and deletes those that have
// not been for the given time.
func (s *store) collect(ctx context.Context, unusedFor time.Duration) {
	for _, o := range s.objects.List() {
		if ctx.Err() != nil {
			return
		}
		if err := s.collect1(ctx, o.(*v1alpha1.ImageManifest), unusedFor); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Collecting an ImageManifest", "name", o.(*v1alpha1.ImageManifest).Name)
		}
	}
}

func (s *store) collect1(ctx context.Context, m *v1alpha1.ImageManifest, unusedFor time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	since, used := m.Status.UnusedSince, s.uses.anyUsed(m.Status.References)
	switch {
	case used == (since == nil):
		if used || s.clock.Since(since.Time) < unusedFor {
			return nil
		}
		klog.FromContext(ctx).V(2).Info("Collecting an ImageManifest that nobody uses", "name", m.Name, "unusedSince", since.Time)
		return s.remove(ctx, m)
	case used:
		since = nil
	default:
		since = &metav1.Time{Time: s.clock.Now()}
	}
	err := s.change(ctx, m.Name, func(m *v1alpha1.ImageManifest) bool {
		m.Status.UnusedSince = since
		return true
	})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// remove deletes an object unless it was changed meanwhile.
func (s *store) remove(ctx context.Context, m *v1alpha1.ImageManifest) error {
	err := s.client.Delete(ctx, m.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &m.UID, ResourceVersion: &m.ResourceVersion}})
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	s.forget(m.Name)
	return nil
}
