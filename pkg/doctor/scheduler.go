package doctor

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/doctor/v1alpha1"
)

// SchedulerSettings are the fields of a KubeSchedulerConfiguration that decide how fast
// pods are bound.
type SchedulerSettings struct {
	ClientConnection struct {
		QPS   *float64 `json:"qps"`
		Burst int32    `json:"burst"`
	} `json:"clientConnection"`
	LeaderElection struct {
		LeaderElect *bool `json:"leaderElect"`
	} `json:"leaderElection"`
	Parallelism               *int32   `json:"parallelism"`
	PercentageOfNodesToScore  *int32   `json:"percentageOfNodesToScore"`
	PodInitialBackoffSeconds  *float64 `json:"podInitialBackoffSeconds"`
	PodMaxBackoffSeconds      *float64 `json:"podMaxBackoffSeconds"`
	EnableContentionProfiling *bool    `json:"enableContentionProfiling"`
}

// ParseScheduler reads what a scheduler serves under /configz.
func ParseScheduler(configz []byte) (*SchedulerSettings, error) {
	var served struct {
		Scheduler *SchedulerSettings `json:"componentconfig"`
	}
	if err := json.Unmarshal(configz, &served); err != nil {
		return nil, fmt.Errorf("the scheduler's configz: %w", err)
	}
	if served.Scheduler == nil {
		return nil, errors.New("the scheduler's configz has no componentconfig")
	}
	return served.Scheduler, nil
}

const (
	// The configuration that is built in has these.
	goodSchedulerQPS, goodSchedulerBurst = 1000, 2000
	// bindPods is the example of a gang, and bindSeconds for how long its bindings may be held back.
	bindPods, bindSeconds = 512, 1
	// goodParallelism is the default.
	goodParallelism = 16
	// manyNodes is from how many nodes on scoring all of them costs more than it gains.
	manyNodes = 1000
	// The defaults, in seconds.
	goodInitialBackoff, goodMaxBackoff = 1, 10
)

// Scheduler finds what the settings of a scheduler cost in a cluster of so many nodes. It
// runs in so many replicas, 0 if that is not known.
func Scheduler(name string, s *SchedulerSettings, nodes, replicas int) []v1alpha1.Finding {
	all := symptoms{}
	for _, found := range []*symptom{s.rate(), s.few(), s.sample(nodes), s.initialBackoff(), s.maxBackoff(), s.contention(), s.election(replicas)} {
		if found != nil {
			found.subject = "scheduler"
			found.fix += " in the scheduler's configuration (manifests/components/custom-config)"
			all.add(name, *found)
		}
	}
	return all.findings("schedulers", 1)
}

func (s *SchedulerSettings) rate() *symptom {
	qps, burst := s.ClientConnection.QPS, s.ClientConnection.Burst
	if qps == nil || *qps < 0 {
		return nil
	}
	rate := *qps
	if rate == 0 {
		rate = clientDefaultQPS
	}
	is := held(bindPods, rate, float64(burst))
	if is <= bindSeconds {
		return nil
	}
	return &symptom{
		severity: v1alpha1.Warning, rule: "scheduler-rate", setting: "clientConnection.qps", value: fmt.Sprintf("%g, burst %d", *qps, burst),
		recommended: fmt.Sprintf("%d, burst %d", goodSchedulerQPS, goodSchedulerBurst),
		cost:        fmt.Sprintf("a binding is a request: of a gang of %d, the last waits for %s for its turn, and the gang is bound in part meanwhile", bindPods, seconds(is)),
		fix:         fmt.Sprintf("clientConnection: {qps: %d, burst: %d}", goodSchedulerQPS, goodSchedulerBurst),
	}
}

func (s *SchedulerSettings) few() *symptom {
	if s.Parallelism == nil || *s.Parallelism >= goodParallelism {
		return nil
	}
	return &symptom{
		severity: v1alpha1.Warning, rule: "scheduler-parallelism", setting: "parallelism", value: strconv.Itoa(int(*s.Parallelism)), recommended: strconv.Itoa(goodParallelism),
		cost: "so many nodes are looked at together for each pod, however many cores the scheduler has",
		fix:  fmt.Sprintf("parallelism: %d", goodParallelism),
	}
}

