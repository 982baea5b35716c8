package seed

import "time"

// avoided is what is left alone for a while, since it failed: ten minutes at first,
// twice as long for each failure in a row, a day at most.
type avoided map[string]lapse

type lapse struct {
	until time.Time
	pause time.Duration
}

const (
	firstPause = 10 * time.Minute
	lastPause  = 24 * time.Hour
	// maxAvoided is how many there are at most; to forget one costs a try.
	maxAvoided = 4096
)

func newAvoided() avoided { return avoided{} }

// add records a failure.
func (a avoided) add(what string, now time.Time) {
	l, known := a[what]
	if !known && len(a) >= maxAvoided {
		clear(a)
	}
	switch {
	case now.Before(l.until):
		return // of the same time
	case l.pause == 0 || now.Sub(l.until) > lastPause:
		l.pause = firstPause
	default:
		l.pause = min(lastPause, 2*l.pause)
	}
	l.until = now.Add(l.pause)
	a[what] = l
}

// has reports whether something is to be left alone.
func (a avoided) has(what string, now time.Time) bool { return now.Before(a[what].until) }
