// Package plugins lists the plugins of Muster and builds them on the state they
// share. It is the one list: the scheduler, its tests and its benchmarks all
// register from here.
package plugins

import (
	"context"
	"fmt"
	"sync"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/informers"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/backend/queue"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/muster-scheduler/muster/pkg/fit"
	"github.com/muster-scheduler/muster/pkg/journal"
	"github.com/muster-scheduler/muster/pkg/plugins/args"
	"github.com/muster-scheduler/muster/pkg/plugins/gangbind"
	"github.com/muster-scheduler/muster/pkg/plugins/ganggate"
	"github.com/muster-scheduler/muster/pkg/plugins/gangplan"
	"github.com/muster-scheduler/muster/pkg/plugins/imagepull"
	"github.com/muster-scheduler/muster/pkg/plugins/queueorder"
	"github.com/muster-scheduler/muster/pkg/seed"
	"github.com/muster-scheduler/muster/pkg/snapshot"
	"github.com/muster-scheduler/muster/pkg/state"
)

// Checks returns, by plugin, how its arguments are checked without building it.
func Checks() map[string]args.Check {
	return map[string]args.Check{
		gangbind.Name:   args.CheckOf(gangbind.DefaultArgs),
		ganggate.Name:   args.CheckOf(ganggate.DefaultArgs),
		gangplan.Name:   args.CheckOf(gangplan.DefaultArgs),
		imagepull.Name:  args.CheckOf(imagepull.DefaultArgs),
		queueorder.Name: args.CheckOf(queueorder.DefaultArgs),
	}
}

// Set is the plugins of one process. Those of one scheduler, of all its
// profiles, share one state.
type Set struct{ states states }

// New returns a set of which no plugin is built yet.
func New() *Set { return &Set{} }

// KeepTo says to which nodes profiles keep besides what their pods ask for. It is
// for before the plugins are built.
func (set *Set) KeepTo(pools map[string]*nodeaffinity.NodeSelector) { set.states.pools = pools }

// StripNodes has the framework's nodes say nothing of their images: to keep and to
// copy them is a tenth of a millisecond for every pod, and only the plugin ImageLocality,
// and extenders that are sent whole nodes, look at them. It is for before the plugins
// are built.
func (set *Set) StripNodes() { set.states.stripNodes = true }

// Lead tells the plugins that this process schedules now. Until then it may be
// a standby, which watches the cluster and says nothing to anybody. The plugins
// call freed when room is free of which no event of the cluster tells, with who
// of those that wait is to be tried again.
func (set *Set) Lead(freed func(who func(*v1.Pod) bool)) { set.states.lead(freed) }

// journalled is of how many pods that wait a journal is kept.
const journalled = 100_000

// Queue returns the queue for a scheduler that was built from this set's plugins,
// around the one it was built with, and what is known of the pods in it, and of the nodes in
// its cache. Members wait outside of the queue if a plugin keeps them out.
func (set *Set) Queue(inner queue.SchedulingQueue, cache state.Cache, backoff state.Backoff) (*state.Queue, *state.State) {
	set.states.mu.Lock()
	defer set.states.mu.Unlock()
	moves := journal.New(journalled)
	shared := set.states.shared
	if shared == nil || !set.states.gated {
		return state.NewQueue(inner, moves, backoff), state.New(moves, nil, nil)
	}
	q := state.NewQueue(ganggate.NewAnteroom(inner, shared.Gangs), moves, backoff)
	shared.Gangs.ActivateWith(q.Activate)
	known := state.New(moves, shared.Gangs, shared.Images)
	known.CountNodes(shared.Nodes, cache)
	return q, known
}

// Fits returns who answers whether pods would fit in a scheduler that was built from
// this set's plugins, or nil if GangPlan, whose answers they are, is not among them.
func (set *Set) Fits(sched *scheduler.Scheduler, c *config.KubeSchedulerConfiguration) *fit.Planner {
	set.states.mu.Lock()
	defer set.states.mu.Unlock()
	if set.states.shared == nil || !set.states.plans {
		return nil
	}
	return fit.New(sched, c, set.states.shared)
}

// OnFailure returns the handler of failed attempts for a scheduler that was built from
// this set's plugins, around the one it was built with: what is told of members is told of
// whole gangs.
func (set *Set) OnFailure(inner scheduler.FailureHandlerFn) scheduler.FailureHandlerFn {
	set.states.mu.Lock()
	defer set.states.mu.Unlock()
	if set.states.shared == nil {
		return inner
	}
	return set.states.shared.Gangs.OnFailure(inner)
}

