package integration

import (
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestJobSurvivesARollBack on real kubelets: the Job makes the members that were
// deleted anew, and does not count them as failures.
//
// It has what a Job needs for that. Without the failure policy, the deleted pods
// count, and more than six of them fail a Job with the default backoffLimit.
// Without backoffLimitPerIndex, seven of them, ignored or not, make the Job
// controller wait ten minutes before it creates another pod.
func TestJobSurvivesARollBack(t *testing.T) {
	t.Parallel()
	x := newTrial(t, "muster-job")
	if _, err := faulty.sandbox.AddKubelets(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	c := x.cluster(t)
	x.proxy.deal(c.ns, refuse(forbidden).when(func(b binding) bool { return strings.HasPrefix(b.pod, "gang-3-") }))
	n, none := int32(8), int32(0)
	template := c.member("gang", 0, "8", "1")
	template.Spec.NodeSelector = map[string]string{v1.LabelOSStable: "linux"} // kubelets set it
	template.Spec.RestartPolicy = v1.RestartPolicyNever
	indexed := batchv1.IndexedCompletion
	jobs := c.client.BatchV1().Jobs(c.ns)
	_, err := jobs.Create(t.Context(), &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "gang"}, Spec: batchv1.JobSpec{
		Parallelism: &n, Completions: &n, CompletionMode: &indexed, BackoffLimitPerIndex: &none,
		PodFailurePolicy: &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{{
			Action:          batchv1.PodFailurePolicyActionIgnore,
			OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{{Type: v1.DisruptionTarget, Status: v1.ConditionTrue}},
		}}},
		Template: v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: template.Labels, Annotations: template.Annotations}, Spec: template.Spec},
	}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	x.waitRolledBack(c, "gang", 8)
	x.waitProof(c)
	x.proxy.deal(c.ns, nil)
	c.waitBound("gang", 8)
	x.check(c, "gang", 8)
	job, err := jobs.Get(t.Context(), "gang", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if job.Status.Failed > 0 || len(job.Status.Conditions) > 0 {
		t.Errorf("the Job counts %d failures and says %v", job.Status.Failed, job.Status.Conditions)
	}
	x.figures(c, "gang", 8)
}
