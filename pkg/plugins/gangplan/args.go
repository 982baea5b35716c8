package gangplan

import "k8s.io/apimachinery/pkg/util/validation/field"

// Args of the plugin.
type Args struct {
	// PermitTimeoutSeconds is how long a member that has a node waits for the
	// rest of its gang before everything held for the gang is given back. It is
	// a safety net: a gang with a complete plan is released in one go. 1 to 900.
	PermitTimeoutSeconds int `json:"permitTimeoutSeconds"`
	// BindDeadlineSeconds is how long a gang that starts may be bound in part.
	// What is bound by then is taken back, unless OnBindFailure is Keep. 6 to 900.
	BindDeadlineSeconds int `json:"bindDeadlineSeconds"`
	// OnBindFailure says what becomes of a gang that is bound in part and cannot
	// be completed in time: Rollback deletes its bound members, so that their
	// controller makes new ones and nothing is held for half a gang; Keep leaves
	// them as they are.
	OnBindFailure string `json:"onBindFailure"`
	// RepairHoldSeconds is how long the room of a member that a running gang lost
	// is kept for the one that takes its place, from pods of the same or a lower
	// priority. 0 keeps nothing. 0 to 3600.
	RepairHoldSeconds int `json:"repairHoldSeconds"`
	// MarkMembers is whether all members that a gang needs, or none, say by the condition
	// PodScheduled=False, reason Unschedulable, that more nodes would help, so that
	// autoscalers add nodes for whole gangs. It costs a write for each member when a gang is
	// refused first, and one when it comes to lack something else than nodes. Without it,
	// only the member says so by which the gang was tried, whatever it is that it lacks.
	MarkMembers bool `json:"markMembers"`
}

// What OnBindFailure may be.
const (
	Rollback = "Rollback"
	Keep     = "Keep"
)

// DefaultArgs returns the defaults.
func DefaultArgs() Args {
	return Args{PermitTimeoutSeconds: 60, BindDeadlineSeconds: 30, OnBindFailure: Rollback, RepairHoldSeconds: 30, MarkMembers: true}
}

// Kind returns the kind that the arguments may state.
func (Args) Kind() string { return Name + "Args" }

// Validate returns what is wrong with the arguments.
func (a Args) Validate() field.ErrorList {
	var errs field.ErrorList
	if a.PermitTimeoutSeconds < 1 || a.PermitTimeoutSeconds > 900 {
		errs = append(errs, field.Invalid(field.NewPath("permitTimeoutSeconds"), a.PermitTimeoutSeconds, "must be between 1 and 900"))
	}
	if a.BindDeadlineSeconds < 6 || a.BindDeadlineSeconds > 900 {
		errs = append(errs, field.Invalid(field.NewPath("bindDeadlineSeconds"), a.BindDeadlineSeconds, "must be between 6 and 900"))
	}
	if a.OnBindFailure != Rollback && a.OnBindFailure != Keep {
		errs = append(errs, field.NotSupported(field.NewPath("onBindFailure"), a.OnBindFailure, []string{Rollback, Keep}))
	}
	if a.RepairHoldSeconds < 0 || a.RepairHoldSeconds > 3600 {
		errs = append(errs, field.Invalid(field.NewPath("repairHoldSeconds"), a.RepairHoldSeconds, "must be between 0 and 3600"))
	}
	return errs
}
