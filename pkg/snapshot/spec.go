package snapshot

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/muster-scheduler/muster/pkg/gang"
)

// More roles or levels than these in one gang are taken for a mistake.
const (
	maxRoles  = 32
	maxLevels = 8
)

// specOf reads what annotations ask for a gang, but for its minimum. Blanks
// around names and numbers do not count.
func specOf(annotations map[string]string) (spec gang.Spec, err *field.Error) {
	if text, ok := annotations[gang.MaxAnnotation]; ok {
		if spec.Max, err = count(gang.MaxAnnotation, text); err != nil {
			return gang.Spec{}, err
		}
	}
	if text, ok := annotations[gang.RolesAnnotation]; ok {
		if spec.Roles, err = roles(gang.RolesAnnotation, text); err != nil {
			return gang.Spec{}, err
		}
	}
	if text, ok := annotations[gang.TopologyAnnotation]; ok {
		if spec.Topology, err = topology(gang.TopologyAnnotation, text); err != nil {
			return gang.Spec{}, err
		}
	}
	return spec, nil
}

func annotation(key string) *field.Path { return field.NewPath("metadata", "annotations").Key(key) }

// roles reads launcher=1,worker=8.
func roles(at, text string) ([]gang.Role, *field.Error) {
	var roles []gang.Role
	for part := range strings.SplitSeq(text, ",") {
		name, number, ok := strings.Cut(part, "=")
		if !ok {
			return nil, invalid(at, text, "must be roles and how many of each there are at least, such as launcher=1,worker=8")
		}
		name = strings.TrimSpace(name)
		if !validRole(name) {
			return nil, invalid(at, text, fmt.Sprintf("the role %q must be a name of at most 63 letters, digits and -_.", shortened(name)))
		}
		n, err := count(at, number)
		if err != nil {
			return nil, invalid(at, text, fmt.Sprintf("the minimum of the role %s %s", name, err.Detail))
		}
		roles = append(roles, gang.Role{Name: name, Min: n})
	}
	if len(roles) > maxRoles {
		return nil, field.TooMany(annotation(at), len(roles), maxRoles)
	}
	slices.SortFunc(roles, func(a, b gang.Role) int { return cmp.Compare(a.Name, b.Name) })
	for i := range roles[1:] {
		if roles[i].Name == roles[i+1].Name {
			return nil, invalid(at, text, fmt.Sprintf("the role %s is there twice: name it once", roles[i].Name))
		}
	}
	return roles, nil
}

func validRole(name string) bool { return name != "" && len(validation.IsValidLabelValue(name)) == 0 }

// topology reads topology.kubernetes.io/zone=required,example.com/rack=preferred.
func topology(at, text string) ([]gang.Level, *field.Error) {
	var levels []gang.Level
	for part := range strings.SplitSeq(text, ",") {
		key, how, _ := strings.Cut(part, "=")
		key, how = strings.TrimSpace(key), strings.TrimSpace(how)
		if how != "required" && how != "preferred" {
			return nil, invalid(at, text, "must be labels of nodes, the widest domain first, each required or preferred, such as topology.kubernetes.io/zone=required,example.com/rack=preferred")
		}
		if wrong := validation.IsQualifiedName(key); len(wrong) > 0 {
			return nil, invalid(at, text, fmt.Sprintf("%q is no label of a node: %s", shortened(key), wrong[0]))
		}
		if slices.ContainsFunc(levels, func(l gang.Level) bool { return l.Key == key }) {
			return nil, invalid(at, text, fmt.Sprintf("the label %s is there twice: name it once", key))
		}
		levels = append(levels, gang.Level{Key: key, Required: how == "required"})
	}
	if len(levels) > maxLevels {
		return nil, field.TooMany(annotation(at), len(levels), maxLevels)
	}
	return levels, nil
}

// count reads the number of members in an annotation. It fits an int32, so that sums do not overflow.
func count(at, text string) (int, *field.Error) {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 1 || n > math.MaxInt32 {
		return 0, invalid(at, text, "must be a whole number, 1 or more")
	}
	return n, nil
}

// sum is how many members the roles need together.
func sum(roles []gang.Role) (n int) {
	for _, r := range roles {
		n += r.Min
	}
	return n
}

// invalid is field.Invalid for the text of an annotation, which may be of any
// length: the message becomes an event.
func invalid(at, text, detail string) *field.Error {
	return field.Invalid(annotation(at), shortened(text), detail)
}

func shortened(text string) string {
	const most = 100
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}
