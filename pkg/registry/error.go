package registry

import (
	"errors"
	"fmt"
	"time"
)

// A Reason is why an image was not read. Metrics carry it.
type Reason string

// The reasons. An image that is missing, denied, invalid or barred will most
// likely be so again; the others pass.
const (
	Missing     Reason = "missing"     // there is no such image
	Denied      Reason = "denied"      // there may be, but not for us
	Invalid     Reason = "invalid"     // the answer breaks the format, a limit, or its own digest
	Barred      Reason = "barred"      // an address or a scheme that is not allowed
	Busy        Reason = "busy"        // the registry asks for less
	Unavailable Reason = "unavailable" // no answer, or that of a registry in trouble
)

// Error is why an image was not read.
type Error struct {
	Reason Reason
	// After is how long a busy registry asks us to stay away; 0 if it does not say.
	After time.Duration
	Err   error
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// Lasting reports whether it is of no use to ask again soon.
func (e *Error) Lasting() bool { return e.Reason != Busy && e.Reason != Unavailable }

func fault(reason Reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Err: fmt.Errorf(format, args...)}
}

// classify finds the *Error in err, or takes it for a registry in trouble.
func classify(err error) *Error {
	if known, ok := errors.AsType[*Error](err); ok {
		return &Error{Reason: known.Reason, After: known.After, Err: err}
	}
	return &Error{Reason: Unavailable, Err: err}
}
