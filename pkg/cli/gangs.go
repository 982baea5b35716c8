package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
)

func gangsCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "gangs",
		Short: "How far gangs have come",
		Long: `Lists gangs, however their members name them: by label, by a PodGroup of
scheduling.x-k8s.io or by one of Kubernetes itself.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.ask(cmd.Context(), func(s *scheduler, namespace string) error { return o.gangs(cmd.Context(), s, namespace) })
		},
	}
	o.addOutput(cmd)
	return cmd
}

func (o *options) gangs(ctx context.Context, s *scheduler, namespace string) error {
	var gangs v1alpha1.GangList
	if err := s.get(ctx, of(namespace, "gangs"), &gangs); err != nil {
		return err
	}
	if done, err := o.print(gangs); done || err != nil {
		return err
	}
	headings := []string{"NAMESPACE", "NAME", "BY", "STATE", "MIN", "MEMBERS", "BOUND", "RUNNING"}
	if o.output == "wide" {
		headings = append(headings, "PLANNED", "RESERVED", "MESSAGE")
	}
	var rows [][]string
	for i := range gangs.Items {
		g := &gangs.Items[i]
		row := []string{g.Namespace, g.Name, g.Source, g.State, fmt.Sprint(g.Min), fmt.Sprint(g.Members), fmt.Sprint(g.Bound), fmt.Sprint(g.Running)}
		if o.output == "wide" {
			row = append(row, fmt.Sprint(g.Planned), fmt.Sprint(g.Reserved), g.Message)
		}
		rows = append(rows, row)
	}
	return o.list("gang", namespace, headings, rows)
}
