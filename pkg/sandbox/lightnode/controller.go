package lightnode

import (
	"context"
	"maps"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/muster-scheduler/muster/pkg/sandbox/fleet"
	"github.com/muster-scheduler/muster/pkg/sandbox/pull"
)

const (
	// heartbeatInterval is twice the kubelet's, to halve the cost of thousands of nodes; a node is given up after 50 s.
	heartbeatInterval = 20 * time.Second
	// registerWorkers, heartbeatWorkers and podCalls bound the requests in flight.
	registerWorkers  = 16
	heartbeatWorkers = 32
	podCalls         = 48
)

// Nodes are the running nodes of a fleet.
type Nodes struct {
	client  kubernetes.Interface
	fleet   fleet.Fleet
	network *pull.Network
	nodes   map[string]*node
	calls   chan struct{} // a slot for each request about a pod
	bound   cache.Store   // all pods that are bound to a node, of this fleet or not

	mu   sync.Mutex
	runs map[types.UID]run
}

// run is a pod that is being run.
type run struct {
	node   *node
	cancel context.CancelFunc
}

// Start makes the nodes, and keeps nodes and pods going until the context ends.
func Start(ctx context.Context, config *rest.Config, f fleet.Fleet) (*Nodes, error) {
	catalogue, err := pull.NewCatalogue(f.Images)
	if err != nil {
		return nil, err
	}
	config = rest.CopyConfig(config)
	config.QPS, config.ContentType, config.UserAgent = -1, runtime.ContentTypeProtobuf, "muster-sandbox-nodes"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	c := &Nodes{
		client:  client,
		fleet:   f,
		network: pull.NewNetwork(f.RegistryBandwidth),
		nodes:   make(map[string]*node, f.Count),
		calls:   make(chan struct{}, podCalls),
		runs:    map[types.UID]run{},
	}
	inOrder := make([]*node, f.Count)
	for i := range inOrder {
		inOrder[i] = newNode(f, f.First+i, catalogue, c.network)
		c.nodes[inOrder[i].name] = inOrder[i]
	}
	go c.beat(ctx, inOrder) // the first nodes need it before the last are registered
	if err := c.registerAll(ctx, inOrder); err != nil {
		return nil, err
	}
	if err := c.watchPods(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// SetRegistryBandwidth changes the capacity of the registry, in bytes per second.
func (c *Nodes) SetRegistryBandwidth(capacity int64) { c.network.SetCapacity(capacity) }

// SetLost makes a node fall silent, or come back. Its pods stay as they are meanwhile. Nodes of others are left alone.
func (c *Nodes) SetLost(ctx context.Context, name string, lost bool) {
	n, ours := c.nodes[name]
	if !ours || n.lost.Swap(lost) == lost {
		return
	}
	if lost {
		c.mu.Lock()
		defer c.mu.Unlock()
		maps.DeleteFunc(c.runs, func(_ types.UID, r run) bool {
			if r.node == n {
				r.cancel()
			}
			return r.node == n
		})
		return
	}
	for _, object := range c.bound.List() {
		if pod := object.(*v1.Pod); pod.Spec.NodeName == name {
			c.observe(ctx, pod)
		}
	}
}

// registerAll makes all nodes.
func (c *Nodes) registerAll(ctx context.Context, nodes []*node) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	work := make(chan int)
	for range registerWorkers {
		wg.Go(func() {
			for i := range work {
				if err := c.register(ctx, c.fleet.First+i, nodes[i]); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := range nodes {
		work <- i
	}
	close(work)
	wg.Wait()
	return context.Cause(ctx)
}

// beat renews the leases of all registered nodes, evenly spread over the interval, until the context ends.
func (c *Nodes) beat(ctx context.Context, nodes []*node) {
	logger := klog.FromContext(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	work := make(chan *node)
	defer close(work)
	for range heartbeatWorkers {
		wg.Go(func() {
			for n := range work {
				if !n.registered.Load() || n.lost.Load() {
					continue
				}
				if err := c.heartbeat(ctx, n); err != nil {
					logger.Error(err, "Heartbeat was lost", "node", n.name)
				}
			}
		})
	}
	step := heartbeatInterval / time.Duration(len(nodes))
	due := time.Now()
	for i := 0; ; i = (i + 1) % len(nodes) {
		// What is late is made up for: no beat is dropped.
		due = due.Add(step)
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			return
		}
		select {
		case work <- nodes[i]:
		case <-ctx.Done():
			return
		}
	}
}

// watchPods starts to run all pods that are or will be bound to nodes of the fleet.
func (c *Nodes) watchPods(ctx context.Context) error {
	factory := informers.NewSharedInformerFactoryWithOptions(c.client, 0,
		informers.WithTweakListOptions(func(o *metav1.ListOptions) {
			o.FieldSelector = fields.OneTermNotEqualSelector("spec.nodeName", "").String()
		}),
		informers.WithTransform(withoutManagedFields))
	pods := factory.Core().V1().Pods().Informer()
	c.bound = pods.GetStore()
	registration, err := pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { c.observe(ctx, object.(*v1.Pod)) },
		UpdateFunc: func(_, object any) { c.observe(ctx, object.(*v1.Pod)) },
		DeleteFunc: func(object any) {
			if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = last.Obj
			}
			if pod, ok := object.(*v1.Pod); ok {
				c.forget(pod.UID)
			}
		},
	})
	if err != nil {
		return err
	}
	factory.StartWithContext(ctx)
	if !cache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
		return ctx.Err()
	}
	return nil
}

// withoutManagedFields drops what makes up half of a pod in memory, and is not needed here.
func withoutManagedFields(object any) (any, error) {
	if o, err := meta.Accessor(object); err == nil {
		o.SetManagedFields(nil)
	}
	return object, nil
}
