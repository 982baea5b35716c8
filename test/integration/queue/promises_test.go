package queue

import (
	"encoding/json"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/gang"
)

// pulls returns for which pods a node is taken to pull.
func (s *inside) pulls(node string) (uids []string) {
	s.t.Helper()
	text, ok := s.read("nodes/" + s.node(node))
	if !ok {
		return nil
	}
	var images v1alpha1.NodeImages
	if err := json.Unmarshal(text, &images); err != nil {
		s.t.Fatal(err)
	}
	for _, pull := range images.Pulls {
		uids = append(uids, string(pull.PodUID))
	}
	return uids
}

// addWarm makes a node that has an image, so that its size is known, and no room.
func (s *inside) addWarm(image string) {
	s.t.Helper()
	s.addNode("warm", func(n *v1.Node) {
		n.Status.Images = []v1.ContainerImage{{Names: []string{image}, SizeBytes: 300e6}}
		n.Status.Allocatable[v1.ResourcePods] = resource.MustParse("0")
	})
}

// TestUnreserveTakesBackWhatReservePromised: a pod that fails at any point after Reserve of
// our plugins leaves no pull on its node, and no room kept.
func TestUnreserveTakesBackWhatReservePromised(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"Reserve", "Permit", "PreBind", "Bind"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			s := scripted(t)
			image := "registry.example/" + s.ns + "/app:v1"
			s.addNode("a", nil)
			s.addWarm(image)
			a, held, letGo := holds(says(fwk.Error))
			t.Cleanup(letGo)
			s.on("First."+point, "train", a)
			train := s.pod("train", "1")
			train.Spec.Containers[0].Image = image
			s.create(train)
			s.reached(held)
			if got, want := s.pulls("a"), string(s.get("train").UID); len(got) != 1 || got[0] != want {
				t.Errorf("node a is taken to pull for %v, want for %s", got, want)
			}
			s.on("First.PreFilter", "train", says(fwk.Unschedulable)) // at the next attempt
			letGo()
			s.await("train", "Unschedulable", 2)
			if got := s.pulls("a"); len(got) != 0 {
				t.Errorf("node a is still taken to pull for %v", got)
			}
			s.create(s.pod("rival", "1"))
			s.await("rival", "Bound", 1)
		})
	}
}

// TestUnreserveOfNothing: Unreserve comes also to plugins whose Reserve did not, and may
// come twice. Our plugins take back nothing of others then.
func TestUnreserveOfNothing(t *testing.T) {
	t.Parallel()
	s := scripted(t)
	image := "registry.example/" + s.ns + "/app:v1"
	s.addNode("a", nil)
	s.addWarm(image)
	train := s.pod("train", "500m")
	train.Spec.Containers[0].Image = image
	s.create(train)
	s.await("train", "Bound", 1)
	s.create(s.only("other", "500m", "disk", "ssd"))
	s.await("other", "Unschedulable", 1)
	for range 2 {
		s.framework().RunReservePluginsUnreserve(t.Context(), framework.NewCycleState(), s.get("other"), s.node("a"))
	}
	if got, want := s.pulls("a"), string(s.get("train").UID); len(got) != 1 || got[0] != want {
		t.Errorf("node a is taken to pull for %v, want for %s", got, want)
	}
	s.label("a", "disk", "ssd")
	s.await("other", "Bound", 2)
}

// TestMemberThatFailsIsPlannedAgain: of a gang whose member fails once while it is bound
// all are bound in the end, and the room that was kept for them is kept no more.
func TestMemberThatFailsIsPlannedAgain(t *testing.T) {
	t.Parallel()
	s := scripted(t, "a")
	a, held, letGo := holds(says(fwk.Error))
	t.Cleanup(letGo)
	s.on("First.PreBind", "member-1", a)
	for _, name := range []string{"member-0", "member-1"} {
		p := s.pod(name, "400m")
		p.Labels = map[string]string{gang.NameLabel: "pair"}
		p.Annotations = map[string]string{gang.MinAnnotation: "2"}
		s.create(p)
	}
	s.reached(held)
	s.on("First.PreBind", "member-1", nil)
	letGo()
	s.await("member-0", "Bound", 1)
	s.await("member-1", "Bound", 2)
	s.create(s.pod("rest", "200m"), s.pod("more", "1m"))
	s.await("rest", "Bound", 1)
	s.await("more", "Unschedulable", 1)
}
