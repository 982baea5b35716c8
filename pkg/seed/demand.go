package seed

import (
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/image"
	"github.com/muster-scheduler/muster/pkg/snapshot"
)

// demand is pods that are going to ask for images.
type demand struct {
	image.Demand                      // without its Places
	places       func() []image.Place // works them out, which is to look at every node
	like         *v1.Pod              // one of them
	why          string               // in words
}

const (
	// maxGangs is how many of the gangs that wait are seeded for: those that come first.
	maxGangs = 16
	// maxForeseen is for how many kinds of pods that are merely expected: those of which most are.
	maxForeseen = 256
)

// ofGangs is what gangs that wait for room are going to ask for, alike members at a
// time. ends are the known ends of pods, by node.
func (s *Seeder) ofGangs(waiting []snapshot.WaitingGang, ends func() map[string][]end) []demand {
	var demands []demand
	for _, w := range waiting {
		for _, alike := range classes(w.Pods) {
			like := alike[0]
			may := s.may(like, domainOf(w))
			demands = append(demands, demand{
				Demand: image.Demand{Needs: snapshot.PodImages(like), Pods: len(alike), Sure: true},
				places: func() []image.Place { return s.rooms.likely(like, len(alike), may, ends()) },
				like:   like, why: fmt.Sprintf("gang %s waits for room", w.Key),
			})
		}
	}
	return demands
}

// classes splits pods into those that need equal nodes and pull the same.
func classes(pods []*v1.Pod) [][]*v1.Pod {
	var all [][]*v1.Pod
	at := map[string]int{}
	for _, pod := range pods {
		key := snapshot.Alike(pod)
		i, ok := at[key]
		if !ok {
			i = len(all)
			at[key], all = i, append(all, nil)
		}
		all[i] = append(all[i], pod)
	}
	return all
}

// domainOf is the labels of the nodes among which a gang came nearest to fitting, if
// it has to stay together.
func domainOf(w snapshot.WaitingGang) map[string]string {
	at := slices.IndexFunc(w.Spec.Topology, func(l gang.Level) bool { return l.Key == w.Verdict.Domain.Key })
	if at < 0 || len(w.Verdict.Domain.Values) != at+1 {
		return nil
	}
	labels := map[string]string{}
	for level, value := range w.Verdict.Domain.Values {
		labels[w.Spec.Topology[level].Key] = value
	}
	return labels
}

// ofForeseen is what is expected to be asked for, since as much was lately.
func (s *Seeder) ofForeseen(foreseen []snapshot.Foreseen) []demand {
	var demands []demand
	for _, f := range foreseen[:min(maxForeseen, len(foreseen))] {
		demands = append(demands, demand{
			Demand: image.Demand{Needs: f.Needs, Pods: f.Pods, Near: f.Burst},
			places: func() []image.Place { return s.rooms.free(f.Like, s.may(f.Like, nil)) },
			like:   f.Like, why: fmt.Sprintf("pods like %s are expected", klog.KObj(f.Like)),
		})
	}
	return demands
}

// ofRollouts is what rollouts are going to ask for.
func (s *Seeder) ofRollouts(rollouts []rollout) []demand {
	var demands []demand
	for _, r := range rollouts {
		demands = append(demands, demand{
			Demand: image.Demand{Needs: snapshot.PodImages(r.like), Pods: r.pods, Sure: true},
			places: func() []image.Place { return s.rooms.free(r.like, s.may(r.like, nil)) },
			like:   r.like, why: fmt.Sprintf("ReplicaSet %s/%s is rolled out", r.like.Namespace, r.name),
		})
	}
	return demands
}

// may returns which nodes may take the pod, if they have the labels too, by what
// does not change from moment to moment: selectors, taints, and whether the node can
// do what a seed takes.
func (s *Seeder) may(pod *v1.Pod, labels map[string]string) func(*v1.Node) bool {
	own := nodeaffinity.GetRequiredNodeAffinity(pod)
	added := s.pools[pod.Spec.SchedulerName]
	return func(node *v1.Node) bool {
		for key, value := range labels {
			if node.Labels[key] != value {
				return false
			}
		}
		if added != nil && !added.Match(node) {
			return false
		}
		if ok, err := own.Match(node); !ok || err != nil {
			return false
		}
		if node.Spec.Unschedulable || !s.actuator.can(node) || s.avoided.has(node.Name, s.clock.Now()) {
			return false
		}
		_, untolerated := corev1helpers.FindMatchingUntoleratedTaint(klog.Background(), node.Spec.Taints, pod.Spec.Tolerations, func(t *v1.Taint) bool {
			return t.Effect == v1.TaintEffectNoSchedule || t.Effect == v1.TaintEffectNoExecute
		}, true)
		return !untolerated
	}
}
