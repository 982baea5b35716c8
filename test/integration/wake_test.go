package integration

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/sandbox"
)

// attempts returns how often gangs were tried so far, and how often in vain.
func attempts(t *testing.T, p *plane) (all, useless float64) {
	t.Helper()
	return counter(t, p.sandbox.Config, p.muster, "muster_gang_attempts_total", ""),
		counter(t, p.sandbox.Config, p.muster, "muster_gang_useless_attempts_total", "")
}

// TestGangSleepsUntilThereIsRoomForIt: of three gangs that wait, the one starts
// for which there is room, and the others are not tried.
func TestGangSleepsUntilThereIsRoomForIt(t *testing.T) {
	p := shared.start(t)
	c := newCluster(t, p.sandbox.Config, "4", "4")
	for i := range 8 {
		c.create(c.pod(fmt.Sprint("tenant-", i), "1"))
	}
	c.waitBound("tenant", 8)
	c.create(c.members("wide", 7, "7", "1")...)
	c.create(c.members("two", 2, "2", "2")...)
	c.create(c.members("huge", 2, "2", "4")...)
	for _, name := range []string{"wide", "two", "huge"} {
		c.waitEvent(name, "FailedScheduling", "insufficient cpu")
	}
	byNode := map[string][]string{}
	for i := range 8 {
		name := fmt.Sprint("tenant-", i)
		node := c.get(name).Spec.NodeName
		byNode[node] = append(byNode[node], name)
	}
	before, vain := attempts(t, p)

	// A guest in the room of a tenant that left says that the scheduler knows of it.
	for n := range 3 {
		c.remove1(byNode[c.ns+"-0"][n])
		guest := fmt.Sprint("guest-", n)
		c.create(c.pod(guest, "1"))
		c.waitBound(guest, 1)
	}
	if all, _ := attempts(t, p); all != before {
		t.Errorf("gangs were tried %v times while there was room for none", all-before)
	}
	for n := range 2 {
		c.remove1(fmt.Sprint("guest-", n))
		c.remove1(byNode[c.ns+"-1"][n])
	}
	c.waitBound("two", 2)
	all, useless := attempts(t, p)
	if all != before+1 || useless != vain {
		t.Errorf("gangs were tried %v times, %v in vain, want once", all-before, useless-vain)
	}
}

