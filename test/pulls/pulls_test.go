package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-scheduler/muster/test/pulls/policy"
	"github.com/muster-scheduler/muster/test/pulls/record"
	"github.com/muster-scheduler/muster/test/pulls/report"
)

// TestEvaluation does all that make pulls does, on a small scale, twice.
func TestEvaluation(t *testing.T) {
	suite := record.Small()
	dirs := []string{t.TempDir(), t.TempDir()}
	for _, dir := range dirs {
		for _, step := range []string{"measure", "report", "calibrate"} {
			if err := do(step, dir, suite, "", t.Logf); err != nil {
				t.Fatalf("%s: %v", step, err)
			}
		}
	}
	// One policy again, which is to change nothing.
	if err := do("measure", dirs[1], suite, "layer", t.Logf); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dirs[0])
	if err != nil {
		t.Fatal(err)
	}
	plots := 0
	for _, file := range files {
		first, second := read(t, dirs[0], file.Name()), read(t, dirs[1], file.Name())
		if !bytes.Equal(first, second) {
			t.Errorf("%s differs from run to run", file.Name())
		}
		if strings.HasSuffix(file.Name(), ".svg") {
			plots++
		}
	}
	if plots != 6 {
		t.Errorf("%d plots, want 3 for each of 2 shapes", plots)
	}
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestRecords checks what must hold of every record, and what the comparison
// rests on: that the bound is one, and that policies differ as they are known to.
func TestRecords(t *testing.T) {
	suite := record.Small()
	dir := t.TempDir()
	if err := do("measure", dir, suite, "", t.Logf); err != nil {
		t.Fatal(err)
	}
	records, err := record.Read(filepath.Join(dir, report.SweepRecords))
	if err != nil {
		t.Fatal(err)
	}
	find := func(like record.Record, policy string) record.Record {
		for _, r := range records {
			c := like.Case
			if c.Policy = policy; r.Case == c {
				return r
			}
		}
		t.Fatalf("no record of %s like %+v", policy, like.Case)
		return record.Record{}
	}
	for _, r := range records {
		least := find(r, record.Bound)
		if r.Pods != least.Pods || r.Large.N != least.Large.N || r.Wait.N != r.Pods {
			t.Errorf("%+v: pods or gangs are missing", r.Case)
		}
		if r.Wait.Mean < least.Wait.Mean || r.Large.Mean < least.Large.Mean || r.Small.Mean < least.Small.Mean || r.Bytes < least.Bytes {
			t.Errorf("%+v is better than possible", r.Case)
		}
		if r.Peak > r.Registry*(1+1e-4) {
			t.Errorf("%+v: the registry gave %g", r.Case, r.Peak)
		}
	}
	for _, r := range records {
		predicts := strings.HasPrefix(r.Policy, "muster")
		if (r.Error != nil) != predicts {
			t.Errorf("%+v: muster predicts, and no other", r.Case)
		}
		// Who is to learn what the registry serves cannot predict before; a fixed price
		// has it overloaded.
		if told := r.Policy == "muster" || r.Policy == policy.Seeding; predicts && (r.Error.N != r.Pods || told && r.Error.P50 > 1) {
			t.Errorf("%+v: predictions are off by %+v", r.Case, *r.Error)
		}
		if r.Policy != "default" {
			continue
		}
		if spread := find(r, "spread"); spread.Bytes < 0.95*r.Bytes || spread.Balance > r.Balance {
			t.Errorf("%+v: spreading is to be more even than default and to pull more, or as much", r.Case)
		}
		if layer := find(r, "layer"); layer.Bytes > r.Bytes/1.5 {
			t.Errorf("%+v: by layers %g bytes are pulled, by default %g", r.Case, layer.Bytes, r.Bytes)
		}
	}
}
