package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	logsapi "k8s.io/component-base/logs/api/v1"

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

func TestVersion(t *testing.T) {
	out, err := execute(t, "--version")
	if err != nil || !strings.HasPrefix(out, "Muster "+version.Muster+" (Kubernetes v1.37") {
		t.Errorf("%q, %v", out, err)
	}
}

func TestHelpTellsTheFlags(t *testing.T) {
	out, err := execute(t, "--help")
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"--registries", "--leader-elect ", "--secure-port", "--kubeconfig", "--logging-format", "-v, --v"} {
		if !strings.Contains(out, flag) {
			t.Errorf("--help does not tell of %s", flag)
		}
	}
}

func TestWhatIsWrongWithTheFlagsIsSaidAtOnce(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		args []string
		says string
	}{
		"no registries":            {nil, "--registries is empty"},
		"what is no registry":      {[]string{"--registries=docker.io,https://ghcr.io"}, `"https://ghcr.io" is not a registry`},
		"what is no address range": {[]string{"--registries=docker.io", "--private-addresses=10.0.0.1"}, "--private-addresses"},
		"no authorities":           {[]string{"--registries=docker.io", "--registry-ca-file=" + empty}, "no certificate"},
		"no workers":               {[]string{"--registries=docker.io", "--registry-concurrency=0"}, "--registry-concurrency"},
		"no rate":                  {[]string{"--registries=docker.io", "--registry-qps=0"}, "--registry-qps"},
		"no time":                  {[]string{"--registries=docker.io", "--registry-timeout=0s"}, "--registry-timeout"},
		"tags asked all the time":  {[]string{"--registries=docker.io", "--tag-refresh=1ms"}, "--tag-refresh"},
		"no objects":               {[]string{"--registries=docker.io", "--max-manifests=0"}, "--max-manifests"},
		"a time that is negative":  {[]string{"--registries=docker.io", "--unused-for=-1s"}, "--unused-for"},
		"an argument":              {[]string{"docker.io"}, "unknown command"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := execute(t, tc.args...); err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%v, want it to say %q", err, tc.says)
			}
		})
	}
}
