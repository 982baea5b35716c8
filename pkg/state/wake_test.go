package state

import (
	"context"
	"fmt"
	"testing"

	fwk "k8s.io/kube-scheduler/framework"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
)

// refuser is a plugin that names events.
type refuser struct {
	name   string
	events []fwk.ClusterEventWithHint
}

func (r refuser) Name() string { return r.name }

func (r refuser) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	return r.events, nil
}

func TestWhatWakesAPod(t *testing.T) {
	event := func(resource fwk.EventResource, action fwk.ActionType) fwk.ClusterEventWithHint {
		return fwk.ClusterEventWithHint{Event: fwk.ClusterEvent{Resource: resource, ActionType: action}}
	}
	var s State
	if err := s.WakeBy(t.Context(), []fwk.EnqueueExtensions{
		refuser{"affinity", []fwk.ClusterEventWithHint{event(fwk.Node, fwk.Add|fwk.UpdateNodeLabel)}},
		refuser{"volumes", []fwk.ClusterEventWithHint{event(fwk.PersistentVolumeClaim, fwk.Add|fwk.Update), event(fwk.Node, fwk.Add)}},
		refuser{"anything", []fwk.ClusterEventWithHint{event(fwk.WildCard, fwk.All)}},
	}); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		place string
		by    []string
		want  string
	}{
		"one plugin":           {v1alpha1.Unschedulable, []string{"affinity"}, "[NodeAdd NodeUpdateNodeLabel]"},
		"two, each event once": {v1alpha1.Unschedulable, []string{"affinity", "volumes"}, "[NodeAdd NodeUpdateNodeLabel PersistentVolumeClaimAdd PersistentVolumeClaimUpdate]"},
		"every event":          {v1alpha1.Unschedulable, []string{"anything"}, "[*All]"},
		"one that names none":  {v1alpha1.Unschedulable, []string{"another"}, "[]"},
		"who waits for a time": {v1alpha1.Backoff, []string{"affinity"}, "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			p := v1alpha1.Pod{Place: tc.place, RefusedBy: tc.by}
			s.wakes(&p)
			if got := fmt.Sprint(p.WokenBy); got != tc.want {
				t.Errorf("woken by %s, want %s", got, tc.want)
			}
		})
	}
}
