package seed

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-scheduler/muster/pkg/image"
	"github.com/muster-scheduler/muster/pkg/metrics"
	"github.com/muster-scheduler/muster/pkg/snapshot"
)

// Options of a Seeder.
type Options struct {
	Gangs     bool   // seed for gangs that wait for room
	Rollouts  bool   // and for pods that are expected: of rollouts, and as many as came lately
	Namespace string // of what it makes
	MaxBytes  int64  // under way at a time
	MaxSeeds  int
	// PauseImage is what the container of a seeding pod runs.
	PauseImage string
	// PriorityClass of a seeding pod; empty for the cluster's default.
	PriorityClass string
	// With is which actuator to use: Pods, PullJobs, or Auto for the first that the
	// cluster has.
	With string
}

// What Options.With may be.
const (
	Auto     = "Auto"
	Pods     = "Pods"
	PullJobs = "ImagePullJobs"
)

// interval is how often it is decided what to seed, and looked what became of that.
const interval = 5 * time.Second

// Seeder has nodes pull images ahead.
type Seeder struct {
	options Options
	client  kubernetes.Interface
	factory informers.SharedInformerFactory
	ledger  ledger
	waiting func(most int) []snapshot.WaitingGang
	pools   map[string]*nodeaffinity.NodeSelector // by profile: which nodes it keeps to
	clock   clock.Clock

	actuators []actuator // to choose from
	actuator  actuator
	rooms     *rooms
	rollouts  *rollouts
	flying    map[string]flight // by seed
	avoided   avoided           // nodes on which a seed failed
	failed    avoided           // images that could not be had, by key
	doubted   map[string]string // images that could not be had on one node, by key: it may be the node
}

// actuator has a node pull images.
type actuator interface {
	// name of the actuator, for people.
	name() string
	// usable reports whether the cluster can do what it takes, and lets us; if not, why.
	usable(ctx context.Context) (why string, err error)
	// can reports whether a node can.
	can(node *v1.Node) bool
	// adopt ends what was begun before this process.
	adopt(ctx context.Context) error
	// begin has the seed pulled for the sake of a pod like this one.
	begin(ctx context.Context, seed snapshot.Seed, like *v1.Pod, why string) (handle string, err error)
	// look says how far what was begun is.
	look(ctx context.Context, handle string) (progress, error)
	// collect removes it.
	collect(ctx context.Context, handle string) error
}

// ledger chooses what is pulled ahead and counts it; snapshot.Images is one.
type ledger interface {
	Seeds(d image.Demand, budget *image.SeedBudget) []snapshot.Seed
	Seeded(seed snapshot.Seed)
	Unseeded(seed snapshot.Seed)
	Serves(scheduler string) bool
	Foresee()
	Foreseen() []snapshot.Foreseen
}

// progress is how far a seed is.
type progress int

const (
	pulling progress = iota
	pulled
	unavailable // an image cannot be had
	broken      // the node does not do what it should
)

// flight is a seed under way.
type flight struct {
	seed   snapshot.Seed
	handle string
	until  time.Time // when it is given up
	ended  bool      // it is to be collected
}

// New returns a Seeder for the cluster behind config. pools are, by profile, the
// nodes that it keeps to.
func New(options Options, config *rest.Config, factory informers.SharedInformerFactory, shared *snapshot.Shared, pools map[string]*nodeaffinity.NodeSelector) (*Seeder, error) {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = 20, 40 // beside that of the scheduler, which it must not slow down
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("building the client of the seeder: %w", err)
	}
	config.ContentType, config.AcceptContentTypes = "application/json", "application/json" // custom resources have no other
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("building the client of the seeder: %w", err)
	}
	return &Seeder{
		options: options, client: client, factory: factory, ledger: shared.Images, waiting: shared.Gangs.Waiting, pools: pools, clock: clock.RealClock{},
		actuators: []actuator{
			newByPods(client, factory.Core().V1().Pods().Lister(), options, shared.Images.Pulls),
			newByPullJobs(client.Discovery(), objects, options),
		},
		rooms: newRooms(), flying: map[string]flight{}, avoided: newAvoided(), failed: newAvoided(), doubted: map[string]string{},
	}, nil
}

