package doctor

import (
	"cmp"
	"slices"
	"strings"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
)

// request is what priority and fairness tells requests apart by.
type request struct {
	verb, group, resource, namespace string
}

// account is whom a service account is to the API server.
type account struct{ namespace, name string }

func (a account) user() string { return "system:serviceaccount:" + a.namespace + ":" + a.name }

func (a account) groups() []string {
	return []string{"system:serviceaccounts", "system:serviceaccounts:" + a.namespace, "system:authenticated"}
}

// schemaFor is the flow schema that takes in a request of the account's: the first that
// matches, by precedence and then by name.
func schemaFor(schemas []flowcontrolv1.FlowSchema, a account, r request) *flowcontrolv1.FlowSchema {
	var first *flowcontrolv1.FlowSchema
	for i := range schemas {
		s := &schemas[i]
		if !slices.ContainsFunc(s.Spec.Rules, func(rule flowcontrolv1.PolicyRulesWithSubjects) bool {
			return slices.ContainsFunc(rule.Subjects, a.is) && slices.ContainsFunc(rule.ResourceRules, r.in)
		}) {
			continue
		}
		if first == nil || cmp.Or(cmp.Compare(s.Spec.MatchingPrecedence, first.Spec.MatchingPrecedence), strings.Compare(s.Name, first.Name)) < 0 {
			first = s
		}
	}
	return first
}

// is reports whether the account is the subject.
func (a account) is(s flowcontrolv1.Subject) bool {
	switch {
	case s.Kind == flowcontrolv1.SubjectKindUser && s.User != nil:
		return s.User.Name == flowcontrolv1.NameAll || s.User.Name == a.user()
	case s.Kind == flowcontrolv1.SubjectKindGroup && s.Group != nil:
		return s.Group.Name == flowcontrolv1.NameAll || slices.Contains(a.groups(), s.Group.Name)
	case s.Kind == flowcontrolv1.SubjectKindServiceAccount && s.ServiceAccount != nil:
		return s.ServiceAccount.Namespace == a.namespace && (s.ServiceAccount.Name == flowcontrolv1.NameAll || s.ServiceAccount.Name == a.name)
	}
	return false
}

// in reports whether the rule is about the request.
func (r request) in(rule flowcontrolv1.ResourcePolicyRule) bool {
	has := func(list []string, one, all string) bool {
		return slices.Contains(list, all) || slices.Contains(list, one)
	}
	return has(rule.Verbs, r.verb, flowcontrolv1.VerbAll) &&
		has(rule.APIGroups, r.group, flowcontrolv1.APIGroupAll) &&
		has(rule.Resources, r.resource, flowcontrolv1.ResourceAll) &&
		(r.namespace == "" && rule.ClusterScope || r.namespace != "" && has(rule.Namespaces, r.namespace, flowcontrolv1.NamespaceEvery))
}

// seatsOf is how many requests of a level the API server serves at a time when all levels
// are busy, if it serves total in all, and how many more the level may borrow: -1 for as
// many as there are.
func seatsOf(level *flowcontrolv1.PriorityLevelConfiguration, levels []flowcontrolv1.PriorityLevelConfiguration, total int) (seats, borrowed int) {
	shares := 0
	for i := range levels {
		shares += sharesOf(&levels[i])
	}
	if shares == 0 || level.Spec.Limited == nil {
		return 0, -1
	}
	seats = (total*sharesOf(level) + shares - 1) / shares
	if limit := level.Spec.Limited.BorrowingLimitPercent; limit != nil {
		return seats, seats * int(*limit) / 100
	}
	return seats, -1
}

func sharesOf(level *flowcontrolv1.PriorityLevelConfiguration) int {
	var shares *int32 // which the API server fills in
	switch {
	case level.Spec.Limited != nil:
		shares = level.Spec.Limited.NominalConcurrencyShares
	case level.Spec.Exempt != nil:
		shares = level.Spec.Exempt.NominalConcurrencyShares
	}
	if shares == nil {
		return 0
	}
	return int(*shares)
}
