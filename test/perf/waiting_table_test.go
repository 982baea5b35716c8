package perf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// waitingRecord is what one run measured. CPU is in seconds, memory in MiB.
type waitingRecord struct {
	Variant      string  `json:"variant"`
	Shape        string  `json:"shape"`
	Env          string  `json:"env,omitempty"` // of the scheduler
	Nodes        int     `json:"nodes"`
	Plain        int     `json:"plain"`
	Wall         float64 `json:"wall"`
	SchedulerCPU float64 `json:"schedulerCPU"`
	ControlCPU   float64 `json:"controlPlaneCPU"` // of API server, etcd and controller manager
	ForeignCPU   float64 `json:"foreignCPU"`      // what others used of the machine
	Allocated    float64 `json:"allocatedMiB"`    // by the scheduler, in the bursts
	Heap         float64 `json:"heapMiB"`         // of the scheduler, before the bursts
	Resident     float64 `json:"residentMiB"`     // the same, by the kernel's word
	Verdict      float64 `json:"verdictMs"`       // per attempt at a gang
	Attempts     float64 `json:"attempts"`        // at gangs
	Vain         float64 `json:"attemptsInBursts"`
	// Start is when the first burst began, and Bursts how long each took.
	Start  time.Time `json:"start"`
	Bursts []float64 `json:"bursts"`
}

func (r waitingRecord) podsPerSecond() float64 { return float64(r.Plain) / r.Wall }

// alone is the throughput if nothing else had run on the machine.
func (r waitingRecord) alone() float64 {
	return float64(r.Plain) * float64(runtime.NumCPU()) / (r.SchedulerCPU + r.ControlCPU)
}

func (r waitingRecord) cpuPerThousand() float64 { return 1000 * r.SchedulerCPU / float64(r.Plain) }

func (r waitingRecord) controlCPUPerThousand() float64 { return 1000 * r.ControlCPU / float64(r.Plain) }

func (r waitingRecord) foreignPercent() float64 {
	return 100 * r.ForeignCPU / r.Wall / float64(runtime.NumCPU())
}

// keep adds the record and the profiles to the folder.
func (r waitingRecord) keep(dir, heap, profile string) error {
	if err := appendRecord(dir, r); err != nil {
		return err
	}
	name := filepath.Join(dir, fmt.Sprintf("%s-%s-%s", r.Shape, r.Variant, r.Start.UTC().Format("150405")))
	errs := []error{os.WriteFile(name+"-heap.prof", []byte(heap), 0o644)}
	if profile != "" {
		errs = append(errs, os.WriteFile(name+"-cpu.prof", []byte(profile), 0o644))
	}
	return errors.Join(errs...)
}

// waitingTable shows the records as Markdown: medians, and the first variant as the measure.
func waitingTable(records []waitingRecord) string {
	byVariant := map[string][]waitingRecord{}
	var order []string
	for _, r := range records {
		if byVariant[r.Variant] == nil {
			order = append(order, r.Variant)
		}
		byVariant[r.Variant] = append(byVariant[r.Variant], r)
	}
	of := func(variant string, value func(waitingRecord) float64) []float64 {
		return values(byVariant[variant], value)
	}
	var t strings.Builder
	t.WriteString("| waiting | runs | pods/s | least-most | of the first | pods/s alone | of the first | scheduler CPU ms/pod | of the first | " +
		"control plane CPU ms/pod | scheduler's heap MiB | ms/verdict | others' CPU % |\n" + strings.Repeat("|---", 13) + "|\n")
	for _, variant := range order {
		share := func(value func(waitingRecord) float64) float64 {
			return 100 * median(of(variant, value)) / median(of(order[0], value))
		}
		speeds := of(variant, waitingRecord.podsPerSecond)
		fmt.Fprintf(&t, "| %s | %d | %.0f | %.0f-%.0f | %.1f %% | %.0f | %.1f %% | %.2f | %.1f %% | %.2f | %.0f | %.1f | %.0f |\n", variant, len(speeds),
			median(speeds), slices.Min(speeds), slices.Max(speeds), share(waitingRecord.podsPerSecond),
			median(of(variant, waitingRecord.alone)), share(waitingRecord.alone),
			median(of(variant, waitingRecord.cpuPerThousand)), share(waitingRecord.cpuPerThousand),
			median(of(variant, waitingRecord.controlCPUPerThousand)),
			median(of(variant, func(r waitingRecord) float64 { return r.Heap })),
			median(of(variant, func(r waitingRecord) float64 { return r.Verdict })),
			slices.Max(of(variant, waitingRecord.foreignPercent)))
	}
	return t.String()
}

func TestWaitingTableComparesWithTheFirst(t *testing.T) {
	one := func(variant string, wall, cpu float64) waitingRecord {
		return waitingRecord{Variant: variant, Plain: 1000, Wall: wall, SchedulerCPU: cpu}
	}
	got := waitingTable([]waitingRecord{one("none", 2, 4), one("gangs", 4, 5), one("gangs", 8, 7), one("gangs", 5, 6)})
	for _, want := range []string{"| none | 1 | 500 | 500-500 | 100.0 % |", "| 4.00 | 100.0 % |", "| gangs | 3 | 200 | 125-250 | 40.0 % |", "| 6.00 | 150.0 % |"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}
