package scheduler

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apiserver/pkg/util/feature"
	featuregatetesting "k8s.io/component-base/featuregate/testing"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/kubernetes/pkg/features"

	"github.com/muster-scheduler/muster/pkg/version"
)

func TestMain(m *testing.M) {
	// The process sets logging up once; the tests run the command often.
	logsapi.ReapplyHandling = logsapi.ReapplyHandlingIgnoreUnchanged
	os.Exit(m.Run())
}

// execute runs the command as far as it gets without a cluster.
func execute(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := NewCommand()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestCommand(t *testing.T) {
	// The command changes the gates of the process.
	featuregatetesting.SetFeatureGateDuringTest(t, feature.DefaultFeatureGate, features.NominatedNodeNameForExpectation, true)
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	t.Setenv("KUBECONFIG", "")

	t.Run("the version names both", func(t *testing.T) {
		out, err := execute(t, "--version")
		if err != nil || !strings.HasPrefix(out, "Muster "+version.Muster+" (Kubernetes v1.37") {
			t.Errorf("--version = %q, %v", out, err)
		}
	})
	t.Run("the help tells our defaults", func(t *testing.T) {
		out, err := execute(t, "--help")
		for _, want := range []string{`(default "muster-scheduler")`, `(default "muster-system")`, "(default 1000)", "(default 2000)", "--version"} {
			if err != nil || !strings.Contains(out, want) {
				t.Errorf("--help has no %s, error %v", want, err)
			}
		}
	})
	t.Run("the configuration is written without a cluster", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "out.yaml")
		if _, err := execute(t, "--write-config-to="+file, "--leader-elect=false"); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(got), "leaderElect: false") {
			t.Errorf("wrote %v: %s", err, got)
		}
		if feature.DefaultFeatureGate.Enabled(features.NominatedNodeNameForExpectation) {
			t.Error("NominatedNodeNameForExpectation is on without having been asked for")
		}
	})
	t.Run("without a cluster it says what to give", func(t *testing.T) {
		if _, err := execute(t, "--secure-port=0"); err == nil || !strings.Contains(err.Error(), "give --kubeconfig") {
			t.Errorf("error = %v", err)
		}
	})
	t.Run("a bad argument comes before the missing cluster", func(t *testing.T) {
		config := file(t, header+"profiles: [{schedulerName: muster, pluginConfig: [{name: GangBind, args: {bindParallelsm: 1}}]}]\n")
		want := "profiles[0].pluginConfig[0].args.bindParallelsm: unknown field"
		if _, err := execute(t, "--config="+config); err == nil || err.Error() != want {
			t.Errorf("error = %v, want %s", err, want)
		}
	})
	t.Run("so does a refusal", func(t *testing.T) {
		if _, err := execute(t, "--config="+file(t, header)); err == nil || !strings.Contains(err.Error(), "leaderElection.resourceName") {
			t.Errorf("error = %v", err)
		}
	})
	t.Run("arguments are not accepted", func(t *testing.T) {
		if _, err := execute(t, "up"); err == nil {
			t.Error("no error")
		}
	})
}
