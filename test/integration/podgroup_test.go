package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	schedv1alpha1 "sigs.k8s.io/scheduler-plugins/apis/scheduling/v1alpha1"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/sandbox"
)

var (
	customGroups = schema.GroupVersionResource{Group: "scheduling.x-k8s.io", Version: "v1alpha1", Resource: "podgroups"}
	nativeGroups = schema.GroupVersionResource{Group: "scheduling.k8s.io", Version: "v1beta1", Resource: "podgroups"}
)

// groupStatus is the status of a PodGroup of either kind.
type groupStatus struct {
	Phase              string
	ObservedGeneration int64
	Members            *int
	Bound              *int
	Running            int
	Succeeded          int
	Failed             int
	Conditions         []metav1.Condition
}

// String is Phase gGENERATION members/bound running+succeeded-failed, and what the conditions say.
func (s groupStatus) String() string {
	var b strings.Builder
	if s.Phase != "" {
		fmt.Fprintf(&b, "%s ", s.Phase)
		if s.Members != nil && s.Bound != nil {
			fmt.Fprintf(&b, "g%d %d/%d ", s.ObservedGeneration, *s.Members, *s.Bound)
		}
		fmt.Fprintf(&b, "%d+%d-%d", s.Running, s.Succeeded, s.Failed)
	}
	for _, c := range s.Conditions {
		fmt.Fprintf(&b, " %s=%s:%s", c.Type, c.Status, c.Reason)
	}
	return strings.TrimSpace(b.String())
}

// groups are the PodGroups of one kind in a test's namespace.
type groups struct {
	*cluster
	dynamic.ResourceInterface
}

func (c *cluster) groups(config *rest.Config, resource schema.GroupVersionResource) groups {
	c.t.Helper()
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		c.t.Fatal(err)
	}
	return groups{c, client.Resource(resource).Namespace(c.ns)}
}

func (g groups) get(name string) *unstructured.Unstructured {
	g.t.Helper()
	u, err := g.Get(g.t.Context(), name, metav1.GetOptions{})
	if err != nil {
		g.t.Fatal(err)
	}
	return u
}

// version changes with every write.
func (g groups) version(name string) string { return g.get(name).GetResourceVersion() + " " }

func (g groups) status(name string) groupStatus {
	g.t.Helper()
	data, err := json.Marshal(g.get(name).Object["status"])
	if err != nil {
		g.t.Fatal(err)
	}
	var s groupStatus
	if err := json.Unmarshal(data, &s); err != nil {
		g.t.Fatal(err)
	}
	return s
}

func (g groups) waitStatus(name, want string) {
	g.t.Helper()
	g.wait(fmt.Sprintf("the status of PodGroup %s to be %q", name, want), func() (bool, string) {
		got := g.status(name).String()
		return got == want, got
	})
}

func (g groups) patch(name, patch string) {
	g.t.Helper()
	if _, err := g.Patch(g.t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		g.t.Fatal(err)
	}
}

// createGroup makes a PodGroup of scheduling.x-k8s.io.
func (c *cluster) createGroup(name string, minMember int32) {
	c.t.Helper()
	pg := &schedv1alpha1.PodGroup{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: schedv1alpha1.PodGroupSpec{MinMember: minMember}}
	if _, err := c.podGroups.SchedulingV1alpha1().PodGroups(c.ns).Create(c.t.Context(), pg, metav1.CreateOptions{}); err != nil {
		c.t.Fatal(err)
	}
}

// grouped is a member by the label of a PodGroup.
func (c *cluster) grouped(group string, i int, cpu string) *v1.Pod {
	p := c.pod(fmt.Sprintf("%s-%d", group, i), cpu)
	p.Labels = map[string]string{gang.PodGroupLabel: group}
	return p
}

// become says of a pod what its kubelet would.
func (c *cluster) become(phase v1.PodPhase, names ...string) {
	c.t.Helper()
	for _, name := range names {
		patch := fmt.Sprintf(`{"status":{"phase":%q}}`, phase)
		if _, err := c.client.CoreV1().Pods(c.ns).Patch(c.t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}, "status"); err != nil {
			c.t.Fatal(err)
		}
	}
}

