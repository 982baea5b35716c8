package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/duration"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
)

func whyCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "why (pod|gang) NAME",
		Short: "Why a pod or a gang waits",
		Example: `  # Why a pod waits, and what moved it through the queue
  kubectl muster why pod train-0

  # Why a gang does not start, and where its members are
  kubectl muster why gang train`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			kind, name, ok := strings.Cut(strings.Join(args, "/"), "/")
			if !ok || name == "" || strings.Contains(name, "/") {
				return fmt.Errorf("why pod NAME, or why gang NAME: %q names neither", strings.Join(args, " "))
			}
			why := o.whyPod
			switch kind {
			case "pod", "pods", "po":
			case "gang", "gangs":
				why = o.whyGang
			default:
				return fmt.Errorf("%q is neither pod nor gang", kind)
			}
			return o.ask(cmd.Context(), func(s *scheduler, namespace string) error { return why(cmd.Context(), s, namespace, name) })
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return o.completeWhy(cmd.Context(), args), cobra.ShellCompDirectiveNoFileComp
		},
	}
	return cmd
}

// completeWhy is what can come next: the names of pods that wait, or of gangs.
func (o *options) completeWhy(ctx context.Context, args []string) (names []string) {
	if len(args) == 0 {
		return []string{"pod", "gang"}
	}
	err := o.ask(ctx, func(s *scheduler, namespace string) error {
		var pods v1alpha1.PodList
		var gangs v1alpha1.GangList
		switch strings.Join(args, "/") {
		case "pod":
			err := s.get(ctx, of(namespace, "pods"), &pods)
			for i := range pods.Items {
				names = append(names, pods.Items[i].Name)
			}
			return err
		case "gang":
			err := s.get(ctx, of(namespace, "gangs"), &gangs)
			for i := range gangs.Items {
				names = append(names, gangs.Items[i].Name)
			}
			return err
		}
		return nil
	})
	if err != nil {
		cobra.CompDebugln(err.Error(), false)
	}
	return names
}

