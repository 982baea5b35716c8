package manifests_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/component-helpers/auth/rbac/validation"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// Where our rights differ from those of kube-scheduler, and why. A Kubernetes upgrade that changes what a scheduler
// needs fails here first.
var (
	// ours and not kube-scheduler's.
	added = []string{
		"get,list,watch scheduling.x-k8s.io/podgroups", // gangs
		"get,list,watch scheduling.k8s.io/podgroups",   // gangs; kube-scheduler has it with GenericWorkload on
		"patch scheduling.x-k8s.io/podgroups/status",   // what becomes of them
		"patch scheduling.k8s.io/podgroups/status",     // what becomes of them; as above
		"get,list,watch batch/jobs",                    // a gang's minimum, and which of its members have succeeded
	}
	// kube-scheduler's and not ours.
	dropped = []string{
		"create /bindings",                                                 // the old form of pods/binding
		"update /pods/status",                                              // every write of ours is a patch
		"get,list,watch extensions/replicasets",                            // gone since Kubernetes 1.16
		"create coordination.k8s.io/leases",                                // ours is limited to muster-system
		"get,list,update,watch coordination.k8s.io/leases[kube-scheduler]", // never ours to touch
		"create,delete,deletecollection,get,list,patch,update,watch coordination.k8s.io/leasecandidates", // coordinated leader election is off
		"get,list,watch /persistentvolumes",                // by system:volume-scheduler
		"get,list,watch /persistentvolumeclaims",           // by system:volume-scheduler
		"create authentication.k8s.io/tokenreviews",        // by system:auth-delegator
		"create authorization.k8s.io/subjectaccessreviews", // by system:auth-delegator
	}
)

// TestRBAC compares the cluster-wide rights of the scheduler with those of kube-scheduler.
func TestRBAC(t *testing.T) {
	var ours []rbacv1.PolicyRule
	for _, role := range all[*rbacv1.ClusterRole](render(t, filesys.MakeFsOnDisk(), "install")) {
		if strings.HasPrefix(role.Name, "muster-scheduler") {
			ours = append(ours, role.Rules...)
		}
	}
	i := slices.IndexFunc(bootstrappolicy.ClusterRoles(), func(role rbacv1.ClusterRole) bool {
		return role.Name == "system:kube-scheduler"
	})
	theirs := bootstrappolicy.ClusterRoles()[i].Rules

	compare(t, "added", added, ours, theirs)
	compare(t, "dropped", dropped, theirs, ours)
}

// compare fails unless the rights that have holds over base are exactly those of want.
func compare(t *testing.T, list string, want []string, have, base []rbacv1.PolicyRule) {
	t.Helper()
	_, missing := validation.Covers(base, have)
	verbs := map[string][]string{}
	for _, rule := range missing { // one verb, one group, one resource each
		resource := rule.APIGroups[0] + "/" + rule.Resources[0]
		if len(rule.ResourceNames) > 0 {
			resource += fmt.Sprint(rule.ResourceNames)
		}
		verbs[resource] = append(verbs[resource], rule.Verbs...)
	}
	var got []string
	for resource, verbs := range verbs {
		slices.Sort(verbs)
		got = append(got, strings.Join(slices.Compact(verbs), ",")+" "+resource)
	}
	for _, right := range got {
		if !slices.Contains(want, right) {
			t.Errorf("%q differs from kube-scheduler and is not in the list of what is %s", right, list)
		}
	}
	for _, right := range want {
		if !slices.Contains(got, right) {
			t.Errorf("%q is in the list of what is %s, but does not differ from kube-scheduler", right, list)
		}
	}
}

// TestNoOtherNamespace checks that the only role in a namespace that is not ours is the one for authentication: what is
// pulled ahead has a namespace of its own.
func TestNoOtherNamespace(t *testing.T) {
	for _, binding := range all[*rbacv1.RoleBinding](render(t, filesys.MakeFsOnDisk(), "install")) {
		if binding.Namespace != "muster-system" && binding.Namespace != "muster-seeds" && binding.RoleRef.Name != "extension-apiserver-authentication-reader" {
			t.Errorf("%s/%s grants %s", binding.Namespace, binding.Name, binding.RoleRef.Name)
		}
	}
}
