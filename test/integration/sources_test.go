package integration

import (
	"fmt"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"github.com/muster-scheduler/muster/manifests"
	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/sandbox"
)

var codecs = serializer.NewCodecFactory(clientgoscheme.Scheme)

// definition installs the definition of PodGroup as coscheduling's: ours without
// what it adds.
func definition(t *testing.T, s *sandbox.Sandbox) {
	t.Helper()
	data, err := manifests.FS.ReadFile("install/crd-podgroups.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd map[string]any
	if err := yaml.Unmarshal(data, &crd); err != nil {
		t.Fatal(err)
	}
	version := crd["spec"].(map[string]any)["versions"].([]any)[0].(map[string]any)
	delete(version, "additionalPrinterColumns")
	root := version["schema"].(map[string]any)["openAPIV3Schema"].(map[string]any)
	status := root["properties"].(map[string]any)["status"].(map[string]any)["properties"].(map[string]any)
	for _, ours := range []string{"observedGeneration", "members", "bound", "conditions"} {
		if _, ok := status[ours]; !ok {
			t.Errorf("our definition has no status.%s", ours)
		}
		delete(status, ours)
	}
	if data, err = yaml.Marshal(crd); err != nil {
		t.Fatal(err)
	}
	if err := s.ApplyYAML(t.Context(), data); err != nil {
		t.Fatal(err)
	}
}

// job is a Job whose pods are like the given one.
func (c *cluster) job(name string, parallelism int32, mode batchv1.CompletionMode, like *v1.Pod) {
	c.t.Helper()
	spec := like.Spec
	spec.RestartPolicy = v1.RestartPolicyNever
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: batchv1.JobSpec{
		Parallelism: &parallelism, Completions: &parallelism, CompletionMode: &mode,
		Template: v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: like.Labels, Annotations: like.Annotations}, Spec: spec},
	}}
	if _, err := c.client.BatchV1().Jobs(c.ns).Create(c.t.Context(), job, metav1.CreateOptions{}); err != nil {
		c.t.Fatal(err)
	}
}

// worker is a member of a gang by label that does not state its minimum.
func (c *cluster) worker(gangName, cpu string) *v1.Pod {
	p := c.pod(gangName, cpu)
	p.Labels = map[string]string{gang.NameLabel: gangName}
	return p
}

