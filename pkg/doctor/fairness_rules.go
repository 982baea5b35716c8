package doctor

import (
	"fmt"
	"slices"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/doctor/v1alpha1"
)

const (
	// bindSeats is how many bindings GangBind makes at a time, unless told otherwise.
	bindSeats = 64
	// defaultSeats is what an API server serves at a time, unless told otherwise: 400
	// requests that read and 200 that write.
	defaultSeats = 600
)

// Of the cluster's own, for the crowd; and for nobody in particular.
var crowd = []string{"service-accounts", "global-default", "catch-all"}

// Fairness finds how the API server's priority and fairness treats the scheduler that runs
// under a service account.
func Fairness(schemas []flowcontrolv1.FlowSchema, levels []flowcontrolv1.PriorityLevelConfiguration, namespace, name string) []v1alpha1.Finding {
	f := fairness{levels: levels, of: account{namespace, name}}
	for i := range schemas {
		if f.level(schemas[i].Spec.PriorityLevelConfiguration.Name) != nil {
			f.schemas = append(f.schemas, schemas[i])
		} else {
			f.dangling = append(f.dangling, schemas[i])
		}
	}
	binding := request{"create", "", "pods/binding", "default"}
	bind := f.take("bindings", binding)
	lease := f.take(theLease, request{"update", "coordination.k8s.io", "leases", namespace})
	events := f.take("events", request{"create", "events.k8s.io", "events", "default"})
	all := symptoms{}
	for _, found := range []*symptom{f.crowded(bind), f.crowded(lease), f.passedOver(binding), f.seats(bind), f.mixed(bind, lease), f.mixed(bind, events)} {
		if found != nil {
			found.subject = "API server"
			all.add(f.of.user(), *found)
		}
	}
	return all.findings("users", 1)
}

// fairness is the API server's configuration, seen from one account.
type fairness struct {
	schemas, dangling []flowcontrolv1.FlowSchema // the dangling ones name a level that is not there, and are passed over
	levels            []flowcontrolv1.PriorityLevelConfiguration
	of                account
}

// taken is which flow schema takes in some requests, and the level it has them served at.
type taken struct {
	what, schema, level string
}

func (f *fairness) take(what string, r request) taken {
	s := schemaFor(f.schemas, f.of, r)
	if s == nil {
		return taken{what: what, schema: "none"}
	}
	return taken{what, s.Name, s.Spec.PriorityLevelConfiguration.Name}
}

// theLease is what is told of requests that renew it.
const theLease = "the lease"

const applySchemas = "kubectl apply --server-side -f manifests/install/flowschema.yaml"

// crowded is when what the scheduler does for all waits with what any pod does for itself.
func (f *fairness) crowded(t taken) *symptom {
	if t.schema != "none" && !slices.Contains(crowd, t.schema) {
		return nil
	}
	severity, recommended, cost := v1alpha1.Warning, "muster-scheduler (workload-high)", "bindings wait behind the requests of all tenants' pods when the API server is busy, and a gang is bound in part for as long"
	if t.what == theLease {
		recommended, cost = "muster-leader-election (leader-election)", "the lease is renewed among the requests of all tenants' pods: a busy API server makes the scheduler lose it and start anew, with caches to fill, when it is needed most"
	}
	if t.schema == "none" || t.schema == "catch-all" {
		severity = v1alpha1.Error
	}
	return &symptom{
		severity: severity, rule: "fairness-crowd", setting: "flow schema of " + t.what, value: t.schema, recommended: recommended, cost: cost, fix: applySchemas,
	}
}

func (f *fairness) level(name string) *flowcontrolv1.PriorityLevelConfiguration {
	for i := range f.levels {
		if f.levels[i].Name == name {
			return &f.levels[i]
		}
	}
	return nil
}

func (f *fairness) passedOver(r request) *symptom {
	s := schemaFor(f.dangling, f.of, r)
	if s == nil {
		return nil
	}
	return &symptom{
		severity: v1alpha1.Warning, rule: "fairness-passed-over", setting: "priority level of " + s.Name, value: s.Spec.PriorityLevelConfiguration.Name + ", which is not there", recommended: "workload-high",
		cost: "the flow schema is passed over, and bindings are served as the next one that matches says", fix: applySchemas,
	}
}

func (f *fairness) seats(t taken) *symptom {
	level := f.level(t.level)
	if level == nil || level.Spec.Limited == nil {
		return nil // exempt from limits, or missing
	}
	seats, borrowed := seatsOf(level, f.levels, defaultSeats)
	if borrowed < 0 || seats+borrowed >= bindSeats {
		return nil
	}
	return &symptom{
		severity: v1alpha1.Warning, rule: "fairness-seats", setting: "seats of " + t.level, value: fmt.Sprintf("%d of %d", seats+borrowed, defaultSeats), recommended: fmt.Sprintf("%d or more", bindSeats),
		cost: fmt.Sprintf("GangBind makes %d bindings at a time: the others wait at an API server that serves %d requests at a time by its defaults", bindSeats, defaultSeats),
		fix:  fmt.Sprintf("more nominalConcurrencyShares in the PriorityLevelConfiguration %s, or no borrowingLimitPercent", t.level),
	}
}

// mixed is when bindings have to share their seats with what the scheduler does besides.
func (f *fairness) mixed(bind, other taken) *symptom {
	if bind.level == "" || bind.level != other.level || slices.Contains(crowd, bind.schema) {
		return nil
	}
	level := f.level(bind.level)
	if level == nil || level.Spec.Limited == nil {
		return nil
	}
	found := symptom{
		severity: v1alpha1.Warning, rule: "fairness-mixed", setting: "flow schema of " + other.what, value: fmt.Sprintf("%s (%s)", other.schema, other.level), fix: applySchemas,
	}
	if other.what == theLease {
		found.recommended = "muster-leader-election (leader-election)"
		found.cost = "the lease is renewed among the bindings: a burst of them on a busy API server makes the scheduler lose it, and start anew"
	} else {
		found.recommended = "muster-events (workload-low)"
		found.cost = "a burst of events takes the seats of the bindings"
	}
	return &found
}
