package snapshot

import (
	"context"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	podutil "k8s.io/kubernetes/pkg/api/v1/pod"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/util"
)

// OnFailure returns a handler of failed attempts that has the given one do everything
// but tell what is not so. That a member has no node is for its gang to say: in events,
// where the representative speaks for all, and in conditions, see [marks].
func (g *Gangs) OnFailure(next scheduler.FailureHandlerFn) scheduler.FailureHandlerFn {
	return func(ctx context.Context, fw framework.Framework, info *framework.QueuedPodInfo, status *fwk.Status, nominating *fwk.NominatingInfo, start time.Time) {
		if status.IsRejected() { // else an error is told
			fw = g.mute(ctx, fw, info.Pod)
		}
		next(ctx, fw, info, status, nominating, start)
	}
}

// mute returns a framework for the handler of a member's failed attempt.
func (g *Gangs) mute(ctx context.Context, fw framework.Framework, pod *v1.Pod) framework.Framework {
	key, _, member := keyOf(pod)
	if !member || !g.marks.marked() {
		return fw
	}
	g.mu.Lock()
	alone, spokenFor := g.roster.Alone(string(pod.UID)), g.roster.Representative(key)
	g.mu.Unlock()
	return muted{fw, ctx, !alone, !alone && spokenFor != "" && spokenFor != pod.Name}
}

// muted is the framework for the handler of one failed attempt.
type muted struct {
	framework.Framework
	ctx                       context.Context
	noCondition, withoutEvent bool
}

// EventRecorder implements fwk.Handle.
func (m muted) EventRecorder() events.EventRecorderLogger {
	if m.withoutEvent {
		return silence{}
	}
	return m.Framework.EventRecorder()
}

// silence records no events.
type silence struct{}

// Eventf implements events.EventRecorder.
func (silence) Eventf(_, _ runtime.Object, _, _, _, _ string, _ ...any) {}

// WithLogger implements events.EventRecorderLogger.
func (s silence) WithLogger(klog.Logger) events.EventRecorderLogger { return s }

// APICacher implements fwk.Handle. It is what the handler writes the pod's status with.
func (m muted) APICacher() fwk.APICacher { return writer{m.Framework.APICacher(), m} }

// writer writes the status of a pod.
type writer struct {
	fwk.APICacher // the framework's; nil if it writes at once
	muted
}

// PatchPodStatus implements fwk.APICacher.
func (w writer) PatchPodStatus(pod *v1.Pod, conditions []*v1.PodCondition, nominating *fwk.NominatingInfo) (<-chan error, error) {
	if w.noCondition {
		conditions = nil
	}
	if w.APICacher != nil {
		return w.APICacher.PatchPodStatus(pod, conditions, nominating)
	}
	status := pod.Status.DeepCopy()
	for _, c := range conditions {
		// What a member says of its gang is not when it was refused for itself.
		key, _, _ := keyOf(pod)
		status.Conditions = slices.DeleteFunc(status.Conditions, func(was v1.PodCondition) bool {
			return was.Type == c.Type && was.Status == c.Status && strings.HasPrefix(was.Message, markedWith(key))
		})
		podutil.UpdatePodCondition(status, c)
	}
	if nominating.Mode() == fwk.ModeOverride {
		status.NominatedNodeName = nominating.NominatedNodeName
	}
	return nil, util.PatchPodStatus(w.ctx, w.Framework.ClientSet(), pod.Name, pod.Namespace, &pod.Status, status)
}
