package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/fit"
	"github.com/muster-scheduler/muster/pkg/recording"
	"github.com/muster-scheduler/muster/pkg/replay"
	"github.com/muster-scheduler/muster/pkg/version"
)

func snapshotCommand(o *options) *cobra.Command {
	var files []string
	cmd := &cobra.Command{
		Use:   "snapshot {gang NAME | -f FILE}",
		Short: "Record all that the scheduler decides a gang's placement by",
		Long: `Writes to standard output what the scheduler knows that matters to where a gang would go now, and where
that is: for a gang that waits, or for what is in files, as kubectl muster fit reads them. Nothing is created.
kubectl muster replay decides the same again from it, on any machine.

A recording has the nodes, all pods on them, and what storage and devices there are, of all namespaces: names, labels,
images and amounts, but no environment, commands, secrets, or annotations other than those of gangs. To ask for one
takes a right that is given for its path:

  kubectl create clusterrole muster-recordings --verb=get,post --non-resource-url='` + v1alpha1.Prefix + `recordings/*'`,
		Example: `  # Why does it go there? Take it home
  kubectl muster snapshot gang train > train.json
  kubectl muster replay train.json

  # For a job that does not exist
  kubectl muster snapshot -f train.yaml > train.json`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(files) > 0 && len(args) == 0:
				return nil
			case len(files) == 0 && len(args) == 2 && args[0] == "gang":
				return nil
			}
			return errors.New("name one gang, as in: snapshot gang NAME; or files, as in: snapshot -f FILE")
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(files) > 0 {
				return o.snapshotFiles(cmd.Context(), files)
			}
			return o.ask(cmd.Context(), func(s *scheduler, namespace string) error {
				return o.snapshot(func(into *json.RawMessage) error {
					return s.get(cmd.Context(), "recordings/"+of(namespace, "gangs/"+url.PathEscape(args[1])), into)
				})
			})
		},
		ValidArgsFunction: cobra.FixedCompletions([]string{"gang"}, cobra.ShellCompDirectiveNoFileComp),
	}
	cmd.Flags().StringSliceVarP(&files, "filename", "f", nil, "files, directories or URLs with what would be created, or - for standard input")
	return cmd
}

func (o *options) snapshotFiles(ctx context.Context, files []string) error {
	review, namespace, err := o.review(ctx, files)
	if err != nil {
		return err
	}
	s, err := o.scheduler(ctx, of(namespace, ""))
	if err != nil {
		return err
	}
	defer s.close()
	return o.snapshot(func(into *json.RawMessage) error {
		return s.send(ctx, "recordings/"+of(namespace, "fitreviews"), review, into)
	})
}

// snapshot writes what is got.
func (o *options) snapshot(get func(into *json.RawMessage) error) error {
	var text json.RawMessage
	if err := get(&text); err != nil {
		return err
	}
	_, err := fmt.Fprintf(o.Out, "%s\n", text)
	return err
}

func replayCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "replay {FILE | -}",
		Short: "Decide again what a recording says was decided",
		Long: `Decides with the scheduler's own planner, filters and arguments what kubectl muster snapshot recorded. No
cluster is needed. Exits with 1 if another decision comes out, which can be if the recording is of another version.`,
		Example: `  kubectl muster replay train.json`,
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.replay(cmd.Context(), args[0]) },
	}
	o.addFormat(cmd)
	return cmd
}

func (o *options) replay(ctx context.Context, file string) error {
	var text []byte
	var err error
	if file == "-" {
		text, err = io.ReadAll(o.In)
	} else {
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return err
	}
	r, err := replay.Read(text)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if r.Muster != version.Muster || r.Kubernetes != version.Kubernetes() {
		fmt.Fprintf(o.ErrOut, "recorded by Muster %s (Kubernetes %s), decided again by %s (%s)\n", r.Muster, r.Kubernetes, version.Muster, version.Kubernetes())
	}
	decided, err := replay.Run(ctx, r)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	review := v1alpha1.FitReview{Status: v1alpha1.FitStatus{Fits: true}}
	review.APIVersion, review.Kind = v1alpha1.APIVersion, "FitReview"
	same := true
	for i := range decided {
		again, was := &decided[i], &r.Units[i]
		again.Fit.Images = was.Fit.Images // what they take is recorded, and not worked out
		review.Status.Items = append(review.Status.Items, again.Fit)
		review.Status.Fits = review.Status.Fits && again.Fit.Fits
		same = o.compare(was, again) && same
	}
	if err := o.showFit(&review); err != nil {
		return err
	}
	if !same {
		return ExitError{Code: 1}
	}
	if o.output == "" || o.output == "wide" {
		_, err = fmt.Fprintf(o.Out, "\nThe same as recorded at %s.\n", r.At.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	return err
}

// compare says in what two decisions differ.
func (o *options) compare(was *recording.Unit, again *fit.Decision) (same bool) {
	same = true
	for i := range was.Pods {
		uid := string(was.Pods[i].UID)
		if a, b := was.Placement[uid], again.Placement[uid]; a != b {
			same = false
			fmt.Fprintf(o.ErrOut, "%s: pod %s was to go to %s, and goes to %s now\n", was.Name, was.Pods[i].Name, nodeOrNone(a), nodeOrNone(b))
		}
	}
	if was.Fit.Message != again.Fit.Message {
		same = false
		fmt.Fprintf(o.ErrOut, "%s: it was said\n  %s\nand is said now\n  %s\n", was.Name, was.Fit.Message, again.Fit.Message)
	}
	return same
}

func nodeOrNone(node string) string {
	if node == "" {
		return "no node"
	}
	return node
}
