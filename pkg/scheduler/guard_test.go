package scheduler

import (
	"strings"
	"testing"

	"k8s.io/component-base/featuregate"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/features"

	"github.com/muster-scheduler/muster/pkg/plugins"
)

// gates returns gates of our own with those that matter here.
func gates(t *testing.T, on ...featuregate.Feature) featuregate.MutableFeatureGate {
	t.Helper()
	g := featuregate.NewFeatureGate()
	if err := g.Add(map[featuregate.Feature]featuregate.FeatureSpec{
		features.GenericWorkload:                 {PreRelease: featuregate.Beta},
		features.CoordinatedLeaderElection:       {PreRelease: featuregate.Beta},
		features.NominatedNodeNameForExpectation: {PreRelease: featuregate.Beta, Default: true},
		logsapi.ContextualLogging:                {PreRelease: featuregate.Beta, Default: true},
	}); err != nil {
		t.Fatal(err)
	}
	for _, name := range on {
		if err := g.SetFromMap(map[string]bool{string(name): true}); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

func TestGuard(t *testing.T) {
	tests := map[string]struct {
		args  []string
		gates []featuregate.Feature
		off   string   // a gate
		want  []string // parts of the error; none if there is to be none
	}{
		"the built-in configuration is accepted": {},
		"the lease of the default scheduler is refused": {
			args: []string{"--config=" + file(t, header)},
			want: []string{`leaderElection.resourceName: Invalid value: "kube-system/kube-scheduler"`, "set leaderElection.resourceName, or --leader-elect-resource-name, to muster-scheduler"},
		},
		"also if flags ask for it": {
			args: []string{"--leader-elect-resource-name=kube-scheduler", "--leader-elect-resource-namespace=kube-system"},
			want: []string{"leaderElection.resourceName"},
		},
		"without leader election it does not matter": {
			args: []string{"--config=" + file(t, header), "--leader-elect=false"},
		},
		"another lease beside it is accepted": {
			args: []string{"--config=" + file(t, header), "--leader-elect-resource-name=muster-scheduler"},
		},
		"a lease of that name in another namespace is accepted": {
			args: []string{"--leader-elect-resource-name=kube-scheduler"},
		},
		"coordinated leader election is refused": {
			gates: []featuregate.Feature{features.CoordinatedLeaderElection},
			want:  []string{"CoordinatedLeaderElection=true is refused", "set CoordinatedLeaderElection=false"},
		},
		"upstream's gangs are refused": {
			gates: []featuregate.Feature{features.GenericWorkload},
			want:  []string{"GenericWorkload=true is refused", "set GenericWorkload=false"},
		},
		"a queue that logs to somebody else is refused": {
			off:  "ContextualLogging",
			want: []string{"ContextualLogging=false is refused", "set ContextualLogging=true"},
		},
		"all reasons are given at once": {
			args:  []string{"--config=" + file(t, header)},
			gates: []featuregate.Feature{features.GenericWorkload, features.CoordinatedLeaderElection},
			want:  []string{"leaderElection.resourceName", "CoordinatedLeaderElection", "GenericWorkload"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			cfg, err := configure(klog.Background(), parsed(t, tc.args...), plugins.Checks())
			if err != nil {
				t.Fatal(err)
			}
			gates := gates(t, tc.gates...)
			if tc.off != "" {
				if err := gates.SetFromMap(map[string]bool{tc.off: false}); err != nil {
					t.Fatal(err)
				}
			}
			err = guard(cfg, gates)
			if len(tc.want) == 0 && err != nil {
				t.Errorf("refused: %v", err)
			}
			for _, part := range tc.want {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("error = %v, want %q in it", err, part)
				}
			}
		})
	}
}

func TestNominate(t *testing.T) {
	gate := features.NominatedNodeNameForExpectation
	tests := map[string]struct {
		flags string
		want  bool
	}{
		"off unless asked for":        {"", false},
		"off if others are asked for": {":AllBeta=true,:GenericWorkload=false", false},
		"as it was if asked for":      {":NominatedNodeNameForExpectation=true", true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			g := gates(t)
			if err := nominate(tc.flags, g); err != nil {
				t.Fatal(err)
			}
			if got := g.Enabled(gate); got != tc.want {
				t.Errorf("%s = %v, want %v", gate, got, tc.want)
			}
		})
	}
}

func TestUsesAny(t *testing.T) {
	tests := map[string]struct {
		config string
		want   bool
	}{
		"a plain kube-scheduler":        {header, false},
		"one plugin at one point":       {header + "profiles: [{schedulerName: a}, {schedulerName: b, plugins: {score: {enabled: [{name: ImagePull}]}}}]\n", true},
		"ours at all points":            {string(defaultConfig), true},
		"ours that are only configured": {header + "profiles: [{schedulerName: a, pluginConfig: [{name: ImagePull}]}]\n", false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			cfg, err := decode([]byte(tc.config))
			if err != nil {
				t.Fatal(err)
			}
			if got := usesAny(cfg, plugins.Checks()); got != tc.want {
				t.Errorf("usesAny() = %v, want %v", got, tc.want)
			}
		})
	}
}

func TestNodesAreStrippedUnlessSomebodyReadsTheirImages(t *testing.T) {
	own := string(DefaultConfig())
	extender := func(more string) string {
		return strings.Replace(own, "profiles:\n", "extenders:\n- urlPrefix: http://127.0.0.1:1\n  filterVerb: filter\n"+more+"profiles:\n", 1)
	}
	tests := map[string]struct {
		config string
		want   bool
	}{
		"the built-in configuration":             {own, false},
		"a second profile with default plugins":  {own + "- schedulerName: other\n  plugins:\n    multiPoint:\n      enabled: [{name: QueueOrder}]\n      disabled: [{name: PrioritySort}]\n", true},
		"the default plugins":                    {header, true},
		"an extender that is sent whole nodes":   {extender(""), true},
		"an extender that has nodes of its own":  {extender("  nodeCacheCapable: true\n"), false},
		"ImageLocality beside the other plugins": {strings.Replace(own, "      - name: ImageLocality\n", "", 1), true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			cfg, err := configure(klog.Background(), parsed(t, "--leader-elect=false", "--config="+file(t, tc.config)), plugins.Checks())
			if err != nil {
				t.Fatal(err)
			}
			if got := readsNodeImages(cfg); got != tc.want {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}
