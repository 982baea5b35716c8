package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/doctor/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/doctor"
)

// codeFound is what kubectl muster doctor exits with when it found something.
const codeFound = 2

// failOn is from which severity on the doctor fails.
type failOn struct {
	severity string
	strict   bool
}

func (f *failOn) validate() error {
	if f.severity != "none" && v1alpha1.Severity(f.severity).Rank() == 0 {
		return fmt.Errorf("--fail-on: %q is none: use error, warning, info or none", f.severity)
	}
	return nil
}

// verdict is an error if the report has what the user does not want.
func (f *failOn) verdict(report *v1alpha1.Report) error {
	n, from := 0, v1alpha1.Severity(f.severity).Rank()
	for i := range report.Findings {
		if from > 0 && report.Findings[i].Severity.Rank() >= from {
			n++
		}
	}
	var said []string
	if n > 0 {
		said = append(said, fmt.Sprintf("%s of severity %s or worse (--fail-on)", count(n, "finding"), f.severity))
	}
	if left := len(report.NotChecked); f.strict && left > 0 {
		said = append(said, count(left, "check")+" that could not be made (--strict)")
	}
	if len(said) == 0 {
		return nil
	}
	return ExitError{codeFound, strings.Join(said, ", ")}
}

func doctorCommand(o *options) *cobra.Command {
	fail, sample := failOn{}, 0
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Which settings of the cluster cost start time",
		Long: `Looks at what decides how soon pods start: the settings of kubelets, the conditions and
image lists of nodes, how priority and fairness treats the scheduler, the settings of the
running scheduler, its lease, and which resources are served. For each setting that costs
time it tells how much and why, what to set instead and how. It changes nothing.

Everything is read with your own rights. What you may not read is listed as not checked,
with the right it takes; all of it takes

  list    nodes, pods, events
  get     nodes/proxy                                  the settings of kubelets
  list    flowschemas, prioritylevelconfigurations     of flowcontrol.apiserver.k8s.io
  list    leases in kube-node-lease                    the clocks of nodes
  get     leases in muster-system
  list    deployments, get configmaps in muster-system
  list    pods, create pods/portforward in muster-system, get /configz
                                                       the settings of the scheduler

Exit codes:
  0   no finding of the severity of --fail-on, or worse
  1   the cluster could not be asked
  2   there is such a finding; with --strict, or something could not be checked`,
		Example: `  # What costs start time, and why
  kubectl muster doctor -o wide

  # All kubelets, not only a sample of them
  kubectl muster doctor --nodes=0

  # In CI
  kubectl muster doctor -o json --fail-on=warning --strict`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if sample < 0 {
				return fmt.Errorf("--nodes: %d is negative: use 0 for all nodes", sample)
			}
			if err := fail.validate(); err != nil {
				return err
			}
			report, err := o.examine(cmd.Context(), sample)
			if err != nil {
				return err
			}
			if err := o.showReport(report); err != nil {
				return err
			}
			return fail.verdict(report)
		},
	}
	o.addFormat(cmd)
	cmd.Flags().IntVar(&sample, "nodes", 100, "how many kubelets are asked for their settings, spread over all nodes; 0 for all")
	cmd.Flags().StringVar(&fail.severity, "fail-on", string(v1alpha1.Error), "from which severity on findings make the command fail: error, warning, info or none")
	cmd.Flags().BoolVar(&fail.strict, "strict", false, "fail too if something could not be checked")
	severities := []string{string(v1alpha1.Error), string(v1alpha1.Warning), string(v1alpha1.Info), "none"}
	_ = cmd.RegisterFlagCompletionFunc("fail-on", cobra.FixedCompletions(severities, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	return cmd
}

// examine looks at the cluster.
func (o *options) examine(ctx context.Context, sample int) (*v1alpha1.Report, error) {
	e, err := o.newExamination(ctx)
	if err != nil {
		return nil, err
	}
	e.nodes(ctx, sample)
	e.fairness(ctx)
	e.scheduler(ctx)
	e.lease(ctx)
	e.rivals(ctx)
	e.apis()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	doctor.Sort(e.report.Findings)
	e.report.TypeMeta = metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.Kind}
	return &e.report, nil
}

func (o *options) showReport(report *v1alpha1.Report) error {
	if done, err := o.print(report); done || err != nil {
		return err
	}
	headings := []string{"SEVERITY", "SUBJECT", "SETTING", "VALUE", "RECOMMENDED", "WHERE"}
	if o.output == "wide" {
		headings = append(headings, "COST", "FIX")
	}
	var rows [][]string
	for i := range report.Findings {
		f := &report.Findings[i]
		row := []string{string(f.Severity), f.Subject, f.Setting, f.Value, f.Recommended, where(&f.Objects)}
		if o.output == "wide" {
			row = append(row, f.Cost, f.Fix)
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		fmt.Fprintln(o.Out, "Nothing found that costs start time.")
	} else if err := table(o.Out, headings, rows); err != nil {
		return err
	}
	if len(report.NotChecked) > 0 {
		fmt.Fprintln(o.Out, "\nNot checked:")
	}
	for i := range report.NotChecked {
		n := &report.NotChecked[i]
		fmt.Fprintf(o.Out, "  %s", n.What)
		if n.Objects != nil {
			fmt.Fprintf(o.Out, " of %s", where(n.Objects))
		}
		fmt.Fprintf(o.Out, ": %s", n.Reason)
		if n.Needs != "" {
			fmt.Fprintf(o.Out, "; needs %s", n.Needs)
		}
		fmt.Fprintln(o.Out)
	}
	if report.NodesAsked < report.Nodes {
		fmt.Fprintf(o.Out, "\n%d of %d kubelets were asked for their settings (--nodes).\n", report.NodesAsked, report.Nodes)
	}
	return nil
}

// where says which objects a finding is about.
func where(objects *v1alpha1.Objects) string {
	names := strings.Join(objects.Names, ", ")
	if more := objects.Count - len(objects.Names); more > 0 {
		names += ", …"
	}
	if objects.Of == 1 || objects.Kind == "" {
		return names
	}
	return fmt.Sprintf("%d of %d %s: %s", objects.Count, objects.Of, objects.Kind, names)
}

// count says how many there are of something.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