// Run seeds until the context ends. It waits until the cluster can do what it takes:
// what is missing is said once.
func (s *Seeder) Run(ctx context.Context) {
	logger := klog.FromContext(ctx).WithName("seeder")
	ctx = klog.NewContext(ctx, logger)
	if !s.choose(ctx) {
		return // the context ended
	}
	if err := s.watch(ctx); err != nil {
		logger.Error(err, "Nothing is pulled ahead")
		return
	}
	logger.Info("Pulling images ahead", "with", s.actuator.name(), "namespace", s.options.Namespace, "gangs", s.options.Gangs, "rollouts", s.options.Rollouts)
	wait.UntilWithContext(ctx, s.round, interval)
}

// How soon a cluster is asked again that cannot do what it takes: a new one may lack
// only the service account that its controllers are about to make.
const (
	firstAsk = 2 * time.Second
	lastAsk  = 5 * time.Minute
)

// choose finds the actuator to use. It reports false if the context ended.
func (s *Seeder) choose(ctx context.Context) bool {
	logger := klog.FromContext(ctx)
	said := map[string]bool{}
	for pause := firstAsk; ; pause = min(2*pause, lastAsk) {
		for _, a := range s.actuators {
			if s.options.With != Auto && s.options.With != a.name() {
				continue
			}
			why, err := a.usable(ctx)
			switch {
			case err != nil:
				logger.Error(err, "Asking whether images can be pulled ahead", "with", a.name(), "retryIn", pause)
			case why == "":
				s.actuator = a
				if err := a.adopt(ctx); err != nil {
					logger.Error(err, "Collecting what was pulled ahead before", "with", a.name())
				}
				return true
			case !said[why] && pause > 8*firstAsk: // it does not go away
				said[why] = true
				logger.Info("Images cannot be pulled ahead", "with", a.name(), "why", why)
			}
		}
		select {
		case <-ctx.Done():
			return false
		case <-s.clock.After(pause):
		}
	}
}

// watch begins to follow what room there is.
func (s *Seeder) watch(ctx context.Context) error {
	core := s.factory.Core().V1()
	if _, err := core.Nodes().Informer().AddEventHandler(s.rooms.nodeHandler()); err != nil {
		return err
	}
	if _, err := core.Pods().Informer().AddEventHandler(s.rooms.podHandler()); err != nil {
		return err
	}
	if !s.options.Rollouts {
		return nil
	}
	s.ledger.Foresee()
	var err error
	s.rollouts, err = watchRollouts(ctx.Done(), s.client, s.ledger.Serves)
	return err
}

// round looks after what is under way, and begins what is to be.
func (s *Seeder) round(ctx context.Context) {
	s.lookAfter(ctx)
	budget := image.SeedBudget{Bytes: s.options.MaxBytes, Seeds: s.options.MaxSeeds - len(s.flying)}
	for _, f := range s.flying {
		budget.Bytes -= f.seed.Bytes
	}
	for _, d := range s.demands() {
		if budget.Seeds <= 0 || budget.Bytes <= 0 || ctx.Err() != nil {
			break
		}
		if slices.ContainsFunc(d.Needs, func(n image.Need) bool { return s.failed.has(n.Key, s.clock.Now()) }) {
			continue
		}
		d.Busy, d.Places = s.busy(), d.places()
		for _, seed := range s.ledger.Seeds(d.Demand, &budget) {
			s.begin(ctx, seed, d)
		}
	}
	metrics.SeedsFlying.Set(float64(len(s.flying)))
}

// busy are the nodes that pull ahead.
func (s *Seeder) busy() map[string]bool {
	nodes := make(map[string]bool, len(s.flying))
	for _, f := range s.flying {
		nodes[f.seed.Node] = true
	}
	return nodes
}

