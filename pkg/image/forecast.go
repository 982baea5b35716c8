package image

import (
	"cmp"
	"slices"
	"time"
)

// Forecast tells from the pods of the last hour how many to expect next. Pods are
// told apart by kind, a name of the caller's choosing that outlives versions of
// their images. It is not safe for concurrent use.
type Forecast struct {
	kinds map[string]*kind
}

// Pods are counted in slices of time, an hour of them.
const (
	sliceSeconds = 300
	sliceCount   = 12
)

// maxKinds is how many kinds are counted at most: somebody may give every pod
// another name.
const maxKinds = 4096

// maxBurst is how many pods of one kind are expected at a time at most.
const maxBurst = 64

// kind is the pods of one kind.
type kind struct {
	needs  []Need // of the last of them
	slice  int64  // the last one, counted from 1970
	counts [sliceCount]int
}

// Expected is pods of one kind that are expected.
type Expected struct {
	Kind  string
	Needs []Need
	// Pods is the most that came within five minutes of the last hour.
	Pods int
	// Burst is the same of the kind that had most, up to 64: a kind that was rarely
	// asked for may be asked for like others.
	Burst int
}

// NewForecast returns a Forecast that expects nothing.
func NewForecast() *Forecast { return &Forecast{kinds: map[string]*kind{}} }

// Came counts one pod of a kind, and what it needs now, and reports whether it did:
// what is new is not counted while there are 4096 kinds. The Forecast keeps needs.
func (f *Forecast) Came(name string, needs []Need, now time.Time) bool {
	k := f.kinds[name]
	if k == nil {
		if len(f.kinds) >= maxKinds {
			return false
		}
		k = &kind{}
		f.kinds[name] = k
	}
	k.advance(now)
	k.needs = needs
	k.counts[k.slice%sliceCount]++
	return true
}

// Expect returns what is expected, the most pods first. Kinds of which no pod came
// for an hour are forgotten.
func (f *Forecast) Expect(now time.Time) []Expected {
	all, burst := make([]Expected, 0, len(f.kinds)), 0
	for name, k := range f.kinds {
		k.advance(now)
		most := slices.Max(k.counts[:])
		if most == 0 {
			delete(f.kinds, name)
			continue
		}
		burst = max(burst, min(most, maxBurst))
		all = append(all, Expected{Kind: name, Needs: k.needs, Pods: most})
	}
	for i := range all {
		all[i].Burst = burst
	}
	slices.SortFunc(all, func(a, b Expected) int { return cmp.Or(cmp.Compare(b.Pods, a.Pods), cmp.Compare(a.Kind, b.Kind)) })
	return all
}

// advance begins the slices up to the present.
func (k *kind) advance(now time.Time) {
	at := now.Unix() / sliceSeconds
	for k.slice = max(k.slice, at-sliceCount); k.slice < at; {
		k.slice++
		k.counts[k.slice%sliceCount] = 0
	}
}
