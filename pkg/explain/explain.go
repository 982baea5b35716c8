// Package explain turns verdicts into the sentences that users read, so that
// the event, the condition and the command line never disagree.
//
// It decides nothing and reads no objects. Invariant: a sentence names no
// object outside the gang's own namespace.
package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/reason"
	"github.com/muster-scheduler/muster/pkg/resources"
)

// NoFit is the one line that says why a gang cannot start: how many members
// fit, in which domain if it has to stay in one, of which roles there are too few,
// what is short, by how much on the nearest node, and whether it is scattered over
// nodes; and what would have it start.
func NoFit(v gang.Verdict) string {
	ways := help(v)
	return noFit(fmt.Sprintf("gang %s: %d of %d members fit%s", v.Gang, v.Placed+v.Fit, v.Min, within(v)), v, ways)
}

// NoFitAlone is the like of it for pods of no gang, which were tried together.
func NoFitAlone(pods string, v gang.Verdict) string {
	v.Roles = append(v.Roles, gang.RoleFit{}) // no minimum would help
	ways := help(v)
	v.Roles = nil
	return noFit(fmt.Sprintf("%s: %d of %d fit", pods, v.Fit, v.Need), v, ways)
}

func noFit(subject string, v gang.Verdict, ways []string) string {
	var b strings.Builder
	b.WriteString(subject)
	for _, r := range v.Roles {
		fmt.Fprintf(&b, "; role %s: %d of %d fit", r.Name, r.Fit, r.Min)
	}
	if len(v.Short) > 0 {
		var asks, lacks, all []string
		scattered := true
		for _, s := range v.Short {
			asks = append(asks, s.Resource+" "+amount(s.Resource, s.Ask))
			lacks = append(lacks, s.Resource+" "+amount(s.Resource, s.Free))
			all = append(all, s.Resource+" "+amount(s.Resource, s.All))
			scattered = scattered && s.All >= s.Ask
		}
		fmt.Fprintf(&b, "; one more needs %s, the nearest node has %s free", strings.Join(asks, " and "), strings.Join(lacks, " and "))
		if scattered {
			fmt.Fprintf(&b, ", all nodes together %s", strings.Join(all, " and "))
		}
	}
	var counts []string
	for _, row := range v.Tally.Rows() {
		counts = append(counts, fmt.Sprintf("%d %s", row.Nodes, row.Reason))
	}
	if len(counts) > 0 {
		fmt.Fprintf(&b, "; of %s: %s", plural(v.Nodes, "node"), strings.Join(counts, ", "))
	}
	if v.Nodes == 0 && v.Domain.Key == "" {
		b.WriteString("; the cluster has no nodes")
	}
	if v.Note != "" {
		fmt.Fprintf(&b, "; %s", v.Note)
	}
	if len(ways) > 0 {
		fmt.Fprintf(&b, "; it would start with %s", strings.Join(ways, ", or with "))
	}
	return b.String()
}

// shownHolders is how many of those who hold room a sentence names.
const shownHolders = 3

// Held says who holds the room that a gang lacks, to follow what NoFit says; empty if
// nobody does. It is apart because pods come and go: an event is written when the verdict
// is another one, and not whenever others hold the room.
func Held(v gang.Verdict) string {
	h := v.Holders
	var own []string
	rest := 0
	for i, holder := range h.Own {
		switch {
		case i >= shownHolders:
			rest += holder.Pods
		case holder.Gang:
			own = append(own, fmt.Sprintf("gang %s/%s (%s)", v.Gang.Namespace, holder.Name, plural(holder.Pods, "pod")))
		default:
			own = append(own, fmt.Sprintf("pod %s/%s", v.Gang.Namespace, holder.Name))
		}
	}
	if rest > 0 {
		own = append(own, fmt.Sprintf("%s more of %s", plural(rest, "pod"), v.Gang.Namespace))
	}
	var all []string
	if len(own) > 0 {
		all = append(all, "by "+list(own))
	}
	switch {
	case h.Others == 1:
		all = append(all, "by 1 pod of another namespace")
	case h.Others > 1:
		all = append(all, fmt.Sprintf("by %d pods of other namespaces", h.Others))
	}
	if len(all) == 0 {
		return ""
	}
	where, contested := "", 0
	for r, nodes := range v.Tally {
		if r.Code == reason.Resource {
			contested += nodes
		}
	}
	if contested > len(v.Contested) {
		where = fmt.Sprintf("on the %s ", plural(len(v.Contested), "nearest node"))
	}
	return "; " + where + "it is held " + strings.Join(all, ", and ")
}

