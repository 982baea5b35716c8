package seed

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes/fake"
)

// replicaSetOf is a ReplicaSet of a Deployment, as its controller writes it.
func replicaSetOf(deployment string, revision, desired, made int, scheduler string) *appsv1.ReplicaSet {
	yes := true
	rs := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: fmt.Sprint(deployment, "-", revision), UID: types.UID(fmt.Sprint(deployment, revision)),
			Annotations:     map[string]string{desiredAnnotation: fmt.Sprint(desired), revisionAnnotation: fmt.Sprint(revision)},
			OwnerReferences: []metav1.OwnerReference{{Kind: "Deployment", Name: deployment, UID: types.UID(deployment), Controller: &yes}},
		},
		Status: appsv1.ReplicaSetStatus{Replicas: int32(made)},
	}
	rs.Spec.Template.Spec.SchedulerName = scheduler
	return rs
}

func TestRolloutsAreTheNewestVersionsThatLackPods(t *testing.T) {
	t.Parallel()
	single := replicaSetOf("single", 1, 5, 0, "muster")
	single.OwnerReferences, single.Annotations = nil, nil
	client := fake.NewClientset(
		replicaSetOf("web", 1, 10, 8, "muster"), replicaSetOf("web", 2, 10, 2, "muster"), // being rolled out
		replicaSetOf("api", 9, 20, 20, "muster"), replicaSetOf("api", 10, 20, 0, "muster"), // 10 is after 9
		replicaSetOf("done", 3, 4, 4, "muster"), replicaSetOf("other", 1, 4, 0, "default-scheduler"), single,
	)
	r, err := watchRollouts(t.Context().Done(), client, func(scheduler string) bool { return scheduler == "muster" })
	if err != nil {
		t.Fatal(err)
	}
	list := func(all int) []string {
		t.Helper()
		err := wait.PollUntilContextTimeout(t.Context(), time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			return len(r.all) == all, nil
		})
		if err != nil {
			t.Fatalf("waiting for %d ReplicaSets: %v", all, err)
		}
		var got []string
		for _, rollout := range r.list() {
			got = append(got, fmt.Sprint(rollout.name, " ", rollout.pods))
		}
		return got
	}
	if diff := cmp.Diff([]string{"api-10 20", "web-2 8"}, list(7)); diff != "" {
		t.Errorf("rollouts (-want +got):\n%s", diff)
	}
	if err := client.AppsV1().ReplicaSets("default").Delete(t.Context(), "api-10", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"web-2 8"}, list(6)); diff != "" {
		t.Errorf("after one is gone (-want +got):\n%s", diff)
	}
}