// demands is who is going to ask for images: gangs that wait, then rollouts, then
// what is merely expected.
func (s *Seeder) demands() []demand {
	var demands []demand
	if s.options.Gangs {
		ends := sync.OnceValue(func() map[string][]end {
			pods, _ := s.factory.Core().V1().Pods().Lister().List(labels.Everything()) // of a cache: it has no errors
			return endsOf(pods)
		})
		demands = s.ofGangs(s.waiting(maxGangs), ends)
	}
	if s.options.Rollouts {
		demands = append(demands, s.ofRollouts(s.rollouts.list())...)
		demands = append(demands, s.ofForeseen(s.ledger.Foreseen())...)
	}
	return demands
}

func (s *Seeder) begin(ctx context.Context, seed snapshot.Seed, d demand) {
	handle, err := s.actuator.begin(ctx, seed, d.like, d.why)
	if err != nil {
		klog.FromContext(ctx).Error(err, "A seed is refused", "node", seed.Node, "for", d.why)
		s.ledger.Unseeded(seed)
		s.avoided.add(seed.Node, s.clock.Now())
		metrics.Seeds.WithLabelValues(metrics.SeedRefused).Inc()
		return
	}
	klog.FromContext(ctx).V(2).Info("Pulling ahead", "node", seed.Node, "images", len(seed.Needs), "bytes", seed.Bytes, "for", d.why, "as", handle)
	s.flying[seed.ID] = flight{seed: seed, handle: handle, until: s.clock.Now().Add(patience(seed))}
}

// maxDoubted is of how many images it is remembered that one node could not have them.
const maxDoubted = 4096

// patience is for how long a seed may be under way.
func patience(seed snapshot.Seed) time.Duration {
	return min(2*time.Hour, 5*time.Minute+time.Duration(3*seed.Seconds*float64(time.Second)))
}

// lookAfter ends the seeds that have come to an end, and collects what was made for them.
func (s *Seeder) lookAfter(ctx context.Context) {
	for _, id := range slices.Sorted(maps.Keys(s.flying)) {
		f := s.flying[id]
		if !f.ended {
			if f.ended = s.end(ctx, f); !f.ended {
				continue
			}
			s.flying[id] = f
		}
		if err := s.actuator.collect(ctx, f.handle); err != nil {
			klog.FromContext(ctx).Error(err, "Collecting a seed", "as", f.handle)
			continue // it is tried again
		}
		delete(s.flying, id)
	}
}

// end ends a seed, if it has come to an end.
func (s *Seeder) end(ctx context.Context, f flight) bool {
	now := s.clock.Now()
	is, err := s.actuator.look(ctx, f.handle)
	if err != nil {
		klog.FromContext(ctx).Error(err, "Looking after a seed", "node", f.seed.Node, "as", f.handle)
		is = pulling
	}
	if is == pulling && now.After(f.until) {
		is = broken
	}
	switch is {
	case pulling:
		return false
	case pulled:
		for _, need := range f.seed.Needs {
			delete(s.doubted, need.Key)
		}
		s.ledger.Seeded(f.seed)
		metrics.Seeds.WithLabelValues(metrics.SeedPulled).Inc()
		metrics.SeedBytes.Add(float64(f.seed.Bytes))
		return true
	case unavailable:
		s.avoided.add(f.seed.Node, now)
		for _, need := range f.seed.Needs {
			if node, ok := s.doubted[need.Key]; ok && node != f.seed.Node {
				s.failed.add(need.Key, now)
			}
			s.doubted[need.Key] = f.seed.Node
		}
		if len(s.doubted) > maxDoubted {
			clear(s.doubted) // names that are made up; each costs a seed more then
		}
		metrics.Seeds.WithLabelValues(metrics.SeedUnavailable).Inc()
	case broken:
		s.avoided.add(f.seed.Node, now)
		metrics.Seeds.WithLabelValues(metrics.SeedBroken).Inc()
	}
	klog.FromContext(ctx).Info("A seed came to nothing", "node", f.seed.Node, "as", f.handle, "imageUnavailable", is == unavailable)
	s.ledger.Unseeded(f.seed)
	return true
}
