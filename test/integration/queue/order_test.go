package queue

import (
	"slices"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	upstream "k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"

	"github.com/muster-scheduler/muster/pkg/plugins"
)

// turns waits until all pods of these names had a turn, and returns them in its order.
func (s *inside) turns(pods ...string) []string {
	s.t.Helper()
	numbers := map[string]uint64{}
	for _, pod := range pods {
		s.await(pod, "Bound", 1)
		for _, step := range s.steps(pod) {
			if step.Place == "Scheduling" {
				numbers[pod] = step.Number // the last one
			}
		}
	}
	slices.SortFunc(pods, func(a, b string) int { return int(numbers[a]) - int(numbers[b]) })
	return pods
}

// TestOrderIsPriorityThenAge. It is fixed when a pod enters: an update of the pod changes
// nothing, and its priority cannot be changed. That the order is total is a law of
// pkg/queue, held there.
func TestOrderIsPriorityThenAge(t *testing.T) {
	t.Parallel()
	s := scripted(t, "a")
	urgent := s.priority(1000)
	letGo := s.clog("clog")
	for _, name := range []string{"old", "young", "urgent", "urgent-too"} {
		p := s.pod(name, "1m")
		if strings.HasPrefix(name, "urgent") {
			p.Spec.PriorityClassName = urgent
		}
		s.create(p)
		s.await(name, "Active", 0)
	}
	if err := s.patchPod("young", `{"spec":{"priority":2000}}`); err == nil || !strings.Contains(err.Error(), "Forbidden: pod updates may not change fields") {
		t.Errorf("changing a pod's priority = %v, want it forbidden", err)
	}
	if err := s.patchPod("old", `{"metadata":{"labels":{"updated":"true"}}}`); err != nil {
		t.Fatal(err)
	}
	pods := s.sched.Profiles[s.scheduler].SharedInformerFactory().Core().V1().Pods().Lister().Pods(s.ns)
	s.wait("the update to have come", func() (bool, string) {
		p, err := pods.Get("old")
		return err == nil && p.Labels["updated"] == "true", ""
	})
	letGo()
	if got, want := s.turns("old", "young", "urgent", "urgent-too"), []string{"urgent", "urgent-too", "old", "young"}; !slices.Equal(got, want) {
		t.Errorf("turns: %v, want %v", got, want)
	}
}

// TestRefusedStandsBehind those who came before its attempt ended: its age in the queue
// begins anew then.
func TestRefusedStandsBehind(t *testing.T) {
	t.Parallel()
	s := scripted(t, "a")
	s.helps = s.isAboutItsNodes
	urgent := s.priority(1000)
	refuse, held, finish := holds(says(fwk.Unschedulable))
	t.Cleanup(finish)
	s.on("First.PreFilter", "refused", refuse)
	s.create(s.pod("refused", "1m"))
	s.reached(held)
	s.create(s.pod("meanwhile", "1m"))
	s.await("meanwhile", "Active", 0)
	clog, clogged, letGo := holds(nil) // it goes first
	t.Cleanup(letGo)
	s.on("First.PreFilter", "clog", clog)
	p := s.pod("clog", "1m")
	p.Spec.PriorityClassName = urgent
	s.create(p)
	s.await("clog", "Active", 0)
	finish()
	s.reached(clogged)
	s.on("First.PreFilter", "refused", nil)
	s.create(s.pod("after", "1m"))
	s.await("after", "Active", 0)
	s.label("a", "round", "1")
	s.await("refused", "Active", 1)
	letGo()
	if got, want := s.turns("refused", "meanwhile", "after"), []string{"meanwhile", "refused", "after"}; !slices.Equal(got, want) {
		t.Errorf("turns: %v, want %v", got, want)
	}
}

// TestOneQueueSort: a queue has one order, so a scheduler has one such plugin, whatever
// its profiles.
func TestOneQueueSort(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		edit func(cfg *config.KubeSchedulerConfiguration)
		want string
	}{
		"two in a profile": {
			func(cfg *config.KubeSchedulerConfiguration) {
				cfg.Profiles[0].Plugins.QueueSort.Enabled = []config.Plugin{{Name: "QueueOrder"}, {Name: "PrioritySort"}}
			},
			"only one queue sort plugin required",
		},
		"two profiles that differ": {
			func(cfg *config.KubeSchedulerConfiguration) {
				other := cfg.Profiles[0].DeepCopy()
				other.SchedulerName = "other"
				other.Plugins.QueueSort = config.PluginSet{Enabled: []config.Plugin{{Name: "PrioritySort"}}, Disabled: []config.Plugin{{Name: "*"}}}
				cfg.Profiles = append(cfg.Profiles, *other)
			},
			"different queue sort plugins",
		},
	} {
		cfg := configuration(t, "muster")
		tc.edit(cfg)
		client := fake.NewClientset()
		_, err := upstream.New(klog.NewContext(t.Context(), logr.Discard()), client, upstream.NewInformerFactory(client, 0, nil), nil,
			func(string) events.EventRecorderLogger { return events.NewFakeRecorder(1) },
			upstream.WithProfiles(cfg.Profiles...), upstream.WithKubeConfig(&rest.Config{Host: "127.0.0.1:1"}),
			upstream.WithFrameworkOutOfTreeRegistry(plugins.New().Registry()))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s = %v, want %q", name, err, tc.want)
		}
	}
}
