package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/component-base/version"
	"k8s.io/kubectl/pkg/cmd"

	"github.com/muster-scheduler/muster/pkg/sandbox"
	"github.com/muster-scheduler/muster/pkg/scheduler"
)

// usageError is an error in how the command was called, as opposed to what happened then.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// programs are what the sandbox's children can run besides Kubernetes itself.
func programs() sandbox.Programs {
	return sandbox.Programs{Muster: scheduler.NewCommand}
}

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "muster-sandbox",
		Short:         "A Kubernetes cluster with simulated nodes on one machine, to try schedulers on.",
		SilenceErrors: true, // main prints them
		SilenceUsage:  true,
		Args:          noArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, c.CommandPath())}
	})
	// Packages of Kubernetes add flags for all commands of a program, which mean nothing here.
	pflag.CommandLine.VisitAll(func(f *pflag.Flag) { f.Hidden = true })
	root.AddCommand(newUpCommand(), newDemoCommand(), newKubectlCommand(), newVersionCommand())
	return root
}

// noArgs is cobra.NoArgs with a usageError.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("unexpected argument %q; see %s --help", args[0], c.CommandPath())}
	}
	return nil
}

// newKubectlCommand is the real kubectl, for those who have none.
func newKubectlCommand() *cobra.Command {
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	return cmd.NewKubectlCommand(cmd.KubectlOptions{
		ConfigFlags: genericclioptions.NewConfigFlags(true).WithDiscoveryBurst(300).WithDiscoveryQPS(50),
		IOStreams:   streams,
	})
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of Kubernetes that the sandbox runs.",
		Args:  noArgs,
		Run: func(c *cobra.Command, _ []string) {
			fmt.Fprintln(c.OutOrStdout(), "Kubernetes", version.Get().GitVersion)
		},
	}
}
