package world

import (
	"container/heap"
	"math"
)

// event is something that happens at a certain time.
type event struct {
	at     float64
	serial int // those of one time happen in the order in which they were asked for
	do     func()
}

// events is a heap, the next one first.
type events []event

func (e events) Len() int      { return len(e) }
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].serial < e[j].serial
}
func (e *events) Push(x any) { *e = append(*e, x.(event)) }

// Pop takes the last one out, as package heap wants it.
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// at has something happen at a time that is not in the past.
func (w *World) at(time float64, do func()) {
	w.serial++
	heap.Push(&w.events, event{at: time, serial: w.serial, do: do})
}

// after has something happen so many seconds from now.
func (w *World) after(seconds float64, do func()) { w.at(w.now+seconds, do) }

// tick is the first time after now among first, first+period, first+2*period and so on.
func tick(now, first, period float64) float64 {
	if now < first {
		return first
	}
	return first + period*(math.Floor((now-first)/period)+1)
}
