package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/doctor/v1alpha1"
)

// maxNames is how many objects of a finding are named.
const maxNames = 5

// symptom is a finding without the objects that have it.
type symptom struct {
	severity                      v1alpha1.Severity
	rule, subject, setting        string
	value, recommended, cost, fix string
}

// symptoms collects who has which symptom: objects with the same become one finding.
type symptoms map[symptom][]string

func (s symptoms) add(object string, found ...symptom) {
	for _, one := range found {
		s[one] = append(s[one], object)
	}
}

// findings are those of the symptoms, of objects of a kind of which so many were looked at.
func (s symptoms) findings(kind string, of int) []v1alpha1.Finding {
	var all []v1alpha1.Finding
	for one, names := range s {
		all = append(all, v1alpha1.Finding{
			Severity: one.severity, Rule: one.rule, Subject: one.subject, Setting: one.setting,
			Value: one.value, Recommended: one.recommended, Cost: one.cost, Fix: one.fix,
			Objects: Objects(kind, of, names),
		})
	}
	Sort(all)
	return all
}

// Objects names the first few of the objects, in an order that people find natural: node-2
// before node-10.
func Objects(kind string, of int, names []string) v1alpha1.Objects {
	names = slices.Clone(names)
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) })
	return v1alpha1.Objects{Kind: kind, Count: len(names), Of: of, Names: names[:min(len(names), maxNames)]}
}

// Sort puts the worst findings first, and of those the ones that more objects have.
func Sort(all []v1alpha1.Finding) {
	slices.SortFunc(all, func(a, b v1alpha1.Finding) int {
		return cmp.Or(
			cmp.Compare(b.Severity.Rank(), a.Severity.Rank()),
			cmp.Compare(b.Objects.Count, a.Objects.Count),
			strings.Compare(a.Rule, b.Rule),
			strings.Compare(a.Setting, b.Setting),
			strings.Compare(a.Value, b.Value),
			slices.Compare(a.Objects.Names, b.Objects.Names),
		)
	})
}

// seconds is a time in the words of findings.
func seconds(s float64) string {
	if s >= 10 || s == float64(int(s)) {
		return fmt.Sprintf("%.0f s", s)
	}
	return fmt.Sprintf("%.1f s", s)
}

// held is for how many seconds the last of so many requests, made at once, is held back by
// a client with the given rate, of which the burst goes through at once.
func held(requests, perSecond, burst float64) float64 {
	return max(0, requests-burst) / perSecond
}

// amounts is a map of resources in the words of their owner.
func amounts(of map[string]string) string {
	if len(of) == 0 {
		return "none"
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(of)) {
		parts = append(parts, name+"="+of[name])
	}
	return strings.Join(parts, ",")
}
