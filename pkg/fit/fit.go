package fit

import (
	"context"
	"fmt"
	"maps"
	"slices"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	internalcache "k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/profile"
	"k8s.io/utils/clock"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/image"
	"github.com/muster-scheduler/muster/pkg/snapshot"
)

// Planner answers for one scheduler. It is safe for concurrent use.
type Planner struct {
	profiles profile.Map
	config   *config.KubeSchedulerConfiguration
	cache    internalcache.Cache
	gangs    *snapshot.Gangs
	images   *snapshot.Images
	clock    clock.Clock
	turns    *turns
}

// New returns the planner of a scheduler that was built by this configuration, whose plugins share this state.
func New(sched *scheduler.Scheduler, config *config.KubeSchedulerConfiguration, shared *snapshot.Shared) *Planner {
	c := clock.RealClock{}
	return &Planner{profiles: sched.Profiles, config: config, cache: sched.Cache, gangs: shared.Gangs, images: shared.Images, clock: c, turns: newTurns(c)}
}

// Between returns next, which gives the scheduler's loop its next pod, such that questions are
// answered between the cycles. It has to be called instead of next from then on, from one goroutine.
func (p *Planner) Between(next func(klog.Logger) (framework.QueuedEntityInfo, error)) func(klog.Logger) (framework.QueuedEntityInfo, error) {
	return p.turns.between(next)
}

// Review answers whether the pods of a review would fit in a namespace now. What is wrong with the question
// is an error as the API server has them.
func (p *Planner) Review(ctx context.Context, namespace string, spec v1alpha1.FitSpec) (v1alpha1.FitStatus, error) {
	units, err := p.units(namespace, spec)
	if err != nil {
		return v1alpha1.FitStatus{}, apierrors.NewBadRequest(err.Error())
	}
	var decided []Decision
	if err := p.between(ctx, func() error {
		decided, err = p.decide(ctx, units, world{p.images.Estimates, p.images.Rehearse})
		return err
	}); err != nil {
		return v1alpha1.FitStatus{}, err
	}
	status := v1alpha1.FitStatus{Fits: true, Items: []v1alpha1.Fit{}}
	for _, d := range decided {
		status.Fits = status.Fits && d.Fit.Fits
		status.Items = append(status.Items, d.Fit)
	}
	return status, nil
}

// between does something between two cycles, on the cluster as a cycle that begins now would see it.
func (p *Planner) between(ctx context.Context, do func() error) (err error) {
	if waited := p.turns.ask(ctx, func() {
		if err = p.refresh(ctx); err == nil {
			err = do()
		}
	}); waited != nil {
		return apierrors.NewTimeoutError("others ask what fits: ask again", 10)
	}
	return err
}

// world is what is known of images: what they cost before a pod has a node, and when all have theirs.
type world struct {
	estimates func(pod *v1.Pod, others int, nodes []fwk.NodeInfo) []image.Estimate
	ready     func(pods []*v1.Pod, nodes []string) (last image.Estimate, on string, known bool)
}

// Decision is what was decided about a unit.
type Decision struct {
	Unit
	Placement gang.Placement // empty if it does not fit
	Fit       v1alpha1.Fit
}

// decide tries one unit after the other on the snapshot.
func (p *Planner) decide(ctx context.Context, units []Unit, w world) ([]Decision, error) {
	var decided []Decision
	var placed []placement
	for _, u := range units {
		fw := p.profiles[u.Pods[0].Spec.SchedulerName]
		nodes, err := fw.SnapshotSharedLister().NodeInfos().List()
		if err != nil {
			return nil, err
		}
		if nodes, err = with(nodes, placed); err != nil {
			return nil, err
		}
		d, err := p.try(ctx, fw, nodes, u, w)
		if err != nil {
			return nil, err
		}
		decided = append(decided, d)
		for _, pod := range u.Pods {
			if node := d.Placement[string(pod.UID)]; node != "" {
				placed = append(placed, placement{pod, node})
			}
		}
	}
	return decided, nil
}

// refresh brings the snapshot up to date, which all profiles share.
func (p *Planner) refresh(ctx context.Context) error {
	for _, fw := range p.profiles {
		seen, ok := fw.SnapshotSharedLister().(*internalcache.Snapshot)
		if !ok {
			return fmt.Errorf("the profile's snapshot is a %T, which cannot be brought up to date", fw.SnapshotSharedLister())
		}
		return p.cache.UpdateSnapshot(klog.FromContext(ctx), seen)
	}
	return nil
}

// placement is a pod that has a node in this answer.
type placement struct {
	pod  *v1.Pod
	node string
}

// with returns the nodes with these pods on them. What pods say of one another across nodes is not
// seen by the filters.
func with(nodes []fwk.NodeInfo, placed []placement) ([]fwk.NodeInfo, error) {
	if len(placed) == 0 {
		return nodes, nil
	}
	rows := make(map[string]int, len(nodes))
	for row, node := range nodes {
		rows[node.Node().Name] = row
	}
	nodes = slices.Clone(nodes)
	copied := map[int]bool{}
	for _, p := range placed {
		row := rows[p.node]
		if !copied[row] {
			nodes[row], copied[row] = nodes[row].Snapshot(), true
		}
		pod := p.pod.DeepCopy()
		pod.Spec.NodeName = p.node
		info, err := framework.NewPodInfo(pod)
		if err != nil {
			return nil, err
		}
		nodes[row].AddPodInfo(info)
	}
	return nodes, nil
}

// try has the planner place a unit.
func (p *Planner) try(ctx context.Context, fw framework.Framework, nodes []fwk.NodeInfo, u Unit, w world) (Decision, error) {
	d := Decision{Unit: u, Fit: v1alpha1.Fit{Name: u.Name, Gang: u.Gang, Of: len(u.Pods), Min: u.Turn.Spec.Min, Message: u.Why}}
	if u.Why != "" {
		return d, nil
	}
	// The worlds of the profile keep what they learn of its nodes, and these may have pods that do not exist.
	slots, verdict, err := snapshot.NewWorlds(fw, w.estimates, p.gangs.KeptOn).Plan(ctx, nodes, u.of(u.Turn.UIDs), u.Turn)
	if err != nil {
		return Decision{}, err
	}
	if slots == nil {
		d.Fit.Placed, d.Fit.Message = verdict.Fit, u.noFit(verdict)
		return d, nil
	}
	d.Placement, d.Fit.Fits, d.Fit.Placed = slots, true, len(slots)
	d.tell(w)
	return d, nil
}

// tell says which nodes have how many, and when their images are there.
func (d *Decision) tell(w world) {
	var pods []*v1.Pod
	var nodes []string
	on := map[string]int{}
	for _, pod := range d.Pods {
		if node := d.Placement[string(pod.UID)]; node != "" {
			pods, nodes = append(pods, pod), append(nodes, node)
			on[node]++
		}
	}
	for _, node := range slices.Sorted(maps.Keys(on)) {
		d.Fit.Nodes = append(d.Fit.Nodes, v1alpha1.FitNode{Name: node, Pods: on[node]})
	}
	if last, node, known := w.ready(pods, nodes); known {
		d.Fit.Images = &v1alpha1.FitImages{Seconds: last.Seconds, Wait: last.Wait, Node: node, Bytes: last.Bytes}
	}
}
