package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	schedv1alpha1 "sigs.k8s.io/scheduler-plugins/apis/scheduling/v1alpha1"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/plugins/gangbind"
)

// bindDeadline is the longest time for which a gang may be bound in part.
const bindDeadline = 30 * time.Second

func TestGangThatFitsStartsWhole(t *testing.T) {
	c := newCluster(t, shared.start(t).sandbox.Config, "2", "2")
	c.create(c.members("whole", 4, "4", "1")...)
	c.waitBound("whole", 4)
	if window, _ := c.history.partial("whole", 4); window > bindDeadline {
		t.Errorf("bound in part for %s", window)
	}
	plans := map[string]bool{}
	for _, name := range c.bound("whole") {
		plans[c.get(name).Annotations[gangbind.PlanAnnotation]] = true
	}
	if len(plans) != 1 || plans[""] {
		t.Errorf("members carry the plans %v, want one", plans)
	}
}

func TestGangThatDoesNotFitHoldsNothingAndStartsWhenThereIsRoom(t *testing.T) {
	c := newCluster(t, shared.start(t).sandbox.Config, "2", "3")
	c.create(c.pod("tenant", "1"))
	c.waitBound("tenant", 1)
	c.create(c.members("five", 5, "5", "1")...)
	c.waitEvent("five", "FailedScheduling", "4 of 5 members fit", "insufficient cpu")
	if got := c.bound("five"); len(got) > 0 {
		t.Errorf("%v have a node, want none", got)
	}
	// What the gang does not get is free for others: nothing is held for it.
	c.create(c.pod("guest", "2"))
	c.waitBound("guest", 1)
	c.remove1("guest")
	c.remove1("tenant")
	c.waitBound("five", 5)
	if window, _ := c.history.partial("five", 5); window > bindDeadline {
		t.Errorf("bound in part for %s", window)
	}
	speakers := 0
	for i := range 5 {
		if len(c.events(fmt.Sprintf("five-%d", i), "FailedScheduling")) > 0 {
			speakers++
		}
	}
	if speakers != 1 {
		t.Errorf("%d members were tried and told of, want one for all", speakers)
	}
}

func TestTwoGangsInterleavedPodByPod(t *testing.T) {
	interleave := func(c *cluster, scheduler string) {
		for i := range 6 {
			for _, g := range []string{"red", "blue"} {
				p := c.member(g, i, "6", "1")
				p.Spec.SchedulerName = scheduler
				c.create(p)
			}
		}
	}
	t.Run("muster: one runs whole, the other waits whole", func(t *testing.T) {
		c := newCluster(t, shared.start(t).sandbox.Config, "5", "5")
		interleave(c, "muster")
		c.wait("one gang to be bound whole", func() (bool, string) {
			red, blue := len(c.bound("red")), len(c.bound("blue"))
			return max(red, blue) == 6, fmt.Sprintf("red %d, blue %d", red, blue)
		})
		first, second := "red", "blue"
		if len(c.bound("blue")) == 6 {
			first, second = second, first
		}
		c.waitEvent(second, "FailedScheduling", "4 of 6 members fit")
		if got := c.bound(second); len(got) > 0 {
			t.Errorf("of the waiting gang %v have a node", got)
		}
		for i := range 6 {
			c.remove1(fmt.Sprintf("%s-%d", first, i))
		}
		c.waitBound(second, 6)
		for _, g := range []string{"red", "blue"} {
			if window, most := c.history.partial(g, 6); window > bindDeadline || most != 6 {
				t.Errorf("gang %s: at most %d bound, in part for %s", g, most, window)
			}
		}
	})
	t.Run("control: the default scheduler leaves both half placed", func(t *testing.T) {
		c := newCluster(t, shared.start(t).sandbox.Config, "5", "5")
		interleave(c, "default-scheduler")
		c.wait("ten pods to have a node", func() (bool, string) {
			red, blue := len(c.bound("red")), len(c.bound("blue"))
			return red+blue == 10, fmt.Sprintf("red %d, blue %d", red, blue)
		})
		if red, blue := len(c.bound("red")), len(c.bound("blue")); red == 6 || blue == 6 {
			t.Errorf("red %d, blue %d: the scenario does not show the deadlock", red, blue)
		}
	})
}

