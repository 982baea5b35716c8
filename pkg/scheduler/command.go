package scheduler

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	v1 "k8s.io/api/core/v1"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/component-base/cli/globalflag"
	"k8s.io/component-base/compatibility"
	"k8s.io/component-base/featuregate"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/component-base/term"
	"k8s.io/klog/v2"
	configv1 "k8s.io/kube-scheduler/config/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/cmd/kube-scheduler/app"
	"k8s.io/kubernetes/cmd/kube-scheduler/app/options"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/muster-scheduler/muster/pkg/plugins"
	"github.com/muster-scheduler/muster/pkg/state"
	"github.com/muster-scheduler/muster/pkg/version"
)

// NewCommand returns the command of the process. It runs until the context it
// is executed with is done, and returns an error if it ends before that; with
// leader election it exits the process, as kube-scheduler does. Feature gates,
// logging and metrics are of the whole process: run it once.
func NewCommand() *cobra.Command {
	opts := options.NewOptions()
	cmd := &cobra.Command{
		Use:   "muster-scheduler",
		Short: "A second scheduler for Kubernetes: gangs whole, where their images are",
		Long: `Muster schedules the pods whose spec.schedulerName it serves, "muster" unless
configured otherwise. It starts gangs whole and puts pods where their images are
ready soonest. It is a kube-scheduler with plugins: all flags of kube-scheduler
apply. Without --config it has a configuration of its own, which
--write-config-to prints without needing a cluster.`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			// Before anything looks at a gate.
			return setGates(cmd.Flags(), opts)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if show, err := cmd.Flags().GetBool("version"); err != nil || show {
				fmt.Fprintf(cmd.OutOrStdout(), "Muster %s (Kubernetes %s)\n", version.Muster, version.Kubernetes())
				return err
			}
			return run(cmd.Context(), cmd.Flags(), opts)
		},
	}
	cmd.SetGlobalNormalizationFunc(cliflag.WordSepNormalizeFunc)
	addFlags(cmd, opts)
	return cmd
}

func addFlags(cmd *cobra.Command, opts *options.Options) {
	global := opts.Flags.FlagSet("global")
	global.Bool("version", false, "print the versions of Muster and of Kubernetes and quit")
	globalflag.AddGlobalFlags(global, cmd.Name(), logs.SkipLoggingConfigurationFlags())
	for _, set := range opts.Flags.FlagSets {
		cmd.Flags().AddFlagSet(set)
	}
	showDefaults(cmd.Flags())
	columns, _, _ := term.TerminalSize(cmd.OutOrStdout())
	cliflag.SetUsageAndHelpFunc(cmd, *opts.Flags, columns)
	_ = cmd.MarkFlagFilename("config", "yaml", "yml", "json") // for completion only
}

// showDefaults makes --help tell the defaults of the built-in configuration.
func showDefaults(flags *pflag.FlagSet) {
	var cfg configv1.KubeSchedulerConfiguration
	if err := yaml.Unmarshal(defaultConfig, &cfg); err != nil {
		return // read says so better
	}
	for name, value := range map[string]any{
		"leader-elect-resource-name":      cfg.LeaderElection.ResourceName,
		"leader-elect-resource-namespace": cfg.LeaderElection.ResourceNamespace,
		"kube-api-qps":                    cfg.ClientConnection.QPS,
		"kube-api-burst":                  cfg.ClientConnection.Burst,
		"contention-profiling":            ptr.Deref(cfg.EnableContentionProfiling, true),
	} {
		flags.Lookup(name).DefValue = fmt.Sprint(value)
	}
}

// setGates puts the feature gates in force.
func setGates(flags *pflag.FlagSet, opts *options.Options) error {
	if err := opts.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	return nominate(flags.Lookup("feature-gates").Value.String(), gatesOf(opts))
}

func gatesOf(opts *options.Options) featuregate.MutableFeatureGate {
	return opts.ComponentGlobalsRegistry.FeatureGateFor(compatibility.DefaultKubeComponent).(featuregate.MutableFeatureGate)
}