// TestGangWakesForANodeThatChanges: room alone is not all that a gang can lack.
func TestGangWakesForANodeThatChanges(t *testing.T) {
	p := shared.start(t)
	c := newCluster(t, p.sandbox.Config, "4", "4")
	pods := c.members("choosy", 2, "2", "3")
	for _, pod := range pods {
		pod.Spec.NodeSelector["disk"] = "fast"
	}
	node := c.ns + "-0"
	c.create(pods...)
	c.waitEvent("choosy", "FailedScheduling", "node affinity or selector")
	for _, name := range []string{node, c.ns + "-1"} {
		patch := []byte(`{"metadata":{"labels":{"disk":"fast"}}}`)
		if _, err := c.client.CoreV1().Nodes().Patch(t.Context(), name, "application/merge-patch+json", patch, metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	c.waitBound("choosy", 2)
}

// scale is a cluster of light nodes that tenants fill to the last cpu.
type scale struct {
	t      *testing.T
	client kubernetes.Interface
	muster *sandbox.Scheduler
	config *rest.Config
	// small and large are tenants of one cpu and of a whole node.
	small, large []string
}

const (
	nodeCPU    = 8
	smallNodes = 30 // nodes with tenants of one cpu
)

// atScale makes TestWakeUpAtScale as large as its figures are stated for: it
// takes three minutes then.
var atScale = flag.Bool("at-scale", false, "let 50 gangs of up to 1,000 members wait on 1,000 nodes, instead of 20 of up to 100 on 100")

// each does something for every name, many at a time.
func (s *scale) each(names []string, do func(ctx context.Context, name string) error) {
	s.t.Helper()
	queue := make(chan string)
	var workers sync.WaitGroup
	for range 32 {
		workers.Go(func() {
			for name := range queue {
				if err := do(s.t.Context(), name); err != nil {
					s.t.Error(err)
				}
			}
		})
	}
	for _, name := range names {
		queue <- name
	}
	close(queue)
	workers.Wait()
}

func (s *scale) pod(name string, cpu int) *v1.Pod {
	zero := int64(0)
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1.PodSpec{
			SchedulerName: "muster", TerminationGracePeriodSeconds: &zero,
			Containers: []v1.Container{{
				Name: "main", Image: "registry.example/app:v1",
				Resources: v1.ResourceRequirements{Requests: v1.ResourceList{v1.ResourceCPU: *resource.NewQuantity(int64(cpu), resource.DecimalSI)}},
			}},
		},
	}
}

func (s *scale) create(ctx context.Context, pod *v1.Pod) error {
	_, err := s.client.CoreV1().Pods("default").Create(ctx, pod, metav1.CreateOptions{})
	return err
}

// fill creates the tenants, each on its node.
func (s *scale) fill() {
	s.t.Helper()
	nodes, err := s.client.CoreV1().Nodes().List(s.t.Context(), metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		s.t.Fatal(err)
	}
	on := map[string]string{}
	for i, node := range nodes.Items {
		if i >= smallNodes {
			name := fmt.Sprint("large-", i)
			on[name], s.large = node.Name, append(s.large, name)
			continue
		}
		for j := range nodeCPU {
			name := fmt.Sprintf("small-%d-%d", i, j)
			on[name], s.small = node.Name, append(s.small, name)
		}
	}
	put := func(cpu int) func(context.Context, string) error {
		return func(ctx context.Context, name string) error {
			pod := s.pod(name, cpu)
			pod.Spec.NodeName = on[name]
			return s.create(ctx, pod)
		}
	}
	s.each(s.small, put(1))
	s.each(s.large, put(nodeCPU))
}

// free removes tenants of so many cpus.
func (s *scale) free(cpus int) {
	s.t.Helper()
	whole := min(cpus/nodeCPU, len(s.large))
	rest := cpus - whole*nodeCPU
	gone := append(slices.Clone(s.large[:whole]), s.small[:rest]...)
	s.large, s.small = s.large[whole:], s.small[rest:]
	zero := int64(0)
	s.each(gone, func(ctx context.Context, name string) error {
		return s.client.CoreV1().Pods("default").Delete(ctx, name, metav1.DeleteOptions{GracePeriodSeconds: &zero})
	})
}

// binds is when pods were first seen with a node. It survives a watch that ends,
// as one of 8,000 pods that come at once may.
type binds struct {
	mu sync.Mutex
	at map[string]time.Time
}

func watchBinds(t *testing.T, client kubernetes.Interface) *binds {
	t.Helper()
	b := &binds{at: map[string]time.Time{}}
	see := func(o any) {
		pod, ok := o.(*v1.Pod)
		if !ok || pod.Spec.NodeName == "" {
			return
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.at[pod.Name].IsZero() {
			b.at[pod.Name] = time.Now()
		}
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	_, err := factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: see, UpdateFunc: func(_, o any) { see(o) },
	})
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	factory.Start(stop)
	factory.WaitForCacheSync(stop)
	t.Cleanup(func() {
		close(stop)
		factory.Shutdown()
	})
	return b
}

// of returns how many of the pods with this prefix have a node, and when the
// first and the last got it.
func (b *binds) of(prefix string) (n int, first, last time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, at := range b.at {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		if n++; n == 1 || at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
	}
	return n, first, last
}

// sizes are those of the gangs: from 1 to most, each once, each about so much
// larger than the one before.
func sizes(n, most int) []int {
	var all []int
	for i := range n {
		size := int(math.Round(math.Pow(float64(most), float64(i)/float64(n-1))))
		if i > 0 {
			size = max(size, all[i-1]+1)
		}
		all = append(all, size)
	}
	return all
}

// TestWakeUpAtScale: gangs wait on nodes without a free cpu. Room comes free for
// exactly one after the other.
func TestWakeUpAtScale(t *testing.T) {
	nodes, gangs, most := 100, 20, 100
	if *atScale {
		nodes, gangs, most = 1000, 50, 1000
	}
	box, err := sandbox.Start(t.Context(), sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := box.Stop(); err != nil {
			t.Error(err)
		}
	})
	if _, err := box.AddNodes(t.Context(), nodes); err != nil {
		t.Fatal(err)
	}
	config := rest.CopyConfig(box.Config)
	config.QPS, config.Burst = -1, -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	s := &scale{t: t, client: client, config: box.Config}
	s.fill()
	if s.muster, err = box.StartScheduler(t.Context(), sandbox.Muster); err != nil {
		t.Fatal(err)
	}
	p := &plane{sandbox: box, muster: s.muster}
	binds := watchBinds(t, client)

	all := sizes(gangs, most)
	var names []string
	for _, size := range all {
		for i := range size {
			names = append(names, fmt.Sprintf("g%d-%d", size, i))
		}
	}
	rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	s.each(names, func(ctx context.Context, name string) error {
		pod := s.pod(name, 1)
		gangName, _, _ := strings.Cut(name, "-")
		pod.Labels = map[string]string{gang.NameLabel: gangName}
		pod.Annotations = map[string]string{gang.MinAnnotation: gangName[1:]}
		return s.create(ctx, pod)
	})
	c := &cluster{t: t, client: client, ns: "default"}
	c.wait("all gangs to be refused", func() (bool, string) {
		refused := counter(t, box.Config, s.muster, "muster_gang_attempts_total", `result="refused"`)
		return refused >= float64(len(all)), fmt.Sprint(refused)
	})

	before, vain := attempts(t, p)
	var first, last []time.Duration
	for _, size := range all {
		prefix := fmt.Sprintf("g%d-", size)
		s.free(size)
		freed := time.Now()
		c.wait(fmt.Sprintf("gang %s to start", prefix), func() (bool, string) {
			got, _, _ := binds.of(prefix)
			return got == size, fmt.Sprintf("%d of %d", got, size)
		})
		_, began, ended := binds.of(prefix)
		first, last = append(first, began.Sub(freed)), append(last, ended.Sub(freed))
		for _, other := range all {
			if got, _, _ := binds.of(fmt.Sprintf("g%d-", other)); other > size && got > 0 {
				t.Errorf("gang of %d got nodes, with room for one of %d", other, size)
			}
		}
	}
	tried, useless := attempts(t, p)
	for what, d := range map[string][]time.Duration{"first": first, "last": last} {
		t.Logf("the gang of %d: %s bind %s after the last deletion", all[len(all)-1], what, d[len(d)-1])
		slices.Sort(d)
		t.Logf("all gangs: %s bind p50 %s, p99 %s", what, d[len(d)/2], d[len(d)*99/100])
	}
	// A gang is bound when all its members have nodes, which is their number's
	// to decide. The wake-up is when it is tried.
	within := func(le string) float64 {
		return counter(t, box.Config, s.muster, "muster_gang_wake_up_seconds_bucket", `"`+le+`"`)
	}
	t.Logf("%v attempts for %d gangs, %v in vain", tried-before, len(all), useless-vain)
	t.Logf("of %v wake-ups, %v within 16 ms, %v within 128 ms, %v within 1 s", within("+Inf"), within("0.016"), within("0.128"), within("1.024"))
	if within("+Inf") < float64(len(all)) {
		t.Errorf("%v wake-ups for %d gangs", within("+Inf"), len(all))
	}
	if late := within("+Inf") - within("1.024"); late > 0 {
		t.Errorf("%v wake-ups took more than a second", late)
	}
	if useless-vain > float64(len(all))/5 {
		t.Errorf("%v attempts were in vain", useless-vain)
	}
}
