package perf

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/sandbox"
)

var (
	waitingShape    = flag.String("waiting-shape", "2x20", "what waits in BenchmarkPlainPodsBesideWaitingGangs: gangs x members")
	waitingNodes    = flag.Int("waiting-nodes", 50, "how many nodes there are")
	waitingBursts   = flag.String("waiting-bursts", "2x50", "the plain pods that are scheduled meanwhile: bursts x pods")
	waitingVariants = flag.String("waiting-variants", "none,gangs", "who waits: none, gangs, or the same pods as strangers or as gated")
	waitingEnv      = flag.String("waiting-env", "", "environment of the scheduler, NAME=VALUE separated by commas, such as GOMEMLIMIT=900MiB as it is shipped")
	waitingReps     = flag.Int("waiting-reps", 1, "how often each variant is measured")
	waitingOut      = flag.String("waiting-out", "", "folder to which records and heap profiles are added; empty for none")
	waitingProfile  = flag.Int("waiting-profile", 0, "for how many seconds of the bursts to take a CPU profile, which costs some; needs -waiting-out")
)

// BenchmarkPlainPodsBesideWaitingGangs measures what gangs that do not fit cost
// the plain pods that are scheduled while they wait: how many pods a second get
// a node, and what the scheduler uses for each. Plain pods come in bursts, made
// while the scheduler is frozen, so that the API server does not make pods in the
// time that is measured.
//
// Most of the members would fit: it takes a whole plan to know that not all do.
// The controls have as many pods of the same kind wait as no gangs: strangers,
// of another scheduler, and gated ones, which upstream's queue holds.
//
// make perf-waiting measures at full size; the defaults only show that it works.
func BenchmarkPlainPodsBesideWaitingGangs(b *testing.B) {
	var records []waitingRecord
	for rep := range *waitingReps {
		for _, variant := range inTurns(strings.Split(*waitingVariants, ","), rep) {
			b.Run(variant, func(b *testing.B) { records = append(records, besideWaiting(b, variant)) })
		}
	}
	if !b.Failed() {
		fmt.Print("\n", waitingTable(records), "\n")
	}
}

// besideWaiting makes one run.
func besideWaiting(b *testing.B, variant string) waitingRecord {
	var gangs, members, bursts, size int
	if _, err := fmt.Sscanf(*waitingShape+" "+*waitingBursts, "%dx%d %dx%d", &gangs, &members, &bursts, &size); err != nil {
		b.Fatal(err)
	}
	s := newStage(b, sandbox.Muster)
	cpu := make([]string, *waitingNodes)
	for i := range cpu {
		cpu[i] = "7500m"
		if i < members*9/10 {
			cpu[i] = "8500m" // a member fits, beside all the plain pods that come
		}
	}
	s.addNodes(cpu, nil)
	if variant != "none" {
		s.each(gangs*members, func(ctx context.Context, i int) error {
			name := fmt.Sprint("gang", i/members)
			pod := s.pod(fmt.Sprintf("%s-%d", name, i%members), "8")
			pod.Labels = map[string]string{gang.NameLabel: name}
			pod.Annotations = map[string]string{gang.MinAnnotation: fmt.Sprint(members)}
			switch variant {
			case "strangers":
				pod.Spec.SchedulerName = "elsewhere"
			case "gated":
				pod.Labels = map[string]string{"plain-gang": name}
				pod.Spec.SchedulingGates = []v1.PodSchedulingGate{{Name: "muster.dev/perf"}}
			}
			return s.create(ctx, pod)
		})
	}
	s.start()
	if variant == "gangs" {
		s.until("the gangs to be refused", time.Second, func(context.Context) (int, int, error) {
			return int(s.metric(refusals)[0]), gangs, nil
		})
	}
	s.burst("first", size) // fills caches and pools
	last := s.used()
	s.until("the scheduler to use less than a tenth of a core", time.Second, func(context.Context) (got, want int, err error) {
		now := s.used()
		since := now.less(last)
		last = now
		if since.wall >= 0.5 && since.scheduler < since.wall/10 {
			got = 1
		}
		return got, 1, nil
	})

	r := waitingRecord{Variant: variant, Shape: *waitingShape, Env: *waitingEnv, Nodes: *waitingNodes, Plain: bursts * size}
	heap := s.ask("/debug/pprof/heap?gc=1") // leaves the garbage of the start behind too
	r.Resident = resident(s.scheduler.PID())
	before := s.metric(waitingMetrics...)
	r.Heap = before[0] / (1 << 20)
	profile := make(chan string, 1)
	if *waitingProfile > 0 {
		go func() { profile <- s.ask(fmt.Sprintf("/debug/pprof/profile?seconds=%d", *waitingProfile)) }()
	} else {
		profile <- ""
	}
	r.Start = time.Now()
	var all spent
	for i := range bursts {
		took := s.burst(fmt.Sprint("burst", i), size)
		r.Bursts = append(r.Bursts, took.wall)
		all = all.plus(took)
	}
	after := s.metric(waitingMetrics...)
	r.Wall, r.SchedulerCPU, r.ControlCPU, r.ForeignCPU = all.wall, all.scheduler, all.controlPlane, all.others
	r.Allocated = (after[1] - before[1]) / (1 << 20)
	r.Attempts, r.Vain = before[3], after[3]-before[3]
	if r.Attempts > 0 {
		r.Verdict = 1000 * before[2] / before[3]
	}
	if got, want := s.onNodes(plainLabel), (bursts+1)*size; got != want {
		b.Fatalf("%d of %d plain pods have a node", got, want)
	}
	if n := s.onNodes(gang.NameLabel); n > 0 {
		b.Fatalf("%d members have a node: the gangs were not to fit", n)
	}
	if refused := int(s.metric(refusals)[0]); variant == "gangs" && refused < gangs || variant != "gangs" && refused > 0 {
		b.Fatalf("%d refusals of %d gangs", refused, gangs)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(r.podsPerSecond(), "pods/s")
	b.ReportMetric(r.cpuPerThousand(), "cpu-s/1000pods")
	if *waitingOut != "" {
		if err := r.keep(*waitingOut, heap, <-profile); err != nil {
			b.Fatal(err)
		}
	}
	return r
}

const refusals = `muster_gang_attempts_total{cause="new",result="refused"}`

var waitingMetrics = []string{
	"go_memstats_heap_alloc_bytes", "go_memstats_alloc_bytes_total",
	"muster_gang_plan_duration_seconds_sum", "muster_gang_plan_duration_seconds_count",
}
