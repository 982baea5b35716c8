package gang

import (
	"fmt"
	"slices"
	"strings"
)

// Spec is what is asked for a gang as a whole.
type Spec struct {
	// Min is the number of members that start together, >= 1. In what a member
	// states it may be 0: then its controller's parallelism holds.
	Min int
	// Max is the number of members that may have a node at a time, >= Min; 0 for
	// no bound.
	Max int
	// Roles says of how many members of a role there must be at least, in order
	// of the names, each once; the sum is <= Min.
	Roles []Role
	// Topology says within which domains the members belong, the widest first.
	Topology []Level
}

// Role is what a member is to its gang, and how many of it the gang needs.
type Role struct {
	Name string
	Min  int // >= 1
}

// Level is one level of a topology: the nodes that share the value of a label
// are one domain of it.
type Level struct {
	Key      string // of the node label
	Required bool   // else it is preferred: tried first, and done without if it must be
}

// Equal reports whether two specs ask for the same.
func (s Spec) Equal(o Spec) bool {
	return s.Min == o.Min && s.Max == o.Max && slices.Equal(s.Roles, o.Roles) && slices.Equal(s.Topology, o.Topology)
}

// String is the spec as the annotations of a member would state it.
func (s Spec) String() string {
	var parts []string
	add := func(key, text string) {
		if text != "" && text != "0" {
			parts = append(parts, key+"="+text)
		}
	}
	add("min", fmt.Sprint(s.Min))
	add("max", fmt.Sprint(s.Max))
	add("roles", FormatRoles(s.Roles))
	add("topology", FormatTopology(s.Topology))
	return strings.Join(parts, " ")
}

// FormatRoles writes roles as the annotation does: launcher=1,worker=8.
func FormatRoles(roles []Role) string {
	texts := make([]string, len(roles))
	for i, r := range roles {
		texts[i] = fmt.Sprintf("%s=%d", r.Name, r.Min)
	}
	return strings.Join(texts, ",")
}

// FormatTopology writes levels as the annotation does:
// topology.kubernetes.io/zone=required,example.com/rack=preferred.
func FormatTopology(levels []Level) string {
	texts := make([]string, len(levels))
	for i, l := range levels {
		texts[i] = l.Key + "=preferred"
		if l.Required {
			texts[i] = l.Key + "=required"
		}
	}
	return strings.Join(texts, ",")
}

// Quota is how many members a plan has to find nodes for.
type Quota struct {
	Need  int    // at least so many, >= 1
	Limit int    // at most so many, >= Need; 0 for no bound
	Roles []Role // of which at least so many of each of these roles; the sum is <= Need
}

// quota is what is left of the spec when so many members have nodes already, of
// which so many by role, and so many count towards Max.
func (s Spec) quota(placed int, byRole map[string]int, present int) Quota {
	q := Quota{Need: max(1, s.Min-placed)}
	sum := 0
	for _, r := range s.Roles {
		if lack := r.Min - byRole[r.Name]; lack > 0 {
			q.Roles = append(q.Roles, Role{r.Name, lack})
			sum += lack
		}
	}
	q.Need = max(q.Need, sum)
	if s.Max > 0 {
		q.Limit = max(q.Need, s.Max-present)
	}
	return q
}

// fault says what is wrong with the numbers of a spec, in the words for the
// field that states them, or "".
func (s Spec) fault(field string, maxMembers int) string {
	sum := 0
	for _, r := range s.Roles {
		sum += r.Min
	}
	switch {
	case s.Min < 1 || s.Min > maxMembers:
		return fmt.Sprintf("%s: Invalid value: %d: must be between 1 and %d", field, s.Min, maxMembers)
	case sum > s.Min:
		return fmt.Sprintf("%s: Invalid value: %d: the roles %s need %d members together", field, s.Min, FormatRoles(s.Roles), sum)
	case s.Max != 0 && s.Max < s.Min:
		return fmt.Sprintf("metadata.annotations[%s]: Invalid value: %d: must be at least the minimum of %d", MaxAnnotation, s.Max, s.Min)
	}
	return ""
}
