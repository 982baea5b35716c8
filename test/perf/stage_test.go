package perf

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/muster-scheduler/muster/pkg/sandbox"
)

// stage is a control plane in one process and a scheduler in another, so that what
// the scheduler uses is told apart. Its nodes exist in the API alone.
type stage struct {
	b         *testing.B
	box       *sandbox.Sandbox
	client    kubernetes.Interface
	which     sandbox.Which
	scheduler *sandbox.Scheduler
	profile   string             // of the scheduler, by which pods are made
	image     func(i int) string // of the plain pods in a burst
	bound     atomic.Int64       // plain pods that were seen with a node
}

// plainLabel marks the pods that a stage watches.
const plainLabel = "plain"

func newStage(b *testing.B, which sandbox.Which) *stage {
	box, err := sandbox.Start(b.Context(), sandbox.Options{NodeGracePeriod: 24 * time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := box.Stop(); err != nil {
			b.Error(err)
		}
	})
	config := rest.CopyConfig(box.Config)
	config.ContentType = runtime.ContentTypeProtobuf
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		b.Fatal(err)
	}
	s := &stage{b: b, box: box, client: client, which: which, profile: "muster"}
	if which == sandbox.Default {
		s.profile = v1.DefaultSchedulerName
	}
	return s
}

// each does something n times, many at once.
func (s *stage) each(n int, do func(ctx context.Context, i int) error) {
	s.b.Helper()
	var next atomic.Int64
	var workers sync.WaitGroup
	for range 16 {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && !s.b.Failed(); i = int(next.Add(1)) - 1 {
				if err := do(s.b.Context(), i); err != nil {
					s.b.Error(err)
				}
			}
		})
	}
	workers.Wait()
	if s.b.Failed() {
		s.b.FailNow()
	}
}

// addNodes creates as many nodes as there are amounts of cpu, which list images if any
// are given, and waits until pods may be bound to them.
func (s *stage) addNodes(cpu []string, images func(i int) []v1.ContainerImage) {
	s.b.Helper()
	s.each(len(cpu), func(ctx context.Context, i int) error {
		name := fmt.Sprint("node-", i)
		has := v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu[i]), v1.ResourceMemory: resource.MustParse("32Gi"), v1.ResourcePods: resource.MustParse("110")}
		node := &v1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1.LabelHostname: name}},
			Status:     v1.NodeStatus{Capacity: has, Allocatable: has, Conditions: []v1.NodeCondition{{Type: v1.NodeReady, Status: v1.ConditionTrue}}},
		}
		if images != nil {
			node.Status.Images = images(i)
		}
		_, err := s.client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
		return err
	})
	s.until("the controller manager to see that the nodes are ready", 5*time.Millisecond, func(ctx context.Context) (int, int, error) {
		list, err := s.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{ResourceVersion: "0"})
		if err != nil {
			return 0, 0, err
		}
		ready := 0
		for i := range list.Items {
			if len(list.Items[i].Spec.Taints) == 0 {
				ready++
			}
		}
		return ready, len(cpu), nil
	})
}

func (s *stage) start() {
	s.b.Helper()
	for setting := range strings.SplitSeq(*waitingEnv, ",") {
		if name, value, ok := strings.Cut(setting, "="); ok {
			s.b.Setenv(name, value) // of processes that are started from now on
		}
	}
	var err error
	// It is frozen at times, for longer than a leader may be silent. The default
	// scheduler would send 50 requests a second.
	args := []string{"--leader-elect=false", "--kube-api-qps=1000", "--kube-api-burst=2000"}
	if s.scheduler, err = s.box.StartScheduler(s.b.Context(), s.which, args...); err != nil {
		s.b.Fatal(err)
	}
	factory := informers.NewSharedInformerFactoryWithOptions(s.client, 0,
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = plainLabel }))
	_, err = factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		UpdateFunc: func(old, o any) {
			if old.(*v1.Pod).Spec.NodeName == "" && o.(*v1.Pod).Spec.NodeName != "" {
				s.bound.Add(1)
			}
		},
	})
	if err != nil {
		s.b.Fatal(err)
	}
	factory.StartWithContext(s.b.Context())
	factory.WaitForCacheSync(s.b.Context().Done())
	s.b.Cleanup(factory.Shutdown)
}

