package snapshot

import (
	"time"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/journal"
	"github.com/muster-scheduler/muster/pkg/metrics"
)

// observer turns what becomes of gangs into metrics, and keeps their ways. It is called under
// the lock of the roster, with every gang about which something changed.
type observer struct {
	gangs map[gang.Key]observed
	ways  *journal.Ways[gang.Key]
}

// stays is how many states of gangs are kept: 16 of each of 4,096, in some 25 MiB.
const stays = 1 << 16

type observed struct {
	state   gang.State
	partial time.Time // since when some members are bound and too few; zero if not so
	room    time.Time // when there was room for the plan that it has; zero if there always was
}

func newObserver() *observer {
	metrics.Register()
	return &observer{gangs: map[gang.Key]observed{}, ways: journal.NewWays[gang.Key](stays)}
}

// see records how far a gang has come; exists is false if it is no more.
func (o *observer) see(key gang.Key, s gang.Status, exists bool, now time.Time) {
	was, known := o.gangs[key]
	if known {
		metrics.Gangs.WithLabelValues(string(was.state)).Dec()
	}
	is := was
	is.state = s.State
	switch {
	case s.Partial && was.partial.IsZero():
		is.partial = now
	case !s.Partial && !was.partial.IsZero():
		metrics.Partial.Observe(now.Sub(was.partial).Seconds())
		is.partial = time.Time{}
	}
	if !exists {
		delete(o.gangs, key)
		o.ways.Forget(key)
		return
	}
	o.ways.Is(now, key, string(s.State), s.Why)
	metrics.Gangs.WithLabelValues(string(s.State)).Inc()
	placing := was.state == gang.Placing || was.state == gang.Starting
	switch s.State {
	case gang.Running:
		if placing {
			metrics.Members.Observe(float64(s.Bound))
		}
		if placing && !was.room.IsZero() {
			metrics.RoomToStart.Observe(now.Sub(was.room).Seconds())
		}
		is.room = time.Time{}
	case gang.Repairing:
		if was.state != gang.Repairing {
			metrics.Repairs.Inc()
		}
	case gang.Invalid, gang.Gathering, gang.Queued, gang.Waiting:
		is.room = time.Time{}
	}
	o.gangs[key] = is
}

// planned records since when there was room for a gang's new plan.
func (o *observer) planned(key gang.Key, room time.Time) {
	is, known := o.gangs[key]
	if known {
		is.room = room
		o.gangs[key] = is
	}
}