func TestGangOfAPodGroup(t *testing.T) {
	c := newCluster(t, shared.start(t).sandbox.Config, "4")
	pods := c.members("grouped", 3, "", "1")
	for _, p := range pods {
		p.Labels, p.Annotations = map[string]string{gang.PodGroupLabel: "grouped"}, nil
	}
	c.create(pods...)
	c.waitEvent("grouped", "WaitingForGang", "PodGroup "+c.ns+"/grouped does not exist")
	pg := &schedv1alpha1.PodGroup{ObjectMeta: metav1.ObjectMeta{Name: "grouped"}, Spec: schedv1alpha1.PodGroupSpec{MinMember: 4}}
	if _, err := c.podGroups.SchedulingV1alpha1().PodGroups(c.ns).Create(t.Context(), pg, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	c.waitEvent("grouped", "WaitingForGang", "3 of 4 members exist")
	if got := c.bound("grouped"); len(got) > 0 {
		t.Errorf("%v have a node before the gang is complete", got)
	}
	lower := []byte(`{"spec":{"minMember":3}}`)
	if _, err := c.podGroups.SchedulingV1alpha1().PodGroups(c.ns).Patch(t.Context(), "grouped", types.MergePatchType, lower, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	c.waitBound("grouped", 3)
}

func TestMemberThatComesLaterJoinsARunningGang(t *testing.T) {
	c := newCluster(t, shared.start(t).sandbox.Config, "3")
	c.create(c.members("late", 2, "2", "1")...)
	c.waitBound("late", 2)
	c.create(c.member("late", 2, "2", "1"))
	c.waitBound("late", 3)
	// A replacement is placed alone: the rest is running.
	c.remove1("late-0")
	c.create(c.member("late", 3, "2", "1"))
	c.waitBound("late", 3)
}

func TestGangPlannedByTheProfilesOwnFilters(t *testing.T) {
	c := newCluster(t, shared.start(t).sandbox.Config, "8", "8", "8")
	pods := c.members("apart", 4, "4", "1")
	for _, p := range pods {
		p.Spec.Affinity = &v1.Affinity{PodAntiAffinity: &v1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []v1.PodAffinityTerm{{
			TopologyKey:   v1.LabelHostname,
			LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{gang.NameLabel: "apart"}},
		}}}}
	}
	for i := range 3 {
		c.label(fmt.Sprintf("%s-%d", c.ns, i), v1.LabelHostname)
	}
	c.create(pods...)
	c.waitEvent("apart", "FailedScheduling", "3 of 4 members fit", "pod affinity or anti-affinity")
	if got := c.bound("apart"); len(got) > 0 {
		t.Errorf("%v have a node, want none", got)
	}
	c.addNode(c.ns+"-more", "8")
	c.label(c.ns+"-more", v1.LabelHostname)
	c.waitBound("apart", 4)
	nodes := map[string]bool{}
	for _, name := range c.bound("apart") {
		nodes[c.get(name).Spec.NodeName] = true
	}
	if len(nodes) != 4 {
		t.Errorf("the members share nodes: %v", nodes)
	}
}

// TestMemberWithATroubleOfItsOwnDoesNotKeepItsGangWaiting: the first member,
// which would stand in the queue for its gang, asks for a volume that does not exist.
func TestMemberWithATroubleOfItsOwnDoesNotKeepItsGangWaiting(t *testing.T) {
	c := newCluster(t, shared.start(t).sandbox.Config, "8")
	pods := c.members("spoilt", 4, "3", "1")
	pods[0].Spec.Volumes = []v1.Volume{{Name: "data", VolumeSource: v1.VolumeSource{
		PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: "nowhere"},
	}}}
	c.create(pods...)
	c.waitBound("spoilt", 3)
	if p := c.get("spoilt-0"); p.Spec.NodeName != "" {
		t.Errorf("the member without its volume is on %s", p.Spec.NodeName)
	}
}

func TestGangDoesWithoutItsHardestMember(t *testing.T) {
	c := newCluster(t, shared.start(t).sandbox.Config, "4")
	pods := c.members("spare", 3, "2", "1")
	pods[0].Spec.Containers[0].Resources.Requests[v1.ResourceCPU] = resource.MustParse("4")
	c.create(pods...)
	c.waitBound("spare", 2)
	if p := c.get("spare-0"); p.Spec.NodeName != "" {
		t.Errorf("the member that takes the whole node is on %s", p.Spec.NodeName)
	}
}

