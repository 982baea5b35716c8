package snapshot

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	st "k8s.io/kubernetes/pkg/scheduler/testing"

	"github.com/muster-scheduler/muster/pkg/gang"
)

// TestOfAPodThatHasEndedWhatItsGangNeedsIsKept: the same member comes out of what
// is kept as of the whole pod.
func TestOfAPodThatHasEndedWhatItsGangNeedsIsKept(t *testing.T) {
	ended := func() *st.PodWrapper {
		return st.MakePod().Namespace("ml").Name("train-3").UID("u").Node("n").SchedulerName("muster").Priority(7).Phase(v1.PodSucceeded).
			Conditions([]v1.PodCondition{{Type: v1.PodReady}, {Type: v1.PodScheduled, Status: v1.ConditionTrue, LastTransitionTime: metav1.Unix(1000, 0)}}).
			Annotation(gang.MinAnnotation, "4").Annotation(gang.RoleAnnotation, "worker").Annotation("batch.kubernetes.io/job-completion-index", "3").
			Container("registry.example/train:v1")
	}
	for name, pod := range map[string]*v1.Pod{
		"by label":    byJob(ended().Label(gang.NameLabel, "train").Obj(), "batch/v1"),
		"by PodGroup": ended().Label(gang.PodGroupLabel, "train").Obj(),
		"native":      native(ended(), "train"),
	} {
		t.Run(name, func(t *testing.T) {
			o, err := trimEnded(pod)
			if err != nil {
				t.Fatal(err)
			}
			kept := o.(*v1.Pod)
			if len(kept.Spec.Containers) > 0 {
				t.Error("its containers are kept")
			}
			wantKey, want, _ := MemberOf(pod)
			key, got, ok := MemberOf(kept)
			if !ok || key != wantKey {
				t.Errorf("gang %+v, want %+v", key, wantKey)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("member (-whole +kept):\n%s", diff)
			}
		})
	}
	if o, _ := trimEnded(st.MakePod().Name("plain").Annotation("a", "b").Obj()); len(o.(*v1.Pod).Annotations) > 0 {
		t.Error("annotations of a plain pod are kept")
	}
}
