package gangbind

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Args of the plugin.
type Args struct {
	// Parallelism is how many bindings may be in flight. An API server accepts
	// 100 streams per connection, which informers and events share. 1 to 90.
	Parallelism int `json:"parallelism"`
	// Attempts is how often a binding is tried if the API server is overloaded
	// or out of reach. Any other refusal is final. 1 to 10.
	Attempts int `json:"attempts"`
	// TimeoutSeconds bounds one attempt. 1 to 120.
	TimeoutSeconds int `json:"timeoutSeconds"`
}

// DefaultArgs returns the defaults.
func DefaultArgs() Args { return Args{Parallelism: 64, Attempts: 5, TimeoutSeconds: 10} }

// Kind returns the kind that the arguments may state.
func (Args) Kind() string { return Name + "Args" }

// Validate returns what is wrong with the arguments.
func (a Args) Validate() field.ErrorList {
	var errs field.ErrorList
	for _, f := range []struct {
		name       string
		value, max int
	}{{"parallelism", a.Parallelism, 90}, {"attempts", a.Attempts, 10}, {"timeoutSeconds", a.TimeoutSeconds, 120}} {
		if f.value < 1 || f.value > f.max {
			errs = append(errs, field.Invalid(field.NewPath(f.name), f.value, fmt.Sprintf("must be between 1 and %d", f.max)))
		}
	}
	return errs
}