// TestPodGroupStatusThroughALife follows a PodGroup from its first member to its
// last, as anybody sees it who reads the API.
func TestPodGroupStatusThroughALife(t *testing.T) {
	config := shared.start(t).sandbox.Config
	c := newCluster(t, config, "2")
	g := c.groups(config, customGroups)
	c.createGroup("life", 3)
	c.create(c.grouped("life", 0, "1"), c.grouped("life", 1, "1"))
	g.waitStatus("life", "Pending g1 2/0 0+0-0 Scheduled=False:Gathering Ready=False:NotScheduled")
	c.create(c.grouped("life", 2, "1"))
	g.waitStatus("life", "Pending g1 3/0 0+0-0 Scheduled=False:Unschedulable Ready=False:NotScheduled")
	if why := g.status("life").Conditions[0].Message; !strings.Contains(why, "2 of 3 members fit") || !strings.Contains(why, "insufficient cpu") {
		t.Errorf("the condition says %q, want the verdict", why)
	}
	c.addNode(c.ns+"-more", "2")
	g.waitStatus("life", "Scheduling g1 3/3 0+0-0 Scheduled=True:Scheduled Ready=False:Starting")
	c.become(v1.PodRunning, "life-0", "life-1", "life-2")
	g.waitStatus("life", "Running g1 3/3 3+0-0 Scheduled=True:Scheduled Ready=True:Running")
	columns := c.columns(config, "life")
	if want := "Running 3 3 3 0 0 Scheduled"; !strings.Contains(columns, want) {
		t.Errorf("kubectl get shows %q, want %q in it", columns, want)
	}

	// What is asked for changes while it runs.
	since := g.status("life").Conditions[0].LastTransitionTime
	g.patch("life", `{"spec":{"minMember":2}}`)
	g.waitStatus("life", "Running g2 3/3 3+0-0 Scheduled=True:Scheduled Ready=True:Running")
	if now := g.status("life").Conditions[0].LastTransitionTime; !now.Equal(&since) {
		t.Errorf("the condition Scheduled did not flip, and says since %s, not %s", now, since)
	}

	// A member fails and another comes in its place.
	g.patch("life", `{"spec":{"minMember":3}}`)
	c.become(v1.PodFailed, "life-0")
	g.waitStatus("life", "Failed g3 2/2 2+0-1 Scheduled=False:Repairing Ready=False:NotScheduled")
	c.create(c.grouped("life", 3, "1"))
	g.waitStatus("life", "Scheduling g3 3/3 2+0-1 Scheduled=True:Scheduled Ready=False:Starting")
	c.become(v1.PodSucceeded, "life-1", "life-2", "life-3")
	g.waitStatus("life", "Finished g3 3/3 0+3-1 Scheduled=True:Scheduled Ready=True:Finished")
}

// columns is the line that kubectl get shows of a PodGroup.
func (c *cluster) columns(config *rest.Config, name string) string {
	c.t.Helper()
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		c.t.Fatal(err)
	}
	raw, err := rest.RESTClientForConfigAndClient(withVersion(config), client)
	if err != nil {
		c.t.Fatal(err)
	}
	data, err := raw.Get().Namespace(c.ns).Resource("podgroups").Name(name).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	var table metav1.Table
	if err := json.Unmarshal(data, &table); err != nil {
		c.t.Fatal(err)
	}
	return strings.Trim(fmt.Sprint(table.Rows[0].Cells), "[]")
}

func withVersion(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	gv := customGroups.GroupVersion()
	config.APIPath, config.GroupVersion = "/apis", &gv
	config.NegotiatedSerializer = codecs.WithoutConversion()
	return config
}

// TestPodGroupOfAnotherSchedulerIsLeftAlone: its pods are not ours, so its status
// is not either.
func TestPodGroupOfAnotherSchedulerIsLeftAlone(t *testing.T) {
	config := shared.start(t).sandbox.Config
	c := newCluster(t, config, "8")
	g := c.groups(config, customGroups)
	c.createGroup("theirs", 2)
	p := c.grouped("theirs", 0, "1")
	p.Spec.SchedulerName = v1.DefaultSchedulerName
	c.create(p)
	c.waitBound("theirs", 1)
	c.createGroup("ours", 2)
	c.create(c.grouped("ours", 0, "1"))
	g.waitStatus("ours", "Pending g1 1/0 0+0-0 Scheduled=False:Gathering Ready=False:NotScheduled")
	if got := g.status("theirs").String(); got != "" {
		t.Errorf("the status of a PodGroup without pods of ours is %q", got)
	}
}

