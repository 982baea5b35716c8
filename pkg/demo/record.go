package demo

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	gangLabel      = "muster.dev/gang"
	appLabel       = "app"
	pullBytesNote  = "muster.dev/expected-pull-bytes"
	pullSecondNote = "muster.dev/expected-pull-seconds"
)

// record is what a watch has shown so far. Times are since the start of the demo; 0 is "not yet". It is not safe for
// concurrent use.
type record struct {
	pods   map[types.UID]*pod
	notes  map[types.UID][]note // events, by the object they are about
	images map[string][]string  // what each node says it holds
}

// pod is the life of one pod. Once set, a time stays, also when the pod is deleted.
type pod struct {
	uid                            types.UID
	name, group, node              string
	created, bound, started, ended time.Duration
	gone                           time.Duration     // deleted, and no longer there
	failure                        string            // why it failed, if it did
	annotations                    map[string]string // as last seen
}

// note is an event of Kubernetes.
type note struct {
	at           time.Duration
	reason, text string
	warning      bool
}

// group are the pods of a gang, or those with the same label "app". Outside the namespace default its name begins with
// the namespace.
type group struct {
	name string
	pods []*pod
}

func newRecord() *record {
	return &record{pods: map[types.UID]*pod{}, notes: map[types.UID][]note{}, images: map[string][]string{}}
}

// seePod takes in a state of a pod.
func (r *record) seePod(at time.Duration, p *v1.Pod) {
	seen, ok := r.pods[p.UID]
	if !ok {
		seen = &pod{uid: p.UID, name: p.Name, group: cmp.Or(p.Labels[gangLabel], p.Labels[appLabel]), created: at}
		if p.Namespace != metav1.NamespaceDefault {
			seen.group = p.Namespace + "/" + seen.group
		}
		r.pods[p.UID] = seen
	}
	seen.annotations = p.Annotations
	if p.Spec.NodeName != "" {
		seen.node = p.Spec.NodeName
		seen.bound = cmp.Or(seen.bound, at)
	}
	switch p.Status.Phase {
	case v1.PodRunning:
		seen.started = cmp.Or(seen.started, at)
	case v1.PodSucceeded: // a short run may be over before it is seen
		seen.started = cmp.Or(seen.started, at)
		seen.ended = cmp.Or(seen.ended, at)
	case v1.PodFailed:
		seen.failure = cmp.Or(p.Status.Reason, "Failed")
	}
}

// seeGone takes in that a pod is no longer there.
func (r *record) seeGone(at time.Duration, uid types.UID) {
	if p, ok := r.pods[uid]; ok {
		p.gone = at
	}
}

// seeEvent takes in an event.
func (r *record) seeEvent(at time.Duration, e *v1.Event) {
	uid := e.InvolvedObject.UID
	r.notes[uid] = append(r.notes[uid], note{at: at, reason: e.Reason, text: e.Message, warning: e.Type == v1.EventTypeWarning})
}

// seeNode takes in a state of a node.
func (r *record) seeNode(n *v1.Node) {
	var names []string
	for _, image := range n.Status.Images {
		names = append(names, image.Names...)
	}
	r.images[n.Name] = names
}

// holders returns the nodes that say they hold an image, sorted.
func (r *record) holders(image string) []string {
	var nodes []string
	for node, images := range r.images {
		if slices.Contains(images, image) {
			nodes = append(nodes, node)
		}
	}
	slices.Sort(nodes)
	return nodes
}

// group returns the pods of that group in order of appearance.
func (r *record) group(name string) group {
	g := group{name: name}
	for _, p := range r.pods {
		if p.group == name {
			g.pods = append(g.pods, p)
		}
	}
	slices.SortFunc(g.pods, func(a, b *pod) int { return cmp.Or(cmp.Compare(a.created, b.created), cmp.Compare(a.name, b.name)) })
	return g
}

// refusal returns the first event FailedScheduling about a pod.
func (r *record) refusal(uid types.UID) (note, bool) {
	i := slices.IndexFunc(r.notes[uid], func(n note) bool { return n.reason == "FailedScheduling" })
	if i < 0 {
		return note{}, false
	}
	return r.notes[uid][i], true
}

// refusals returns the refusal of each pod of a group that has one, in order of time.
func (r *record) refusals(name string) []note {
	var refusals []note
	for _, p := range r.group(name).pods {
		if n, ok := r.refusal(p.uid); ok {
			refusals = append(refusals, n)
		}
	}
	slices.SortFunc(refusals, func(a, b note) int { return cmp.Compare(a.at, b.at) })
	return refusals
}

// state says how a group fares, with the latest warning about each of its pods, for when that is not as expected.
func (r *record) state(name string) string {
	g := r.group(name)
	var warnings []string
	for _, p := range g.pods {
		var last string
		for _, n := range r.notes[p.uid] {
			if n.warning {
				last = fmt.Sprintf("%s: %q", n.reason, n.text)
			}
		}
		if last != "" && !slices.Contains(warnings, last) {
			warnings = append(warnings, last)
		}
	}
	return strings.Join(append([]string{g.String()}, warnings...), "; ")
}

// What happens to pods, for times.
func bound(p *pod) time.Duration   { return p.bound }
func started(p *pod) time.Duration { return p.started }
func ended(p *pod) time.Duration   { return p.ended }
func gone(p *pod) time.Duration    { return p.gone }

// times returns when it happened to those pods it happened to, in order.
func (g group) times(of func(*pod) time.Duration) []time.Duration {
	var times []time.Duration
	for _, p := range g.pods {
		if t := of(p); t > 0 {
			times = append(times, t)
		}
	}
	slices.Sort(times)
	return times
}

// partial returns for how long some members were bound, but not as many as it takes: up to now if they still are not.
func (g group) partial(members int, now time.Duration) time.Duration {
	times := g.times(bound)
	switch {
	case len(times) == 0:
		return 0
	case len(times) < members:
		return now - times[0]
	}
	return times[members-1] - times[0]
}

// nodes returns where the pods are, sorted, each node once.
func (g group) nodes() []string { return slices.Sorted(maps.Keys(g.perNode())) }

// places says where the pods are: "node-0 ×2, node-1".
func (g group) places() string {
	counts := g.perNode()
	var parts []string
	for _, node := range g.nodes() {
		part := node
		if counts[node] > 1 {
			part = fmt.Sprintf("%s ×%d", node, counts[node])
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

func (g group) perNode() map[string]int {
	counts := map[string]int{}
	for _, p := range g.pods {
		if p.node != "" {
			counts[p.node]++
		}
	}
	return counts
}

// String says how the group fares.
func (g group) String() string {
	parts := []string{
		fmt.Sprintf("%s has %d pods: %d got a node", g.name, len(g.pods), len(g.times(bound))),
		fmt.Sprintf("%d have started", len(g.times(started))),
		fmt.Sprintf("%d have ended", len(g.times(ended))),
	}
	failures := map[string]int{}
	for _, p := range g.pods {
		if p.failure != "" {
			failures[p.failure]++
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(failures)) {
		parts = append(parts, fmt.Sprintf("%d failed (%s)", failures[reason], reason))
	}
	return strings.Join(parts, ", ")
}
