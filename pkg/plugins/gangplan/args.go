package gangplan

import "k8s.io/apimachinery/pkg/util/validation/field"

// Args of the plugin.
type Args struct {
	// PermitTimeoutSeconds is how long a member that has a node waits for the
	// rest of its gang before everything held for the gang is given back. It is
	// a safety net: a gang with a complete plan is released in one go. 1 to 900.
	PermitTimeoutSeconds int `json:"permitTimeoutSeconds"`
}

// DefaultArgs returns the defaults.
func DefaultArgs() Args { return Args{PermitTimeoutSeconds: 60} }

// Kind returns the kind that the arguments may state.
func (Args) Kind() string { return Name + "Args" }

// Validate returns what is wrong with the arguments.
func (a Args) Validate() field.ErrorList {
	var errs field.ErrorList
	if a.PermitTimeoutSeconds < 1 || a.PermitTimeoutSeconds > 900 {
		errs = append(errs, field.Invalid(field.NewPath("permitTimeoutSeconds"), a.PermitTimeoutSeconds, "must be between 1 and 900"))
	}
	return errs
}
