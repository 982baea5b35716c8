package perf

import (
	"fmt"
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
		if parent, cpu := read(stat); parent == os.Getpid() {
			u.children += cpu
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

// cpuOf returns the CPU seconds of a process.
func cpuOf(pid int) float64 {
	_, cpu := read(fmt.Sprintf("/proc/%d/stat", pid))
	return cpu
}

// read returns whose child the process of a stat file is, and its CPU seconds; 0
// if it is gone.
func read(stat string) (parent int, cpu float64) {
	data, err := os.ReadFile(stat)
	if err != nil {
		return 0, 0
	}
	// What follows the name in brackets: state, parent, ..., user and system ticks.
	f := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	return int(number(f[1])), (number(f[11]) + number(f[12])) / ticks
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