func TestGangOfAJobTakesItsParallelismForItsMinimum(t *testing.T) {
	c := newCluster(t, shared.start(t).sandbox.Config, "2")
	c.job("fleet", 3, batchv1.NonIndexedCompletion, c.worker("fleet", "1"))
	c.waitEvent("fleet", "FailedScheduling", "2 of 3 members fit")
	if got := c.bound("fleet"); len(got) > 0 {
		t.Errorf("%v have a node, want none", got)
	}
	// Two are enough if the Job wants no more.
	if _, err := c.client.BatchV1().Jobs(c.ns).Patch(t.Context(), "fleet", types.MergePatchType, []byte(`{"spec":{"parallelism":2}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	c.waitBound("fleet", 2)
}

// TestIndexThatIsCollectedStillCounts: of three indexes one has completed and its
// pod is gone, one fails. What replaces it must not wait for a third member.
func TestIndexThatIsCollectedStillCounts(t *testing.T) {
	c := newCluster(t, shared.start(t).sandbox.Config, "8")
	c.job("sweep", 3, batchv1.IndexedCompletion, c.worker("sweep", "1"))
	c.waitBound("sweep", 3)
	byIndex := map[string]string{}
	for _, name := range c.bound("sweep") {
		byIndex[c.get(name).Labels[batchv1.JobCompletionIndexAnnotation]] = name
	}
	c.become(v1.PodSucceeded, byIndex["0"])
	c.wait("index 0 to be complete", func() (bool, string) {
		job, err := c.client.BatchV1().Jobs(c.ns).Get(t.Context(), "sweep", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return job.Status.CompletedIndexes == "0", job.Status.CompletedIndexes
	})
	c.remove1(byIndex["0"])
	c.become(v1.PodFailed, byIndex["1"])
	c.wait("index 1 to run again", func() (bool, string) {
		for _, name := range c.bound("sweep") {
			p := c.get(name)
			if p.Labels[batchv1.JobCompletionIndexAnnotation] == "1" && p.Status.Phase == v1.PodPending {
				return true, ""
			}
		}
		return false, strings.Join(c.events("sweep", ""), "\n")
	})
}

// TestWhatAnnotationsGetWrongIsTold: each pod is told in an event that names the
// field and the fix, and a plain pod that comes after is scheduled as ever.
func TestWhatAnnotationsGetWrongIsTold(t *testing.T) {
	c := newCluster(t, shared.start(t).sandbox.Config, "8")
	tests := map[string]struct{ key, text, want string }{
		"max":       {gang.MaxAnnotation, "-1", `metadata.annotations[muster.dev/max-member]: Invalid value: "-1": must be a whole number`},
		"below":     {gang.MaxAnnotation, "1", "metadata.annotations[muster.dev/max-member]: Invalid value: 1: must be at least the minimum of 2"},
		"roles":     {gang.RolesAnnotation, "launcher", "metadata.annotations[muster.dev/roles]: Invalid value: \"launcher\": must be roles and how many"},
		"sum":       {gang.RolesAnnotation, "a=2,b=2", "the roles a=2,b=2 need 4 members together"},
		"role":      {gang.RoleAnnotation, "ein Häuptling", "metadata.annotations[muster.dev/role]: Invalid value"},
		"topology":  {gang.TopologyAnnotation, "zone", "metadata.annotations[muster.dev/topology]: Invalid value: \"zone\": must be labels of nodes"},
		"levels":    {gang.TopologyAnnotation, "a=required,b=required,c=required,d=required,e=required,f=required,g=required,h=required,i=required", "Too many: 9"},
		"very-long": {gang.RolesAnnotation, strings.Repeat("x", 100_000), "must be roles and how many"},
	}
	for name, tc := range tests {
		p := c.member(name, 0, "2", "1")
		p.Annotations[tc.key] = tc.text
		c.create(p)
	}
	for name, tc := range tests {
		c.waitEvent(name, "", tc.want)
	}
	c.create(c.pod("plain", "1"))
	c.waitBound("plain", 1)
	for name := range tests {
		if got := c.bound(name); len(got) > 0 {
			t.Errorf("%v have a node", got)
		}
	}
}

// TestThreeWaysSideBySide runs gangs of all three kinds in one cluster whose API
// server has PodGroups of its own.
func TestThreeWaysSideBySide(t *testing.T) {
	s, muster := own(t, sandbox.Options{GenericWorkload: true})
	c := newCluster(t, s.Config, "2")
	native := func(group string, i int) *v1.Pod {
		p := c.pod(fmt.Sprintf("%s-%d", group, i), "1")
		p.Spec.SchedulingGroup = &v1.PodSchedulingGroup{PodGroupName: &group}
		return p
	}
	g := c.groups(s.Config, nativeGroups)
	c.create(native("native", 0))
	c.waitEvent("native", "WaitingForGang", "PodGroup "+c.ns+"/native does not exist")
	apply := func(name, policy string) {
		t.Helper()
		text := fmt.Sprintf("{apiVersion: scheduling.k8s.io/v1beta1, kind: PodGroup, metadata: {name: %s, namespace: %s}, spec: {schedulingPolicy: %s}}", name, c.ns, policy)
		if err := s.ApplyYAML(t.Context(), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	apply("native", "{gang: {minCount: 3}}")
	c.create(native("native", 1))
	g.waitStatus("native", "PodGroupInitiallyScheduled=False:Gathering")
	c.create(native("native", 2))
	c.waitEvent("native", "FailedScheduling", "2 of 3 members fit")
	g.waitStatus("native", "PodGroupInitiallyScheduled=False:Unschedulable")

	// The others come, and fill the node.
	c.createGroup("custom", 2)
	c.job("custom", 2, batchv1.NonIndexedCompletion, c.grouped("custom", 0, "250m"))
	c.create(c.member("label", 0, "1", "500m"))
	apply("basic", "{basic: {}}")
	c.create(native("basic", 0))
	for prefix, n := range map[string]int{"custom": 2, "label": 1, "basic": 1} {
		c.waitBound(prefix, n)
	}
	if got := c.bound("native"); len(got) > 0 {
		t.Errorf("%v have a node, want none", got)
	}
	c.addNode(c.ns+"-more", "3")
	c.waitBound("native", 3)
	g.waitStatus("native", "PodGroupInitiallyScheduled=True:Scheduled")
	// Once scheduled, it stays so.
	g.patch("native", `{"spec":{"schedulingPolicy":{"gang":{"minCount":4}}}}`)
	c.create(native("native", 3))
	c.waitEvent("native-3", "FailedScheduling", "insufficient cpu")
	g.waitStatus("native", "PodGroupInitiallyScheduled=True:Scheduled")

	// Two ways at once are refused.
	both := native("native", 9)
	both.Labels = map[string]string{gang.NameLabel: "label"}
	c.create(both)
	c.waitEvent("native-9", "InvalidGangMember", "metadata.labels[muster.dev/gang]: Forbidden", "keep one of them")

	// Who takes over finds the statuses true, and has nothing to add to them.
	custom := c.groups(s.Config, customGroups)
	pods := c.bound("custom")
	c.become(v1.PodRunning, pods[0])
	c.become(v1.PodSucceeded, pods[1])
	custom.waitStatus("custom", "Running g1 2/2 1+1-0 Scheduled=True:Scheduled Ready=True:Running")
	before := custom.version("custom") + g.version("native") + g.version("basic")
	if err := muster.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.StartScheduler(t.Context(), sandbox.Muster); err != nil {
		t.Fatal(err)
	}
	c.createGroup("next", 1)
	c.create(c.grouped("next", 0, "1m"))
	custom.waitStatus("next", "Scheduling g1 1/1 0+0-0 Scheduled=True:Scheduled Ready=False:Starting")
	if after := custom.version("custom") + g.version("native") + g.version("basic"); after != before {
		t.Errorf("the PodGroups were written to: versions %s before and %s after the change of leaders; custom says %s", before, after, custom.status("custom"))
	}
}

// TestRolesAreNotMadeUpForByOthers: nine workers are not a launcher and eight
// workers.
func TestRolesAreNotMadeUpForByOthers(t *testing.T) {
	c := newCluster(t, shared.start(t).sandbox.Config, "16")
	of := func(role string, i int) *v1.Pod {
		p := c.member("mpi", i, "", "1")
		p.Annotations = map[string]string{gang.RolesAnnotation: "launcher=1,worker=8", gang.RoleAnnotation: role}
		return p
	}
	for i := range 9 {
		c.create(of("worker", i))
	}
	c.waitEvent("mpi", "WaitingForGang", "launcher")
	c.create(c.pod("plain", "1")) // whoever could be scheduled by now would be
	c.waitBound("plain", 1)
	if got := c.bound("mpi"); len(got) > 0 {
		t.Errorf("%v have a node, want none without a launcher", got)
	}
	c.create(of("launcher", 9))
	c.waitBound("mpi", 10)
	if window, _ := c.history.partial("mpi", 9); window > bindDeadline {
		t.Errorf("bound in part for %s", window)
	}
}

// TestPodGroupWithRoles: what the labels of a gang's pods say, a PodGroup's
// annotations say too.
func TestPodGroupWithRoles(t *testing.T) {
	config := shared.start(t).sandbox.Config
	c := newCluster(t, config, "16")
	g := c.groups(config, customGroups)
	c.createGroup("ps", 3)
	g.patch("ps", `{"metadata":{"annotations":{"muster.dev/roles":"server=1,worker=2"}}}`)
	of := func(role string, i int) *v1.Pod {
		p := c.grouped("ps", i, "1")
		p.Annotations = map[string]string{gang.RoleAnnotation: role}
		return p
	}
	c.create(of("worker", 0), of("worker", 1), of("worker", 2))
	c.waitEvent("ps", "WaitingForGang", "server")
	g.waitStatus("ps", "Pending g1 3/0 0+0-0 Scheduled=False:Gathering Ready=False:NotScheduled")
	c.create(of("server", 3))
	c.waitBound("ps", 4)
	g.patch("ps", `{"metadata":{"annotations":{"muster.dev/roles":"server=0"}}}`)
	g.wait("the fault to be told", func() (bool, string) {
		s := g.status("ps")
		return s.Conditions[0].Reason == "Invalid" && strings.Contains(s.Conditions[0].Message, "the minimum of the role server must be a whole number, 1 or more"), s.Conditions[0].Message
	})
}
