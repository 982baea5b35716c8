package snapshot

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
			want:    func(m *gang.Member) { m.Spec.Min, m.Blocked = 4, "the pod has scheduling gates" },
		},
		"a pod with a node is bound": {
			pod:     byLabel().Annotation(gang.MinAnnotation, "4").Node("n").Obj(),
			wantKey: gang.Key{Namespace: "ml", Name: "train"},
			want:    func(m *gang.Member) { m.Spec.Min, m.Phase, m.Node = 4, gang.Bound, "n" },
		},
		"one that has succeeded is done": {
			pod:     byLabel().Annotation(gang.MinAnnotation, "4").Node("n").Phase(v1.PodSucceeded).Obj(),
			wantKey: gang.Key{Namespace: "ml", Name: "train"},
			want:    func(m *gang.Member) { m.Spec.Min, m.Phase, m.Node = 4, gang.Done, "n" },
		},
		"one that runs says since when it has its node": {
			pod: byLabel().Annotation(gang.MinAnnotation, "4").Node("n").Phase(v1.PodRunning).
				Conditions([]v1.PodCondition{{Type: v1.PodScheduled, Status: v1.ConditionTrue, LastTransitionTime: metav1.Unix(1000, 0)}}).Obj(),
			wantKey: gang.Key{Namespace: "ml", Name: "train"},
			want: func(m *gang.Member) {
				m.Spec.Min, m.Phase, m.Node, m.BoundAt, m.Running = 4, gang.Bound, "n", 1000e9, true
			},
		},
		"roles, an upper bound and a topology": {
			pod: byLabel().Annotation(gang.MaxAnnotation, "12").Annotation(gang.RoleAnnotation, " worker ").
				Annotation(gang.RolesAnnotation, " worker = 8, launcher=1").
				Annotation(gang.TopologyAnnotation, "topology.kubernetes.io/zone=required, rack = preferred").Obj(),
			wantKey: gang.Key{Namespace: "ml", Name: "train"},
			want: func(m *gang.Member) {
				m.Role = "worker"
				m.Spec = gang.Spec{
					Min: 9, Max: 12, Roles: []gang.Role{{Name: "launcher", Min: 1}, {Name: "worker", Min: 8}},
					Topology: []gang.Level{{Key: "topology.kubernetes.io/zone", Required: true}, {Key: "rack"}},
				}
			},
		},
		"a Job's pod needs no minimum": {
			pod:     byJob(byLabel().Obj(), "batch/v1"),
			wantKey: gang.Key{Namespace: "ml", Name: "train"},
			want:    func(m *gang.Member) { m.Owner = "j" },
		},
		"another kind of Job does not say how many pods it makes": {
			pod:     byJob(byLabel().Obj(), "batch.volcano.sh/v1alpha1"),
			wantKey: gang.Key{Namespace: "ml", Name: "train"},
			want:    func(m *gang.Member) { m.Owner = "j" }, wantFault: "unless a Job makes it",
		},
		"by the API's own PodGroup": {
			pod:     native(st.MakePod().Namespace("ml").Name("train-3").UID("u"), "train"),
			wantKey: gang.Key{Namespace: "ml", Name: "train", Source: gang.Native},
		},
		"a scheduling group and our label": {
			pod:     native(byLabel(), "group"),
			wantKey: gang.Key{Namespace: "ml", Name: "group", Source: gang.Native}, wantFault: "metadata.labels[muster.dev/gang]: Forbidden: the pod has spec.schedulingGroup too: keep one of them",
		},
		"a scheduling group and the label of the other PodGroup": {
			pod:     native(st.MakePod().Namespace("ml").Name("train-3").UID("u").Label(gang.PodGroupLabel, "g"), "group"),
			wantKey: gang.Key{Namespace: "ml", Name: "group", Source: gang.Native}, wantFault: "metadata.labels[scheduling.x-k8s.io/pod-group]: Forbidden",
		},
		"a role that is no name": {
			pod:     byLabel().Annotation(gang.MinAnnotation, "4").Annotation(gang.RoleAnnotation, "the boss").Obj(),
			wantKey: gang.Key{Namespace: "ml", Name: "train"}, wantFault: `metadata.annotations[muster.dev/role]: Invalid value: "the boss": must be the name of a role`,
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

func byJob(pod *v1.Pod, apiVersion string) *v1.Pod {
	controls := true
	pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: apiVersion, Kind: "Job", Name: "train", UID: "j", Controller: &controls}}
	return pod
}

func native(pod *st.PodWrapper, group string) *v1.Pod {
	p := pod.Obj()
	p.Spec.SchedulingGroup = &v1.PodSchedulingGroup{PodGroupName: &group}
	return p
}