func (o *options) whyPod(ctx context.Context, s *scheduler, namespace, name string) error {
	client, err := o.client()
	if err != nil {
		return err
	}
	pod, err := client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	var known v1alpha1.Pod
	err = s.get(ctx, of(namespace, "pods/"+name), &known)
	if err == nil && known.UID != pod.UID && known.UID != "" {
		err = apierrors.NewNotFound(v1.Resource("pods"), name) // it knows of one that was here before
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	return o.showPod(pod, known, o.clock.Now())
}

// showPod tells what is known of a pod: why it waits before anything else.
func (o *options) showPod(pod *v1.Pod, known v1alpha1.Pod, now time.Time) error {
	var b strings.Builder
	switch {
	case pod.Spec.NodeName != "":
		fmt.Fprintf(&b, "pod %s waits for nothing: it has the node %s\n", pod.Name, pod.Spec.NodeName)
	case known.Name == "" || known.Place == v1alpha1.Gone:
		fmt.Fprintf(&b, "pod %s is not in the scheduler's queue: its spec.schedulerName is %q", pod.Name, pod.Spec.SchedulerName)
		if pod.DeletionTimestamp != nil {
			b.WriteString(", and it is being deleted")
		}
		b.WriteString("\n")
	default:
		fmt.Fprintf(&b, "pod %s%s: %s for %s, %s\n", pod.Name, ofGang(known.Gang), known.Place, ago(now, known.Since), means(&known, now))
		if known.Message != "" {
			fmt.Fprintf(&b, "  %s\n", known.Message)
		}
		if len(known.RefusedBy) > 0 {
			fmt.Fprintf(&b, "  refused by %s\n", strings.Join(known.RefusedBy, ", "))
		}
		if len(known.WokenBy) > 0 {
			fmt.Fprintf(&b, "  woken by %s, if that helps\n", strings.Join(known.WokenBy, ", "))
		}
	}
	if _, err := fmt.Fprint(o.Out, b.String()); err != nil || len(known.Moves) == 0 {
		return err
	}
	fmt.Fprintln(o.Out)
	var rows [][]string
	for i := range known.Moves {
		m := &known.Moves[i]
		rows = append(rows, []string{ago(now, m.At), m.Place, cause(m)})
	}
	if err := table(o.Out, []string{"AGO", "TO", "BY"}, rows); err != nil {
		return err
	}
	return o.earlier(known.EarlierMoves)
}

func ofGang(name string) string {
	if name == "" {
		return ""
	}
	return " of gang " + name
}

// means says what a place means for a pod in it.
func means(p *v1alpha1.Pod, now time.Time) string {
	attempts := "after 1 attempt"
	if p.Attempts != 1 {
		attempts = fmt.Sprintf("after %d attempts", p.Attempts)
	}
	switch p.Place {
	case v1alpha1.Active:
		if p.Position == 0 {
			return "waits for its turn, " + attempts
		}
		return fmt.Sprintf("waits for its turn at position %d, %s", p.Position, attempts)
	case v1alpha1.Backoff:
		text := "may soon be tried again"
		if p.BackoffUntil != nil && p.BackoffUntil.After(now) {
			text = "is tried again in " + duration.HumanDuration(p.BackoffUntil.Sub(now)) + ", sooner if nobody else waits"
		}
		return text + ", " + attempts
	case v1alpha1.Unschedulable:
		return "waits for an event that may help it, " + attempts
	case v1alpha1.Gated:
		return "is kept out of the queue"
	}
	return "has its turn, or is being bound"
}

func (o *options) whyGang(ctx context.Context, s *scheduler, namespace, name string) error {
	var gangs v1alpha1.GangList
	if err := s.get(ctx, of(namespace, "gangs/"+name), &gangs); err != nil {
		return err
	}
	for i := range gangs.Items {
		g := &gangs.Items[i]
		hindered := ""
		if g.State == "Gathering" {
			var err error
			if hindered, err = o.hindered(ctx, g); err != nil {
				return err
			}
		}
		if err := o.showGang(g, hindered, o.clock.Now()); err != nil {
			return err
		}
	}
	return nil
}

// hindered says what keeps the owner of a gang's pods from making another, as its events
// tell: a quota, or an admission policy. It is empty if nothing does, or this user may not
// know.
func (o *options) hindered(ctx context.Context, g *v1alpha1.Gang) (string, error) {
	client, err := o.client()
	if err != nil {
		return "", err
	}
	owners := map[types.UID]bool{}
	for i := range g.Pods {
		pod, err := client.CoreV1().Pods(g.Namespace).Get(ctx, g.Pods[i].Name, metav1.GetOptions{})
		if err != nil {
			continue // it is gone, or nobody's business: the others tell as much
		}
		if owner := metav1.GetControllerOf(pod); owner != nil {
			owners[owner.UID] = true
			break // the members of a gang have one, or few
		}
	}
	events, err := client.CoreV1().Events(g.Namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=FailedCreate"})
	if apierrors.IsForbidden(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var last *v1.Event
	for i := range events.Items {
		if e := &events.Items[i]; owners[e.InvolvedObject.UID] && (last == nil || last.LastTimestamp.Before(&e.LastTimestamp)) {
			last = e
		}
	}
	if last == nil {
		return "", nil
	}
	return fmt.Sprintf("%s %s could not make a pod: %s", last.InvolvedObject.Kind, last.InvolvedObject.Name, last.Message), nil
}

// showGang tells how far a gang has come, why it waits, where its members are, and by which
// way it came so far.
func (o *options) showGang(g *v1alpha1.Gang, hindered string, now time.Time) error {
	fmt.Fprintf(o.Out, "gang %s, by %s: %s, %d members of at least %d%s, %d bound, %d running\n", g.Name, g.Source, g.State, g.Members, g.Min, underWay(g), g.Bound, g.Running)
	expected := ""
	if g.ImagesReadyAt != nil && g.ImagesReadyAt.After(now) {
		expected = "its images are expected in " + duration.HumanDuration(g.ImagesReadyAt.Sub(now))
	}
	for _, text := range []string{g.Message, hindered, g.Outlook, expected} {
		if text != "" {
			fmt.Fprintf(o.Out, "  %s\n", text)
		}
	}
	if g.Representative != "" {
		fmt.Fprintf(o.Out, "  %s stands in the queue for it\n", g.Representative)
	}
	fmt.Fprintln(o.Out)
	var rows [][]string
	for i := range g.Pods {
		m := &g.Pods[i]
		node := m.Node
		if node == "" && m.Planned != "" {
			node = m.Planned + " (planned)"
		}
		rows = append(rows, []string{m.Name, m.Role, m.Place, node})
	}
	if err := table(o.Out, []string{"MEMBER", "ROLE", "PLACE", "NODE"}, rows); err != nil || len(g.Moves) == 0 {
		return err
	}
	fmt.Fprintln(o.Out)
	rows = nil
	for i := range g.Moves {
		m := &g.Moves[i]
		rows = append(rows, []string{ago(now, m.At), m.State, m.Message})
	}
	if err := table(o.Out, []string{"AGO", "STATE", "MESSAGE"}, rows); err != nil {
		return err
	}
	return o.earlier(g.EarlierMoves)
}

// underWay counts the members that have a node only in the scheduler's plans, or memory.
func underWay(g *v1alpha1.Gang) (text string) {
	if g.Planned > 0 {
		text += fmt.Sprintf(", %d planned", g.Planned)
	}
	if g.Reserved > 0 {
		text += fmt.Sprintf(", %d reserved", g.Reserved)
	}
	return text
}

// earlier says how many moves there were before those shown, if any.
func (o *options) earlier(n int) error {
	if n == 0 {
		return nil
	}
	_, err := fmt.Fprintf(o.Out, "and %d moves before these\n", n)
	return err
}