func (s *SchedulerSettings) sample(nodes int) *symptom {
	share := s.PercentageOfNodesToScore
	if share == nil || *share == 0 || nodes < manyNodes {
		return nil
	}
	found := symptom{
		severity: v1alpha1.Warning, rule: "scheduler-sample", setting: "percentageOfNodesToScore", value: strconv.Itoa(int(*share)), recommended: "0 (by the size of the cluster)",
		fix: "percentageOfNodesToScore: 0",
	}
	switch used := max(5, 50-nodes/125); { // as kube-scheduler computes it
	case int(*share) > used:
		found.cost = fmt.Sprintf("%d of %d nodes are looked at and scored for each pod, where %d do", nodes*int(*share)/100, nodes, nodes*used/100)
	case int(*share) < used:
		found.severity = v1alpha1.Info
		found.cost = fmt.Sprintf("%d of %d nodes are scored for each pod: better ones are seldom among them", nodes*int(*share)/100, nodes)
	default:
		return nil
	}
	return &found
}

func (s *SchedulerSettings) initialBackoff() *symptom {
	if s.PodInitialBackoffSeconds == nil || *s.PodInitialBackoffSeconds <= goodInitialBackoff {
		return nil
	}
	return backoff("scheduler-initial-backoff", "podInitialBackoffSeconds", *s.PodInitialBackoffSeconds, goodInitialBackoff,
		"a pod that was refused once waits for %s before it is tried again, even if what it waited for is there")
}

func (s *SchedulerSettings) maxBackoff() *symptom {
	if s.PodMaxBackoffSeconds == nil || *s.PodMaxBackoffSeconds <= goodMaxBackoff {
		return nil
	}
	return backoff("scheduler-max-backoff", "podMaxBackoffSeconds", *s.PodMaxBackoffSeconds, goodMaxBackoff,
		"a pod that was refused several times waits for up to %s before it is tried again, even if what it waited for is there")
}

func backoff(rule, setting string, value, good float64, cost string) *symptom {
	return &symptom{
		severity: v1alpha1.Warning, rule: rule, setting: setting, value: fmt.Sprintf("%g", value), recommended: fmt.Sprintf("%g", good),
		cost: fmt.Sprintf(cost, seconds(value)), fix: fmt.Sprintf("%s: %g", setting, good),
	}
}

func (s *SchedulerSettings) contention() *symptom {
	if s.EnableContentionProfiling == nil || !*s.EnableContentionProfiling {
		return nil
	}
	return &symptom{
		severity: v1alpha1.Info, rule: "scheduler-contention-profiling", setting: "enableContentionProfiling", value: "true", recommended: "false",
		cost: "every wait for a lock is recorded, in the middle of the work", fix: "enableContentionProfiling: false",
	}
}

func (s *SchedulerSettings) election(replicas int) *symptom {
	if elect := s.LeaderElection.LeaderElect; elect == nil || *elect || replicas < 2 {
		return nil
	}
	return &symptom{
		severity: v1alpha1.Error, rule: "scheduler-election", setting: "leaderElection.leaderElect", value: fmt.Sprintf("false, with %d replicas", replicas), recommended: "true",
		cost: "all replicas bind the same pods to nodes of their own choice: bindings fail, and nodes get more than they have room for",
		fix:  "leaderElection: {leaderElect: true}",
	}
}

// Lease is that by which replicas of a scheduler agree on who leads.
type Lease struct {
	Name, Holder string
	// Age is the time since it was renewed, Duration for how long that counts; both by the API server's clock.
	Age, Duration time.Duration
}

// Leads finds whether a scheduler leads, by its lease. No lease is nil.
func Leads(lease *Lease) []v1alpha1.Finding {
	all := symptoms{}
	found := symptom{
		severity: v1alpha1.Error, rule: "scheduler-leads", subject: "scheduler", setting: "lease",
		cost: "no scheduler leads: no pod of Muster's is bound", fix: "look at the pods of the scheduler, and at what they log about the lease",
	}
	switch {
	case lease == nil:
		found.value, found.recommended = "none", "held by a replica"
		found.fix = "kubectl apply --server-side -k manifests/install, or --scheduler-namespace if it is elsewhere"
		all.add("muster-scheduler", found)
	case lease.Holder == "":
		found.value, found.recommended = "held by nobody", "held by a replica"
		all.add(lease.Name, found)
	case lease.Age > lease.Duration:
		found.value, found.recommended = fmt.Sprintf("of %s, renewed %s ago", lease.Holder, lease.Age.Round(time.Second)), fmt.Sprintf("renewed within %s", lease.Duration)
		all.add(lease.Name, found)
	}
	return all.findings("leases", 1)
}
