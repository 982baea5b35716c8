package integration

import (
	"fmt"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestPolicyOfTheClusterRefusesOneBinding: no proxy in between, but a policy of the
// API server's own, on pods/binding, that names one member.
func TestPolicyOfTheClusterRefusesOneBinding(t *testing.T) {
	t.Parallel()
	x := newTrial(t, "muster-policy")
	c := x.cluster(t, roomToSpare...)
	lift := c.refuseBindings("one-0")
	// The others come back if they are deleted; the refused one never has to.
	one := c.member("gang", 0, fmt.Sprint(faultyMembers), "1")
	one.Name = "one-0"
	c.create(one)
	c.replicas("gang", faultyMembers-1, fmt.Sprint(faultyMembers), "1")
	x.waitRolledBack(c, "", faultyMembers)
	c.waitEvent("", "", policyMessage)
	x.waitProof(c)
	lift()
	c.waitBound("", faultyMembers)
	x.check(c, "", faultyMembers)
	x.figures(c, "", faultyMembers)
}

const policyMessage = "pods of this name stay unbound"

// refuseBindings makes a policy that refuses to bind one pod, and waits until it
// is in force. lift ends it.
func (c *cluster) refuseBindings(pod string) (lift func()) {
	c.t.Helper()
	policies := c.client.AdmissionregistrationV1().ValidatingAdmissionPolicies()
	fail, here := admissionv1.Fail, map[string]string{v1.LabelMetadataName: c.ns}
	_, err := policies.Create(c.t.Context(), &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: c.ns},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: &fail,
			MatchConstraints: &admissionv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: here},
				ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create},
					Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods/binding"}},
				}}},
			},
			Validations: []admissionv1.Validation{{Expression: fmt.Sprintf("object.metadata.name != %q", pod), Message: policyMessage}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	bindings := c.client.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings()
	_, err = bindings.Create(c.t.Context(), &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: c.ns},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: c.ns, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	inForce := func() bool {
		probe := &v1.Binding{ObjectMeta: metav1.ObjectMeta{Name: pod}, Target: v1.ObjectReference{Kind: "Node", Name: c.ns + "-0"}}
		err := c.client.CoreV1().Pods(c.ns).Bind(c.t.Context(), probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err != nil && strings.Contains(err.Error(), policyMessage)
	}
	c.wait("the policy to be in force", func() (bool, string) { return inForce(), "it is not" })
	return func() {
		c.t.Helper()
		if err := policies.Delete(c.t.Context(), c.ns, metav1.DeleteOptions{}); err != nil {
			c.t.Fatal(err)
		}
		if err := bindings.Delete(c.t.Context(), c.ns, metav1.DeleteOptions{}); err != nil {
			c.t.Fatal(err)
		}
	}
}