// list joins words as a sentence does.
func list(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// help says what would have a gang start: room for those who lack it, if that is all
// that they lack, and a minimum of no more than fit.
func help(v gang.Verdict) (ways []string) {
	if len(v.Short) > 0 && len(v.Lacks) > 0 && !v.Obstructed {
		members, amounts := 0, []string{}
		sum := make([]int64, len(v.Resources))
		for _, l := range v.Lacks {
			members += l.Members
			for r, ask := range l.Ask {
				sum[r] += ask * int64(l.Members)
			}
		}
		for _, s := range v.Short {
			if at := slices.Index(v.Resources, s.Resource); at >= 0 {
				amounts = append(amounts, s.Resource+" "+amount(s.Resource, sum[at]))
			}
		}
		ways = append(ways, fmt.Sprintf("room for %d more (%s)", members, strings.Join(amounts, " and ")))
	}
	if fit := v.Placed + v.Fit; fit > 0 && fit < v.Min && len(v.Roles) == 0 {
		ways = append(ways, fmt.Sprintf("a minimum of %d", fit))
	}
	return ways
}

// tellSeconds is from when on a wait for images is worth a word.
const tellSeconds = 5

// Outlook is the one line that says when a planned gang has its images, and what
// keeps the last of its nodes; empty if that is soon.
func Outlook(v gang.Verdict) string {
	o := v.Outlook
	if o.Seconds < tellSeconds {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "gang %s: planned; its images are expected to be ready in %.0f s: the last node, %s, ", v.Gang, o.Seconds, o.Node)
	switch {
	case o.Bytes == 0:
		b.WriteString("waits for pulls under way")
	case o.Wait >= 1:
		fmt.Fprintf(&b, "pulls %s after %.0f s of other pulls", bytes(o.Bytes), o.Wait)
	default:
		fmt.Fprintf(&b, "pulls %s", bytes(o.Bytes))
	}
	if o.Pulling > 1 {
		fmt.Fprintf(&b, "; %d nodes pull %s", o.Pulling, bytes(o.Total))
	}
	return b.String()
}

// within says in which domain a gang fits best that has to stay in one.
func within(v gang.Verdict) string {
	d := v.Domain
	in := fmt.Sprintf(" in %s %s", d.Key, strings.Join(d.Values, "/"))
	switch {
	case d.Key == "":
		return ""
	case v.Domains == 0:
		return "; no node is in any " + d.Key
	case v.Joined:
		return in + ", where others of it are"
	case v.Domains == 1:
		return in + ", the only one"
	}
	return fmt.Sprintf("%s, the nearest of %d", in, v.Domains)
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// amount writes a number as people write it in a pod's resources.
func amount(resource string, n int64) string {
	switch {
	case resource == resources.CPU && n%1000 == 0:
		return fmt.Sprint(n / 1000)
	case resource == resources.CPU:
		return fmt.Sprintf("%dm", n)
	case resource == resources.Memory || strings.HasPrefix(resource, "hugepages-") || resource == "ephemeral-storage":
		return bytes(n)
	}
	return fmt.Sprint(n)
}

// bytes writes n with the largest binary unit that leaves at most one decimal,
// rounded down so that free room is never overstated.
func bytes(n int64) string {
	units := []struct {
		name string
		size int64
	}{{"Ti", 1 << 40}, {"Gi", 1 << 30}, {"Mi", 1 << 20}, {"Ki", 1 << 10}}
	for _, u := range units {
		if n >= u.size {
			if tenth := n % u.size * 10 / u.size; tenth > 0 {
				return fmt.Sprintf("%d.%d%s", n/u.size, tenth, u.name)
			}
			return fmt.Sprintf("%d%s", n/u.size, u.name)
		}
	}
	return fmt.Sprint(n)
}
