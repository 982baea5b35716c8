package snapshot

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/muster-scheduler/muster/pkg/gang"
)

// TestPodGroups reads PodGroups of both kinds as the API serves them.
func TestPodGroups(t *testing.T) {
	const custom, native = "scheduling.x-k8s.io/v1alpha1", "scheduling.k8s.io/v1beta1"
	zone := gang.Level{Key: "topology.kubernetes.io/zone", Required: true}
	tests := map[string]struct {
		version, annotations, spec string
		want                       gang.Spec
		wantFault                  string
	}{
		"custom": {version: custom, spec: "{minMember: 3, scheduleTimeoutSeconds: 10}", want: gang.Spec{Min: 3}},
		"custom with annotations": {
			version: custom, spec: "{minMember: 9}",
			annotations: "{muster.dev/max-member: '12', muster.dev/roles: 'launcher=1,worker=8', muster.dev/topology: topology.kubernetes.io/zone=required}",
			want:        gang.Spec{Min: 9, Max: 12, Roles: []gang.Role{{Name: "launcher", Min: 1}, {Name: "worker", Min: 8}}, Topology: []gang.Level{zone}},
		},
		"custom without minimum": {version: custom, spec: "{}", wantFault: "PodGroup ml/train: spec.minMember: Invalid value: 0: must be 1 or more"},
		"custom with a bad annotation": {
			version: custom, spec: "{minMember: 3}", annotations: "{muster.dev/max-member: all}",
			wantFault: `PodGroup ml/train: metadata.annotations[muster.dev/max-member]: Invalid value: "all": must be a whole number, 1 or more`,
		},
		"native gang":  {version: native, spec: "{schedulingPolicy: {gang: {minCount: 4}}}", want: gang.Spec{Min: 4}},
		"native basic": {version: native, spec: "{schedulingPolicy: {basic: {}}}", want: gang.Spec{Min: 1}},
		"native with a topology": {
			version: native, spec: "{schedulingPolicy: {gang: {minCount: 4}}, schedulingConstraints: {topology: [{key: topology.kubernetes.io/zone}]}}",
			want: gang.Spec{Min: 4, Topology: []gang.Level{zone}},
		},
		"native with two topologies": {
			version: native, spec: "{schedulingPolicy: {gang: {minCount: 4}}, schedulingConstraints: {topology: [{key: a}]}}", annotations: "{muster.dev/topology: b=required}",
			wantFault: "PodGroup ml/train: metadata.annotations[muster.dev/topology]: Forbidden: the PodGroup has spec.schedulingConstraints.topology too: keep one of them",
		},
		"native without policy": {version: native, spec: "{}", wantFault: "PodGroup ml/train: spec.schedulingPolicy: Required value: must be gang or basic"},
		"native without minimum": {
			version: native, spec: "{schedulingPolicy: {gang: {}}}",
			wantFault: "PodGroup ml/train: spec.schedulingPolicy.gang.minCount: Invalid value: 0: must be 1 or more",
		},
		"native part of a whole": {
			version: native, spec: "{schedulingPolicy: {gang: {minCount: 4}}, parentCompositePodGroupName: all}",
			wantFault: "PodGroup ml/train: spec.parentCompositePodGroupName: Forbidden: Muster starts no PodGroups together: make one PodGroup of them, with roles",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			k := kinds("muster")[0]
			if tc.version == native {
				k = kinds("muster")[1]
			}
			u := read(t, "{apiVersion: "+tc.version+", kind: PodGroup, metadata: {namespace: ml, name: train, uid: u, generation: 2, resourceVersion: '7', creationTimestamp: '1970-01-01T00:00:05Z', annotations: "+tc.annotations+"}, spec: "+tc.spec+"}")
			o, err := k.trim(u)
			if err != nil {
				t.Fatal(err)
			}
			pg := o.(*podGroup)
			if want := (gang.Group{UID: "u", Spec: tc.want, Created: 5e9, Fault: tc.wantFault}); !cmp.Equal(pg.group, want) {
				t.Errorf("group (-want +got):\n%s", cmp.Diff(want, pg.group))
			}
			if want := (gang.Key{Namespace: "ml", Name: "train", Source: k.source}); pg.key != want {
				t.Errorf("gang %+v, want %+v", pg.key, want)
			}
			if want := (metav1.ObjectMeta{Namespace: "ml", Name: "train", UID: types.UID("u"), Generation: 2, ResourceVersion: "7"}); !cmp.Equal(pg.ObjectMeta, want) {
				t.Errorf("metadata (-want +got):\n%s", cmp.Diff(want, pg.ObjectMeta))
			}
			if pg.ours {
				t.Error("nobody wrote its status, and it is taken for ours")
			}
			if again, err := k.trim(pg); err != nil || again != o {
				t.Errorf("trimmed twice, it becomes %v, %v", again, err)
			}
		})
	}
}

