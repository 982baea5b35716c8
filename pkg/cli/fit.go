package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/duration"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
)

func fitCommand(o *options) *cobra.Command {
	var files []string
	cmd := &cobra.Command{
		Use:   "fit -f FILE",
		Short: "Whether pods would fit now if they were created, and where",
		Long: `Asks the scheduler whether what is in files would fit now: Pods, Jobs, CronJobs, Deployments,
ReplicaSets, StatefulSets and JobSets, and the PodGroups that they name. Nothing is created. The API server
is asked for the defaults of one pod of each kind by a dry run, for which the right to create pods is needed;
it also says what a quota or a policy refuses.

What is asked for comes in the order in which it is written: what comes later finds the room taken that what
came before it got. Who waits already is not waited for. A gang gets the nodes of the plan that would be made
for it now. Other pods are scheduled one by one and get theirs by score; for them the nodes are one way in which
they fit.

Exits with 1 if something does not fit, as kubectl auth can-i does.`,
		Example: `  # Would this training job start now?
  kubectl muster fit -f train.yaml

  # From standard input, with the nodes
  helm template ./chart | kubectl muster fit -o wide -f -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.fit(cmd.Context(), files) },
	}
	o.addFormat(cmd)
	cmd.Flags().StringSliceVarP(&files, "filename", "f", nil, "files, directories or URLs with what would be created, or - for standard input")
	_ = cmd.MarkFlagRequired("filename") // the flag is there
	return cmd
}

func (o *options) fit(ctx context.Context, files []string) error {
	review, namespace, err := o.review(ctx, files)
	if err != nil {
		return err
	}
	s, err := o.scheduler(ctx, of(namespace, ""))
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.send(ctx, of(namespace, "fitreviews"), review, &review); err != nil {
		return err
	}
	if err := o.showFit(&review); err != nil {
		return err
	}
	if !review.Status.Fits {
		return ExitError{Code: 1}
	}
	return nil
}

func (o *options) showFit(review *v1alpha1.FitReview) error {
	if done, err := o.print(review); done || err != nil {
		return err
	}
	headings := []string{"NAME", "FITS", "PODS", "IMAGES READY IN"}
	if o.output == "wide" {
		headings = append(headings, "NODES")
	}
	var rows [][]string
	for i := range review.Status.Items {
		f := &review.Status.Items[i]
		name := f.Name
		if f.Gang {
			name = "gang " + name
		}
		row := []string{name, yesNo(f.Fits), fmt.Sprintf("%d of %d", f.Placed, f.Of), imagesReady(f)}
		if o.output == "wide" {
			row = append(row, fitNodes(f.Nodes))
		}
		rows = append(rows, row)
	}
	if err := table(o.Out, headings, rows); err != nil {
		return err
	}
	for i := range review.Status.Items {
		if f := &review.Status.Items[i]; f.Message != "" {
			if _, err := fmt.Fprintf(o.Out, "\n%s\n", f.Message); err != nil {
				return err
			}
		}
	}
	return nil
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// imagesReady says when the last pod would have its images.
func imagesReady(f *v1alpha1.Fit) string {
	switch {
	case !f.Fits:
		return "<none>"
	case f.Images == nil:
		return "<unknown>"
	case f.Images.Seconds < 1:
		return "0s"
	}
	return duration.HumanDuration(time.Duration(f.Images.Seconds * float64(time.Second)))
}

func fitNodes(nodes []v1alpha1.FitNode) string {
	if len(nodes) == 0 {
		return "<none>"
	}
	parts := make([]string, len(nodes))
	for i, n := range nodes {
		parts[i] = fmt.Sprintf("%s (%d)", n.Name, n.Pods)
	}
	return strings.Join(parts, ", ")
}
