package demo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"

	"github.com/muster-scheduler/muster/pkg/sandbox"
	"github.com/muster-scheduler/muster/pkg/sandbox/apply"
	"github.com/muster-scheduler/muster/pkg/sandbox/fleet"
)

const (
	// members is how many each gang of two-gangs.yaml has, which is also how many of them the cluster takes.
	members = 8
	// moment is the longest that a gang may be bound in part: members are bound by one request each.
	moment = 2 * time.Second
	// other is the namespace of what kube-scheduler is given.
	other = "pod-by-pod"
)

// podByPod shows what two-gangs.yaml comes to under kube-scheduler: each gang has places, none has enough.
func podByPod(ctx context.Context, s *stage) (string, error) {
	s.title("1. Two gangs, and room for one: without Muster", "two-gangs.yaml")
	s.explain("red and blue have 8 members of 3 cores each; 4 nodes of 8 cores take 8. Their pods are created in turn: red, " +
		"blue, red, blue. First kube-scheduler gets them, and they wait for their whole gang, as the workers of a real job do.")
	scheduler, err := s.sandbox.StartScheduler(ctx, sandbox.Default)
	if err != nil {
		return "", err
	}
	if err := s.applyPodByPod(ctx); err != nil {
		return "", err
	}
	s.tell(s.seen.now(), "%d pods created, red and blue in turn", 2*members)

	red, blue := other+"/red", other+"/blue"
	if err := s.follow(ctx, patience, stuck(red, blue)); err != nil {
		return "", err
	}
	if err := scheduler.Kill(); err != nil { // or it would bind more while the first are deleted
		return "", err
	}
	reds, blues := len(s.group(red).times(bound)), len(s.group(blue).times(bound))
	if reds == members || blues == members {
		return "", fmt.Errorf("expected both gangs to be stuck; seen: %s; %s", s.state(red), s.state(blue))
	}
	client, err := kubernetes.NewForConfig(s.sandbox.Config)
	if err != nil {
		return "", err
	}
	now := int64(1) // 0 would not wait for the kubelets
	if err := client.CoreV1().Pods(other).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{}); err != nil {
		return "", err
	}
	if err := s.follow(ctx, patience, removed(members, red), removed(members, blue)); err != nil {
		return "", err
	}
	return fmt.Sprintf("red got %d places of the %d it takes, blue %d: neither could ever start.", reds, members, blues), nil
}

// applyPodByPod creates the pods of two-gangs.yaml for kube-scheduler. They do not end: half a gang gets nowhere.
func (s *stage) applyPodByPod(ctx context.Context) error {
	namespace := &unstructured.Unstructured{}
	namespace.SetAPIVersion("v1")
	namespace.SetKind("Namespace")
	namespace.SetName(other)
	pods, err := objects("two-gangs.yaml", members)
	if err != nil {
		return err
	}
	for _, pod := range pods {
		pod.SetNamespace(other)
		if err := unstructured.SetNestedField(pod.Object, v1.DefaultSchedulerName, "spec", "schedulerName"); err != nil {
			return err
		}
		unstructured.RemoveNestedField(pod.Object, "metadata", "annotations", fleet.RunSecondsAnnotation)
	}
	return apply.Objects(ctx, s.sandbox.Config, append([]*unstructured.Unstructured{namespace}, pods...))
}

// stuck is the milestone that each pod of two gangs has a node or was refused one.
func stuck(one, two string) milestone {
	return milestone{
		what:   "each pod of " + one + " and " + two + " to get a node or an event FailedScheduling",
		groups: []string{one, two},
		look: func(r *record) (time.Duration, string, bool) {
			first, second := r.group(one), r.group(two)
			var latest time.Duration
			var why string
			for _, p := range slices.Concat(first.pods, second.pods) {
				refusal, refused := r.refusal(p.uid)
				if p.bound == 0 && !refused {
					return 0, "", false
				}
				latest = max(latest, p.bound, refusal.at)
				why = cmp.Or(refusal.text, why)
			}
			line := fmt.Sprintf("%s: %d of %d have a node; %s: %d of %d; the others wait: %q", one, len(first.times(bound)), members,
				two, len(second.times(bound)), members, why)
			return latest, line, len(first.pods) == members && len(second.pods) == members
		},
	}
}

// removed is the milestone that n pods of a group are deleted.
func removed(n int, name string) milestone {
	return all(n, name, gone, "are deleted", func(group) string { return fmt.Sprintf("%s: all %d deleted", name, n) })
}

// twoGangs has the two gangs compete for the places again, under Muster.
func twoGangs(ctx context.Context, s *stage) (string, error) {
	s.title("2. The same with Muster", "two-gangs.yaml")
	pods, err := objects("two-gangs.yaml", members)
	if err != nil {
		return "", err
	}
	if err := apply.Objects(ctx, s.sandbox.Config, pods); err != nil {
		return "", err
	}
	s.tell(s.seen.now(), "%d pods created, red and blue in turn; here they end after 3 s", 2*members)
	if err := s.follow(ctx, patience,
		placed(members, "red"), running(members, "red"), done(members, "red"), refused("red", "blue"),
		placed(members, "blue"), running(members, "blue"), done(members, "blue"),
	); err != nil {
		return "", err
	}
	first, second := s.group("red"), s.group("blue")
	if second.times(bound)[0] < first.times(bound)[0] {
		first, second = second, first
	}
	partial := max(first.partial(members, 0), second.partial(members, 0))
	if partial > moment {
		return "", fmt.Errorf("expected no gang to be bound in part for more than %s; seen: %s", brief(moment), brief(partial))
	}
	end, next := first.times(ended)[members-1], second.times(bound)[0]
	if next < end {
		return "", fmt.Errorf("expected %s to start after %s had ended; seen: %s before that", second.name, first.name, brief(end-next))
	}
	return fmt.Sprintf("%s ran; %s got its nodes %s after %s had ended. None was bound in part for more than %s.",
		first.name, second.name, brief(next-end), first.name, brief(partial)), nil
}