// TestSpecFaults is the table of what annotations can get wrong. The message
// names the field, the value and the fix.
func TestSpecFaults(t *testing.T) {
	many := func(format string, n int) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = fmt.Sprintf(format, i)
		}
		return strings.Join(parts, ",")
	}
	tests := map[string]struct{ key, text, want string }{
		"max of zero":           {gang.MaxAnnotation, "0", `metadata.annotations[muster.dev/max-member]: Invalid value: "0": must be a whole number, 1 or more`},
		"max in words":          {gang.MaxAnnotation, "many", "must be a whole number"},
		"max beyond numbers":    {gang.MaxAnnotation, "99999999999", "must be a whole number"},
		"no roles":              {gang.RolesAnnotation, "", "such as launcher=1,worker=8"},
		"a role alone":          {gang.RolesAnnotation, "launcher", `metadata.annotations[muster.dev/roles]: Invalid value: "launcher": must be roles and how many`},
		"a trailing comma":      {gang.RolesAnnotation, "a=1,", "such as launcher=1,worker=8"},
		"a role without name":   {gang.RolesAnnotation, "=1", `the role "" must be a name`},
		"a role with a blank":   {gang.RolesAnnotation, "a b=1", `the role "a b" must be a name`},
		"none of a role":        {gang.RolesAnnotation, "a=0", "the minimum of the role a must be a whole number, 1 or more"},
		"a role in words":       {gang.RolesAnnotation, "a=one", "the minimum of the role a must be"},
		"a role twice":          {gang.RolesAnnotation, "a=1,b=1, a=2", "the role a is there twice: name it once"},
		"too many roles":        {gang.RolesAnnotation, many("r%d=1", 33), "Too many: 33: must have at most 32 items"},
		"no levels":             {gang.TopologyAnnotation, "", "each required or preferred"},
		"a level alone":         {gang.TopologyAnnotation, "zone", `metadata.annotations[muster.dev/topology]: Invalid value: "zone": must be labels of nodes`},
		"a level of no kind":    {gang.TopologyAnnotation, "zone=nice", "each required or preferred"},
		"a level without label": {gang.TopologyAnnotation, "=required", `"" is no label of a node`},
		"no label":              {gang.TopologyAnnotation, "a/b/c=required", `"a/b/c" is no label of a node`},
		"a level twice":         {gang.TopologyAnnotation, "zone=required,zone=preferred", "the label zone is there twice"},
		"too many levels":       {gang.TopologyAnnotation, many("l%d=required", 9), "Too many: 9: must have at most 8 items"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := specOf(map[string]string{tc.key: tc.text})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want an error with %q", err, tc.want)
			}
		})
	}
	if _, err := specOf(map[string]string{gang.RolesAnnotation: strings.Repeat("x", 1<<18)}); err == nil || len(err.Error()) > 1000 {
		t.Error("a text of any length goes into the message as it is")
	}
}

// FuzzMemberOf holds what MemberOf accepts to what the roster relies on, and to
// what comes out when it is written again.
func FuzzMemberOf(f *testing.F) {
	f.Add("train", "4", "", "0", "8", "launcher=1,worker=3", "zone=required,rack=preferred", "worker", true)
	f.Add("", "-1", "group", "99999999999999999999", "x", "a=1,a=2", "=", "\x00", false)
	f.Fuzz(func(t *testing.T, name, minimum, group, index, limit, roles, topology, role string, job bool) {
		pod := st.MakePod().Name("p").Label(gang.NameLabel, name).Obj()
		pod.Annotations = map[string]string{"batch.kubernetes.io/job-completion-index": index}
		for key, text := range map[string]string{
			gang.MinAnnotation: minimum, gang.MaxAnnotation: limit, gang.RolesAnnotation: roles,
			gang.TopologyAnnotation: topology, gang.RoleAnnotation: role,
		} {
			if text != "" {
				pod.Annotations[key] = text
			}
		}
		if group != "" {
			pod.Labels[gang.PodGroupLabel] = group
		}
		if job {
			byJob(pod, "batch/v1")
		}
		_, m, ok := MemberOf(pod)
		if !ok || m.Index < 0 {
			t.Fatalf("%v %+v", ok, m)
		}
		if m.Fault != "" {
			if !m.Spec.Equal(gang.Spec{}) {
				t.Errorf("a member with a fault states %s", m.Spec)
			}
			return
		}
		if m.Spec.Min < 1 && !job || len(m.Spec.Roles) > maxRoles || len(m.Spec.Topology) > maxLevels {
			t.Errorf("accepted: %s", m.Spec)
		}
		again := map[string]string{}
		for key, text := range map[string]string{
			gang.RolesAnnotation: gang.FormatRoles(m.Spec.Roles), gang.TopologyAnnotation: gang.FormatTopology(m.Spec.Topology),
		} {
			if text != "" {
				again[key] = text
			}
		}
		read, err := specOf(again)
		read.Min, read.Max = m.Spec.Min, m.Spec.Max
		if err != nil || !read.Equal(m.Spec) {
			t.Errorf("%s was written and read again as %s: %v", m.Spec, read, err)
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
		t.Errorf("two members of a Job differ:\n%q\n%q", a, b)
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
