package perf

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"sync"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	perf "k8s.io/kubernetes/test/integration/scheduler_perf"
	"k8s.io/kubernetes/test/utils/client-go/ktesting"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/plugins"
	musterscheduler "github.com/muster-scheduler/muster/pkg/scheduler"
)

// gangNamespace is where gangs.yaml puts its pods.
const gangNamespace = "gangs-0"

// measure makes one run and leaves its record in the folder.
func measure(b *testing.B, name, dir string) {
	set := plugins.New()
	perf.RunBenchmarkPerfScheduling(b, "gangs.yaml", "gangs", set.Registry(),
		perf.WithNodeUpdateFn(func(tCtx ktesting.TContext, sched *scheduler.Scheduler, w *perf.Workload, _ *v1.NodeList) error {
			musterscheduler.Attach(tCtx.Logger(), sched, set, &config.KubeSchedulerConfiguration{PodInitialBackoffSeconds: 1, PodMaxBackoffSeconds: 10})
			gangs, err := w.GetParam("gangs")
			if err != nil {
				return err
			}
			size, err := w.GetParam("podsPerGang")
			if err != nil {
				return err
			}
			m := &meter{gangs: map[string]*timing{}, size: size, pods: gangs * size, created: make(chan struct{})}
			m.record.Shape, m.record.Mode, m.record.Variant = parts(name)
			m.record.Gangs, m.record.Pods = gangs, m.pods
			if m.profile, err = os.Create(filepath.Join(dir, profileName)); err != nil {
				return err
			}
			tCtx.TB().Cleanup(func() {
				if tCtx.TB().Failed() {
					return
				}
				if err := m.finish(tCtx, tCtx.Client(), dir); err != nil {
					tCtx.TB().Error(err)
				}
			})
			pods := sched.Profiles[v1.DefaultSchedulerName].SharedInformerFactory().Core().V1().Pods().Informer()
			if _, err := pods.AddEventHandler(m); err != nil {
				return err
			}
			if m.record.Mode == "held" {
				return m.hold(tCtx, tCtx.Client(), sched)
			}
			return nil
		}))
}

// meter takes the times of one run.
type meter struct {
	record  record
	size    int // members of a gang
	pods    int
	profile *os.File
	created chan struct{} // closed when all pods were seen

	mu         sync.Mutex
	gangs      map[string]*timing
	seen       int
	bound      int
	start, end usage
}

// timing is what was seen of one gang.
type timing struct {
	seen, bound         int
	lastSeen, lastBound time.Time
}

// hold keeps the scheduler from trying any pod of a gang until all of them are
// created and queued. It exchanges the scheduler's source of pods; a first pod
// of no gang wakes the scheduler, which waits at the old one.
func (m *meter) hold(ctx context.Context, client kubernetes.Interface, sched *scheduler.Scheduler) error {
	next := sched.NextEntity
	held, release := make(chan struct{}), make(chan struct{})
	var first sync.Once
	sched.NextEntity = func(logger klog.Logger) (framework.QueuedEntityInfo, error) {
		first.Do(func() { close(held) })
		select {
		case <-release:
		case <-ctx.Done():
		}
		return next(logger)
	}
	if err := wake(ctx, client); err != nil {
		return err
	}
	select {
	case <-held:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	go func() {
		defer close(release)
		select {
		case <-m.created:
		case <-ctx.Done():
			return
		}
		err := wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(context.Context) (bool, error) {
			pods, _ := sched.SchedulingQueue.PendingPods()
			return len(pods) >= m.pods, nil
		})
		if err != nil {
			return
		}
		runtime.GC() // what creating left behind is not the scheduler's
		m.mu.Lock()
		defer m.mu.Unlock()
		m.begin()
	}()
	return nil
}

// wake has the scheduler take one pod.
func wake(ctx context.Context, client kubernetes.Interface) error {
	const name = "wake"
	if _, err := client.CoreV1().Namespaces().Create(ctx, &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
		return err
	}
	_, err := client.CoreV1().Pods(name).Create(ctx, &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1.PodSpec{Containers: []v1.Container{{Name: "main", Image: "registry.example/wake:v1"}}},
	}, metav1.CreateOptions{})
	return err
}

// begin opens the window.
func (m *meter) begin() {
	m.record.Load = load()
	if err := pprof.StartCPUProfile(m.profile); err != nil {
		panic(err) // another profile runs: the harness's flags must not be used here
	}
	m.start = now()
}

// OnAdd implements cache.ResourceEventHandler.
func (m *meter) OnAdd(obj any, _ bool) {
	pod := obj.(*v1.Pod)
	name := gangOf(pod)
	if name == "" {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.seen == 0 && m.record.Mode == "live" {
		m.begin()
	}
	g := m.gangs[name]
	if g == nil {
		g = &timing{}
		m.gangs[name] = g
	}
	g.seen++
	g.lastSeen = time.Now()
	if m.seen++; m.seen == m.pods {
		close(m.created)
	}
	if pod.Spec.NodeName != "" {
		m.see(g)
	}
}

// OnUpdate implements cache.ResourceEventHandler.
func (m *meter) OnUpdate(before, after any) {
	was, is := before.(*v1.Pod), after.(*v1.Pod)
	if name := gangOf(is); name != "" && was.Spec.NodeName == "" && is.Spec.NodeName != "" {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.see(m.gangs[name])
	}
}

// OnDelete implements cache.ResourceEventHandler.
func (m *meter) OnDelete(any) {}

// see records that one more member is bound, and closes the window at the last.
func (m *meter) see(g *timing) {
	g.bound++
	g.lastBound = time.Now()
	if m.bound++; m.bound == m.pods {
		m.end = now()
		pprof.StopCPUProfile()
	}
}

// finish checks that every gang runs whole, by the API's word and by what was
// seen, and writes the record.
func (m *meter) finish(ctx context.Context, client kubernetes.Interface, dir string) error {
	list, err := client.CoreV1().Pods(gangNamespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	bound := map[string]int{}
	for i := range list.Items {
		if list.Items[i].Spec.NodeName != "" {
			bound[gangOf(&list.Items[i])]++
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(bound) != m.record.Gangs || m.bound != m.pods {
		return fmt.Errorf("%d of %d gangs have bound pods; %d of %d pods were seen bound", len(bound), m.record.Gangs, m.bound, m.pods)
	}
	var took []float64
	for name, g := range m.gangs {
		if bound[name] != m.size {
			return fmt.Errorf("gang %s has %d of %d members bound", name, bound[name], m.size)
		}
		since := g.lastSeen
		if m.record.Mode == "held" {
			since = m.start.at
		}
		took = append(took, g.lastBound.Sub(since).Seconds())
	}
	slices.Sort(took)
	m.record.P50, m.record.P99 = quantile(took, 0.5), quantile(took, 0.99)
	m.record.spent(m.start, m.end)
	return errors.Join(m.profile.Close(), m.record.write(dir))
}

// quantile returns the smallest of the sorted values that a share q of them does
// not exceed.
func quantile(sorted []float64, q float64) float64 {
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}

// gangOf returns the pod's gang of either kind, or "".
func gangOf(pod *v1.Pod) string {
	if group := pod.Spec.SchedulingGroup; group != nil && group.PodGroupName != nil {
		return *group.PodGroupName
	}
	return pod.Labels[gang.NameLabel]
}
