package scheduler

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/component-base/featuregate"
	logsapi "k8s.io/component-base/logs/api/v1"
	configv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/kubernetes/pkg/features"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	pluginnames "k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
)

// guard refuses what would harm the cluster or ourselves. Every error names
// the field and what to do.
func guard(cfg *config.KubeSchedulerConfiguration, gates featuregate.FeatureGate) error {
	var errs []error
	if l := cfg.LeaderElection; l.LeaderElect && l.ResourceNamespace == metav1.NamespaceSystem && l.ResourceName == configv1.SchedulerDefaultLockObjectName {
		errs = append(errs, field.Invalid(field.NewPath("leaderElection", "resourceName"), l.ResourceNamespace+"/"+l.ResourceName,
			"this is the lease of the default scheduler, which would stop; set leaderElection.resourceName, or --leader-elect-resource-name, to muster-scheduler"))
	}
	if gates.Enabled(features.CoordinatedLeaderElection) {
		errs = append(errs, gateError(features.CoordinatedLeaderElection,
			"a scheduler then stands for the lease of the default scheduler, whatever leaderElection says"))
	}
	if gates.Enabled(features.GenericWorkload) {
		errs = append(errs, gateError(features.GenericWorkload,
			"the scheduler would then place pod groups in a cycle of its own that passes Muster's gangs by"))
	}
	if !gates.Enabled(logsapi.ContextualLogging) {
		errs = append(errs, fmt.Errorf("--feature-gates: %s=false is refused: what the queue does could not be told; set %[1]s=true", logsapi.ContextualLogging))
	}
	return errors.Join(errs...)
}

func gateError(gate featuregate.Feature, reason string) error {
	return fmt.Errorf("--feature-gates: %s=true is refused: %s; set %s=false", gate, reason, gate)
}

// nominate turns NominatedNodeNameForExpectation off unless flags, the value
// of --feature-gates, mentions it: it costs one more write for every pod that
// waits for its gang, and a stale nomination pulls members off their plan.
func nominate(flags string, gates featuregate.MutableFeatureGate) error {
	gate := features.NominatedNodeNameForExpectation
	if strings.Contains(flags, string(gate)+"=") {
		return nil
	}
	if err := gates.SetFromMap(map[string]bool{string(gate): false}); err != nil {
		return fmt.Errorf("turning %s off: %w", gate, err)
	}
	return nil
}

// usesAny reports whether a profile enables one of the plugins.
func usesAny[T any](cfg *config.KubeSchedulerConfiguration, plugins map[string]T) bool {
	for i := range cfg.Profiles {
		for _, name := range enabled(&cfg.Profiles[i]) {
			if _, ours := plugins[name]; ours {
				return true
			}
		}
	}
	return false
}

// readsNodeImages reports whether somebody besides our plugins looks at what nodes
// list as their images: the plugin that does, or an extender that is sent whole nodes.
func readsNodeImages(cfg *config.KubeSchedulerConfiguration) bool {
	return usesAny(cfg, map[string]bool{pluginnames.ImageLocality: true}) ||
		slices.ContainsFunc(cfg.Extenders, func(e config.Extender) bool { return !e.NodeCacheCapable })
}

// enabled returns the names of the plugins that the profile enables, sorted.
func enabled(profile *config.KubeSchedulerProfile) []string {
	p := profile.Plugins
	if p == nil {
		return nil
	}
	var all []string
	for _, set := range []config.PluginSet{
		p.MultiPoint, p.PreEnqueue, p.QueueSort, p.PreFilter, p.Filter, p.PostFilter, p.PreScore, p.Score,
		p.Reserve, p.Permit, p.PreBind, p.Bind, p.PostBind,
	} {
		for _, plugin := range set.Enabled {
			all = append(all, plugin.Name)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