// run configures the process, refuses what must be refused, and schedules.
func run(ctx context.Context, flags *pflag.FlagSet, opts *options.Options) error {
	gates := gatesOf(opts)
	if err := logsapi.ValidateAndApply(opts.Logs, gates); err != nil {
		return err
	}
	cliflag.PrintFlags(flags)
	logger := klog.FromContext(ctx)

	cfg, err := configure(logger, opts, plugins.Checks())
	if err != nil {
		return err
	}
	if err := guard(cfg, gates); err != nil {
		return err
	}
	if opts.WriteConfigTo != "" {
		return write(cfg, opts.WriteConfigTo)
	}
	set := plugins.New()
	pools, err := pools(cfg)
	if err != nil {
		return err
	}
	set.KeepTo(pools)
	if !readsNodeImages(cfg) {
		set.StripNodes()
	}
	if !usesAny(cfg, set.Registry()) {
		logger.Info("No profile enables a plugin of Muster: this is a plain kube-scheduler", "config", opts.ConfigFile)
	}
	logger.Info("Starting Muster", "version", version.Muster, "kubernetes", version.Kubernetes())

	// Without a leader to be, the framework's goroutines end with this.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cc, sched, err := setup(ctx, opts, set.Registry())
	if err != nil {
		return err
	}
	server, err := serve(ctx, cc, sched, Attach(logger, sched, set, &cc.ComponentConfig))
	if err != nil {
		return err
	}
	defer server.close()
	onFirstPod(sched, func() { server.leads.Store(true) })
	gates.AddMetrics()
	opts.ComponentGlobalsRegistry.AddMetrics()

	if err := app.Run(ctx, cc, sched); ctx.Err() == nil {
		return err
	}
	return nil // asked to end
}

// Attach gives a scheduler what its plugins cannot have by themselves: a queue
// that members wait outside of and of which a journal is kept, and the word that it
// schedules now. The scheduler must have been built from the set, by the configuration, and
// have no pods yet. It returns what the scheduler knows.
func Attach(logger klog.Logger, sched *scheduler.Scheduler, set *plugins.Set, c *config.KubeSchedulerConfiguration) *state.State {
	queue, known := set.Queue(sched.SchedulingQueue, sched.Cache, backoff(c))
	sched.SchedulingQueue, sched.NextEntity = queue, queue.Pop
	if fits := set.Fits(sched, c); fits != nil {
		sched.NextEntity = fits.Between(sched.NextEntity)
		known.AskOf(fits)
	}
	sched.FailureHandler = queue.OnFailure(set.OnFailure(sched.FailureHandler))
	var extensions []fwk.EnqueueExtensions
	for _, fw := range sched.Profiles {
		fw.SetPodActivator(queue)
		extensions = append(extensions, fw.EnqueueExtensions()...)
	}
	if err := known.WakeBy(klog.NewContext(context.Background(), logger), extensions); err != nil { // cannot be: the queue asked the same
		logger.Error(err, "Not known which events wake pods")
	}
	onFirstPod(sched, func() { set.Lead(func(who func(*v1.Pod) bool) { tryAgain(logger, sched, who) }) })
	return known
}

// backoff is how long the queue keeps refused pods from their next attempt.
func backoff(c *config.KubeSchedulerConfiguration) state.Backoff {
	return state.Backoff{First: time.Duration(c.PodInitialBackoffSeconds) * time.Second, Most: time.Duration(c.PodMaxBackoffSeconds) * time.Second}
}

// onFirstPod calls f when the scheduler asks for its first pod: it schedules
// then, after it was elected if it has to be.
func onFirstPod(sched *scheduler.Scheduler, f func()) {
	var once sync.Once
	next := sched.NextEntity
	sched.NextEntity = func(logger klog.Logger) (framework.QueuedEntityInfo, error) {
		once.Do(f)
		return next(logger)
	}
}

// roomGivenUp is the event that room is free which was kept for somebody.
var roomGivenUp = fwk.ClusterEvent{Resource: fwk.WildCard, ActionType: fwk.All, CustomLabel: "RoomGivenUp"}

// tryAgain has the queue try those again who wait for room.
func tryAgain(logger klog.Logger, sched *scheduler.Scheduler, who func(*v1.Pod) bool) {
	sched.SchedulingQueue.MoveAllToActiveOrBackoffQueue(logger, roomGivenUp, nil, nil, who)
}
