package process

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/component-base/cli/globalflag"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/component-base/term"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-scheduler/muster/pkg/publish"
	"github.com/muster-scheduler/muster/pkg/registry"
	"github.com/muster-scheduler/muster/pkg/version"
)

// NewCommand returns the command of the process. It runs until the context it is
// executed with is done, and returns an error if it ends before that. Logging and
// metrics are of the whole process: run it once.
func NewCommand() *cobra.Command {
	o := newOptions()
	cmd := &cobra.Command{
		Use:   command,
		Short: "Publishes of which layers images are made",
		Long: `Muster-images reads the manifests of the images that pods name and nodes have,
from registries that it is allowed to ask, and publishes them as ImageManifests.
Muster reads those, and nothing else, to see which layers a node has already.`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if show, err := cmd.Flags().GetBool("version"); err != nil || show {
				fmt.Fprintf(cmd.OutOrStdout(), "Muster %s (Kubernetes %s)\n", version.Muster, version.Kubernetes())
				return err
			}
			return run(cmd.Context(), cmd, o)
		},
	}
	var sets cliflag.NamedFlagSets
	o.addFlags(&sets)
	global := sets.FlagSet("global")
	global.Bool("version", false, "print the versions of Muster and of Kubernetes and quit")
	globalflag.AddGlobalFlags(global, command, logs.SkipLoggingConfigurationFlags())
	cmd.SetGlobalNormalizationFunc(cliflag.WordSepNormalizeFunc)
	flagSets(cmd.Flags(), &sets)
	columns, _, _ := term.TerminalSize(cmd.OutOrStdout())
	cliflag.SetUsageAndHelpFunc(cmd, sets, columns)
	return cmd
}

func run(ctx context.Context, cmd *cobra.Command, o *options) error {
	if err := logsapi.ValidateAndApply(o.logs, nil); err != nil {
		return err
	}
	cliflag.PrintFlags(cmd.Flags())
	if err := o.validate(); err != nil {
		return err
	}
	reading, err := o.reader()
	if err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return fmt.Errorf("no cluster to publish to: give --kubeconfig, or run in a pod: %w", err)
	}
	config.UserAgent, config.QPS, config.Burst = version.UserAgent(command), o.qps, o.burst
	klog.FromContext(ctx).Info("Starting", "version", version.Muster, "kubernetes", version.Kubernetes(), "registries", o.registries)

	publish.RegisterMetrics()
	publisher, err := publish.New(config, registry.NewReader(reading, clock.RealClock{}), o.publish, clock.RealClock{})
	if err != nil {
		return err
	}
	lead, err := newLeader(config, o, publisher)
	if err != nil {
		return err
	}
	stop, err := o.serve(ctx, lead)
	if err != nil {
		return err
	}
	defer stop()
	return lead.run(ctx)
}

// leader publishes while it leads.
type leader struct {
	publisher *publish.Publisher
	elector   *leaderelection.LeaderElector // nil without election
	watchdog  *leaderelection.HealthzAdaptor
	started   chan struct{} // closed when it leads
	ended     error
	leave     context.CancelFunc
	work      context.Context // of the publisher; ends before the lease is given up
}

func newLeader(config *rest.Config, o *options, publisher *publish.Publisher) (*leader, error) {
	l := &leader{publisher: publisher, started: make(chan struct{})}
	e := o.election
	if !e.LeaderElect {
		return l, nil
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	lock, err := resourcelock.NewFromKubeconfig(e.ResourceLock, e.ResourceNamespace, e.ResourceName,
		resourcelock.ResourceLockConfig{Identity: host + "_" + string(uuid.NewUUID())}, config, e.RenewDeadline.Duration)
	if err != nil {
		return nil, err
	}
	l.watchdog = leaderelection.NewLeaderHealthzAdaptor(e.LeaseDuration.Duration)
	l.elector, err = leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, Name: command, WatchDog: l.watchdog, ReleaseOnCancel: true,
		LeaseDuration: e.LeaseDuration.Duration, RenewDeadline: e.RenewDeadline.Duration, RetryPeriod: e.RetryPeriod.Duration,
		Callbacks: leaderelection.LeaderCallbacks{OnStartedLeading: l.publish, OnStoppedLeading: func() {}},
	})
	return l, err
}

// run leads when it may. Who loses the lease has to end the process: another writes.
func (l *leader) run(ctx context.Context) error {
	if l.elector == nil {
		close(l.started)
		return l.publisher.Run(ctx)
	}
	var lease context.Context
	lease, l.leave = context.WithCancel(context.WithoutCancel(ctx))
	defer l.leave()
	l.work = ctx
	defer context.AfterFunc(ctx, func() {
		if !l.elector.IsLeader() {
			l.leave()
		}
	})()
	l.elector.Run(lease)
	if ctx.Err() != nil || l.ended != nil {
		return l.ended
	}
	return errors.New("the lease was lost")
}

// publish publishes until the process is to end, and then gives up the lease.
func (l *leader) publish(leading context.Context) {
	close(l.started)
	ctx, cancel := context.WithCancel(leading)
	defer cancel()
	defer context.AfterFunc(l.work, cancel)()
	l.ended = l.publisher.Run(ctx)
	l.leave()
}
