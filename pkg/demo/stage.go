package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/muster-scheduler/muster/manifests"
	"github.com/muster-scheduler/muster/pkg/sandbox"
	"github.com/muster-scheduler/muster/pkg/sandbox/apply"
)

// folder is where the demo's files are, in manifests.
const folder = "examples/demo/"

// stage is where scenarios play: a cluster, a watcher of it, and a narrator.
type stage struct {
	narrator
	sandbox *sandbox.Sandbox
	seen    *watcher
}

// scenario shows one promise. run returns what happened, in a few words; an error says how the promise was broken.
type scenario struct {
	name, promise string
	run           func(context.Context, *stage) (happened string, err error)
}

// milestone is something that is expected to happen.
type milestone struct {
	what   string   // completes "expected: "
	groups []string // whom it is about
	// look returns when it happened, and how to tell it.
	look func(*record) (at time.Duration, line string, ok bool)
}

// objects reads a file of the demo, so many times over: only objects with a generateName can be created more than once.
func objects(file string, times int) ([]*unstructured.Unstructured, error) {
	objects, err := apply.ReadFS(manifests.FS, folder+file)
	return slices.Repeat(objects, times), err
}

// apply gives the cluster the objects of a file.
func (s *stage) apply(ctx context.Context, file string) error {
	objects, err := objects(file, 1)
	if err != nil {
		return err
	}
	return apply.Objects(ctx, s.sandbox.Config, objects)
}

// follow tells each milestone when it is reached, in whatever order, until all are.
func (s *stage) follow(ctx context.Context, limit time.Duration, milestones ...milestone) error {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	for {
		type news struct {
			at   time.Duration
			line string
		}
		var reached []news
		changed := s.seen.look(func(r *record) {
			milestones = slices.DeleteFunc(milestones, func(m milestone) bool {
				at, line, ok := m.look(r)
				if ok {
					reached = append(reached, news{at, line})
				}
				return ok
			})
		})
		slices.SortStableFunc(reached, func(a, b news) int { return int(a.at - b.at) })
		for _, n := range reached {
			s.tell(n.at, "%s", n.line)
		}
		if len(milestones) == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-deadline.C:
			return s.missed(limit, milestones)
		}
	}
}

// missed says what was expected, and what is the case instead.
func (s *stage) missed(limit time.Duration, milestones []milestone) error {
	var what, instead []string
	s.seen.look(func(r *record) {
		for _, m := range milestones {
			what = append(what, m.what)
			for _, name := range m.groups {
				if state := r.state(name); !slices.Contains(instead, state) {
					instead = append(instead, state)
				}
			}
		}
	})
	text := fmt.Sprintf("expected within %s: %s", limit, strings.Join(what, ", "))
	if len(instead) > 0 {
		text += "; seen: " + strings.Join(instead, "; ")
	}
	return errors.New(text)
}

// state says how a group fares now.
func (s *stage) state(name string) (text string) {
	s.seen.look(func(r *record) { text = r.state(name) })
	return text
}

// group returns a copy of what is known of a group now.
func (s *stage) group(name string) group {
	var g group
	s.seen.look(func(r *record) {
		g = r.group(name)
		for i, p := range g.pods {
			copied := *p
			g.pods[i] = &copied
		}
	})
	return g
}

// all is the milestone that it has happened to n pods of a group; tell describes the group then.
func all(n int, name string, of func(*pod) time.Duration, what string, tell func(group) string) milestone {
	return milestone{
		what:   fmt.Sprintf("all %d pods of %s %s", n, name, what),
		groups: []string{name},
		look: func(r *record) (time.Duration, string, bool) {
			g := r.group(name)
			times := g.times(of)
			if len(times) < n {
				return 0, "", false
			}
			return times[n-1], tell(g), true
		},
	}
}

// placed is the milestone that n pods of a group have nodes.
func placed(n int, name string) milestone {
	return all(n, name, bound, "get a node", func(g group) string {
		return fmt.Sprintf("%s: all %d get their nodes, within %s: %s", name, n, brief(g.partial(n, 0)), g.places())
	})
}

// running is the milestone that n pods of a group have started.
func running(n int, name string) milestone {
	return all(n, name, started, "run", func(group) string { return fmt.Sprintf("%s: all %d run", name, n) })
}

// done is the milestone that n pods of a group have ended well.
func done(n int, name string) milestone {
	return all(n, name, ended, "end", func(group) string { return fmt.Sprintf("%s: all %d have ended", name, n) })
}

// refused is the milestone that one of the gangs is told why it has to wait.
func refused(names ...string) milestone {
	return milestone{
		what:   "an event FailedScheduling for " + strings.Join(names, " or "),
		groups: names,
		look: func(r *record) (time.Duration, string, bool) {
			for _, name := range names {
				if refusals := r.refusals(name); len(refusals) > 0 {
					return refusals[0].at, fmt.Sprintf("%s waits, and its event says: %q", name, refusals[0].text), true
				}
			}
			return 0, "", false
		},
	}
}
