package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// unschedulable returns the pods with this prefix that an autoscaler adds nodes for.
func (c *cluster) unschedulable(prefix string) (names []string) {
	c.t.Helper()
	list, err := c.client.CoreV1().Pods(c.ns).List(c.t.Context(), metav1.ListOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, p := range list.Items {
		condition := conditionOf(&p, v1.PodScheduled)
		if strings.HasPrefix(p.Name, prefix) && condition != nil && condition.Status == v1.ConditionFalse && condition.Reason == v1.PodReasonUnschedulable {
			names = append(names, p.Name)
		}
	}
	slices.Sort(names)
	return names
}

func (c *cluster) waitUnschedulable(prefix string, want ...string) {
	c.t.Helper()
	c.wait(fmt.Sprintf("%q to be called unschedulable", want), func() (bool, string) {
		got := c.unschedulable(prefix)
		return slices.Equal(got, want), fmt.Sprint(got)
	})
}

// TestAutoscalersSeeWholeGangs: a gang that nodes would help calls for them with all
// the members that it needs, in one event, and each of them is told once.
func TestAutoscalersSeeWholeGangs(t *testing.T) {
	c := newCluster(t, shared.start(t).sandbox.Config, "2", "2")
	all := []string{"four-0", "four-1", "four-2", "four-3"}
	c.create(c.members("four", 4, "4", "3")...) // none of which fits
	c.waitUnschedulable("four", all...)
	c.waitEvent("four", "FailedScheduling", "0 of 4 members fit", "insufficient cpu")
	list, err := c.client.CoreV1().Events(c.ns).List(t.Context(), metav1.ListOptions{FieldSelector: "reason=FailedScheduling"})
	if err != nil || len(list.Items) != 1 {
		t.Errorf("%d events FailedScheduling, want one for the gang: %v %v", len(list.Items), list.Items, err)
	}

	// One more node is not enough, and who is tried again for another reason hears of it.
	// That is another verdict, and it is written at the member who speaks for all alone.
	versions := func() (out []string) {
		for _, name := range all[1:] {
			out = append(out, c.get(name).ResourceVersion)
		}
		return out
	}
	before := versions()
	c.addNode(c.ns+"-more-0", "3")
	if _, err := c.client.CoreV1().Pods(c.ns).Patch(t.Context(), all[0], types.MergePatchType, []byte(`{"metadata":{"labels":{"changed":"yes"}}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	c.wait("the first member to tell of it", func() (bool, string) {
		condition := conditionOf(c.get(all[0]), v1.PodScheduled)
		return strings.Contains(condition.Message, "1 of 4 members fit"), condition.Message
	})
	if after := versions(); !slices.Equal(before, after) {
		t.Errorf("the members were written to: %v, then %v", before, after)
	}
	c.waitUnschedulable("four", all...)

	for i := 1; i < 4; i++ {
		c.addNode(fmt.Sprintf("%s-more-%d", c.ns, i), "3")
	}
	c.waitBound("four", 4)
	for _, name := range all {
		c.waitCondition(name, v1.PodScheduled, v1.ConditionTrue)
	}
}

// TestNoNodesForWhomTheyWouldNotHelp: nobody is called unschedulable of a gang that lacks
// members, or something else than nodes.
func TestNoNodesForWhomTheyWouldNotHelp(t *testing.T) {
	t.Run("members are missing, and then room, and then members again", func(t *testing.T) {
		c := newCluster(t, shared.start(t).sandbox.Config, "1")
		c.create(c.members("half", 2, "3", "2")...)
		c.waitEvent("half", "WaitingForGang", "2 of 3 members exist")
		for i := range 2 {
			if condition := conditionOf(c.get(fmt.Sprintf("half-%d", i)), v1.PodScheduled); condition != nil {
				t.Errorf("half-%d says %+v, before it was tried", i, condition)
			}
		}
		c.create(c.member("half", 2, "3", "2"))
		c.waitUnschedulable("half", "half-0", "half-1", "half-2")
		c.remove1("half-1")
		c.waitUnschedulable("half")
	})
	t.Run("a volume is missing", func(t *testing.T) {
		c := newCluster(t, shared.start(t).sandbox.Config, "4")
		for _, pod := range c.members("train", 2, "2", "1") {
			pod.Spec.Volumes = []v1.Volume{{Name: "data", VolumeSource: v1.VolumeSource{PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}}}
			c.create(pod)
		}
		c.waitEvent("train", "FailedScheduling", "0 of 2 members fit", "volume not usable")
		c.stays("no member called unschedulable", 3*time.Second, func() (bool, string) {
			got := c.unschedulable("train")
			return len(got) == 0, fmt.Sprint(got)
		})
	})
	t.Run("there are more members than the gang needs", func(t *testing.T) {
		c := newCluster(t, shared.start(t).sandbox.Config, "1")
		c.create(c.members("many", 3, "2", "2")...)
		c.waitUnschedulable("many", "many-0", "many-1")
		c.addNode(c.ns+"-more", "4")
		c.waitBound("many", 2)
		// Who is left is for itself, and says so as of then.
		c.waitUnschedulable("many", "many-2")
	})
}

// TestJobsSayWhatTheirGangWaitsFor: who looks at a Job need not look for its pods.
func TestJobsSayWhatTheirGangWaitsFor(t *testing.T) {
	c := newCluster(t, shared.start(t).sandbox.Config, "2")
	three, pod := int32(3), c.member("train", 0, "4", "1")
	pod.Spec.RestartPolicy = v1.RestartPolicyNever
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "run"}, Spec: batchv1.JobSpec{
		Parallelism: &three, Completions: &three,
		Template: v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: pod.Labels, Annotations: pod.Annotations}, Spec: pod.Spec},
	}}
	job, err := c.client.BatchV1().Jobs(c.ns).Create(t.Context(), job, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	says := func(reason, text string) {
		t.Helper()
		c.wait(fmt.Sprintf("an event %s at the Job with %q", reason, text), func() (bool, string) {
			list, err := c.client.CoreV1().Events(c.ns).List(t.Context(), metav1.ListOptions{FieldSelector: "involvedObject.kind=Job,involvedObject.uid=" + string(job.UID)})
			if err != nil {
				return false, err.Error()
			}
			seen := ""
			for _, e := range list.Items {
				seen += e.Reason + ": " + e.Message + "\n"
			}
			return strings.Contains(seen, reason+": gang "+c.ns+"/train: "+text), seen
		})
	}
	says("WaitingForGang", "3 of 4 members exist")
	c.create(c.member("train", 3, "4", "1"))
	says("FailedScheduling", "2 of 4 members fit; one more needs cpu 1")
}

// TestRoomIsHeldBySomebody who is named if he is of the gang's namespace, and is counted
// if not.
func TestRoomIsHeldBySomebody(t *testing.T) {
	p := shared.start(t)
	c := newCluster(t, p.sandbox.Config, "4", "4")
	c.create(c.members("held", 2, "2", "3")...)
	c.waitBound("held", 2)
	c.create(c.pod("single", "1"))
	c.waitBound("single", 1)
	c.stranger("1")
	c.create(c.members("train", 2, "2", "2")...)
	_, tenant := readers(t, p, c)
	want := fmt.Sprintf("gang %[1]s/train: 0 of 2 members fit; one more needs cpu 2, the nearest node has cpu 0 free", c.ns)
	held := fmt.Sprintf("; it is held by gang %[1]s/held (2 pods) and pod %[1]s/single, and by 1 pod of another namespace\n", c.ns)
	for _, question := range [][]string{{"why", "gang", "train"}, {"why", "pod", "train-0"}} {
		c.wait("kubectl muster "+strings.Join(question, " ")+" to tell who holds the room", func() (bool, string) {
			out, errOut, err := tenant.ask(t.Context(), append(question, "-n", c.ns)...)
			return err == nil && strings.Contains(out, want) && strings.Contains(out, held), fmt.Sprint(out, errOut, err)
		})
	}
	out, _, err := tenant.ask(t.Context(), "gangs", "-n", c.ns, "-o", "json")
	if err != nil || !strings.Contains(out, `"single"`) || !strings.Contains(out, `"others": 1`) || strings.Contains(out, "stranger") {
		t.Errorf("it tells of another namespace: %s %v", out, err)
	}
	// Who holds it is no other verdict: the event does not say so.
	for _, text := range c.events("train", "FailedScheduling") {
		if strings.Contains(text, "held by") {
			t.Errorf("the event says %s", text)
		}
	}
}
