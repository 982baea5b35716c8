package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/muster-scheduler/muster/pkg/demo"
)

const demoLong = `Start a small cluster with Muster, run the workloads of manifests/examples/demo on it, and tell what happens.

It takes about a minute, ends with a summary, and leaves nothing behind. The exit code is 0 if everything went as
promised.`

func newDemoCommand() *cobra.Command {
	var keep bool
	command := &cobra.Command{
		Use:   "demo",
		Short: "Run gangs on a small cluster and tell what happens.",
		Long:  demoLong,
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return demo.Run(ctx, demo.Options{
				Keep:     keep,
				Program:  os.Args[0],
				Out:      c.OutOrStdout(),
				Progress: func(format string, args ...any) { fmt.Fprintf(c.ErrOrStderr(), format+"\n", args...) },
			})
		},
	}
	command.Flags().BoolVar(&keep, "keep", false, "leave the cluster up after the summary, until SIGINT or SIGTERM")
	return command
}
