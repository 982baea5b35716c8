package perf

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/muster-scheduler/muster/pkg/sandbox"
)

var (
	plainNodes      = flag.Int("plain-nodes", 50, "how many nodes there are in BenchmarkPlainPods")
	plainBursts     = flag.String("plain-bursts", "2x50", "the plain pods that are scheduled: bursts x pods")
	plainPods       = flag.String("plain-pods", "unknown,listed", "which images they have: one that is unknown, or those that nodes list")
	plainSchedulers = flag.String("plain-schedulers", "default,muster", "who schedules: default or muster, separated by a comma")
	plainReps       = flag.Int("plain-reps", 1, "how often each is measured")
	plainOut        = flag.String("plain-out", "", "folder to which records are added; empty for none")
)

// What nodes list in BenchmarkPlainPods: 50 images each of 9,000, so that on 5,000
// nodes an image is on 28, of two names.
const (
	plainImages = 9000
	plainListed = 50
)

// BenchmarkPlainPods measures what pods without a gang cost, beside the default
// scheduler with its own profile. Pods come in bursts, made while the scheduler is
// frozen, so that the API server does not make pods in the time that is measured.
func BenchmarkPlainPods(b *testing.B) {
	var records []plainRecord
	for rep := range *plainReps {
		for pods := range strings.SplitSeq(*plainPods, ",") {
			for _, who := range inTurns(strings.Split(*plainSchedulers, ","), rep) {
				b.Run(pods+"/"+who, func(b *testing.B) { records = append(records, plain(b, pods, sandbox.Which(who))) })
			}
		}
	}
	if !b.Failed() {
		fmt.Print("\n", plainTable(records), "\n")
	}
}

func plainImage(i int) string {
	return fmt.Sprintf("registry.example.org/team/image-%d:v1", i%plainImages)
}

// plain makes one run.
func plain(b *testing.B, pods string, which sandbox.Which) plainRecord {
	var bursts, size int
	if _, err := fmt.Sscanf(*plainBursts, "%dx%d", &bursts, &size); err != nil {
		b.Fatal(err)
	}
	s := newStage(b, which)
	s.addNodes(slices.Repeat([]string{"4"}, *plainNodes), func(n int) (listed []v1.ContainerImage) {
		for i := range plainListed {
			image := n*31 + i*i*8
			digest := fmt.Sprintf("registry.example.org/team/image-%d@sha256:%064d", image%plainImages, image%plainImages)
			listed = append(listed, v1.ContainerImage{Names: []string{digest, plainImage(image)}, SizeBytes: 500e6})
		}
		return listed
	})
	switch pods {
	case "unknown":
	case "listed":
		s.image = func(i int) string { return plainImage(8 * (i % plainListed) * (i % plainListed)) } // node 0 has them
	default:
		b.Fatalf("-plain-pods names %q: use unknown or listed", pods)
	}
	s.start()
	s.burst("first", size) // fills caches and pools
	r := plainRecord{Scheduler: string(which), Images: pods, Nodes: *plainNodes, Pods: bursts * size, Heap: s.metric("go_memstats_heap_alloc_bytes")[0] / (1 << 20)}
	r.Start = time.Now()
	var all spent
	for i := range bursts {
		all = all.plus(s.burst(fmt.Sprint("burst", i), size))
	}
	r.Wall, r.SchedulerCPU, r.ControlCPU, r.ForeignCPU = all.wall, all.scheduler, all.controlPlane, all.others
	if got, want := s.onNodes(plainLabel), (bursts+1)*size; got != want {
		b.Fatalf("%d of %d pods have a node", got, want)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(r.Pods)/r.Wall, "pods/s")
	if *plainOut != "" {
		if err := appendRecord(*plainOut, r); err != nil {
			b.Fatal(err)
		}
	}
	return r
}

// plainRecord is what one run measured. CPU is in seconds.
type plainRecord struct {
	Scheduler    string    `json:"scheduler"`
	Images       string    `json:"images"` // of the pods
	Nodes        int       `json:"nodes"`
	Pods         int       `json:"pods"`
	Wall         float64   `json:"wall"`
	SchedulerCPU float64   `json:"schedulerCPU"`
	ControlCPU   float64   `json:"controlPlaneCPU"` // of API server, etcd and controller manager
	ForeignCPU   float64   `json:"foreignCPU"`      // what others used of the machine
	Heap         float64   `json:"heapMiB"`         // of the scheduler, before the bursts
	Start        time.Time `json:"start"`
}

// plainTable shows the records as Markdown: medians.
func plainTable(records []plainRecord) string {
	var t strings.Builder
	t.WriteString("| images of the pods | scheduler | runs | pods/s | least-most | scheduler CPU ms/pod | control plane CPU ms/pod | scheduler's heap MiB | others' CPU s |\n" +
		strings.Repeat("|---", 9) + "|\n")
	for _, runs := range grouped(records, func(r plainRecord) [2]string { return [2]string{r.Images, r.Scheduler} }) {
		first, of := runs[0], func(value func(plainRecord) float64) []float64 { return values(runs, value) }
		speeds := of(func(r plainRecord) float64 { return float64(r.Pods) / r.Wall })
		fmt.Fprintf(&t, "| %s | %s | %d | %.0f | %.0f-%.0f | %.2f | %.2f | %.0f | %.0f |\n", first.Images, first.Scheduler, len(speeds),
			median(speeds), slices.Min(speeds), slices.Max(speeds),
			median(of(func(r plainRecord) float64 { return 1000 * r.SchedulerCPU / float64(r.Pods) })),
			median(of(func(r plainRecord) float64 { return 1000 * r.ControlCPU / float64(r.Pods) })),
			median(of(func(r plainRecord) float64 { return r.Heap })), slices.Max(of(func(r plainRecord) float64 { return r.ForeignCPU })))
	}
	return t.String()
}
