package snapshot

import (
	"fmt"
	"strconv"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"

	"github.com/muster-scheduler/muster/pkg/gang"
)

// MemberOf returns the gang that a pod names, and the pod as its member. There
// are three ways: the label muster.dev/gang, the label of a scheduling.x-k8s.io
// PodGroup, and spec.schedulingGroup for a scheduling.k8s.io PodGroup. ok is
// false for a plain pod, which uses none. What the pod states wrongly, such as
// two ways at once, comes back as the member's fault.
func MemberOf(pod *v1.Pod) (key gang.Key, m gang.Member, ok bool) {
	key, wrong, ok := keyOf(pod)
	if !ok {
		return gang.Key{}, gang.Member{}, false
	}
	m = gang.Member{
		UID:       string(pod.UID),
		Name:      pod.Name,
		Created:   pod.CreationTimestamp.UnixNano(),
		Index:     index(pod),
		Priority:  corev1helpers.PodPriority(pod),
		Scheduler: pod.Spec.SchedulerName,
		Node:      pod.Spec.NodeName,
		BoundAt:   boundAt(pod),
		RefusedAt: refusedAt(pod, key),
		Running:   pod.Status.Phase == v1.PodRunning,
		Phase:     phase(pod),
	}
	if len(pod.Spec.SchedulingGates) > 0 {
		m.Blocked = "the pod has scheduling gates"
	}
	owner := metav1.GetControllerOf(pod)
	if owner != nil {
		m.Owner = string(owner.UID)
	}
	if wrong == nil {
		m.Role, wrong = roleOf(pod)
	}
	if wrong == nil && key.Source == gang.Label {
		m.Spec, wrong = statedSpec(pod, owner)
	}
	if wrong != nil {
		m.Fault = wrong.Error()
	}
	return key, m, true
}

// IsMember reports whether a pod names a gang.
func IsMember(pod *v1.Pod) bool {
	_, _, ok := keyOf(pod)
	return ok
}

// keyOf returns the gang that a pod names. A pod that uses two ways is refused in
// the gang of the first of them; spec.schedulingGroup comes first, for it cannot
// be taken away.
func keyOf(pod *v1.Pod) (key gang.Key, wrong *field.Error, ok bool) {
	byLabel, hasLabel := pod.Labels[gang.NameLabel]
	byGroup, hasGroup := pod.Labels[gang.PodGroupLabel]
	native := pod.Spec.SchedulingGroup != nil && pod.Spec.SchedulingGroup.PodGroupName != nil
	label := func(key string) *field.Path { return field.NewPath("metadata", "labels").Key(key) }
	alone := func(key, other string) *field.Error {
		return field.Forbidden(label(key), fmt.Sprintf("the pod has %s too: keep one of them", other))
	}
	key.Namespace = pod.Namespace
	switch {
	case native:
		key.Name, key.Source = *pod.Spec.SchedulingGroup.PodGroupName, gang.Native
		switch {
		case hasLabel:
			wrong = alone(gang.NameLabel, "spec.schedulingGroup")
		case hasGroup:
			wrong = alone(gang.PodGroupLabel, "spec.schedulingGroup")
		case key.Name == "":
			wrong = field.Invalid(field.NewPath("spec", "schedulingGroup", "podGroupName"), key.Name, "must name a PodGroup")
		}
	case hasLabel:
		key.Name, key.Source = byLabel, gang.Label
		switch {
		case hasGroup:
			wrong = alone(gang.NameLabel, "the label "+gang.PodGroupLabel)
		case byLabel == "":
			wrong = field.Invalid(label(gang.NameLabel), byLabel, "must name a gang")
		}
	case hasGroup:
		key.Name, key.Source = byGroup, gang.PodGroup
		if byGroup == "" {
			wrong = field.Invalid(label(gang.PodGroupLabel), byGroup, "must name a PodGroup")
		}
	default:
		return gang.Key{}, nil, false
	}
	return key, wrong, true
}

// roleOf returns the member's role, or "". A role that its gang does not name is
// no mistake: such a member counts like any other, for the minimum.
func roleOf(pod *v1.Pod) (string, *field.Error) {
	text, ok := pod.Annotations[gang.RoleAnnotation]
	if !ok {
		return "", nil
	}
	role := strings.TrimSpace(text)
	if !validRole(role) {
		return "", invalid(gang.RoleAnnotation, text, "must be the name of a role, of at most 63 letters, digits and -_.")
	}
	return role, nil
}

// statedSpec is what a member of a gang without an object of its own asks for its
// gang. The minimum is 0 if the parallelism of the Job that made the pod holds.
func statedSpec(pod *v1.Pod, owner *metav1.OwnerReference) (gang.Spec, *field.Error) {
	spec, err := specOf(pod.Annotations)
	if err != nil {
		return spec, err
	}
	text, stated := pod.Annotations[gang.MinAnnotation]
	_, misplaced := pod.Labels[gang.MinAnnotation]
	switch {
	case stated:
		spec.Min, err = count(gang.MinAnnotation, text)
	case misplaced:
		err = field.Required(annotation(gang.MinAnnotation), "it is a label of this pod: make it an annotation")
	case len(spec.Roles) > 0:
		spec.Min = sum(spec.Roles)
	case !isJob(owner):
		err = field.Required(annotation(gang.MinAnnotation), fmt.Sprintf("a pod with the label %s states its gang's minimum here, unless a Job makes it", gang.NameLabel))
	}
	if err != nil {
		return gang.Spec{}, err
	}
	return spec, nil
}

func isJob(owner *metav1.OwnerReference) bool {
	return owner != nil && owner.Kind == "Job" && owner.APIVersion == batchv1.SchemeGroupVersion.String()
}

// boundAt is when the pod got its node, in nanoseconds since 1970; 0 if it has
// none, or the API does not say.
func boundAt(pod *v1.Pod) int64 {
	if pod.Spec.NodeName == "" {
		return 0
	}
	return scheduledSince(pod, v1.ConditionTrue)
}

// refusedAt is when a pod without a node was first told that there is none for
// it, 0 if it was not. A mark is about its whole gang.
func refusedAt(pod *v1.Pod, key gang.Key) int64 {
	if c := scheduledCondition(pod); pod.Spec.NodeName != "" || c != nil && strings.HasPrefix(c.Message, markedWith(key)) {
		return 0
	}
	return scheduledSince(pod, v1.ConditionFalse)
}

func scheduledSince(pod *v1.Pod, status v1.ConditionStatus) int64 {
	for _, c := range pod.Status.Conditions {
		if c.Type == v1.PodScheduled && c.Status == status && !c.LastTransitionTime.IsZero() {
			return c.LastTransitionTime.UnixNano()
		}
	}
	return 0
}

// index is the pod's place among its siblings, where its controller states one.
func index(pod *v1.Pod) int {
	for _, text := range []string{
		pod.Annotations["batch.kubernetes.io/job-completion-index"],
		pod.Labels["apps.kubernetes.io/pod-index"],
	} {
		if n, err := strconv.Atoi(text); err == nil && n >= 0 {
			return n
		}
	}
	return 0
}

func phase(pod *v1.Pod) gang.Phase {
	switch {
	case pod.Status.Phase == v1.PodSucceeded:
		return gang.Done
	case pod.Spec.NodeName != "":
		return gang.Bound
	}
	return gang.Pending
}

// gone reports whether the pod no longer counts as a member.
func gone(pod *v1.Pod) bool {
	return pod.Status.Phase == v1.PodFailed || pod.DeletionTimestamp != nil && pod.Status.Phase != v1.PodSucceeded
}
