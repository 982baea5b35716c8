package perf

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var (
	gangShapes = flag.String("gang-shapes", "50x4", "what BenchmarkGangs measures: comma-separated shapes of gangs.yaml")
	gangModes  = flag.String("gang-modes", "held", "how BenchmarkGangs measures: held, live or both, separated by a comma")
	gangReps   = flag.Int("gang-reps", 1, "how often BenchmarkGangs measures each shape, mode and variant")
	gangOut    = flag.String("gang-out", "", "folder to which BenchmarkGangs adds records.jsonl, table.md and CPU profiles; empty for none")
	gangRun    = flag.String("gang-run", "", "set by BenchmarkGangs itself: the one run that a process of its own is for")
)

// variants are the test cases of gangs.yaml. The second is held against the first.
var variants = []string{"native", "muster"}

// BenchmarkGangs measures our gangs beside native ones, in two ways. Held: all
// pods exist before the first is tried, so that nothing but scheduling and
// binding is measured. Live: the pods are created, by 30 workers, while the
// scheduler runs.
//
// The variants take turns, so that a machine that gets slower or faster does so
// for both. Every run is a process of its own, with its own API server and etcd,
// so that none pays for what another left behind. It counts only if every pod
// of every gang got a node.
//
// make perf-gangs measures all shapes; the defaults only show that it works.
// Measure on a machine that does nothing else: others take not only time but
// make a run use more CPU itself, as it then waits more and collects garbage
// while it waits. The last column of the table says how much others took.
func BenchmarkGangs(b *testing.B) {
	out := *gangOut
	if out == "" {
		out = b.TempDir()
	}
	if *gangRun != "" {
		measure(b, *gangRun, out)
		return
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		b.Fatal(err)
	}
	for rep := range *gangReps {
		for shape := range strings.SplitSeq(*gangShapes, ",") {
			for mode := range strings.SplitSeq(*gangModes, ",") {
				for _, variant := range inTurns(variants, rep) {
					name := fmt.Sprintf("%s/%s/%s", shape, mode, variant)
					b.Run(name, func(b *testing.B) { runApart(b, name, out) })
				}
			}
		}
	}
	records, err := readRecords(out)
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(out, "table.md"), []byte(table(records)), 0o644); err != nil {
		b.Fatal(err)
	}
	fmt.Print("\n", table(records), "\n")
}

// runApart has a process of its own make a run and adds its record to the others.
func runApart(b *testing.B, name, out string) {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	shape, _, variant := parts(name)
	own := b.TempDir()
	cmd := exec.Command(self, "-test.run=^$", "-test.bench=^BenchmarkGangs$", "-test.benchtime=1ns", "-test.timeout=30m", "-v=0",
		"-perf-scheduling-label-filter="+variant+","+shape, "-data-items-dir="+own, "-gang-run="+name, "-gang-out="+own)
	output, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("%v\n%s", err, output)
	}
	records, err := readRecords(own)
	if err != nil || len(records) != 1 {
		b.Fatalf("no record (%v): is %s in gangs.yaml?\n%s", err, shape, bytes.TrimSpace(output))
	}
	r := records[0]
	if r.SchedulerCPU, err = schedulerCPU(filepath.Join(own, profileName)); err != nil {
		b.Fatal(err)
	}
	if err := keep(r, own, out); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(r.podsPerSecond(), "pods/s")
	b.ReportMetric(r.P99, "gang-p99-s")
	b.ReportMetric(processCPU(r), "cpu-ms/pod")
}

func parts(name string) (shape, mode, variant string) {
	p := strings.SplitN(name, "/", 3)
	return p[0], p[1], p[2]
}
