package scheduler

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/cmd/kube-scheduler/app/options"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"

	"github.com/muster-scheduler/muster/pkg/plugins"
)

var update = flag.Bool("update", false, "rewrite testdata/effective.yaml")

// parsed returns the options as after the command line.
func parsed(t *testing.T, args ...string) *options.Options {
	t.Helper()
	opts := options.NewOptions()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	for _, set := range opts.Flags.FlagSets {
		flags.AddFlagSet(set)
	}
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return opts
}

// file writes the text to a file and returns its name.
func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

const header = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"

func TestFlagsAndConfiguration(t *testing.T) {
	tests := map[string]struct {
		args   []string
		config string // --config, unless empty
		field  func(*config.KubeSchedulerConfiguration) any
		want   any
	}{
		"without flags the lease is ours": {
			field: func(c *config.KubeSchedulerConfiguration) any {
				return c.LeaderElection.ResourceNamespace + "/" + c.LeaderElection.ResourceName
			},
			want: "muster-system/muster-scheduler",
		},
		"leader election is on": {
			field: func(c *config.KubeSchedulerConfiguration) any { return c.LeaderElection.LeaderElect },
			want:  true,
		},
		"and can be turned off": {
			args:  []string{"--leader-elect=false"},
			field: func(c *config.KubeSchedulerConfiguration) any { return c.LeaderElection.LeaderElect },
			want:  false,
		},
		"the lease can be renamed": {
			args:  []string{"--leader-elect-resource-name=pool-a"},
			field: func(c *config.KubeSchedulerConfiguration) any { return c.LeaderElection.ResourceName },
			want:  "pool-a",
		},
		"a kubeconfig can be given": {
			args:  []string{"--kubeconfig=/some/file"},
			field: func(c *config.KubeSchedulerConfiguration) any { return c.ClientConnection.Kubeconfig },
			want:  "/some/file",
		},
		"the rate of requests is ours": {
			field: func(c *config.KubeSchedulerConfiguration) any { return c.ClientConnection.QPS },
			want:  float32(1000),
		},
		"and can be changed": {
			args:  []string{"--kube-api-qps=7"},
			field: func(c *config.KubeSchedulerConfiguration) any { return c.ClientConnection.QPS },
			want:  float32(7),
		},
		"contention profiling is off although the flag's own default is on": {
			field: func(c *config.KubeSchedulerConfiguration) any { return c.EnableContentionProfiling },
			want:  false,
		},
		"--config replaces everything": {
			config: header + "profiles: [{schedulerName: other}]\n",
			field:  func(c *config.KubeSchedulerConfiguration) any { return c.ClientConnection.QPS },
			want:   float32(50),
		},
		"with --config the flags of leader election still count": {
			args:   []string{"--leader-elect-resource-name=pool-a"},
			config: header,
			field:  func(c *config.KubeSchedulerConfiguration) any { return c.LeaderElection.ResourceName },
			want:   "pool-a",
		},
		"and those that kube-scheduler ignores beside it do not": {
			args:   []string{"--kubeconfig=/some/file"},
			config: header,
			field:  func(c *config.KubeSchedulerConfiguration) any { return c.ClientConnection.Kubeconfig },
			want:   "",
		},
		"a profile may take the place of the default scheduler": {
			config: header + "profiles: [{schedulerName: default-scheduler}]\n",
			field:  func(c *config.KubeSchedulerConfiguration) any { return c.Profiles[0].SchedulerName },
			want:   "default-scheduler",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if tc.config != "" {
				tc.args = append(tc.args, "--config="+file(t, tc.config))
			}
			cfg, err := configure(klog.Background(), parsed(t, tc.args...), plugins.Checks())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, tc.field(cfg)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestBadConfiguration(t *testing.T) {
	profile := func(text string) string {
		return header + "profiles:\n- schedulerName: muster\n" + text
	}
	tests := map[string]struct {
		config string
		want   string
	}{
		"an unknown argument is named with its whole path": {
			config: profile("  pluginConfig:\n  - {name: NodeAffinity}\n  - {name: InterPodAffinity}\n  - {name: GangBind, args: {bindParallelsm: 8}}\n"),
			want:   "profiles[0].pluginConfig[2].args.bindParallelsm: unknown field",
		},
		"a wrong value too": {
			config: profile("  pluginConfig:\n  - {name: ImagePull, args: {nodeBandwidth: fast}}\n"),
			want:   `profiles[0].pluginConfig[0].args.nodeBandwidth: Invalid value: "fast": must be a quantity of bytes per second, such as 40M`,
		},
		"every one is named": {
			config: profile("  pluginConfig:\n  - {name: ImagePull, args: {a: 1}}\n  - {name: GangBind, args: {b: 1}}\n"),
			want:   "profiles[0].pluginConfig[0].args.a: unknown field\nprofiles[0].pluginConfig[1].args.b: unknown field",
		},
		"an unknown key of the configuration is named": {
			config: header + "percentageOfNodes: 3\n",
			want:   `strict decoding error: unknown field "percentageOfNodes"`,
		},
		"another kind is refused": {
			config: "apiVersion: v1\nkind: Pod\n",
			want:   `no kind "Pod" is registered for version "v1"`,
		},
		"what upstream refuses is refused": {
			config: header + "percentageOfNodesToScore: 101\n",
			want:   "percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100]",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := configure(klog.Background(), parsed(t, "--config="+file(t, tc.config)), plugins.Checks())
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error = %v, want %s", err, tc.want)
			}
		})
	}
	if _, err := configure(klog.Background(), parsed(t, "--config=/does/not/exist"), plugins.Checks()); err == nil {
		t.Error("a file that does not exist is accepted")
	}
}

func TestEffectiveConfiguration(t *testing.T) {
	cfg, err := configure(klog.Background(), parsed(t), plugins.Checks())
	if err != nil {
		t.Fatal(err)
	}
	written := filepath.Join(t.TempDir(), "effective.yaml")
	if err := write(cfg, written); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(written)
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "effective.yaml")
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("what --write-config-to writes differs from %s; if that is meant, run with -update (-want +got):\n%s", golden, diff)
	}

	// What is written says the same when it is read.
	again, err := configure(klog.Background(), parsed(t, "--config="+written), plugins.Checks())
	if err != nil {
		t.Fatal(err)
	}
	if reread, err := encode(again); err != nil {
		t.Error(err)
	} else if diff := cmp.Diff(string(got), string(reread)); diff != "" {
		t.Errorf("read back it differs (-want +got):\n%s", diff)
	}
}
