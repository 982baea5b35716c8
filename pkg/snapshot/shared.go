package snapshot

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

// Shared is the state that the plugins of one scheduler share.
type Shared struct {
	Gangs  *Gangs
	Images *Images
	Nodes  corelisters.NodeLister

	report func() // has the status of PodGroups written; nil without a cluster
}

// Connect returns the state of one scheduler, fed from the cluster behind the
// handle until the context ends. If nodes are to be stripped, the handle's say nothing
// of their images, which nobody else may need then; see [lists].
func Connect(ctx context.Context, h fwk.Handle, stripNodes bool) (*Shared, error) {
	core := h.SharedInformerFactory().Core().V1()
	s := &Shared{Gangs: newGangs(ctx, h), Images: newImages(), Nodes: core.Nodes().Lister()}
	if err := core.Pods().Informer().SetTransform(newSlimmer().transform); err != nil {
		return nil, fmt.Errorf("watching pods: %w", err)
	}
	if _, err := core.Pods().Informer().AddEventHandler(s.Gangs.podHandler()); err != nil {
		return nil, fmt.Errorf("watching pods: %w", err)
	}
	if stripNodes {
		s.Images.stripped = true
		if err := core.Nodes().Informer().SetTransform(s.Images.lists.transform); err != nil {
			return nil, fmt.Errorf("watching nodes: %w", err)
		}
	}
	if _, err := core.Nodes().Informer().AddEventHandler(s.Images.nodeHandler()); err != nil {
		return nil, fmt.Errorf("watching nodes: %w", err)
	}
	if _, err := core.Pods().Informer().AddEventHandler(s.Images.podHandler()); err != nil {
		return nil, fmt.Errorf("watching pods: %w", err)
	}
	claims := h.SharedInformerFactory().Resource().V1().ResourceClaims()
	if _, err := claims.Informer().AddEventHandler(s.Gangs.mindClaims(claims.Lister())); err != nil {
		return nil, fmt.Errorf("watching resource claims: %w", err)
	}
	if h.KubeConfig() == nil {
		return s, nil // no cluster: the configuration is only being checked
	}
	return s, s.watchSources(ctx, h)
}

// Lead lets what there is to say be said from now on; see Gangs.Lead.
func (s *Shared) Lead(freed func(who func(*v1.Pod) bool)) {
	s.Gangs.Lead(freed)
	if s.report != nil {
		s.report()
	}
}
