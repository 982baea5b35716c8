package journal

import (
	"time"
	"unicode/utf8"
)

// Stay is a time that something has spent in one state, such as a gang.
type Stay struct {
	Since time.Time
	State string
	Said  string // what was said of it there last
}

const (
	// keepStays is how many stays of one thing are kept.
	keepStays = 16
	// saidMost is how many bytes of what was said are kept: others write of it too, and
	// at any length.
	saidMost = 512
)

// Ways keeps through which states things have gone. A stay goes on as long as the
// state is the same, whatever is said meanwhile. At most so many stays are kept as it
// was made for, beside the last one of each thing: where there are as many, the
// oldest of a thing makes room for its next one. It is not safe for concurrent use.
type Ways[K comparable] struct {
	most, kept int // stays
	of         map[K]*way
}

type way struct {
	stays  []Stay // the oldest first
	before int
}

// NewWays returns a keeper of at most so many stays.
func NewWays[K comparable](most int) *Ways[K] { return &Ways[K]{most: most, of: map[K]*way{}} }

// Is tells that something is in a state now, and what is said of it.
func (w *Ways[K]) Is(now time.Time, key K, state, said string) {
	is := w.of[key]
	if is == nil {
		is = &way{}
		w.of[key] = is
	}
	said = short(said)
	if last := len(is.stays) - 1; last >= 0 && is.stays[last].State == state {
		is.stays[last].Said = said
		return
	}
	next := Stay{Since: now, State: state, Said: said}
	if n := len(is.stays); n > 0 && (n == keepStays || w.kept >= w.most) {
		copy(is.stays, is.stays[1:])
		is.stays[n-1] = next
		is.before++
		return
	}
	is.stays = append(is.stays, next)
	w.kept++
}

// Forget forgets something that is no more.
func (w *Ways[K]) Forget(key K) {
	if is := w.of[key]; is != nil {
		w.kept -= len(is.stays)
		delete(w.of, key)
	}
}

// Of returns the last stays of something, the oldest first, and how many there were
// before.
func (w *Ways[K]) Of(key K) (stays []Stay, before int) {
	if is := w.of[key]; is != nil {
		stays, before = append(stays, is.stays...), is.before
	}
	return stays, before
}

// short is the beginning of a text that is too long.
func short(text string) string {
	if len(text) <= saidMost {
		return text
	}
	at := saidMost
	for at > 0 && !utf8.RuneStart(text[at]) {
		at--
	}
	return text[:at] + "…"
}
