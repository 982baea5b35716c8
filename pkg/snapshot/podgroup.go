package snapshot

import (
	"fmt"

	schedulingv1beta1 "k8s.io/api/scheduling/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	schedv1alpha1 "sigs.k8s.io/scheduler-plugins/apis/scheduling/v1alpha1"

	"github.com/muster-scheduler/muster/pkg/gang"
)

// kind is one of the two kinds of PodGroup. They share their name and nothing
// else; what follows them both is the same.
type kind struct {
	source   gang.Source
	resource schema.GroupVersionResource
	read     func(u *unstructured.Unstructured) (gang.Spec, groupStatus, error)
	manager  string // under which this scheduler writes its status
}

// kinds are the PodGroup of scheduling.x-k8s.io, coscheduling's, whose definition
// Muster installs, and that of scheduling.k8s.io, which the API server has.
func kinds(profile string) []kind {
	manager := managerOf(profile)
	return []kind{
		{gang.PodGroup, schedv1alpha1.SchemeGroupVersion.WithResource("podgroups"), readCustom, manager},
		{gang.Native, schedulingv1beta1.SchemeGroupVersion.WithResource("podgroups"), readNative, manager},
	}
}

// managerOf returns who owns what the scheduler with this first profile writes into
// statuses. Two Musters in one cluster are two, or each would write into what the
// other wrote that it knows of no members.
func managerOf(profile string) string {
	if profile == "muster" {
		return profile
	}
	return "muster-" + profile[:min(len(profile), 100)] // the API takes 128
}

// podGroup is what is kept of a PodGroup of either kind.
type podGroup struct {
	metav1.ObjectMeta
	key    gang.Key
	group  gang.Group
	status groupStatus // as the API has it
	ours   bool        // this scheduler wrote it, in this process or one before
}

// trim is a cache.TransformFunc. What cannot be read becomes a fault: an error
// would end the watch for everybody.
func (k kind) trim(o any) (any, error) {
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return o, nil // trimmed already, or what is left of a deleted one
	}
	created := u.GetCreationTimestamp()
	pg := &podGroup{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: u.GetNamespace(), Name: u.GetName(), UID: u.GetUID(),
			ResourceVersion: u.GetResourceVersion(), Generation: u.GetGeneration(),
		},
		key:   gang.Key{Namespace: u.GetNamespace(), Name: u.GetName(), Source: k.source},
		group: gang.Group{UID: string(u.GetUID()), Created: created.UnixNano()},
	}
	var err error
	if pg.group.Spec, pg.status, err = k.read(u); err != nil {
		pg.group.Fault = fmt.Sprintf("PodGroup %s: %v", pg.key, err)
	}
	for _, f := range u.GetManagedFields() {
		if f.Manager != k.manager || f.Subresource != "status" {
			continue
		}
		pg.ours = true
		if f.Time != nil && wasWhole(k.source, pg.status) {
			pg.group.WholeAt = f.Time.UnixNano()
		}
	}
	return pg, nil
}

// states reports whether both state the same for their gang. That it has been
// whole is for a process that did not see it itself: for that, what it read first
// will do.
func (pg *podGroup) states(o *podGroup) bool {
	a, b := pg.group, o.group
	return a.UID == b.UID && a.Created == b.Created && a.Fault == b.Fault && a.Spec.Equal(b.Spec)
}

func readCustom(u *unstructured.Unstructured) (gang.Spec, groupStatus, error) {
	var pg struct {
		Spec   schedv1alpha1.PodGroupSpec `json:"spec"`
		Status groupStatus                `json:"status"`
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &pg); err != nil {
		return gang.Spec{}, groupStatus{}, err
	}
	spec, wrong := specOf(u.GetAnnotations())
	if wrong != nil {
		return gang.Spec{}, pg.Status, wrong
	}
	if spec.Min = int(pg.Spec.MinMember); spec.Min < 1 { // stored by a definition that allows it
		return gang.Spec{}, pg.Status, field.Invalid(field.NewPath("spec", "minMember"), spec.Min, "must be 1 or more")
	}
	return spec, pg.Status, nil
}

func readNative(u *unstructured.Unstructured) (gang.Spec, groupStatus, error) {
	var pg schedulingv1beta1.PodGroup
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &pg); err != nil {
		return gang.Spec{}, groupStatus{}, err
	}
	status := groupStatus{Conditions: pg.Status.Conditions}
	spec, wrong := nativeSpec(&pg)
	if wrong != nil {
		return gang.Spec{}, status, wrong
	}
	return spec, status, nil
}

// nativeSpec is what a PodGroup of the API server's asks for its gang. The policy
// basic asks for nothing: a gang of at least one, whose members go as they can.
func nativeSpec(pg *schedulingv1beta1.PodGroup) (gang.Spec, *field.Error) {
	at := field.NewPath("spec")
	spec, wrong := specOf(pg.Annotations)
	if wrong != nil {
		return gang.Spec{}, wrong
	}
	switch policy := pg.Spec.SchedulingPolicy; {
	case policy.Gang != nil && policy.Gang.MinCount < 1:
		return gang.Spec{}, field.Invalid(at.Child("schedulingPolicy", "gang", "minCount"), policy.Gang.MinCount, "must be 1 or more")
	case policy.Gang != nil:
		spec.Min = int(policy.Gang.MinCount)
	case policy.Basic != nil:
		spec.Min = max(1, sum(spec.Roles))
	default:
		return gang.Spec{}, field.Required(at.Child("schedulingPolicy"), "must be gang or basic")
	}
	if pg.Spec.ParentCompositePodGroupName != nil {
		return gang.Spec{}, field.Forbidden(at.Child("parentCompositePodGroupName"), "Muster starts no PodGroups together: make one PodGroup of them, with roles")
	}
	constraints := pg.Spec.SchedulingConstraints
	if constraints == nil || len(constraints.Topology) == 0 {
		return spec, nil
	}
	if len(spec.Topology) > 0 {
		return gang.Spec{}, field.Forbidden(annotation(gang.TopologyAnnotation), "the PodGroup has spec.schedulingConstraints.topology too: keep one of them")
	}
	for _, c := range constraints.Topology {
		spec.Topology = append(spec.Topology, gang.Level{Key: c.Key, Required: true})
	}
	return spec, nil
}
