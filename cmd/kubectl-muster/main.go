// Command kubectl-muster tells why pods and gangs wait. kubectl finds it as a plugin:
// kubectl muster why pod train-0.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"github.com/go-logr/logr"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/klog/v2"

	"github.com/muster-scheduler/muster/pkg/cli"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	klog.SetLogger(logr.Discard()) // errors are returned; libraries would tell them a second time
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	err := cli.NewCommand(streams).ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	answer, ok := errors.AsType[cli.ExitError](err)
	if !ok {
		answer = cli.ExitError{Code: 1, Say: err.Error()}
	}
	if answer.Say != "" {
		fmt.Fprintln(os.Stderr, "error:", answer.Say)
	}
	return answer.Code
}
