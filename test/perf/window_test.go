package perf

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ticks is how many clock ticks of /proc make a second: fixed by the kernel's interface.
const ticks = 100

// usage is what had been used at a moment.
type usage struct {
	at       time.Time
	process  float64 // CPU seconds of this process
	children float64 // of its children, which is etcd; 0 where there is no /proc
	machine  float64 // of everything on the machine; 0 where there is no /proc
}

func now() usage {
	u := usage{at: time.Now()}
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err == nil {
		u.process = time.Duration(r.Utime.Nano() + r.Stime.Nano()).Seconds()
	}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range stats {
		// What follows the name in brackets: state, parent, ..., user and system ticks.
		if data, err := os.ReadFile(stat); err == nil {
			f := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
			if f[1] == strconv.Itoa(os.Getpid()) {
				u.children += number(f[11]) / ticks
				u.children += number(f[12]) / ticks
			}
		}
	}
	if data, err := os.ReadFile("/proc/stat"); err == nil {
		line, _, _ := strings.Cut(string(data), "\n")
		for i, f := range strings.Fields(line)[1:8] {
			if i != 3 && i != 4 { // idle, waiting for a disk
				u.machine += number(f) / ticks
			}
		}
	}
	return u
}

// spent puts into the record what was used between two moments.
func (r *record) spent(from, to usage) {
	r.Start = from.at
	r.Wall = to.at.Sub(from.at).Seconds()
	r.ProcessCPU = to.process - from.process
	r.EtcdCPU = to.children - from.children
	r.ForeignCPU = max(0, to.machine-from.machine-r.ProcessCPU-r.EtcdCPU) / r.Wall / float64(runtime.NumCPU())
}

func load() float64 {
	data, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(data), " ")
	return number(first)
}

func number(text string) float64 {
	n, _ := strconv.ParseFloat(text, 64)
	return n
}
