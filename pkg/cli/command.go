// Package cli is the command kubectl-muster: what the scheduler knows, told to the people
// whose pods wait.
//
// It reads and never writes. It decides nothing: the scheduler's own words are shown,
// those of its events and conditions, and those of package doctor. Everything is read with the user's own
// credentials, and shows what that user may read.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"

	"github.com/muster-scheduler/muster/pkg/version"
)

// ExitError is an answer of a command that a script may ask for, such as that something does not fit.
type ExitError struct {
	Code int    // of the process
	Say  string // to the user; empty if that has been said
}

// Error implements error.
func (e ExitError) Error() string { return cmp.Or(e.Say, fmt.Sprintf("exit status %d", e.Code)) }

// options are those that all commands share.
type options struct {
	genericiooptions.IOStreams
	clock  clock.PassiveClock
	config *genericclioptions.ConfigFlags
	reach  reach
	output string
	all    bool // namespaces
}

// NewCommand returns the command, as kubectl runs it.
func NewCommand(streams genericiooptions.IOStreams) *cobra.Command {
	o := &options{IOStreams: streams, clock: clock.RealClock{}, config: genericclioptions.NewConfigFlags(true)}
	cmd := &cobra.Command{
		Use:   "kubectl-muster",
		Short: "Why pods and gangs wait, where they are in the queue, and where images are",
		Long: `Tells what the Muster scheduler knows: why a pod or a gang waits, where pods are in
the scheduling queue, how far gangs have come, and where images are; on a page in the
browser too. Asks it whether pods would fit now, and records what it decides by. And
tells which settings of a cluster cost start time.

Whoever may list the pods of a namespace may ask about them, and who may list nodes
about images. The scheduler is reached through the API server, by a port-forward to the
replica that leads, for which the rights to list pods and to create pods/portforward in
its namespace are needed; or at --scheduler-url.`,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl muster"},
		Version:       fmt.Sprintf("%s (Kubernetes %s)", version.Muster, version.Kubernetes()),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.SetOut(streams.Out)
	cmd.SetErr(streams.ErrOut)
	o.config.AddFlags(cmd.PersistentFlags())
	o.reach.addFlags(cmd.PersistentFlags())
	cmd.AddCommand(whyCommand(o), queueCommand(o), gangsCommand(o), imagesCommand(o), fitCommand(o), snapshotCommand(o), replayCommand(o), doctorCommand(o), uiCommand(o))
	return cmd
}

// client is the API server's.
func (o *options) client() (kubernetes.Interface, error) {
	config, err := o.config.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

// namespace is the one to read; empty for all.
func (o *options) namespace() (string, error) {
	if o.all {
		return "", nil
	}
	namespace, _, err := o.config.ToRawKubeConfigLoader().Namespace()
	return namespace, err
}

// ask has a question asked of the scheduler, about the namespace that the user means, or
// about all if it is empty.
func (o *options) ask(ctx context.Context, question func(s *scheduler, namespace string) error) error {
	namespace, err := o.namespace()
	if err != nil {
		return err
	}
	s, err := o.scheduler(ctx, of(namespace, ""))
	if err != nil {
		return err
	}
	defer s.close()
	return question(s, namespace)
}

// addOutput adds the flags of commands that list.
func (o *options) addOutput(cmd *cobra.Command) {
	o.addFormat(cmd)
	cmd.Flags().BoolVarP(&o.all, "all-namespaces", "A", false, "of all namespaces, for which the right to list all pods is needed")
}

// addFormat adds the flag of commands that print an object or a table.
func (o *options) addFormat(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.output, "output", "o", "", "json, yaml or wide; by default a table")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"json", "yaml", "wide"}, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		switch o.output {
		case "", "json", "yaml", "wide":
		default:
			return fmt.Errorf("--output: %q is none: use json, yaml or wide", o.output)
		}
		if o.all && cmd.Flags().Changed("namespace") {
			return errors.New("--all-namespaces and --namespace exclude each other")
		}
		return nil
	}
}