// TestPodGroupThatCannotBeReadIsAFault: a definition that somebody else wrote may
// allow anything. An error here would end the watch for all others.
func TestPodGroupThatCannotBeReadIsAFault(t *testing.T) {
	o, err := kinds("muster")[0].trim(read(t, "{apiVersion: v1, kind: PodGroup, metadata: {namespace: ml, name: odd}, spec: {minMember: three}}"))
	if err != nil || o.(*podGroup).group.Fault == "" {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestWhoWroteTheStatusIsSeen(t *testing.T) {
	for entry, want := range map[string]bool{
		"{manager: muster, operation: Apply, subresource: status}":          true,
		"{manager: kube-scheduler, operation: Update, subresource: status}": false,
		"{manager: muster, operation: Apply}":                               false,
		"{manager: muster-other, operation: Apply, subresource: status}":    false,
	} {
		o, err := kinds("muster")[0].trim(read(t, "{apiVersion: v1, kind: PodGroup, metadata: {name: g, managedFields: ["+entry+"]}, spec: {minMember: 1}}"))
		if err != nil || o.(*podGroup).ours != want {
			t.Errorf("%s: %+v, %v", entry, o, err)
		}
	}
}

func TestARecordedWholenessIsRead(t *testing.T) {
	scheduled := func(kind, status, reason string) string {
		return "conditions: [{type: " + kind + ", status: '" + status + "', reason: " + reason + "}]"
	}
	const custom, native = 0, 1
	for name, tc := range map[string]struct {
		kind    int
		manager string
		status  string
		want    int64
	}{
		"it is whole":                            {custom, "muster", scheduled("Scheduled", "True", "Scheduled"), 9e9},
		"it is repaired":                         {custom, "muster", scheduled("Scheduled", "False", "Repairing"), 9e9},
		"it starts":                              {custom, "muster", scheduled("Scheduled", "False", "Starting"), 0},
		"its run is over":                        {custom, "muster", "phase: Finished, " + scheduled("Scheduled", "True", "Scheduled"), 0},
		"it runs, and conditions are unknown":    {custom, "muster", "phase: Running", 9e9},
		"conditions are unknown":                 {custom, "muster", "phase: Scheduling", 0},
		"another scheduler says so":              {custom, "other", scheduled("Scheduled", "True", "Scheduled"), 0},
		"a PodGroup of Kubernetes was scheduled": {native, "muster", scheduled("PodGroupInitiallyScheduled", "True", "Scheduled"), 9e9},
		"it was not":                             {native, "muster", scheduled("PodGroupInitiallyScheduled", "False", "Unschedulable"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := kinds("muster")[tc.kind].trim(read(t, "{apiVersion: v1, kind: PodGroup, metadata: {name: g, managedFields: [{manager: "+tc.manager+", operation: Apply, subresource: status, time: '1970-01-01T00:00:09Z'}]}, spec: {}, status: {"+tc.status+"}}"))
			if err != nil || o.(*podGroup).group.WholeAt != tc.want {
				t.Errorf("%+v, %v, want %d", o.(*podGroup).group, err, tc.want)
			}
		})
	}
}

func read(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(data); err != nil {
		t.Fatal(err)
	}
	return u
}
