package snapshot

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	st "k8s.io/kubernetes/pkg/scheduler/testing"

	"github.com/muster-scheduler/muster/pkg/gang"
)

func TestMemberOf(t *testing.T) {
	byLabel := func() *st.PodWrapper {
		return st.MakePod().Namespace("ml").Name("train-3").UID("u").Label(gang.NameLabel, "train")
	}
	tests := map[string]struct {
		pod       *v1.Pod
		wantKey   gang.Key
		want      func(*gang.Member)
		wantFault string // a part of it
		plain     bool
	}{
		"a pod without marks is plain": {
			pod: st.MakePod().Name("p").Annotation(gang.MinAnnotation, "4").Obj(), plain: true,
		},
		"by label, with the minimum on the pod": {
			pod:     byLabel().Annotation(gang.MinAnnotation, " 4 ").Priority(7).SchedulerName("muster").Obj(),
			wantKey: gang.Key{Namespace: "ml", Name: "train"},
			want:    func(m *gang.Member) { m.Spec.Min, m.Priority, m.Scheduler = 4, 7, "muster" },
		},
		"by PodGroup, which states the minimum": {
			pod:     st.MakePod().Namespace("ml").Name("train-3").UID("u").Label(gang.PodGroupLabel, "train").Obj(),
			wantKey: gang.Key{Namespace: "ml", Name: "train", Source: gang.PodGroup},
		},
		"an indexed Job's pod has its place": {
			pod:     byLabel().Annotation(gang.MinAnnotation, "4").Annotation("batch.kubernetes.io/job-completion-index", "3").Obj(),
			wantKey: gang.Key{Namespace: "ml", Name: "train"},
			want:    func(m *gang.Member) { m.Spec.Min, m.Index = 4, 3 },
		},
		"scheduling gates block": {
			pod:     byLabel().Annotation(gang.MinAnnotation, "4").SchedulingGates([]string{"wait"}).Obj(),
			wantKey: gang.Key{Namespace: "ml", Name: "train"},
			want:    func(m *gang.Member) { m.Spec.Min, m.Blocked = 4, true },
		},
		"a pod with a node is bound": {
			pod:     byLabel().Annotation(gang.MinAnnotation, "4").Node("n").Obj(),
			wantKey: gang.Key{Namespace: "ml", Name: "train"},
			want:    func(m *gang.Member) { m.Spec.Min, m.Phase = 4, gang.Bound },
		},
		"one that has succeeded is done": {
			pod:     byLabel().Annotation(gang.MinAnnotation, "4").Node("n").Phase(v1.PodSucceeded).Obj(),
			wantKey: gang.Key{Namespace: "ml", Name: "train"},
			want:    func(m *gang.Member) { m.Spec.Min, m.Phase = 4, gang.Done },
		},
		"no minimum":          {pod: byLabel().Obj(), wantKey: gang.Key{Namespace: "ml", Name: "train"}, wantFault: "Required value"},
		"a minimum as label":  {pod: byLabel().Label(gang.MinAnnotation, "4").Obj(), wantKey: gang.Key{Namespace: "ml", Name: "train"}, wantFault: "make it an annotation"},
		"a minimum of 0":      {pod: byLabel().Annotation(gang.MinAnnotation, "0").Obj(), wantKey: gang.Key{Namespace: "ml", Name: "train"}, wantFault: `Invalid value: "0"`},
		"a minimum in words":  {pod: byLabel().Annotation(gang.MinAnnotation, "all").Obj(), wantKey: gang.Key{Namespace: "ml", Name: "train"}, wantFault: "whole number"},
		"a gang without name": {pod: byLabel().Label(gang.NameLabel, "").Obj(), wantKey: gang.Key{Namespace: "ml"}, wantFault: "must name a gang"},
		"both labels":         {pod: byLabel().Label(gang.PodGroupLabel, "g").Obj(), wantKey: gang.Key{Namespace: "ml", Name: "train"}, wantFault: "keep one of them"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			key, got, ok := MemberOf(tc.pod)
			if ok == tc.plain {
				t.Fatalf("member: %v", ok)
			}
			if tc.plain {
				return
			}
			if key != tc.wantKey {
				t.Errorf("gang %+v, want %+v", key, tc.wantKey)
			}
			if !strings.Contains(got.Fault, tc.wantFault) || (got.Fault == "") != (tc.wantFault == "") {
				t.Errorf("fault %q, want one with %q", got.Fault, tc.wantFault)
			}
			want := gang.Member{UID: "u", Name: "train-3", Created: tc.pod.CreationTimestamp.UnixNano(), Fault: got.Fault}
			if tc.want != nil {
				tc.want(&want)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("member (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzMemberOf(f *testing.F) {
	f.Add("train", "4", "", "0")
	f.Add("", "-1", "group", "99999999999999999999")
	f.Fuzz(func(t *testing.T, name, minimum, group, index string) {
		pod := st.MakePod().Name("p").Label(gang.NameLabel, name).Annotation(gang.MinAnnotation, minimum).
			Annotation("batch.kubernetes.io/job-completion-index", index).Obj()
		if group != "" {
			pod.Labels[gang.PodGroupLabel] = group
		}
		_, m, ok := MemberOf(pod)
		if !ok || m.Index < 0 || m.Fault == "" && m.Spec.Min < 1 {
			t.Errorf("%v %+v", ok, m)
		}
	})
}

func TestMembersOfOneJobAreOneClass(t *testing.T) {
	member := func(i string) *st.PodWrapper {
		return st.MakePod().Name("train-"+i).UID(i).Label("app", "train").Label("batch.kubernetes.io/job-completion-index", i).
			Container("registry.example/train:v1").Req(map[v1.ResourceName]string{v1.ResourceCPU: "1"})
	}
	withToken := func(p *v1.Pod, name string) *v1.Pod {
		p.Spec.Hostname = p.Name
		p.Spec.Volumes = []v1.Volume{{Name: name, VolumeSource: v1.VolumeSource{Projected: &v1.ProjectedVolumeSource{}}}}
		p.Spec.Containers[0].VolumeMounts = []v1.VolumeMount{{Name: name, MountPath: "/var/run"}}
		p.Spec.Containers[0].Env = []v1.EnvVar{{Name: "RANK", Value: p.Name}}
		return p
	}
	first := withToken(member("0").Obj(), "kube-api-access-x")
	if a, b := classKey(first), classKey(withToken(member("1").Obj(), "kube-api-access-y")); a != b {
		t.Errorf("two members of a Job differ:\n%s\n%s", a, b)
	}
	apart := func(p *st.PodWrapper) *v1.Pod {
		return p.PodAntiAffinityExists("app", v1.LabelHostname, st.PodAntiAffinityWithRequiredReq).Obj()
	}
	different := map[string]*v1.Pod{
		"more cpu":           member("1").Req(map[v1.ResourceName]string{v1.ResourceCPU: "2"}).Obj(),
		"another selector":   member("1").NodeSelector(map[string]string{"disk": "ssd"}).Obj(),
		"a host port":        member("1").HostPort(80).Obj(),
		"a volume":           member("1").PVC("data").Obj(),
		"terms of its own":   apart(member("1")),
		"another toleration": member("1").Toleration("dedicated").Obj(),
	}
	for name, pod := range different {
		if classKey(first) == classKey(pod) {
			t.Errorf("%s makes no difference", name)
		}
	}
	if a, b := classKey(apart(member("1").Label("app", "a"))), classKey(apart(member("1").Label("app", "b"))); a == b {
		t.Error("labels make no difference to members with terms about one another")
	}
}