func (s *stage) pod(name, cpu string) *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: metav1.NamespaceDefault},
		Spec: v1.PodSpec{
			SchedulerName: s.profile,
			Containers: []v1.Container{{
				Name: "main", Image: "registry.example/app:v1",
				Resources: v1.ResourceRequirements{Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu)}},
			}},
		},
	}
}

func (s *stage) create(ctx context.Context, pod *v1.Pod) error {
	_, err := s.client.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{})
	return err
}

// burst has n plain pods created while the scheduler stands still, and returns
// what was used from the moment on which it goes on until all have a node.
func (s *stage) burst(name string, n int) (took spent) {
	s.b.Helper()
	if err := s.scheduler.Freeze(); err != nil {
		s.b.Fatal(err)
	}
	s.each(n, func(ctx context.Context, i int) error {
		pod := s.pod(fmt.Sprintf("%s-%d", name, i), "1m")
		pod.Labels = map[string]string{plainLabel: ""}
		if s.image != nil {
			pod.Spec.Containers[0].Image = s.image(i)
		}
		return s.create(ctx, pod)
	})
	want := s.bound.Load() + int64(n)
	before := s.used()
	if err := s.scheduler.Thaw(); err != nil {
		s.b.Fatal(err)
	}
	s.until("the plain pods to be bound", 5*time.Millisecond, func(context.Context) (int, int, error) { return int(s.bound.Load()), int(want), nil })
	return s.used().less(before)
}

// spent is what was used of the machine, in seconds.
type spent struct{ wall, scheduler, controlPlane, others float64 }

func (s spent) plus(o spent) spent {
	return spent{s.wall + o.wall, s.scheduler + o.scheduler, s.controlPlane + o.controlPlane, s.others + o.others}
}

func (s spent) less(o spent) spent {
	return s.plus(spent{-o.wall, -o.scheduler, -o.controlPlane, -o.others})
}

// used is what has been used so far.
func (s *stage) used() spent {
	u := now()
	scheduler := cpuOf(s.scheduler.PID())
	return spent{
		wall: float64(u.at.UnixNano()) / 1e9, scheduler: scheduler, controlPlane: u.children - scheduler,
		others: u.machine - u.process - u.children,
	}
}

func (s *stage) until(what string, every time.Duration, count func(context.Context) (got, want int, err error)) {
	s.b.Helper()
	got, want := 0, 0
	err := wait.PollUntilContextTimeout(s.b.Context(), every, 10*time.Minute, true, func(ctx context.Context) (bool, error) {
		var err error
		got, want, err = count(ctx)
		return got >= want, err
	})
	if err != nil {
		s.b.Fatalf("waiting for %s, %d of %d: %v", what, got, want, err)
	}
}

// onNodes counts the pods with a label that have a node.
func (s *stage) onNodes(label string) int {
	s.b.Helper()
	list, err := s.client.CoreV1().Pods(metav1.NamespaceDefault).List(s.b.Context(), metav1.ListOptions{
		LabelSelector: label, FieldSelector: fields.OneTermNotEqualSelector("spec.nodeName", "").String(),
	})
	if err != nil {
		s.b.Fatal(err)
	}
	return len(list.Items)
}

// ask returns what the scheduler serves at a path.
func (s *stage) ask(path string) string {
	s.b.Helper()
	config := rest.CopyConfig(s.box.Config)
	config.Host, config.TLSClientConfig = s.scheduler.URL, rest.TLSClientConfig{Insecure: true}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		s.b.Fatal(err)
	}
	defer client.CloseIdleConnections()
	response, err := client.Get(s.scheduler.URL + path)
	if err != nil {
		s.b.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		s.b.Fatalf("%s answered %s (%v)", path, response.Status, err)
	}
	return string(body)
}

// metric returns the sum over the scheduler's metrics that begin so.
func (s *stage) metric(begins ...string) (sums []float64) {
	s.b.Helper()
	sums = make([]float64, len(begins))
	for lines := bufio.NewScanner(strings.NewReader(s.ask("/metrics"))); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		for i, b := range begins {
			if strings.HasPrefix(name, b) {
				sums[i] += number(value)
			}
		}
	}
	return sums
}

// resident is the memory of a process, in MiB.
func resident(pid int) float64 {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, after, _ := strings.Cut(string(data), "VmRSS:")
	line, _, _ := strings.Cut(after, "kB")
	return number(strings.TrimSpace(line)) / 1024
}
