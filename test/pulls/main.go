// Command pulls evaluates policies that place gangs by their images, in a
// simulated cluster. It is not a load test, and not the real thing: kubelets,
// registry and API server are models, see package world.
//
//	pulls [flags] [measure] [report] [calibrate]
//
// does these steps, or all of them: measure runs traces and writes records,
// report turns records into tables and plots, calibrate says how wrong the model
// of a pull is about real pulls.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/muster-scheduler/muster/test/pulls/calibration"
	"github.com/muster-scheduler/muster/test/pulls/record"
	"github.com/muster-scheduler/muster/test/pulls/report"
	"github.com/muster-scheduler/muster/test/pulls/world"
)

func main() {
	log.SetFlags(0)
	dir := flag.String("out", "test/pulls/results", "the folder of the records and the report")
	seeds := flag.Int("seeds", 5, "how often everything is run, each time with other chance")
	small := flag.Bool("small", false, "a small cluster for a short time, to see that it works")
	again := flag.String("again", "", "measure these policies, separated by commas, and keep the records that there are of others")
	flag.Parse()
	steps := flag.Args()
	if len(steps) == 0 {
		steps = []string{"measure", "report", "calibrate"}
	}
	suite := record.Full(*seeds)
	if *small {
		suite = record.Small()
	}
	for _, step := range steps {
		if err := do(step, *dir, suite, *again, log.Printf); err != nil {
			log.Fatalf("%s: %v", step, err)
		}
	}
}

// do does one step. It tells now and then how far it is.
func do(step, dir string, suite record.Suite, again string, tell func(format string, args ...any)) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	switch step {
	case "measure":
		if err := measure(filepath.Join(dir, report.SweepRecords), suite.Sweep(), again, tell); err != nil {
			return err
		}
		return measure(filepath.Join(dir, report.VariantRecords), suite.Variants(), again, tell)
	case "report":
		return report.Write(dir)
	case "calibrate":
		return calibrate(filepath.Join(dir, "calibration.md"))
	}
	return fmt.Errorf("there is no such step; %v are", []string{"measure", "report", "calibrate"})
}

// measure runs the cases and writes their records; only those of some policies,
// if any are named.
func measure(path string, cases []record.Case, again string, tell func(format string, args ...any)) error {
	done := map[record.Case]record.Record{}
	if again != "" {
		before, err := record.Read(path)
		if err != nil {
			return err
		}
		for _, r := range before {
			if !slices.Contains(strings.Split(again, ","), r.Policy) {
				done[r.Case] = r
			}
		}
	}
	out, err := record.Create(path)
	if err != nil {
		return err
	}
	defer out.Close()
	at := 0
	return record.RunAll(cases, done, func(r record.Record) error {
		if at++; at == len(cases) || cases[at].Policy != r.Policy {
			tell("%d of %d: %s on %d nodes, registry %.1f GB/s, %s", at, len(cases), r.Trace, r.Nodes, r.Registry/1e9, r.Policy)
		}
		return out.Write(r)
	})
}

// calibrate writes how wrong the simulated constants are about real pulls.
func calibrate(path string) error {
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer out.Close()
	c := world.Defaults()
	return calibration.Print(out, calibration.Constants{
		Resolve: c.Resolve, Layer: c.Layer, Unpack: c.Unpack, Registry: c.Registry,
	})
}