// TestPodGroupMadeAnew: the object goes and comes again while members run. They
// go on, and the new one is about those that come after it.
func TestPodGroupMadeAnew(t *testing.T) {
	config := shared.start(t).sandbox.Config
	c := newCluster(t, config, "8")
	g := c.groups(config, customGroups)
	c.createGroup("anew", 2)
	c.create(c.grouped("anew", 0, "1"), c.grouped("anew", 1, "1"))
	c.waitBound("anew", 2)
	g.waitStatus("anew", "Scheduling g1 2/2 0+0-0 Scheduled=True:Scheduled Ready=False:Starting")
	if err := g.Delete(t.Context(), "anew", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	c.createGroup("next", 1) // who has started it has heard of the deletion
	c.create(c.grouped("next", 0, "1"))
	c.waitBound("next", 1)
	c.create(c.grouped("anew", 2, "1"))
	c.waitEvent("anew-2", "WaitingForGang", "PodGroup "+c.ns+"/anew does not exist")
	if got := c.bound("anew"); len(got) != 2 {
		t.Errorf("%v have a node, want the two that had one", got)
	}
	c.createGroup("anew", 2)
	g.waitStatus("anew", "Pending g1 1/0 0+0-0 Scheduled=False:Gathering Ready=False:NotScheduled")
	g.patch("anew", `{"spec":{"minMember":1}}`)
	c.waitBound("anew", 3)
	g.waitStatus("anew", "Scheduling g2 1/1 0+0-0 Scheduled=True:Scheduled Ready=False:Starting")
}

// TestCoschedulingsOwnDefinition runs where no PodGroups are served at first, and
// later by the definition that comes with coscheduling.
func TestCoschedulingsOwnDefinition(t *testing.T) {
	t.Parallel()
	s, muster := own(t, sandbox.Options{NoPodGroups: true})
	c := newCluster(t, s.Config, "8")
	c.create(c.pod("plain", "1"))
	c.create(c.members("label", 2, "2", "1")...)
	c.waitBound("plain", 1)
	c.waitBound("label", 2)
	c.create(c.grouped("pg", 0, "1"), c.grouped("pg", 1, "1"))
	c.waitEvent("pg", "WaitingForGang", "PodGroup "+c.ns+"/pg does not exist")

	definition(t, s)
	g := c.groups(s.Config, customGroups)
	c.wait("the definition to be served", func() (bool, string) {
		_, err := g.List(t.Context(), metav1.ListOptions{})
		return err == nil, fmt.Sprint(err)
	})
	c.createGroup("pg", 2)
	c.waitBound("pg", 2) // the scheduler asks again by itself
	g.waitStatus("pg", "Scheduling 0+0-0")
	log, err := os.ReadFile(muster.LogPath())
	if err != nil {
		t.Fatal(err)
	}
	for what, times := range map[string]int{
		`resource="scheduling.x-k8s.io/v1alpha1, Resource=podgroups"`: 1, // said once, not at every poll
		"knows no conditions": 1,
	} {
		if got := strings.Count(string(log), what); got != times {
			t.Errorf("the log says %d times %q, want %d", got, what, times)
		}
	}
}

// TestPodGroupOfAnotherMusterIsLeftAlone, also by one that starts when its status
// is there.
func TestPodGroupOfAnotherMusterIsLeftAlone(t *testing.T) {
	t.Parallel()
	const whole = "Scheduling g1 1/1 0+0-0 Scheduled=True:Scheduled Ready=False:Starting"
	run := func(x *trial) groups {
		c := x.cluster(t, "8")
		c.createGroup("gang", 1)
		c.create(c.grouped("gang", 0, "1"))
		g := c.groups(faulty.sandbox.Config, customGroups)
		g.waitStatus("gang", whole)
		return g
	}
	one := run(newTrial(t, "muster-one"))
	run(newTrial(t, "muster-two"))
	if got := one.status("gang").String(); got != whole {
		t.Errorf("the status that one Muster wrote becomes %q when another reports", got)
	}
}
