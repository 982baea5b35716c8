// Package perf runs upstream's scheduler_perf on our plugins. It measures; what
// the plugins must do is tested elsewhere. A workload whose pods do not all get
// a node fails.
package perf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/etcd/server/v3/etcdmain"
	_ "k8s.io/component-base/logs/json/register"
	apiservertesting "k8s.io/kubernetes/cmd/kube-apiserver/app/testing"
	perf "k8s.io/kubernetes/test/integration/scheduler_perf"

	"github.com/muster-scheduler/muster/pkg/plugins"
	"github.com/muster-scheduler/muster/pkg/sandbox"
	"github.com/muster-scheduler/muster/pkg/scheduler"
)

func TestMain(m *testing.M) {
	sandbox.Main(sandbox.Programs{Muster: scheduler.NewCommand})
	if filepath.Base(os.Args[0]) == "etcd" {
		etcdmain.Main(os.Args)
		return
	}
	dir, err := surroundings()
	if err == nil {
		err = perf.InitTests()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for name := range plugins.New().Registry() {
		perf.PluginNames = append(perf.PluginNames, name)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// surroundings provides what the harness looks for outside of itself: an
// executable named etcd, which is this very binary, and the folder beside its
// API server's sources where certificates are kept, whose path a binary built
// with -trimpath does not know.
func surroundings() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "muster-perf-"); err != nil {
		return "", err
	}
	self, err := os.Executable()
	if err != nil {
		return dir, err
	}
	if err := os.Symlink(self, filepath.Join(dir, "etcd")); err != nil {
		return dir, err
	}
	if err := os.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH")); err != nil {
		return dir, err
	}
	source, _ := runtime.FuncForPC(reflect.ValueOf(apiservertesting.StartTestServer).Pointer()).FileLine(0)
	if filepath.IsAbs(source) {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Join(dir, "src", filepath.Dir(source), "testdata"), 0o700); err != nil {
		return dir, err
	}
	return dir, errors.Join(os.Setenv("TEST_SRCDIR", dir), os.Setenv("TEST_WORKSPACE", "src"))
}

// TestConfigIsTheShippedOne: what is measured is what is shipped, under the
// name that the throughput collector looks at.
func TestConfigIsTheShippedOne(t *testing.T) {
	want := strings.Replace(string(scheduler.DefaultConfig()), "schedulerName: muster", "schedulerName: default-scheduler", 1)
	got, err := os.ReadFile("config/muster.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("config/muster.yaml is not pkg/scheduler/config.yaml with the profile named default-scheduler: copy it anew")
	}
}

func BenchmarkPerfScheduling(b *testing.B) {
	perf.RunBenchmarkPerfScheduling(b, "performance-config.yaml", "muster", plugins.New().Registry())
}

// inTurns returns what is compared in the order of a repetition: every other one
// backwards, so that none always comes first on a machine that drifts.
func inTurns(variants []string, rep int) []string {
	variants = slices.Clone(variants)
	if rep%2 == 1 {
		slices.Reverse(variants)
	}
	return variants
}
