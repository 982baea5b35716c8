package snapshot

import (
	"context"
	"time"

	v1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/metrics"
)

// Attempt is one attempt to plan a gang.
type Attempt struct {
	gangs *Gangs
	key   gang.Key
	by    *v1.Pod
	size  string
	began time.Time
	cause Cause
	room  time.Time // when there was reason to try again
}

// Attempt begins an attempt by a pod to plan so many members of a gang.
func (g *Gangs) Attempt(key gang.Key, by *v1.Pod, members int) *Attempt {
	a := &Attempt{gangs: g, key: key, by: by, size: metrics.Size(members), began: g.clock.Now()}
	a.cause, a.room = g.waits.try(key)
	if !a.room.IsZero() {
		metrics.WakeUp.Observe(a.began.Sub(a.room).Seconds())
	}
	return a
}

// Cause is what the gang is tried for.
func (a *Attempt) Cause() Cause { return a.cause }

// Refused ends the attempt: there is no place for the gang on these nodes, the
// snapshot of the present cycle. What it hopes for is looked out for from now
// on. keptOn returns for whom room is kept on a node.
func (a *Attempt) Refused(v gang.Verdict, nodes []fwk.NodeInfo, keptOn func(*v1.Pod, fwk.NodeInfo) []fwk.PodInfo) {
	a.end(metrics.Refused)
	if a.cause != New {
		metrics.UselessAttempts.WithLabelValues(string(a.cause)).Inc()
	}
	a.gangs.await(a.key, a.by, v, nodes, keptOn)
	a.unlessGone()
}

// Failed ends the attempt without an answer.
func (a *Attempt) Failed() {
	a.end(metrics.Failed)
	a.unlessGone()
}

// unlessGone forgets the attempt if the pod went away during it: nobody else
// will. Who stands for its gang next is sent for.
func (a *Attempt) unlessGone() {
	if _, known := a.gangs.lastSeen(string(a.by.UID)); !known {
		a.gangs.waits.end(a.key)
		a.gangs.waits.forget(a.by.UID)
	}
}

// Planned ends the attempt: the gang has a plan.
func (a *Attempt) Planned() {
	a.end(metrics.Planned)
	a.gangs.waits.end(a.key)
	a.gangs.mu.Lock()
	defer a.gangs.mu.Unlock()
	a.gangs.observer.planned(a.key, a.room)
}

func (a *Attempt) end(result string) {
	metrics.Attempts.WithLabelValues(string(a.cause), result).Inc()
	metrics.PlanDuration.WithLabelValues(a.size).Observe(a.gangs.clock.Since(a.began).Seconds())
}

// Plan has the planner place the pods of a turn in the cluster as these nodes, of one cycle, show it.
func (ws *Worlds) Plan(ctx context.Context, nodes []fwk.NodeInfo, pods []*v1.Pod, turn gang.Turn) (gang.Placement, gang.Verdict, error) {
	world, cluster, classes, err := ws.New(ctx, nodes, pods, turn)
	if err != nil {
		return nil, gang.Verdict{}, err
	}
	slots, verdict := gang.Plan(cluster, turn, classes, world)
	if err := world.Err(); err != nil {
		return nil, gang.Verdict{}, err
	}
	verdict.Ahead = world.Ahead(verdict.Order)
	if !world.Ordered() {
		verdict.Order = nil
	}
	if slots == nil {
		verdict.Note, verdict.Hope = world.Note(), gang.HopeOf(verdict, classes, cluster)
		verdict.Holders = world.Holders(verdict)
	}
	return slots, verdict, nil
}
