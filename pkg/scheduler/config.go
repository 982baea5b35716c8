package scheduler

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"
	configv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/kubernetes/cmd/kube-scheduler/app/options"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"

	"github.com/muster-scheduler/muster/pkg/plugins/args"
)

// defaultConfig is the configuration without --config, as YAML.
//
//go:embed config.yaml
var defaultConfig []byte

// DefaultConfig returns the configuration without --config, as YAML.
func DefaultConfig() []byte { return slices.Clone(defaultConfig) }

// configure decides the configuration: the file that --config names or else
// the built-in one, with the flags that apply to it. It leaves the result in
// opts and in every profile the arguments of our plugins complete. It reads no
// more than that file.
func configure(logger klog.Logger, opts *options.Options, checks map[string]args.Check) (*config.KubeSchedulerConfiguration, error) {
	cfg, err := read(opts.ConfigFile)
	if err != nil {
		return nil, err
	}
	opts.ApplyLeaderElectionTo(cfg) // makes it opts.ComponentConfig
	if opts.ConfigFile == "" {
		opts.ApplyDeprecated()
	} else {
		warnOfSilencedFlags(logger, opts)
	}
	if err := completeArgs(cfg, checks); err != nil {
		return nil, err
	}
	return cfg, errors.Join(opts.Validate()...)
}

// read decodes and completes the file, or the built-in configuration if there
// is none.
func read(file string) (*config.KubeSchedulerConfiguration, error) {
	if file == "" {
		cfg, err := decode(defaultConfig)
		if err != nil {
			return nil, fmt.Errorf("reading the built-in configuration: %w", err)
		}
		return cfg, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading --config: %w", err)
	}
	cfg, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("reading --config %s: %w", file, err)
	}
	return cfg, nil
}

// decode decodes strictly: unknown and duplicate keys are errors.
func decode(data []byte) (*config.KubeSchedulerConfiguration, error) {
	obj, gvk, err := scheme.Codecs.UniversalDecoder().Decode(data, nil, nil)
	if err != nil {
		return nil, err
	}
	cfg, ok := obj.(*config.KubeSchedulerConfiguration)
	if !ok {
		return nil, fmt.Errorf("want kind KubeSchedulerConfiguration, got %s", gvk)
	}
	// Conversion clears it; validation wants it.
	cfg.TypeMeta.APIVersion = gvk.GroupVersion().String()
	return cfg, nil
}

// encode returns the configuration as YAML that decode reads back.
func encode(cfg *config.KubeSchedulerConfiguration) ([]byte, error) {
	info, ok := runtime.SerializerInfoForMediaType(scheme.Codecs.SupportedMediaTypes(), runtime.ContentTypeYAML)
	if !ok {
		return nil, fmt.Errorf("no encoder for %s", runtime.ContentTypeYAML)
	}
	return runtime.Encode(scheme.Codecs.EncoderForVersion(info.Serializer, configv1.SchemeGroupVersion), cfg)
}

// write writes the configuration to the file.
func write(cfg *config.KubeSchedulerConfiguration, file string) error {
	data, err := encode(cfg)
	if err != nil {
		return fmt.Errorf("encoding the configuration: %w", err)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	return nil
}

// completeArgs checks the arguments of our plugins in every profile and puts
// those that will be in force in their place, for plugins without any too.
func completeArgs(cfg *config.KubeSchedulerConfiguration, checks map[string]args.Check) error {
	var errs []error
	for i := range cfg.Profiles {
		profile := &cfg.Profiles[i]
		configured := map[string]bool{}
		for j := range profile.PluginConfig {
			pc := &profile.PluginConfig[j]
			check, ours := checks[pc.Name]
			if !ours {
				continue
			}
			configured[pc.Name] = true
			path := field.NewPath("profiles").Index(i).Child("pluginConfig").Index(j).Child("args")
			if err := completeArg(path, pc, check); err != nil {
				errs = append(errs, err)
			}
		}
		for _, name := range enabled(profile) {
			if check, ours := checks[name]; ours && !configured[name] {
				pc := config.PluginConfig{Name: name}
				if err := completeArg(field.NewPath(name), &pc, check); err != nil {
					errs = append(errs, err)
				}
				profile.PluginConfig = append(profile.PluginConfig, pc)
			}
		}
	}
	return errors.Join(errs...)
}

func completeArg(path *field.Path, pc *config.PluginConfig, check args.Check) error {
	inForce, err := check(path, pc.Args)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(inForce)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	pc.Args = &runtime.Unknown{Raw: raw, ContentType: runtime.ContentTypeJSON}
	return nil
}

// warnOfSilencedFlags says which flags do nothing because of --config.
func warnOfSilencedFlags(logger klog.Logger, opts *options.Options) {
	if opts.Flags == nil {
		return
	}
	instead := map[string]string{
		"kubeconfig":            "clientConnection.kubeconfig",
		"kube-api-content-type": "clientConnection.contentType",
		"kube-api-qps":          "clientConnection.qps",
		"kube-api-burst":        "clientConnection.burst",
		"profiling":             "enableProfiling",
		"contention-profiling":  "enableContentionProfiling",
	}
	flags := opts.Flags.FlagSet("deprecated")
	for flag, key := range instead {
		if flags.Changed(flag) {
			logger.Info("Flag is ignored because --config is given", "flag", "--"+flag, "setInConfig", key)
		}
	}
}

// pools returns to which nodes each profile keeps by the arguments of NodeAffinity.
func pools(cfg *config.KubeSchedulerConfiguration) (map[string]*nodeaffinity.NodeSelector, error) {
	all := map[string]*nodeaffinity.NodeSelector{}
	for i, profile := range cfg.Profiles {
		for j, pc := range profile.PluginConfig {
			affinity, ok := pc.Args.(*config.NodeAffinityArgs)
			if !ok || affinity.AddedAffinity == nil || affinity.AddedAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
				continue
			}
			selector, err := nodeaffinity.NewNodeSelector(affinity.AddedAffinity.RequiredDuringSchedulingIgnoredDuringExecution)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", field.NewPath("profiles").Index(i).Child("pluginConfig").Index(j).Child("args", "addedAffinity"), err)
			}
			all[profile.SchedulerName] = selector
		}
	}
	return all, nil
}
