package fit

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/profile"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
)

// profiles that nobody asks anything.
type unasked struct{ framework.Framework }

func podsOf(count int, change func(*v1.Pod)) v1alpha1.FitPods {
	pod := &v1.Pod{Spec: v1.PodSpec{SchedulerName: "muster", Containers: []v1.Container{{Name: "main", Image: "a", ImagePullPolicy: v1.PullAlways}}}}
	if change != nil {
		change(pod)
	}
	text, err := json.Marshal(pod)
	if err != nil {
		panic(err)
	}
	return v1alpha1.FitPods{Name: "pod/a", Pod: runtime.RawExtension{Raw: text}, Count: count}
}

// TestWhatIsWrongIsNamed: who asks is told the field, and nothing comes to the filters that the API server would not let in.
func TestWhatIsWrongIsNamed(t *testing.T) {
	p := &Planner{profiles: profile.Map{"muster": unasked{}}}
	pod := func(change func(*v1.Pod)) v1alpha1.FitSpec {
		return v1alpha1.FitSpec{Pods: []v1alpha1.FitPods{podsOf(1, change)}}
	}
	for name, tc := range map[string]struct {
		spec v1alpha1.FitSpec
		want string // "" for nothing
	}{
		"a pod":          {pod(nil), ""},
		"nothing":        {v1alpha1.FitSpec{}, "spec.pods: name at least one pod"},
		"no pod of it":   {v1alpha1.FitSpec{Pods: []v1alpha1.FitPods{podsOf(0, nil)}}, "spec.pods[0].count: 0: must be 1 or more, and all together 10000 at most"},
		"too many":       {v1alpha1.FitSpec{Pods: []v1alpha1.FitPods{podsOf(9_000, nil), podsOf(1_001, nil)}}, "spec.pods[1].count: 1001: must be 1 or more, and all together 10000 at most"},
		"too many kinds": {v1alpha1.FitSpec{Pods: make([]v1alpha1.FitPods, 65)}, "spec.pods: 65 kinds of pods: ask for 64 at a time"},
		"no JSON":        {v1alpha1.FitSpec{Pods: []v1alpha1.FitPods{{Count: 1, Pod: runtime.RawExtension{Raw: []byte("{")}}}}, "spec.pods[0].pod: unexpected end of JSON input"},
		"an object that is none of theirs": {
			v1alpha1.FitSpec{Pods: []v1alpha1.FitPods{podsOf(1, nil)}, Objects: []runtime.RawExtension{{Raw: []byte(`{"kind":"Secret","metadata":{"name":"s"}}`)}}},
			"spec.objects: Secret s: neither a Job nor a PodGroup",
		},
		"another scheduler": {pod(func(p *v1.Pod) { p.Spec.SchedulerName = "other" }), `spec.pods[0].pod: spec.schedulerName: "other": this scheduler serves ["muster"]`},
		"a node":            {pod(func(p *v1.Pod) { p.Spec.NodeName = "n" }), "spec.pods[0].pod: spec.nodeName: the pod has the node n, and nobody asks a scheduler for it"},
		"no containers":     {pod(func(p *v1.Pod) { p.Spec.Containers = nil }), "spec.pods[0].pod: spec.containers: it has none"},
		"a claim to come": {
			pod(func(p *v1.Pod) {
				p.Spec.ResourceClaims = []v1.PodResourceClaim{{Name: "gpu", ResourceClaimTemplateName: new("t")}}
			}),
			"spec.pods[0].pod: spec.resourceClaims[0].resourceClaimTemplateName: the claim is made for the pod when it exists, and its devices cannot be tried before",
		},
		"what the API server would refuse": {
			pod(func(p *v1.Pod) {
				p.Spec.TopologySpreadConstraints = []v1.TopologySpreadConstraint{{MaxSkew: 0, TopologyKey: "zone", WhenUnsatisfiable: v1.DoNotSchedule}}
			}),
			"spec.pods[0].pod: spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
		},
		"too large": {
			pod(func(p *v1.Pod) { p.Labels = map[string]string{"a": strings.Repeat("a", 64<<10)} }),
			"a pod may have 65536",
		},
		"what placement does not look at counts for nothing": {
			pod(func(p *v1.Pod) {
				p.Spec.Containers[0].Env = []v1.EnvVar{{Name: "A", Value: strings.Repeat("a", 64<<10)}}
			}), "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := p.units("ns", tc.spec)
			if got := fmt.Sprint(err); tc.want == "" && err != nil || !strings.Contains(got, tc.want) {
				t.Errorf("%v\nwant %s", err, tc.want)
			}
		})
	}
}

// TestPodsShareWhatTheyHaveInCommon: ten thousand of them take no more than one and their names.
func TestPodsShareWhatTheyHaveInCommon(t *testing.T) {
	p := &Planner{profiles: profile.Map{"muster": unasked{}}}
	units, err := p.units("ns", v1alpha1.FitSpec{Pods: []v1alpha1.FitPods{podsOf(3, nil), podsOf(2, nil)}})
	if err != nil || len(units) != 2 || len(units[0].Pods) != 3 || len(units[1].Turn.UIDs) != 2 {
		t.Fatalf("%v, %v", units, err)
	}
	a, b := units[0].Pods[0], units[0].Pods[2]
	if &a.Spec.Containers[0] != &b.Spec.Containers[0] {
		t.Error("each has containers of its own")
	}
	if a.UID == b.UID || a.Name == b.Name || a.UID == units[1].Pods[0].UID || !a.CreationTimestamp.Before(&b.CreationTimestamp) {
		t.Errorf("they are not told apart: %s %s, %s %s", a.UID, a.Name, b.UID, b.Name)
	}
}
