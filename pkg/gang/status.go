package gang

// State is how far a gang has come, for people to read.
type State string

// The states. A gang goes through the first five in this order; what breaks
// its plan takes it back to Queued.
const (
	Invalid   State = "Invalid"   // what is asked of it cannot be
	Gathering State = "Gathering" // fewer members exist than it needs
	Queued    State = "Queued"    // waits for its turn to be tried
	Waiting   State = "Waiting"   // was tried, and does not fit
	Placing   State = "Placing"   // has a plan, whose members get their nodes
	Starting  State = "Starting"  // has enough nodes, and is being bound
	Running   State = "Running"   // has been bound whole, and is
	Repairing State = "Repairing" // has been whole, and has lost members that it needs
	Finished  State = "Finished"  // all its members have succeeded
)

// Status is what is known of a gang, as counts.
type Status struct {
	State     State
	Spec      Spec
	Group     string // UID of the gang's object, or empty
	Exist     int    // members that count, those that have succeeded included
	Bound     int    // those of them that have a node in the API, or had one and succeeded
	Ready     int    // those of them that run
	Succeeded int    // those of them that have succeeded
	Failed    int    // members that have failed, and count no more
	// Why says what the gang waits for; empty when it waits for nothing.
	Why string
	// Partial is set while some of its members are bound and fewer than start
	// together, and it has not been whole.
	Partial bool
}

// Status returns what is known of a gang; ok is false if there is none.
func (r *Roster) Status(key Key) (s Status, ok bool) {
	g := r.gangs[key]
	if g == nil {
		return Status{}, false
	}
	n, fault := r.minimum(g)
	s = Status{Spec: Spec{Min: n}, Exist: g.exist, Bound: g.placed, Why: fault}
	switch {
	case fault != "":
		s.State = Invalid
	case g.exist < n:
		s.State, s.Why = Gathering, gathering(g, n)
	case g.placed >= n:
		s.State = Running
	case g.slots != nil || g.held > 0:
		s.State = Placing
	default:
		s.State = Queued
	}
	return s, true
}

// Touched returns the gangs about which something changed since it was last
// asked, and those that are no more.
func (r *Roster) Touched() []Key {
	keys := make([]Key, 0, len(r.touched))
	for key := range r.touched {
		keys = append(keys, key)
	}
	clear(r.touched)
	return keys
}

// SetJob records a controller of members; nil means that it is gone.
func (r *Roster) SetJob(uid string, job *Job) []Action { return nil }