// Registry returns the factories of the plugins.
func (set *Set) Registry() frameworkruntime.Registry {
	states := &set.states
	return frameworkruntime.Registry{
		gangbind.Name: factory(states, gangbind.DefaultArgs, func(_ context.Context, a gangbind.Args, h fwk.Handle, s *snapshot.Shared) (fwk.Plugin, error) {
			pl, err := gangbind.New(a, h.KubeConfig(), s.Images, s.Gangs)
			if err == nil {
				s.Gangs.ProveWith(pl.Try)
			}
			return pl, err
		}),
		ganggate.Name: factory(states, ganggate.DefaultArgs, func(_ context.Context, a ganggate.Args, h fwk.Handle, s *snapshot.Shared) (fwk.Plugin, error) {
			s.Gangs.Serve(h.ProfileName(), a.MaxMembers)
			states.gated = true
			return ganggate.New(s.Gangs), nil
		}),
		gangplan.Name: factory(states, gangplan.DefaultArgs, func(_ context.Context, a gangplan.Args, h fwk.Handle, s *snapshot.Shared) (fwk.Plugin, error) {
			states.plans = true
			return gangplan.New(a, h, s)
		}),
		imagepull.Name: factory(states, imagepull.DefaultArgs, func(ctx context.Context, a imagepull.Args, h fwk.Handle, s *snapshot.Shared) (fwk.Plugin, error) {
			fw, ok := h.(framework.Framework)
			if !ok {
				return nil, fmt.Errorf("the handle %T runs no filters", h)
			}
			if err := s.Images.Serve(h.ProfileName(), a.Pulls()); err != nil {
				return nil, err
			}
			if err := states.seed(ctx, a.Seeds(), h); err != nil {
				return nil, err
			}
			return imagepull.New(a, fw, s.Images), nil
		}),
		queueorder.Name: factory(states, queueorder.DefaultArgs, func(_ context.Context, _ queueorder.Args, _ fwk.Handle, s *snapshot.Shared) (fwk.Plugin, error) {
			return queueorder.New(s.Gangs), nil
		}),
	}
}

// factory returns a factory that reads the arguments strictly and builds the
// plugin on the state of its scheduler.
func factory[T args.Validator](states *states, defaults func() T, build func(context.Context, T, fwk.Handle, *snapshot.Shared) (fwk.Plugin, error)) frameworkruntime.PluginFactory {
	return func(ctx context.Context, obj runtime.Object, h fwk.Handle) (fwk.Plugin, error) {
		a, err := args.Load(field.NewPath("args"), obj, defaults())
		if err != nil {
			return nil, err
		}
		shared, err := states.of(ctx, h)
		if err != nil {
			return nil, err
		}
		return build(ctx, a, h, shared)
	}
}

// states holds the shared state of the scheduler that is being built. A
// scheduler is told from the one before by its informers: tests build several
// from one registry, one after the other.
type states struct {
	mu        sync.Mutex
	informers informers.SharedInformerFactory
	shared    *snapshot.Shared
	gated     bool // members are kept out of the queue
	plans     bool // gangs are planned
	seeds     seed.Options
	seeder    func()                                // runs it; nil if nothing is pulled ahead
	pools     map[string]*nodeaffinity.NodeSelector // by profile
	// stripNodes is set if the nodes that the framework is given list no images.
	stripNodes bool
}

func (s *states) lead(freed func(who func(*v1.Pod) bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shared != nil {
		s.shared.Lead(freed)
		if s.seeder != nil {
			go s.seeder()
		}
	}
}

// seed has images pulled ahead once this process leads. The cluster has one way to do
// that: profiles that state different ones are an error.
func (s *states) seed(ctx context.Context, options seed.Options, h fwk.Handle) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seeds != (seed.Options{}) && s.seeds != options {
		return fmt.Errorf("profile %s states another seeding than the profiles before it: the cluster has one", h.ProfileName())
	}
	known := s.seeds == options
	s.seeds = options
	if known || h.KubeConfig() == nil || !options.Gangs && !options.Rollouts {
		return nil
	}
	seeder, err := seed.New(options, h.KubeConfig(), h.SharedInformerFactory(), s.shared, s.pools)
	if err != nil {
		return err
	}
	s.seeder = func() { seeder.Run(ctx) }
	return nil
}

// of returns the shared state of the handle's scheduler, connected to its cluster.
func (s *states) of(ctx context.Context, h fwk.Handle) (*snapshot.Shared, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.informers == nil || s.informers != h.SharedInformerFactory() {
		shared, err := snapshot.Connect(ctx, h, s.stripNodes)
		if err != nil {
			return nil, err
		}
		s.informers, s.shared = h.SharedInformerFactory(), shared
		s.seeds, s.seeder = seed.Options{}, nil
	}
	return s.shared, nil
}