// TestMemberMendedInPlaceWakesItsGang: the toleration comes to a member that does
// not stand in the queue for its gang.
func TestMemberMendedInPlaceWakesItsGang(t *testing.T) {
	c := newCluster(t, shared.start(t).sandbox.Config, "8")
	node := c.ns + "-0"
	taint := []byte(`{"spec":{"taints":[{"key":"dedicated","value":"x","effect":"NoSchedule"}]}}`)
	if _, err := c.client.CoreV1().Nodes().Patch(t.Context(), node, types.MergePatchType, taint, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	tolerates := v1.Toleration{Key: "dedicated", Operator: v1.TolerationOpExists}
	pods := c.members("mended", 2, "2", "1")
	pods[0].Spec.Tolerations = append(pods[0].Spec.Tolerations, tolerates)
	c.create(pods...)
	c.waitEvent("mended", "FailedScheduling", "1 of 2 members fit", "untolerated taint")
	p := c.get("mended-1")
	p.Spec.Tolerations = append(p.Spec.Tolerations, tolerates)
	if _, err := c.client.CoreV1().Pods(c.ns).Update(t.Context(), p, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	c.waitBound("mended", 2)
}

// TestSecondRunOfAGangIsAGang: the members of the first run have succeeded and
// still exist, as after a run of a CronJob.
func TestSecondRunOfAGangIsAGang(t *testing.T) {
	c := newCluster(t, shared.start(t).sandbox.Config, "3")
	run := func(n int) {
		template := c.member("nightly", 0, "2", "2")
		template.Spec.RestartPolicy = v1.RestartPolicyNever
		two := int32(2)
		job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("run-%d", n)}, Spec: batchv1.JobSpec{
			Parallelism: &two, Completions: &two,
			Template: v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: template.Labels, Annotations: template.Annotations}, Spec: template.Spec},
		}}
		if _, err := c.client.BatchV1().Jobs(c.ns).Create(t.Context(), job, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	c.addNode(c.ns+"-second", "3")
	run(1)
	c.waitBound("run-1", 2)
	for _, name := range c.bound("run-1") {
		p := c.get(name)
		p.Status.Phase = v1.PodSucceeded
		if _, err := c.client.CoreV1().Pods(c.ns).UpdateStatus(t.Context(), p, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	// Room for one: were the second run no gang, one of its members would start.
	c.create(c.pod("tenant", "2"))
	c.waitBound("tenant", 1)
	run(2)
	c.waitEvent("run-2", "FailedScheduling", "1 of 2 members fit")
	if got := c.bound("run-2"); len(got) > 0 {
		t.Errorf("%v have a node, want none", got)
	}
	c.remove1("tenant")
	c.waitBound("run-2", 2)
}

func TestGangGoesWhereItsImageIs(t *testing.T) {
	c := newCluster(t, shared.start(t).sandbox.Config, "8", "8")
	const big = 8 << 30
	image := v1.ContainerImage{Names: []string{"registry.example/train@sha256:4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865", "registry.example/train:v1"}, SizeBytes: big}
	for i := range 2 {
		c.addNode(fmt.Sprintf("%s-warm-%d", c.ns, i), "2", image)
	}
	pods := c.members("warm", 4, "4", "1")
	for _, p := range pods {
		p.Spec.Containers[0].Image = "registry.example/train:v1"
	}
	c.create(pods...)
	c.waitBound("warm", 4)
	for _, name := range c.bound("warm") {
		p := c.get(name)
		if got := p.Annotations[gangbind.PullBytesAnnotation]; got != "0" {
			t.Errorf("%s on %s is expected to pull %s bytes, want 0", name, p.Spec.NodeName, got)
		}
	}
	// The warm nodes are full: one more has to pull, and says so.
	p := c.pod("cold", "1")
	p.Spec.Containers[0].Image = "registry.example/train:v1"
	c.create(p)
	c.waitBound("cold", 1)
	cold := c.get("cold")
	if bytes, seconds := cold.Annotations[gangbind.PullBytesAnnotation], cold.Annotations[gangbind.PullSecondsAnnotation]; bytes != fmt.Sprint(big) || seconds != "215.1" {
		t.Errorf("the cold pod is expected to pull %s bytes in %s s, want %d in 215.1", bytes, seconds, big)
	}
}

// TestAGangSaysWhenItsImagesAreThere: it has its nodes, which have to pull.
func TestAGangSaysWhenItsImagesAreThere(t *testing.T) {
	config := shared.start(t).sandbox.Config
	c := newCluster(t, config, "8", "8")
	image := v1.ContainerImage{Names: []string{"registry.example/train:v2"}, SizeBytes: 8 << 30}
	c.addNode(c.ns+"-tells", "0", image) // how large it is, and takes nobody
	c.createGroup("cold", 2)
	for i := range 2 {
		p := c.grouped("cold", i, "8")
		p.Spec.Containers[0].Image = "registry.example/train:v2"
		c.create(p)
	}
	c.waitBound("cold", 2)
	const want = "planned; its images are expected to be ready in 215 s: the last node, "
	c.waitEvent("cold", "GangPlanned", "gang "+c.ns+"/cold: "+want, "pulls 8Gi; 2 nodes pull 16Gi")
	g := c.groups(config, customGroups)
	g.waitStatus("cold", "Scheduling g1 2/2 0+0-0 Scheduled=True:Scheduled Ready=False:Starting")
	for _, condition := range g.status("cold").Conditions {
		if condition.Type == "Ready" && !strings.Contains(condition.Message, want) {
			t.Errorf("the condition says %q, want %q in it", condition.Message, want)
		}
	}
}

// TestANodeWithTooSmallADiskTakesNobody: somebody has stated how large it is.
func TestANodeWithTooSmallADiskTakesNobody(t *testing.T) {
	c := newCluster(t, shared.start(t).sandbox.Config)
	image := v1.ContainerImage{Names: []string{"registry.example/huge:v1"}, SizeBytes: 8 << 30}
	c.addNode(c.ns+"-tells", "0", image)
	small := c.ns + "-small"
	c.addNodeWith(small, "8", map[string]string{"muster.dev/image-disk": "5Gi"})
	plain := c.pod("plain", "1")
	plain.Spec.Containers[0].Image = "registry.example/huge:v1"
	pods := c.members("gang", 2, "2", "1")
	for _, p := range pods {
		p.Spec.Containers[0].Image = "registry.example/huge:v1"
	}
	c.create(append(pods, plain)...)
	c.waitEvent("plain", "FailedScheduling", "the images do not fit on the node's disk")
	c.waitEvent("gang", "FailedScheduling", "0 of 2 members fit", "1 images do not fit on the disk")
	patch := []byte(`{"metadata":{"labels":{"muster.dev/image-disk":"50Gi"}}}`)
	if _, err := c.client.CoreV1().Nodes().Patch(t.Context(), small, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	c.waitBound("plain", 1)
	c.waitBound("gang", 2)
}

// TestMembersThatComeInOneOrderOnly: the workers belong on the launcher's node,
// and come before it by name.
func TestMembersThatComeInOneOrderOnly(t *testing.T) {
	c := newCluster(t, shared.start(t).sandbox.Config, "4", "4", "4")
	for i := range 3 {
		c.label(fmt.Sprintf("%s-%d", c.ns, i), v1.LabelHostname)
	}
	pods := c.members("a-worker", 3, "4", "1")
	for _, p := range pods {
		p.Labels[gang.NameLabel] = "ordered"
		p.Spec.Affinity = &v1.Affinity{PodAffinity: &v1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []v1.PodAffinityTerm{{
			LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"part": "launcher"}}, TopologyKey: v1.LabelHostname,
		}}}}
	}
	launcher := c.member("z-launcher", 0, "4", "1")
	launcher.Labels = map[string]string{gang.NameLabel: "ordered", "part": "launcher"}
	c.create(append(pods, launcher)...)
	c.waitBound("a-worker", 3)
	c.waitBound("z-launcher", 1)
	on := map[string]bool{}
	for _, name := range append(c.bound("a-worker"), c.bound("z-launcher")...) {
		on[c.get(name).Spec.NodeName] = true
	}
	if len(on) != 1 {
		t.Errorf("the gang is on the nodes %v, want one", on)
	}
	for _, text := range c.events("a-worker", "FailedScheduling") {
		if strings.Contains(text, "refused") {
			t.Errorf("the plan of a member that comes later was not kept: %s", text)
		}
	}
}

// TestReplacementGetsTheRoomOfTheLostMember, though a plain pod waits for it longer.
func TestReplacementGetsTheRoomOfTheLostMember(t *testing.T) {
	c := newCluster(t, shared.start(t).sandbox.Config, "4")
	c.replicas("repaired", 4, "4", "1")
	c.waitBound("repaired", 4)
	c.create(c.pod("hungry", "1"))
	c.waitEvent("hungry", "FailedScheduling", "Insufficient cpu")
	for range 3 {
		c.remove1(c.bound("repaired")[0])
		c.wait("the gang to be whole again", func() (bool, string) {
			if got := c.bound("hungry"); len(got) > 0 {
				t.Fatal("the plain pod has the room")
			}
			got := c.bound("repaired")
			return len(got) == 4, fmt.Sprint(got)
		})
	}
}
