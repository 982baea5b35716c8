package state

import (
	"context"
	"fmt"
	"slices"

	fwk "k8s.io/kube-scheduler/framework"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
)

// WakeBy states after which events the plugins of profiles are asked whether they help a pod that they refused. It is
// for before the state is served.
func (s *State) WakeBy(ctx context.Context, extensions []fwk.EnqueueExtensions) error {
	s.events = map[string][]string{}
	for _, e := range extensions {
		events, err := e.EventsToRegister(ctx)
		if err != nil {
			return fmt.Errorf("plugin %s: %w", e.Name(), err)
		}
		for _, event := range events {
			s.events[e.Name()] = append(s.events[e.Name()], names(event.Event)...)
		}
	}
	return nil
}

// wakes says after which events a pod is tried again, perhaps.
func (s *State) wakes(p *v1alpha1.Pod) {
	if p.Place != v1alpha1.Unschedulable {
		return
	}
	for _, plugin := range p.RefusedBy {
		p.WokenBy = append(p.WokenBy, s.events[plugin]...)
	}
	slices.Sort(p.WokenBy)
	p.WokenBy = slices.Compact(p.WokenBy)
}

// names are those of the events that one stands for, as the moves of pods name them.
func names(event fwk.ClusterEvent) (all []string) {
	if event.ActionType == fwk.All {
		return []string{event.Label()}
	}
	left := event.ActionType
	if left&fwk.Update == fwk.Update { // whatever is updated
		all, left = append(all, string(event.Resource)+"Update"), left&^fwk.Update
	}
	for bit := fwk.Add; bit < fwk.All; bit <<= 1 {
		if left&bit != 0 {
			all = append(all, fwk.ClusterEvent{Resource: event.Resource, ActionType: bit}.Label())
		}
	}
	return all
}
