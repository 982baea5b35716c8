package state

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	st "k8s.io/kubernetes/pkg/scheduler/testing"
	"k8s.io/utils/clock"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/journal"
	"github.com/muster-scheduler/muster/pkg/snapshot"
)

// handle is as much of a framework as the shared state needs to be built.
type handle struct {
	fwk.Handle
	informers informers.SharedInformerFactory
}

func (h handle) SharedInformerFactory() informers.SharedInformerFactory { return h.informers }
func (h handle) KubeConfig() *rest.Config                               { return nil }
func (h handle) ClientSet() kubernetes.Interface                        { return fake.NewClientset() }
func (h handle) Activate(klog.Logger, map[string]*v1.Pod)               {}

// The cluster of the benchmark: pods that wait, in namespaces, half of them in gangs, and
// nodes with pods.
const (
	costPods       = 100_000
	costNamespaces = 100
	costGang       = 8 // members
	costNodes      = 5_000
	costOnNode     = 30 // pods
)

// counter is a reader who counts what it is told.
type counter struct {
	header http.Header
	bytes  int
}

func (c *counter) Header() http.Header { return c.header }
func (c *counter) WriteHeader(int)     {}
func (c *counter) Write(text []byte) (int, error) {
	c.bytes += len(text)
	return len(text), nil
}

// crowd is a state of that size.
func crowd(b *testing.B) (*State, *journal.Journal) {
	ctx, cancel := context.WithCancel(context.Background())
	b.Cleanup(cancel)
	factory := informers.NewSharedInformerFactory(fake.NewClientset(), 0)
	shared, err := snapshot.Connect(ctx, handle{informers: factory}, true)
	if err != nil {
		b.Fatal(err)
	}
	shared.Gangs.Serve("muster", 100)
	j, now := journal.New(costPods), clock.RealClock{}.Now()
	verdict := strings.Repeat("0/5000 nodes are available. ", 4)
	for i := range costPods {
		namespace := fmt.Sprint("team-", i%costNamespaces)
		name := journal.Name{Namespace: namespace, Name: fmt.Sprint("a-job-of-some-length-", i)}
		uid := fmt.Sprintf("%036d", i)
		j.Came(now, name, uid, int32(i%3))
		if at := i / costNamespaces; at%2 == 0 {
			pod := st.MakePod().Namespace(namespace).Name(name.Name).UID(uid).SchedulerName("muster").
				Label(gang.NameLabel, fmt.Sprint("gang-", at/2/costGang)).Annotation(gang.MinAnnotation, fmt.Sprint(costGang+1)).Obj()
			shared.Gangs.Admit(pod)
			j.Moved(now, name, uid, journal.Gated, journal.Cause{Event: journal.Arrival})
			continue
		}
		j.Moved(now, name, uid, journal.Active, journal.Cause{Event: journal.Arrival})
		if i%costNamespaces%2 == 0 {
			j.Tried(now, name, uid)
			j.Said(name, uid, strings.Clone(verdict))
			j.Refused(now, name, uid, "NodeResourcesFit", now)
			j.Moved(now, name, uid, journal.Unschedulable, journal.Cause{Event: "ScheduleAttemptFailure", RefusedBy: "NodeResourcesFit"})
		}
	}
	nodes := newCluster(b)
	for i := range costNodes {
		name := fmt.Sprint("node-", i)
		var pods []*v1.Pod
		for k := range costOnNode {
			pods = append(pods, st.MakePod().Namespace("runs").Name(fmt.Sprint(i, "-", k)).UID(fmt.Sprint(i, "-", k)).Node(name).Req(map[v1.ResourceName]string{v1.ResourceCPU: "1", v1.ResourceMemory: "1Gi"}).Obj())
		}
		amounts := map[v1.ResourceName]string{v1.ResourceCPU: "64", v1.ResourceMemory: "256Gi", v1.ResourcePods: "110", "nvidia.com/gpu": "8"}
		nodes.add(b, st.MakeNode().Name(name).Label(v1.LabelTopologyZone, fmt.Sprint("zone-", i%3)).Label("example.com/rack", fmt.Sprint("rack-", i/40)).Capacity(amounts).Obj(), pods...)
	}
	s := New(j, shared.Gangs, shared.Images)
	s.CountNodes(nodes.lister(), nodes)
	return s, j
}

// processor is how long this process has had processors, which others on the machine do not
// make longer. Of other threads it can be a few milliseconds old.
func processor(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkAnswers is what answers of a large cluster cost, and for how long somebody who has to
// do with the journal, or with the roster, waits meanwhile, in time of processors too. The
// README has the figures.
func BenchmarkAnswers(b *testing.B) {
	s, j := crowd(b)
	h := s.Handler(func() bool { return true }, nil)
	for _, path := range []string{"pods", "namespaces/team-7/pods", "gangs", "namespaces/team-7/gangs", "nodes"} {
		b.Run(path, func(b *testing.B) {
			waits, stop, done := []time.Duration{}, make(chan struct{}), make(chan struct{})
			go func() { // the queue, and somebody's scheduling cycle
				defer close(done)
				name, now := journal.Name{Namespace: "team-1", Name: "a-job-of-some-length-1"}, clock.RealClock{}
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					began := processor(b)
					if i%2 == 0 {
						j.Said(name, "", "something else")
					} else {
						s.gangs.Slot(types.UID("none"))
					}
					waits = append(waits, processor(b)-began)
					now.Sleep(100 * time.Microsecond)
				}
			}()
			b.ReportAllocs()
			var bytes int
			before := processor(b)
			for b.Loop() {
				s.positions, s.nodes = recent[map[types.UID]int]{}, recent[v1alpha1.NodeList]{} // each answer is a new one
				w := &counter{header: http.Header{}}
				h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, v1alpha1.Prefix+path, nil))
				if bytes = w.bytes; bytes < 10_000 {
					b.Fatalf("%s is answered in %d bytes", path, bytes)
				}
			}
			b.ReportMetric(float64((processor(b)-before).Milliseconds())/float64(b.N), "cpu-ms/op")
			close(stop)
			<-done
			slices.Sort(waits)
			b.ReportMetric(float64(bytes)/1e6, "MB")
			b.ReportMetric(float64(waits[len(waits)-1].Microseconds()), "longest-wait-us")
			b.ReportMetric(float64(waits[len(waits)*99/100].Microseconds()), "p99-wait-us")
		})
	}
}
