// Package metrics is every metric of Muster. They are served with the
// scheduler's own, on /metrics.
//
// Metrics are of the whole process, and so are these variables: what several
// schedulers in one process report adds up. All are alpha, and a name or label
// that changes is a breaking change all the same: testdata/metrics.txt lists
// them.
package metrics

import (
	"sync"

	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
)

const subsystem = "muster"

// The results of an attempt at a gang.
const (
	Planned = "planned" // every member that is needed got a node
	Refused = "refused" // it does not fit
	Failed  = "failed"  // an error came in between, or the gang changed
)

// What became of a seed.
const (
	SeedPulled      = "pulled"
	SeedUnavailable = "unavailable" // an image could not be had
	SeedBroken      = "broken"      // the node did not pull it
	SeedRefused     = "refused"     // the API server did not have it made
)

var (
	// Gangs counts the gangs that exist.
	Gangs = metrics.NewGaugeVec(&metrics.GaugeOpts{
		Subsystem: subsystem, Name: "gangs", StabilityLevel: metrics.ALPHA,
		Help: "Gangs by state: Invalid, Gathering, Queued, Waiting, Placing, Starting, Running, Repairing or Finished.",
	}, []string{"state"})
	// Attempts counts the attempts to plan a gang.
	Attempts = metrics.NewCounterVec(&metrics.CounterOpts{
		Subsystem: subsystem, Name: "gang_attempts_total", StabilityLevel: metrics.ALPHA,
		Help: "Attempts to plan a gang, by cause (new, members, room, node, other, timer) and result (planned, refused, failed).",
	}, []string{"cause", "result"})
	// UselessAttempts counts those that changed nothing.
	UselessAttempts = metrics.NewCounterVec(&metrics.CounterOpts{
		Subsystem: subsystem, Name: "gang_useless_attempts_total", StabilityLevel: metrics.ALPHA,
		Help: "Attempts to plan a gang that had been refused before and was refused again, by what it was woken for.",
	}, []string{"cause"})
	// PlanDuration is how long an attempt takes.
	PlanDuration = metrics.NewHistogramVec(&metrics.HistogramOpts{
		Subsystem: subsystem, Name: "gang_plan_duration_seconds", StabilityLevel: metrics.ALPHA,
		Help:    "Time that an attempt to plan a gang takes, by the number of members without a node: up to 1, 10, 100, 1000 or 10000.",
		Buckets: metrics.ExponentialBuckets(0.0001, 2, 16),
	}, []string{"members"})
	// WakeUp is how long a gang that waits stays asleep.
	WakeUp = metrics.NewHistogram(&metrics.HistogramOpts{
		Subsystem: subsystem, Name: "gang_wake_up_seconds", StabilityLevel: metrics.ALPHA,
		Help:    "Time from the change of the cluster that may let a waiting gang fit to the attempt to plan it.",
		Buckets: metrics.ExponentialBuckets(0.001, 2, 16),
	})
	// RoomToStart is how long a gang that waits leaves room unused.
	RoomToStart = metrics.NewHistogram(&metrics.HistogramOpts{
		Subsystem: subsystem, Name: "gang_room_to_start_seconds", StabilityLevel: metrics.ALPHA,
		Help:    "Time from the change of the cluster that let a waiting gang fit to the binding of the last member that it needs.",
		Buckets: metrics.ExponentialBuckets(0.01, 2, 14),
	})
	// PullRate is how fast nodes pull.
	PullRate = metrics.NewGaugeVec(&metrics.GaugeOpts{
		Subsystem: subsystem, Name: "image_pull_bytes_per_second", StabilityLevel: metrics.ALPHA,
		Help: "How fast the nodes of a pool were seen to pull an image, download and unpacking together.",
	}, []string{"pool"})
	// RegistryRate is what the registries serve.
	RegistryRate = metrics.NewGauge(&metrics.GaugeOpts{
		Subsystem: subsystem, Name: "image_registry_bytes_per_second", StabilityLevel: metrics.ALPHA,
		Help: "What the registries are taken to serve over all nodes, by what is stated or was learnt from pulls.",
	})
	// Seeds counts what nodes were to pull ahead.
	Seeds = metrics.NewCounterVec(&metrics.CounterOpts{
		Subsystem: subsystem, Name: "image_seeds_total", StabilityLevel: metrics.ALPHA,
		Help: "Images that nodes were to pull before a pod asks for them, by what became of it: pulled, unavailable, broken or refused.",
	}, []string{"result"})
	// SeedBytes is what nodes pulled ahead.
	SeedBytes = metrics.NewCounter(&metrics.CounterOpts{
		Subsystem: subsystem, Name: "image_seed_bytes_total", StabilityLevel: metrics.ALPHA,
		Help: "Bytes that nodes pulled before a pod asked for them, by what is known of the images.",
	})
	// SeedsFlying is how many seeds are under way.
	SeedsFlying = metrics.NewGauge(&metrics.GaugeOpts{
		Subsystem: subsystem, Name: "image_seeds", StabilityLevel: metrics.ALPHA,
		Help: "Images that nodes pull now before a pod asks for them.",
	})
	// Partial is how long gangs are bound in part.
	Partial = metrics.NewHistogram(&metrics.HistogramOpts{
		Subsystem: subsystem, Name: "gang_partial_seconds", StabilityLevel: metrics.ALPHA,
		Help:    "Time in which some members of a gang were bound, and fewer than start together.",
		Buckets: metrics.ExponentialBuckets(0.01, 2, 14),
	})
	// Members is the size of the gangs that start.
	Members = metrics.NewHistogram(&metrics.HistogramOpts{
		Subsystem: subsystem, Name: "gang_members", StabilityLevel: metrics.ALPHA,
		Help:    "Members with a node when a gang starts.",
		Buckets: metrics.ExponentialBuckets(1, 2, 15),
	})
	// Repairs counts gangs that lost members they need after they were whole.
	Repairs = metrics.NewCounter(&metrics.CounterOpts{
		Subsystem: subsystem, Name: "gang_repairs_total", StabilityLevel: metrics.ALPHA,
		Help: "Times that a gang that had been whole lost members that it needs.",
	})
	// Rollbacks counts plans that came to nothing.
	Rollbacks = metrics.NewCounter(&metrics.CounterOpts{
		Subsystem: subsystem, Name: "gang_rollbacks_total", StabilityLevel: metrics.ALPHA,
		Help: "Starts of a gang that were rolled back: the members that were bound were evicted.",
	})
)

func all() []metrics.Registerable {
	return []metrics.Registerable{Gangs, Attempts, UselessAttempts, PlanDuration, WakeUp, RoomToStart, Partial, Members, Repairs, Rollbacks, PullRate, RegistryRate, Seeds, SeedBytes, SeedsFlying}
}

var once sync.Once

// Register has the metrics served. Only the first call in a process counts.
func Register() {
	once.Do(func() { legacyregistry.MustRegister(all()...) })
}

// Size is the label for a number of members.
func Size(members int) string {
	switch {
	case members <= 1:
		return "1"
	case members <= 10:
		return "10"
	case members <= 100:
		return "100"
	case members <= 1000:
		return "1000"
	}
	return "10000"
}
