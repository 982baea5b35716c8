package snapshot

import (
	"fmt"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	schedv1alpha1 "sigs.k8s.io/scheduler-plugins/apis/scheduling/v1alpha1"

	"github.com/muster-scheduler/muster/pkg/gang"
)

// MemberOf returns the gang that a pod's labels name, and the pod as its
// member. ok is false for a plain pod. What the pod states wrongly comes back
// as the member's fault.
func MemberOf(pod *v1.Pod) (key gang.Key, m gang.Member, ok bool) {
	byLabel, hasLabel := pod.Labels[gang.NameLabel]
	byGroup, hasGroup := pod.Labels[gang.PodGroupLabel]
	if !hasLabel && !hasGroup {
		return gang.Key{}, gang.Member{}, false
	}
	m = gang.Member{
		UID:       string(pod.UID),
		Name:      pod.Name,
		Created:   pod.CreationTimestamp.UnixNano(),
		Index:     index(pod),
		Priority:  corev1helpers.PodPriority(pod),
		Scheduler: pod.Spec.SchedulerName,
		Blocked:   len(pod.Spec.SchedulingGates) > 0,
		Phase:     phase(pod),
	}
	if owner := metav1.GetControllerOf(pod); owner != nil {
		m.Owner = string(owner.UID)
	}
	key = gang.Key{Namespace: pod.Namespace, Name: byLabel, Source: gang.Label}
	labels := field.NewPath("metadata", "labels")
	switch {
	case hasLabel && hasGroup:
		m.Fault = field.Forbidden(labels.Key(gang.NameLabel),
			fmt.Sprintf("the pod has the label %s too: keep one of them", gang.PodGroupLabel)).Error()
	case hasLabel && byLabel == "":
		m.Fault = field.Invalid(labels.Key(gang.NameLabel), byLabel, "must name a gang").Error()
	case hasGroup && byGroup == "":
		m.Fault = field.Invalid(labels.Key(gang.PodGroupLabel), byGroup, "must name a PodGroup").Error()
	case hasGroup:
		key.Name, key.Source = byGroup, gang.PodGroup
	default:
		if min, err := minMember(pod); err != nil {
			m.Fault = err.Error()
		} else {
			m.Spec.Min = min
		}
	}
	return key, m, true
}

func minMember(pod *v1.Pod) (int, *field.Error) {
	at := field.NewPath("metadata", "annotations").Key(gang.MinAnnotation)
	text, ok := pod.Annotations[gang.MinAnnotation]
	if !ok {
		hint := fmt.Sprintf("a pod with the label %s states its gang's minimum here", gang.NameLabel)
		if _, misplaced := pod.Labels[gang.MinAnnotation]; misplaced {
			hint = "it is a label of this pod: make it an annotation"
		}
		return 0, field.Required(at, hint)
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 1 {
		return 0, field.Invalid(at, text, "must be a whole number, 1 or more")
	}
	return n, nil
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

func groupOf(pg *schedv1alpha1.PodGroup) (gang.Key, *gang.Group) {
	return gang.Key{Namespace: pg.Namespace, Name: pg.Name, Source: gang.PodGroup},
		&gang.Group{UID: string(pg.UID), Spec: gang.Spec{Min: int(pg.Spec.MinMember)}, Created: pg.CreationTimestamp.UnixNano()}
}
