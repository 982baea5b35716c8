package fit

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

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
	"github.com/muster-scheduler/muster/pkg/recording"
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
	if err := p.between(ctx, func(ctx context.Context) error {
		decided, err = p.decide(ctx, units, p.images)
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

const (
	// waitsFor is how long a question waits for its turn, and takes how long it may take then: nobody
	// is scheduled meanwhile.
	waitsFor = 10 * time.Second
	takes    = 2 * time.Second
)

// between does something between two cycles, on the cluster as a cycle that begins now would see it.
func (p *Planner) between(ctx context.Context, do func(context.Context) error) (err error) {
	waiting, cancel := context.WithTimeout(ctx, waitsFor)
	defer cancel()
	if waited := p.turns.ask(waiting, func() {
		ctx, cancel := context.WithTimeout(ctx, takes)
		defer cancel()
		if err = p.refresh(ctx); err == nil {
			err = do(ctx)
		}
		if ctx.Err() != nil {
			err = apierrors.NewTimeoutError(fmt.Sprintf("to plan this takes more than %s, for which nobody is scheduled: ask for less at a time", takes), 0)
		}
	}); waited != nil {
		return apierrors.NewTimeoutError("others ask what fits: ask again", 10)
	}
	return err
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

// costs is what is known of images.
type costs interface {
	// Estimates is what decides where a gang goes, and Cost what a pod waits for on one node.
	Estimates(pod *v1.Pod, others int, nodes []fwk.NodeInfo) []image.Estimate
	Cost(pod *v1.Pod, others int, node string) (e image.Estimate, known bool)
}

// Decision is what was decided about a unit.
type Decision struct {
	Unit
	Placement gang.Placement // empty if it does not fit
	Fit       v1alpha1.Fit
}

// decide tries one unit after the other on the snapshot.
func (p *Planner) decide(ctx context.Context, units []Unit, images costs) ([]Decision, error) {
	var decided []Decision
	var b *board
	for _, u := range units {
		name := u.Pods[0].Spec.SchedulerName
		fw := p.profiles[name]
		if fw == nil {
			return nil, fmt.Errorf("%s: there is no profile %q", u.Name, name)
		}
		if b == nil {
			nodes, err := fw.SnapshotSharedLister().NodeInfos().List()
			if err != nil {
				return nil, err
			}
			b = newBoard(nodes)
		}
		d, err := p.try(ctx, fw, b, u, images)
		if err != nil {
			return nil, err
		}
		decided = append(decided, d)
		for _, pod := range u.Pods {
			if node := d.Placement[string(pod.UID)]; node != "" {
				if err := b.put(pod, node); err != nil {
					return nil, err
				}
			}
		}
	}
	return decided, nil
}

// board is the nodes of the snapshot, with pods on them that have a node in this answer. What pods say of one another
// across nodes is not seen by the filters.
type board struct {
	nodes  []fwk.NodeInfo
	rows   map[string]int
	copied map[int]bool // by row: it is ours
}

func newBoard(nodes []fwk.NodeInfo) *board {
	b := &board{nodes: slices.Clone(nodes), rows: make(map[string]int, len(nodes)), copied: map[int]bool{}}
	for row, node := range nodes {
		b.rows[node.Node().Name] = row
	}
	return b
}

func (b *board) put(pod *v1.Pod, node string) error {
	row := b.rows[node]
	if !b.copied[row] {
		b.nodes[row], b.copied[row] = b.nodes[row].Snapshot(), true
	}
	placed := *pod
	placed.Spec.NodeName = node
	info, err := framework.NewPodInfo(&placed)
	if err == nil {
		b.nodes[row].AddPodInfo(info)
	}
	return err
}

// try has the planner place a unit.
func (p *Planner) try(ctx context.Context, fw framework.Framework, b *board, u Unit, images costs) (Decision, error) {
	d := Decision{Unit: u, Fit: v1alpha1.Fit{Name: u.Name, Gang: u.Gang, Of: len(u.Pods), Min: u.Turn.Spec.Min, Message: u.Why}}
	if u.Why != "" {
		return d, nil
	}
	// The worlds of the profile keep what they learn of its nodes, and these may have pods that do not exist.
	slots, verdict, err := snapshot.NewWorlds(fw, images.Estimates, p.gangs.KeptOn).Plan(ctx, b.nodes, u.of(u.Turn.UIDs), u.Turn)
	if err != nil {
		return Decision{}, err
	}
	if slots == nil {
		d.Fit.Placed, d.Fit.Message = verdict.Fit, u.noFit(verdict)
		return d, nil
	}
	d.Placement, d.Fit.Fits, d.Fit.Placed = slots, true, len(slots)
	d.tell(images)
	return d, nil
}

// tell says which nodes have how many, and when their images are there.
func (d *Decision) tell(images costs) {
	on := map[string][]*v1.Pod{}
	for _, pod := range d.Pods {
		if node := d.Placement[string(pod.UID)]; node != "" {
			on[node] = append(on[node], pod)
		}
	}
	var o gang.Outlook
	known := false
	for _, node := range slices.Sorted(maps.Keys(on)) {
		d.Fit.Nodes = append(d.Fit.Nodes, v1alpha1.FitNode{Name: node, Pods: len(on[node])})
		var needs []gang.Need
		for _, pod := range on[node] {
			need := gang.Need{Images: recording.ImagesOf(snapshot.PodImages(pod))}
			if at := slices.IndexFunc(needs, func(n gang.Need) bool { return n.Images == need.Images }); at >= 0 {
				need = needs[at]
			} else if e, ok := images.Cost(pod, len(on)-1, node); ok {
				known = true
				need.Pull = gang.Pull{Seconds: e.Seconds, Wait: e.Wait, Again: e.Again, Bytes: e.Bytes}
			}
			needs = append(needs, need)
		}
		o.Add(node, needs)
	}
	if known {
		d.Fit.Images = &v1alpha1.FitImages{Seconds: o.Seconds, Wait: o.Wait, Node: o.Node, Bytes: o.Bytes}
	}
}
