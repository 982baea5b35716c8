package publish

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-scheduler/muster/pkg/registry"
)

// Options of a Publisher.
type Options struct {
	// Registries that may be asked.
	Registries []registry.Allowed
	// ReadsPerSecond and ReadBurst bound how often each of them is, in images. A read
	// is up to three requests, and two more for each platform of the nodes. 0 < both.
	ReadsPerSecond float32
	ReadBurst      int
	// Readers is how many images are read from each at a time. 0 < Readers.
	Readers int
	// TagRefresh is how often what a tag stands for is asked again. 0 < TagRefresh.
	TagRefresh time.Duration
	// UnusedFor is for how long an ImageManifest stays that nobody uses. 0 <= UnusedFor.
	UnusedFor time.Duration
	// MaxManifests is how many ImageManifests there are at most. 0 < MaxManifests.
	MaxManifests int
}

// Publisher keeps the ImageManifests of a cluster.
type Publisher struct {
	options Options
	client  kubernetes.Interface
	own     *client
	reader  *registry.Reader
	clock   clock.WithTicker
	synced  atomic.Bool

	uses  *uses
	store *store
	lanes []*lane

	mu     sync.Mutex
	images map[string]*known
}

// New returns a publisher for the cluster. It does nothing until it runs.
func New(config *rest.Config, reader *registry.Reader, options Options, clock clock.WithTicker) (*Publisher, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	own, err := newClient(config)
	if err != nil {
		return nil, err
	}
	p := &Publisher{options: options, client: client, own: own, reader: reader, clock: clock, images: map[string]*known{}}
	p.uses = newUses(func(key string) bool { return p.lane(key) != nil })
	p.uses.began = p.enqueue
	p.uses.spread = func() {
		for _, key := range p.uses.all() {
			p.enqueue(key)
		}
	}
	for _, entry := range options.Registries {
		p.lanes = append(p.lanes, newLane(entry, options, p.uses.owner, clock))
	}
	return p, nil
}

// Synced reports whether all pods, nodes and ImageManifests have been seen.
func (p *Publisher) Synced() bool { return p.synced.Load() }

// lane returns that of the image; nil if no registry of the list has it.
func (p *Publisher) lane(key string) *lane {
	i := slices.IndexFunc(p.options.Registries, func(a registry.Allowed) bool { return a.Covers(key) })
	if i < 0 {
		return nil
	}
	return p.lanes[i]
}

func (p *Publisher) enqueue(key string) { p.lane(key).queue.Add(key) }

// Run publishes until the context ends. It may be called once.
func (p *Publisher) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	defer func() {
		for _, l := range p.lanes {
			l.queue.ShutDown()
		}
	}()
	synced, err := p.watch(ctx, &running)
	if err != nil {
		return err
	}
	if !cache.WaitForCacheSync(ctx.Done(), synced...) {
		return nil // asked to end
	}
	p.synced.Store(true)
	klog.FromContext(ctx).Info("Publishing the manifests of images", "images", len(p.uses.all()), "manifests", p.store.count(), "platforms", fmt.Sprint(p.uses.on()))
	for _, l := range p.lanes {
		for range p.options.Readers {
			running.Go(func() { p.work(ctx, l) })
		}
	}
	running.Go(func() {
		wait.JitterUntilWithContext(ctx, func(ctx context.Context) { p.store.collect(ctx, p.options.UnusedFor) },
			max(time.Second, min(time.Minute, p.options.UnusedFor/10)), 0.1, true)
	})
	<-ctx.Done()
	return nil
}

// watch starts to watch what is used and what there is.
func (p *Publisher) watch(ctx context.Context, running *sync.WaitGroup) ([]cache.InformerSynced, error) {
	manifests := newInformer(p.own)
	p.store = newStore(p.own, manifests, p.uses, p.options.MaxManifests, p.clock)
	p.store.lost = func(references []string) {
		for _, key := range references {
			if p.uses.used(key) {
				p.enqueue(key)
			}
		}
	}
	pods := informers.NewSharedInformerFactoryWithOptions(p.client, 0, informers.WithTransform(p.uses.trimPod),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.FieldSelector = "status.phase!=Succeeded,status.phase!=Failed" }))
	nodes := informers.NewSharedInformerFactoryWithOptions(p.client, 0, informers.WithTransform(p.uses.trimNode))
	var synced []cache.InformerSynced
	for _, watched := range []struct {
		informer cache.SharedIndexInformer
		handler  cache.ResourceEventHandler
	}{
		{manifests, p.store.handler()},
		{nodes.Core().V1().Nodes().Informer(), p.uses.handler()},
		{pods.Core().V1().Pods().Informer(), p.uses.handler()},
	} {
		registration, err := watched.informer.AddEventHandler(watched.handler)
		if err != nil {
			return nil, err
		}
		synced = append(synced, registration.HasSynced)
		running.Go(func() { watched.informer.RunWithContext(ctx) })
	}
	return synced, nil
}

func (p *Publisher) work(ctx context.Context, l *lane) {
	for {
		key, done := l.queue.Get()
		if done || ctx.Err() != nil {
			return
		}
		if again := p.look(ctx, l, key); again > 0 {
			l.queue.AddAfter(key, again)
		}
		l.queue.Done(key)
	}
}
