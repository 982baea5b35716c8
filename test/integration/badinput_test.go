package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	schedv1alpha1 "sigs.k8s.io/scheduler-plugins/apis/scheduling/v1alpha1"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/sandbox"
)

// TestBadInputIsToldAndStopsNobodyElse gives the scheduler what it cannot use.
// Each pod is told in an event that names the field and the fix; none gets a
// node; and a plain pod that comes after is scheduled as ever.
func TestBadInputIsToldAndStopsNobodyElse(t *testing.T) {
	c := newCluster(t, shared.start(t).sandbox.Config, "16")
	minMember := func(text string) func(*v1.Pod) {
		return func(p *v1.Pod) { p.Annotations[gang.MinAnnotation] = text }
	}
	tests := map[string]struct {
		spoil func(p *v1.Pod)
		want  []string
	}{
		"zero":       {minMember("0"), []string{`metadata.annotations[muster.dev/min-member]: Invalid value: "0"`, "1 or more"}},
		"negative":   {minMember("-3"), []string{`Invalid value: "-3"`, "1 or more"}},
		"words":      {minMember("four"), []string{`Invalid value: "four"`, "whole number"}},
		"beyond-int": {minMember("99999999999999999999"), []string{"Invalid value", "whole number"}},
		"above-cap":  {minMember("10001"), []string{"metadata.annotations[muster.dev/min-member]: Invalid value: 10001", "between 1 and 10000"}},
		"missing":    {func(p *v1.Pod) { p.Annotations = nil }, []string{"metadata.annotations[muster.dev/min-member]: Required value"}},
		"misplaced": {func(p *v1.Pod) {
			p.Labels[gang.MinAnnotation], p.Annotations = "1", nil
		}, []string{"Required value", "make it an annotation"}},
		"unnamed": {func(p *v1.Pod) { p.Labels[gang.NameLabel] = "" }, []string{"metadata.labels[muster.dev/gang]", "must name a gang"}},
		"both":    {func(p *v1.Pod) { p.Labels[gang.PodGroupLabel] = "g" }, []string{"metadata.labels[muster.dev/gang]: Forbidden", "keep one"}},
		"no-group": {func(p *v1.Pod) {
			p.Labels, p.Annotations = map[string]string{gang.PodGroupLabel: "nowhere"}, nil
		}, []string{"PodGroup " + c.ns + "/nowhere does not exist", "create it"}},
	}
	for name, tc := range tests {
		p := c.member(name, 0, "1", "1")
		tc.spoil(p)
		c.create(p)
	}
	for name, tc := range tests {
		c.waitEvent(name, "", tc.want...)
	}
	c.create(c.pod("plain", "1"))
	c.waitBound("plain", 1)
	for name := range tests {
		if got := c.bound(name); len(got) > 0 {
			t.Errorf("%v have a node", got)
		}
	}
	// What can be mended in place is let in when it is.
	p := c.get("zero-0")
	p.Annotations[gang.MinAnnotation] = "1"
	if _, err := c.client.CoreV1().Pods(c.ns).Update(t.Context(), p, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	c.waitBound("zero", 1)
}

func TestMemberThatDepartsFromItsGangIsRefusedAndTheGangGoesOn(t *testing.T) {
	c := newCluster(t, shared.start(t).sandbox.Config, "16")
	c.create(c.members("mixed", 2, "3", "1")...)
	c.waitEvent("mixed", "WaitingForGang", "2 of 3 members exist")
	urgent, other := c.member("mixed", 8, "3", "1"), c.member("mixed", 9, "4", "1")
	urgent.Spec.PriorityClassName = "system-cluster-critical"
	c.create(urgent, other)
	c.waitEvent("mixed-8", "InvalidGangMember", "priority 2000000000 differs from gang", "all members need one priority")
	c.waitEvent("mixed-9", "InvalidGangMember", "muster.dev/min-member: 4 differs from gang", "all members need one minimum")
	c.create(c.member("mixed", 2, "3", "1"))
	c.waitBound("mixed", 3)
}

// TestAMinimumWithoutAGangIsTold, once; the pod is scheduled as the plain one that it is.
func TestAMinimumWithoutAGangIsTold(t *testing.T) {
	c := newCluster(t, shared.start(t).sandbox.Config, "2")
	lone := c.member("lone", 0, "2", "1")
	lone.Labels = nil
	c.create(lone)
	c.waitBound("lone", 1)
	c.waitEvent("lone", "InvalidGangMember", gang.MinAnnotation, "without the label "+gang.NameLabel)
	if n := len(c.events("lone", "InvalidGangMember")); n != 1 {
		t.Errorf("told %d times", n)
	}
}

func TestPodGroupWithAnInvalidMinimumIsRefusedByTheAPI(t *testing.T) {
	c := newCluster(t, shared.start(t).sandbox.Config)
	for _, n := range []int32{-1, 10001} {
		pg := &schedv1alpha1.PodGroup{ObjectMeta: metav1.ObjectMeta{Name: "bad"}, Spec: schedv1alpha1.PodGroupSpec{MinMember: n}}
		if _, err := c.podGroups.SchedulingV1alpha1().PodGroups(c.ns).Create(t.Context(), pg, metav1.CreateOptions{}); err == nil || !strings.Contains(err.Error(), "minMember") {
			t.Errorf("minMember %d: %v, want an error that names the field", n, err)
		}
	}
}

func TestUnknownPluginArgumentStopsTheStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	err := os.WriteFile(file, []byte(`apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: muster
  pluginConfig:
  - name: GangBind
    args: {paralelism: 8}
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = shared.start(t).sandbox.StartScheduler(t.Context(), sandbox.Muster, "--config="+file)
	if err == nil {
		t.Fatal("the scheduler started")
	}
	if want := "profiles[0].pluginConfig[0].args.paralelism"; !strings.Contains(err.Error(), want) {
		t.Errorf("the error does not name %s: %v", want, err)
	}
}
