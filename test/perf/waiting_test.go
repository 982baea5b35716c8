package perf

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/events"
	"k8s.io/component-base/metrics/legacyregistry"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	upstream "k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
	st "k8s.io/kubernetes/pkg/scheduler/testing"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/plugins"
	"github.com/muster-scheduler/muster/pkg/plugins/gangbind"
	"github.com/muster-scheduler/muster/pkg/scheduler"
)

// waiting is a scheduler with the shipped profile in this process, without an
// API server: what the scheduler itself costs is all that there is. A share of
// that is a smaller share of what a pod costs in a cluster.
type waiting struct {
	b      *testing.B
	ctx    context.Context
	client kubernetes.Interface
	bound  atomic.Int64
}

// binder binds at no cost.
type binder struct{ w *waiting }

func (binder) Name() string { return gangbind.Name }

func (p binder) Bind(ctx context.Context, _ fwk.CycleState, pod *v1.Pod, node string) *fwk.Status {
	pod = pod.DeepCopy()
	pod.Spec.NodeName = node
	if _, err := p.w.client.CoreV1().Pods(pod.Namespace).Update(ctx, pod, metav1.UpdateOptions{}); err != nil {
		return fwk.AsStatus(err)
	}
	p.w.bound.Add(1)
	return nil
}

// startWaiting runs the scheduler on nodes of 8 cpu, of which the last busy have a
// tenant.
func startWaiting(b *testing.B, nodes, busy int) *waiting {
	watch.DefaultChanSize = 1 << 18 // of the fake client, which has no flow control
	ctx, cancel := context.WithCancel(klog.NewContext(context.Background(), klog.Logger{}))
	w := &waiting{b: b, ctx: ctx, client: fake.NewSimpleClientset()} //nolint:staticcheck // the other one tracks managed fields, at 100,000 pods
	obj, err := runtime.Decode(scheme.Codecs.UniversalDecoder(), scheduler.DefaultConfig())
	if err != nil {
		b.Fatal(err)
	}
	set := plugins.New()
	registry := set.Registry()
	registry[gangbind.Name] = func(context.Context, runtime.Object, fwk.Handle) (fwk.Plugin, error) { return binder{w}, nil }
	factory := informers.NewSharedInformerFactory(w.client, 0)
	sched, err := upstream.New(ctx, w.client, factory, nil,
		func(string) events.EventRecorderLogger { return &events.FakeRecorder{} },
		upstream.WithProfiles(obj.(*config.KubeSchedulerConfiguration).Profiles...),
		upstream.WithPercentageOfNodesToScore(obj.(*config.KubeSchedulerConfiguration).PercentageOfNodesToScore),
		upstream.WithFrameworkOutOfTreeRegistry(registry))
	if err != nil {
		b.Fatal(err)
	}
	scheduler.Attach(klog.FromContext(ctx), sched, set)
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	if err := sched.WaitForHandlersSync(ctx); err != nil {
		b.Fatal(err)
	}
	for i := range nodes {
		node := st.MakeNode().Name(fmt.Sprint("n", i)).Label(v1.LabelHostname, fmt.Sprint("n", i)).
			Capacity(map[v1.ResourceName]string{"cpu": "8", "memory": "32Gi", "pods": "110"}).Obj()
		if _, err := w.client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	for i := nodes - busy; i < nodes; i++ {
		w.create(w.pod(fmt.Sprint("tenant", i), "1").Node(fmt.Sprint("n", i)).Obj())
	}
	w.until("the cache to know all nodes", func() (int, int) { return sched.Cache.NodeCount(), nodes })
	go sched.Run(ctx)
	b.Cleanup(func() {
		cancel()
		factory.Shutdown()
	})
	return w
}

func (w *waiting) pod(name, cpu string) *st.PodWrapper {
	return st.MakePod().Namespace("default").Name(name).UID(name).SchedulerName("muster").
		Req(map[v1.ResourceName]string{"cpu": cpu})
}

func (w *waiting) create(pod *v1.Pod) {
	if _, err := w.client.CoreV1().Pods(pod.Namespace).Create(w.ctx, pod, metav1.CreateOptions{}); err != nil {
		w.b.Fatal(err)
	}
}

func (w *waiting) until(what string, count func() (got, want int)) {
	w.b.Helper()
	deadline := time.After(5 * time.Minute)
	for {
		got, want := count()
		if got >= want {
			return
		}
		select {
		case <-time.After(time.Millisecond):
		case <-deadline:
			w.b.Fatalf("waiting for %s: %d of %d", what, got, want)
		}
	}
}

// refused returns how many attempts at gangs were refused in this process, and
// how long all attempts took.
func refused(b *testing.B) (n int, took time.Duration) {
	families, err := legacyregistry.DefaultGatherer.Gather()
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			switch f.GetName() {
			case "muster_gang_attempts_total":
				for _, l := range m.GetLabel() {
					if l.GetName() == "result" && l.GetValue() == "refused" {
						n += int(m.GetCounter().GetValue())
					}
				}
			case "muster_gang_plan_duration_seconds":
				took += time.Duration(m.GetHistogram().GetSampleSum() * float64(time.Second))
			}
		}
	}
	return n, took
}

// BenchmarkPlainPodsBesideWaitingGangs measures what gangs of 1,000 that do not
// fit on 5,000 nodes cost: the attempt that says so, and the plain pods that are
// scheduled meanwhile. 900 of the members would fit: it takes a whole plan to
// know that they do not.
func BenchmarkPlainPodsBesideWaitingGangs(b *testing.B) {
	const nodes, fit, members, plain = 5000, 900, 1000, 500
	for _, gangs := range []int{0, 10, 100} {
		b.Run(fmt.Sprintf("nodes=%d/gangs=%d", nodes, gangs), func(b *testing.B) {
			w := startWaiting(b, nodes, nodes-fit)
			before, tookBefore := refused(b)
			for g := range gangs {
				name := fmt.Sprint("gang", g)
				for i := range members {
					w.create(w.pod(fmt.Sprint(name, "-", i), "8").Label(gang.NameLabel, name).Annotation(gang.MinAnnotation, fmt.Sprint(members)).Obj())
				}
			}
			w.until("the gangs to be refused", func() (int, int) {
				n, _ := refused(b)
				return n - before, gangs
			})
			n, took := refused(b)
			done := 0
			b.ResetTimer()
			for b.Loop() {
				for i := range plain {
					w.create(w.pod(fmt.Sprint("plain", done+i), "1m").Obj())
				}
				done += plain
				w.until("the plain pods to be bound", func() (int, int) { return int(w.bound.Load()), done })
			}
			b.StopTimer()
			if n > before {
				b.ReportMetric(float64((took-tookBefore).Milliseconds())/float64(n-before), "ms/verdict")
			}
			b.ReportMetric(float64(done)/b.Elapsed().Seconds(), "pods/s")
			if after, _ := refused(b); after > n {
				b.ReportMetric(float64(after-n), "attempts-in-vain")
			}
		})
	}
}
