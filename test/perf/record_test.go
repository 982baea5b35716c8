package perf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// record is what one run measured. Times and CPU are in seconds, within the
// window: from the first pod seen, or from the release of held pods, to the
// last binding seen.
type record struct {
	Variant string  `json:"variant"`
	Shape   string  `json:"shape"` // gangs x members
	Mode    string  `json:"mode"`
	Pods    int     `json:"pods"`
	Gangs   int     `json:"gangs"`
	Wall    float64 `json:"wall"`
	// Until the last member of a gang is seen bound, since its last member was
	// seen (live) or since the release (held): the median and the 99th in 100.
	P50 float64 `json:"gangP50"`
	P99 float64 `json:"gangP99"`
	// The process is scheduler, API server, informers and the creation of pods.
	ProcessCPU   float64   `json:"processCPU"`
	EtcdCPU      float64   `json:"etcdCPU"`
	SchedulerCPU float64   `json:"schedulerCPU"` // from the profile: cycles and event handlers, without requests and garbage collection
	ForeignCPU   float64   `json:"foreignCPU"`   // what others used of the machine
	Load         float64   `json:"load"`         // of the last minute, at the start of the window
	Start        time.Time `json:"start"`
}

// podsPerSecond is the throughput.
func (r record) podsPerSecond() float64 { return float64(r.Pods) / r.Wall }

// alone is the throughput if nothing else had run on the machine.
func (r record) alone() float64 {
	return float64(r.Pods) * float64(runtime.NumCPU()) / (r.ProcessCPU + r.EtcdCPU)
}

// perPod turns seconds per run into milliseconds per pod.
func (r record) perPod(seconds float64) float64 { return 1000 * seconds / float64(r.Pods) }

const (
	recordsName = "records.jsonl"
	profileName = "cpu.prof"
)

// write adds the record to those in the folder.
func (r record) write(dir string) error { return appendRecord(dir, r) }

// appendRecord adds a record of any kind to those in a folder.
func appendRecord(dir string, r any) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, recordsName), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}

// keep adds the record, and its profile, which lies in the folder own, to the
// folder out.
func keep(r record, own, out string) error {
	name := fmt.Sprintf("%s-%s-%s-%s.prof", r.Shape, r.Mode, r.Variant, r.Start.UTC().Format("150405"))
	profile, err := os.ReadFile(filepath.Join(own, profileName))
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(out, name), profile, 0o644), r.write(out))
}

func readRecords(dir string) ([]record, error) {
	data, err := os.ReadFile(filepath.Join(dir, recordsName))
	if err != nil {
		return nil, err
	}
	var records []record
	for dec := json.NewDecoder(bytes.NewReader(data)); ; {
		var r record
		switch err := dec.Decode(&r); {
		case errors.Is(err, io.EOF):
			return records, nil
		case err != nil:
			return nil, fmt.Errorf("reading %s: %w", filepath.Join(dir, recordsName), err)
		}
		records = append(records, r)
	}
}

// schedulerCPU returns the seconds of a profile that the scheduler spent in its
// own code and its plugins: all stacks through it, but for those that send a
// request or an event.
func schedulerCPU(profile string) (seconds float64, err error) {
	cmd := exec.Command("go", "tool", "pprof", "-top", "-unit=s", "-nodecount=1000000", "-nodefraction=0",
		`-focus=k8s\.io/kubernetes/pkg/scheduler|muster/pkg/`, `-ignore=client-go/rest\.|client-go/tools/(events|record)\.`, profile)
	output, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	const total = "Showing nodes accounting for "
	_, after, _ := strings.Cut(string(output), total)
	if _, err := fmt.Sscanf(after, "%g", &seconds); err != nil {
		return 0, fmt.Errorf("%s printed no %q: %w\n%s", strings.Join(cmd.Args, " "), total, err, output)
	}
	return seconds, nil
}
