package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/duration"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
)

func queueCommand(o *options) *cobra.Command {
	watch := false
	cmd := &cobra.Command{
		Use:   "queue",
		Short: "Where pods are in the scheduling queue",
		Long: `Lists the pods that wait, in the order in which they would have their turn: those that
have it, then by place. Active pods wait for their turn, Backoff ones were refused a
short time ago, Unschedulable ones wait for an event that may help them, and Gated
ones are kept out of the queue by scheduling gates or by what their gang waits for.`,
		Example: `  # The pods of this namespace, and then each move as it happens
  kubectl muster queue -w`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.ask(cmd.Context(), func(s *scheduler, namespace string) error { return o.queue(cmd.Context(), s, namespace, watch) })
		},
	}
	o.addOutput(cmd)
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "after the list, show moves as they happen")
	return cmd
}

func (o *options) queue(ctx context.Context, s *scheduler, namespace string, watch bool) error {
	var pods v1alpha1.PodList
	if err := s.get(ctx, of(namespace, "pods"), &pods); err != nil {
		return err
	}
	if done, err := o.print(pods); err != nil {
		return err
	} else if !done {
		if err := o.queueTable(pods, namespace, o.clock.Now()); err != nil {
			return err
		}
	}
	if !watch {
		return nil
	}
	return o.follow(ctx, s, namespace, pods)
}

func (o *options) queueTable(pods v1alpha1.PodList, namespace string, now time.Time) error {
	headings := []string{"NAMESPACE", "NAME", "GANG", "PLACE", "POSITION", "PRIORITY", "ATTEMPTS", "SINCE", "AGE"}
	if o.output == "wide" {
		headings = append(headings, "BACKOFF", "REFUSED BY", "MESSAGE")
	}
	var rows [][]string
	for i := range pods.Items {
		p := &pods.Items[i]
		position := ""
		if p.Position > 0 {
			position = strconv.Itoa(p.Position)
		}
		row := []string{p.Namespace, p.Name, p.Gang, p.Place, position, fmt.Sprint(p.Priority), strconv.Itoa(p.Attempts), ago(now, p.Since), ago(now, p.Came)}
		if o.output == "wide" {
			backoff := ""
			if p.BackoffUntil != nil {
				backoff = duration.HumanDuration(max(0, p.BackoffUntil.Sub(now)))
			}
			row = append(row, backoff, strings.Join(p.RefusedBy, ","), p.Message)
		}
		rows = append(rows, row)
	}
	if err := o.list("pod that waits", namespace, headings, rows); err != nil {
		return err
	}
	if pods.Unknown > 0 {
		_, err := fmt.Fprintf(o.ErrOut, "Of %d pods that came nothing is known: too many waited.\n", pods.Unknown)
		return err
	}
	return nil
}

// follow writes moves as they happen, until the user has seen enough.
func (o *options) follow(ctx context.Context, s *scheduler, namespace string, pods v1alpha1.PodList) error {
	was, from := map[string]string{}, pods.Next // the places of pods
	for i := range pods.Items {
		was[shown(namespace, pods.Items[i].Namespace, pods.Items[i].Name)] = pods.Items[i].Place
	}
	for {
		next, err := o.followSome(ctx, s, namespace, from, was)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		from = next
	}
}

// followSome does so until the scheduler ends the answer, which it does now and then to
// ask again who reads.
func (o *options) followSome(ctx context.Context, s *scheduler, namespace string, from uint64, was map[string]string) (next uint64, err error) {
	body, err := s.open(ctx, of(namespace, "moves")+"?watch=true&from="+strconv.FormatUint(from, 10))
	if err != nil {
		return from, err
	}
	defer body.Close()
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		var step v1alpha1.Step
		if err := json.Unmarshal(lines.Bytes(), &step); err != nil {
			return from, fmt.Errorf("the scheduler's answer is no JSON: %w", err)
		}
		if step.Number > 0 {
			from = step.Number + 1
		}
		if o.output == "yaml" {
			fmt.Fprintln(o.Out, "---")
		}
		if done, err := o.print(step); err != nil {
			return from, err
		} else if done {
			continue
		}
		if err := o.showStep(&step, was, namespace); err != nil {
			return from, err
		}
	}
	if err := lines.Err(); err != nil {
		return from, fmt.Errorf("following the scheduler: %w", err)
	}
	return from, nil
}

func (o *options) showStep(step *v1alpha1.Step, was map[string]string, namespace string) error {
	if step.Lost {
		_, err := fmt.Fprintln(o.ErrOut, "There were too many moves to follow: some are missing here.")
		return err
	}
	name := shown(namespace, step.Namespace, step.Name)
	from := was[name]
	if was[name] = step.Place; step.Place == v1alpha1.Bound || step.Place == v1alpha1.Gone {
		delete(was, name)
	}
	_, err := fmt.Fprintf(o.Out, "%s  %-30s  %13s -> %-13s  %s\n", step.At.Local().Format("15:04:05.000"), name, from, step.Place, cause(&step.Move))
	return err
}

// shown is a pod's name as it is shown to who reads of one namespace, or of all.
func shown(read, namespace, name string) string {
	if read == "" {
		return namespace + "/" + name
	}
	return name
}
