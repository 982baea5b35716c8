package sandbox

import (
	"context"
	"errors"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/kubernetes/cmd/kube-scheduler/app"

	"github.com/muster-scheduler/muster/pkg/sandbox/controlplane"
	"github.com/muster-scheduler/muster/pkg/sandbox/fleet"
	"github.com/muster-scheduler/muster/pkg/sandbox/kubelet"
	"github.com/muster-scheduler/muster/pkg/sandbox/lightnode"
	"github.com/muster-scheduler/muster/pkg/sandbox/process"
)

// Programs are what a sandbox can run but does not link itself.
type Programs struct {
	// Muster makes the command of the scheduler Muster, with the flags of kube-scheduler.
	Muster func() *cobra.Command
}

// The parts that child processes play.
const (
	roleControlPlane = "controlplane"
	roleKubelets     = "kubelets"
	roleLightNodes   = "lightnodes"
	roleMuster       = "muster"
	roleUpstream     = "upstream"
)

// nodesInput is what both kinds of node get. ClientCert is the file with the certificate of whom kubelets answer to.
type nodesInput struct {
	Kubeconfig, Dir, ClientCert string
	Fleet                       fleet.Fleet
}

// Main turns this process into a part of a sandbox if it was started as one, and does not return then. Otherwise it
// does nothing.
func Main(programs Programs) {
	process.Main(map[string]process.Role{
		roleControlPlane: runControlPlane,
		roleKubelets:     nodes(startKubelets),
		roleLightNodes:   nodes(startLightNodes),
		roleMuster:       command(programs.Muster),
		roleUpstream:     command(func() *cobra.Command { return app.NewSchedulerCommand() }),
	})
}

func runControlPlane(ctx context.Context, input func(any) error, ready func(any) error) error {
	var c controlplane.Config
	if err := input(&c); err != nil {
		return err
	}
	endpoint, failed, err := controlplane.Start(ctx, c)
	if err != nil {
		return err
	}
	if err := ready(endpoint); err != nil {
		return err
	}
	return <-failed
}

// machines are running nodes of either kind.
type machines interface {
	SetRegistryBandwidth(capacity int64)
	SetLost(ctx context.Context, node string, lost bool)
}

// nodesOrder is what machines are told while they run.
type nodesOrder struct {
	RegistryBandwidth *int64   `json:",omitempty"`
	Lost, Found       []string `json:",omitempty"`
}

func (o nodesOrder) give(ctx context.Context, m machines) {
	if o.RegistryBandwidth != nil {
		m.SetRegistryBandwidth(*o.RegistryBandwidth)
	}
	for _, node := range o.Lost {
		m.SetLost(ctx, node, true)
	}
	for _, node := range o.Found {
		m.SetLost(ctx, node, false)
	}
}

// nodes makes a role of a function that starts nodes.
func nodes(start func(context.Context, *rest.Config, nodesInput) (machines, error)) process.Role {
	return func(ctx context.Context, input func(any) error, ready func(any) error) error {
		var in nodesInput
		if err := input(&in); err != nil {
			return err
		}
		config, err := clientcmd.BuildConfigFromFlags("", in.Kubeconfig)
		if err != nil {
			return err
		}
		m, err := start(ctx, config, in)
		if err != nil {
			return err
		}
		if err := ready(nil); err != nil {
			return err
		}
		for {
			var order nodesOrder
			if err := input(&order); err != nil {
				return err
			}
			order.give(ctx, m)
		}
	}
}

func startKubelets(ctx context.Context, config *rest.Config, in nodesInput) (machines, error) {
	return kubelet.Start(ctx, config, in.Dir, in.ClientCert, in.Fleet)
}

func startLightNodes(ctx context.Context, config *rest.Config, in nodesInput) (machines, error) {
	return lightnode.Start(ctx, config, in.Fleet)
}

// command makes a role of a command whose arguments are its input. It is ready at once: a scheduler is asked over
// HTTP whether it is.
func command(make func() *cobra.Command) process.Role {
	return func(ctx context.Context, input func(any) error, ready func(any) error) error {
		if make == nil {
			return errors.New("this binary was built without the scheduler")
		}
		args := []string{}
		if err := input(&args); err != nil {
			return err
		}
		cmd := make()
		cmd.SilenceUsage = true
		cmd.SetArgs(args)
		if err := ready(nil); err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
		defer stop()
		return cmd.ExecuteContext(ctx)
	}
}
