package snapshot

import (
	"fmt"
	"slices"
	"strings"
	"time"

	schedulingv1beta1 "k8s.io/api/scheduling/v1beta1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	schedv1alpha1 "sigs.k8s.io/scheduler-plugins/apis/scheduling/v1alpha1"

	"github.com/muster-scheduler/muster/pkg/gang"
)

// The conditions of a scheduling.x-k8s.io PodGroup.
const (
	// Scheduled is true while the gang is whole: as many members as start together
	// have a node, or have succeeded on one.
	Scheduled = "Scheduled"
	// Ready is true while as many of them run, or have succeeded.
	Ready = "Ready"
)

// maxMessage is how many bytes of a verdict a condition shows.
const maxMessage = 1024

// groupStatus is the status of a PodGroup. That of scheduling.k8s.io has the
// conditions alone; the definition of scheduling.x-k8s.io that comes with
// coscheduling lacks those, the generation and two of the counts.
type groupStatus struct {
	Phase              schedv1alpha1.PodGroupPhase `json:"phase,omitempty"`
	ObservedGeneration int64                       `json:"observedGeneration,omitempty"`
	Members            int32                       `json:"members"`
	Bound              int32                       `json:"bound"`
	Running            int32                       `json:"running"`
	Succeeded          int32                       `json:"succeeded"`
	Failed             int32                       `json:"failed"`
	ScheduleStartTime  *metav1.Time                `json:"scheduleStartTime,omitempty"`
	Conditions         []metav1.Condition          `json:"conditions,omitempty"`
}

// statusOf is what is to be said of a gang by the PodGroup of that generation; was
// is what was said last. A condition keeps its time until it flips.
func statusOf(source gang.Source, s gang.Status, generation int64, was groupStatus, now time.Time) groupStatus {
	at := metav1.NewTime(now).Rfc3339Copy() // as precise as the API
	if source == gang.Native {
		return groupStatus{Conditions: nativeConditions(s, generation, was.Conditions, at)}
	}
	status := groupStatus{
		Phase:              phaseOf(s),
		ObservedGeneration: generation,
		Members:            int32(s.Exist),
		Bound:              int32(s.Bound),
		Running:            int32(s.Ready),
		Succeeded:          int32(s.Succeeded),
		Failed:             int32(s.Failed),
		ScheduleStartTime:  was.ScheduleStartTime,
	}
	if status.ScheduleStartTime.IsZero() && s.State != gang.Invalid && s.State != gang.Gathering {
		status.ScheduleStartTime = &at
	}
	status.Conditions = ours(source, was.Conditions)
	for _, c := range []metav1.Condition{scheduled(s), ready(s)} {
		c.ObservedGeneration, c.LastTransitionTime = generation, at
		apimeta.SetStatusCondition(&status.Conditions, c)
	}
	return status
}

// ended reports whether a gang has come to its end and what was said of that
// holds: it is not taken back when its pods are collected one by one.
func ended(was groupStatus, s gang.Status) bool {
	switch was.Phase {
	case schedv1alpha1.PodGroupFinished:
		return s.State == gang.Finished && s.Succeeded <= int(was.Succeeded) || s.Pods == 0
	case schedv1alpha1.PodGroupFailed:
		return s.Pods+s.Failed == 0
	}
	return false
}

// ours returns the conditions that Muster writes.
func ours(source gang.Source, all []metav1.Condition) []metav1.Condition {
	types := []string{Scheduled, Ready}
	if source == gang.Native {
		types = []string{schedulingv1beta1.PodGroupInitiallyScheduled}
	}
	return slices.DeleteFunc(slices.Clone(all), func(c metav1.Condition) bool { return !slices.Contains(types, c.Type) })
}

// nativeConditions says what kube-scheduler says with its own gang scheduling:
// once it was scheduled, a group stays so whatever becomes of it.
func nativeConditions(s gang.Status, generation int64, was []metav1.Condition, at metav1.Time) []metav1.Condition {
	conditions := ours(gang.Native, was)
	if apimeta.IsStatusConditionTrue(conditions, schedulingv1beta1.PodGroupInitiallyScheduled) {
		return conditions
	}
	c := scheduled(s)
	c.Type, c.ObservedGeneration, c.LastTransitionTime = schedulingv1beta1.PodGroupInitiallyScheduled, generation, at
	if s.State == gang.Invalid {
		c.Reason = schedulingv1beta1.PodGroupReasonSchedulerError
	}
	apimeta.SetStatusCondition(&conditions, c)
	return conditions
}

// scheduled says whether the gang is whole, and else how far it has come. The
// reason Unschedulable is kept for gangs that were tried and that more nodes may
// help.
func scheduled(s gang.Status) metav1.Condition {
	c := metav1.Condition{Type: Scheduled, Status: metav1.ConditionFalse, Reason: string(s.State), Message: message(s.Why)}
	switch {
	case whole(s):
		c.Status, c.Reason = metav1.ConditionTrue, "Scheduled"
		if c.Message == "" {
			c.Message = fmt.Sprintf("the gang is whole: it takes %d members", s.Spec.Min)
		}
	case s.State == gang.Waiting && s.Refused.NodesHelp:
		c.Reason = schedulingv1beta1.PodGroupReasonUnschedulable
	}
	return c
}

func ready(s gang.Status) metav1.Condition {
	c := metav1.Condition{Type: Ready, Status: metav1.ConditionFalse, Reason: "NotScheduled"}
	switch {
	case s.State == gang.Finished:
		c.Status, c.Reason = metav1.ConditionTrue, "Finished"
	case whole(s) && s.Ready+s.Succeeded >= s.Spec.Min:
		c.Status, c.Reason = metav1.ConditionTrue, "Running"
	case whole(s):
		c.Reason, c.Message = "Starting", message(s.Outlook)
	}
	return c
}

// wasWhole reports whether a status says that the gang had been whole, in a run
// that was not over. A status without conditions may leave that open.
func wasWhole(source gang.Source, s groupStatus) bool {
	if source == gang.Native {
		return apimeta.IsStatusConditionTrue(s.Conditions, schedulingv1beta1.PodGroupInitiallyScheduled)
	}
	if s.Phase == schedv1alpha1.PodGroupRunning {
		return true
	}
	c := apimeta.FindStatusCondition(s.Conditions, Scheduled)
	return c != nil && s.Phase != schedv1alpha1.PodGroupFinished && (c.Status == metav1.ConditionTrue || c.Reason == string(gang.Repairing))
}

func whole(s gang.Status) bool { return s.State == gang.Running || s.State == gang.Finished }

// phaseOf is the state in coscheduling's words.
func phaseOf(s gang.Status) schedv1alpha1.PodGroupPhase {
	switch {
	case s.State == gang.Finished:
		return schedv1alpha1.PodGroupFinished
	case s.State == gang.Running && s.Ready+s.Succeeded >= s.Spec.Min:
		return schedv1alpha1.PodGroupRunning
	case s.State == gang.Running, s.State == gang.Placing, s.State == gang.Starting:
		return schedv1alpha1.PodGroupScheduling
	case s.Failed > 0 && s.Exist < s.Spec.Min: // nothing has come in place of those who failed
		return schedv1alpha1.PodGroupFailed
	case s.State == gang.Repairing, s.Partial:
		return schedv1alpha1.PodGroupUnknown
	}
	return schedv1alpha1.PodGroupPending
}

func message(why string) string {
	if len(why) <= maxMessage {
		return why
	}
	return strings.ToValidUTF8(why[:maxMessage-3], "") + "..."
}
