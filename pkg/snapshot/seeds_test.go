package snapshot

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"

	"github.com/muster-scheduler/muster/pkg/image"
)

// seed has the cold node of the shop pull what a pod of it needs.
func (s *shop) seed(t *testing.T) Seed {
	t.Helper()
	seeds := s.Seeds(s.demand(), &image.SeedBudget{Bytes: 1e9, Seeds: 1})
	if len(seeds) != 1 || seeds[0].Node != "cold" || seeds[0].Bytes != 400e6 {
		t.Fatalf("seeds are %+v, want one of 400 MB on cold", seeds)
	}
	return seeds[0]
}

func (s *shop) demand() image.Demand {
	return image.Demand{
		Needs: PodImages(s.pod("asks", "", v1.PodPending)), Pods: 2, Sure: true,
		Places: []image.Place{{Node: "warm", Room: 1}, {Node: "cold", Room: 1}},
	}
}

func TestASeedIsAPromiseUntilItEnds(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	seed := s.seed(t)
	if got := s.Seeds(s.demand(), &image.SeedBudget{Bytes: 1e9, Seeds: 1}); len(got) != 0 {
		t.Errorf("what is promised is chosen again: %+v", got)
	}
	s.clock.SetTime(s.clock.Now().Add(4 * time.Second))
	if got := s.cold(); got != 6 {
		t.Errorf("after 4 of 10 s a pod waits %v s, want 6", got)
	}
	s.Unseeded(seed)
	if got := s.cold(); got != 10 {
		t.Errorf("once it came to nothing a pod waits %v s, want 10", got)
	}

	seed = s.seed(t)
	puller := s.pod("puller", "cold", v1.PodPending)
	puller.Spec.SchedulerName = ""
	s.Pulls(seed, puller)
	s.podHandler().OnAdd(puller, false)
	s.podHandler().OnDelete(puller)
	if got := s.cold(); got != 10 || len(s.Seeds(s.demand(), &image.SeedBudget{Bytes: 1e9})) != 0 {
		t.Errorf("once the pod that pulled is gone a pod waits %v s, want 10", got)
	}
	seed = s.seed(t) // the promise went with the pod
	s.Pulls(seed, puller)
	s.podHandler().OnAdd(puller, false)
	if got := s.cold(); got != 10 {
		t.Errorf("while a pod pulls the seed another waits %v s, want 10", got)
	}
	s.Seeded(seed)
	s.podHandler().OnDelete(puller)
	if got := s.cold(); got != 0 {
		t.Errorf("once it is there a pod waits %v s, want 0", got)
	}
}

func TestForeseenIsWhatCameTogether(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	bind := func(uid string) {
		pod := s.pod(uid, "", v1.PodPending)
		s.Reserve(pod, "warm")
		s.Bound(pod)
	}
	bind("unseen")
	if got := s.Foreseen(); got != nil {
		t.Errorf("nobody asked, and %+v are expected", got)
	}
	s.Foresee()
	strange := s.pod("strange", "", v1.PodPending)
	strange.Spec.SchedulerName = "another"
	s.Bound(strange)
	for _, uid := range []string{"a", "b", "c", "d", "e", "f"} {
		bind(uid)
		s.clock.SetTime(s.clock.Now().Add(10 * time.Second))
	}
	got := s.Foreseen()
	if len(got) != 1 || got[0].Like.Name != "f" || got[0].Pods != 6 {
		t.Errorf("%+v are expected, want as many as came, like the last", got)
	}
}

func TestAlikePodsNeedEqualNodesAndImages(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	base := s.pod("a", "", v1.PodPending)
	if diff := cmp.Diff(Alike(base), Alike(s.pod("b", "", v1.PodPending))); diff != "" {
		t.Errorf("another name makes a difference:\n%s", diff)
	}
	for what, change := range map[string]func(*v1.Pod){
		"the image":      func(p *v1.Pod) { p.Spec.Containers[0].Image = "reg.io/other" },
		"the selector":   func(p *v1.Pod) { p.Spec.NodeSelector = map[string]string{"gpu": "yes"} },
		"the toleration": func(p *v1.Pod) { p.Spec.Tolerations = []v1.Toleration{{Key: "gpu"}} },
	} {
		other := base.DeepCopy()
		change(other)
		if Alike(base) == Alike(other) {
			t.Errorf("%s makes no difference", what)
		}
	}
}
