package fit

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/explain"
	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/snapshot"
)

// maxPods is how many pods may be asked for at a time: the largest gang that a scheduler takes unless
// its arguments say otherwise.
const maxPods = 10_000

// Unit is what is tried as a whole: the members of a gang, or pods of no gang that are alike.
type Unit struct {
	Name string
	Gang bool
	Pods []*v1.Pod
	// Turn is the one in which they are planned, unless Why says for what they would wait instead.
	Turn gang.Turn
	Why  string
}

// of returns the pods with these UIDs.
func (u Unit) of(uids []string) []*v1.Pod {
	byUID := make(map[string]*v1.Pod, len(u.Pods))
	for _, pod := range u.Pods {
		byUID[string(pod.UID)] = pod
	}
	pods := make([]*v1.Pod, len(uids))
	for i, uid := range uids {
		pods[i] = byUID[uid]
	}
	return pods
}

// noFit says why there is no place for it.
func (u Unit) noFit(v gang.Verdict) string {
	if u.Gang {
		return explain.NoFit(v)
	}
	return explain.NoFitAlone(u.Name, v)
}

// units takes a question apart. What is wrong with it is an error that names the field.
func (p *Planner) units(namespace string, spec v1alpha1.FitSpec) ([]Unit, error) {
	if len(spec.Pods) == 0 {
		return nil, errors.New("spec.pods: name at least one pod")
	}
	objects := make([]*unstructured.Unstructured, len(spec.Objects))
	for i := range spec.Objects {
		objects[i] = &unstructured.Unstructured{}
		if err := json.Unmarshal(spec.Objects[i].Raw, &objects[i].Object); err != nil {
			return nil, fmt.Errorf("spec.objects[%d]: %w", i, err)
		}
	}
	company, err := snapshot.NewCompany(namespace, objects)
	if err != nil {
		return nil, fmt.Errorf("spec.objects: %w", err)
	}
	var units []Unit
	total := 0
	for i, of := range spec.Pods {
		at := fmt.Sprintf("spec.pods[%d]", i)
		if of.Count < 1 || of.Count > maxPods-total {
			return nil, fmt.Errorf("%s.count: %d: must be 1 or more, and all together %d at most", at, of.Count, maxPods)
		}
		total += of.Count
		var pod v1.Pod
		if err := json.Unmarshal(of.Pod.Raw, &pod); err != nil {
			return nil, fmt.Errorf("%s.pod: %w", at, err)
		}
		if err := p.tryable(&pod); err != nil {
			return nil, fmt.Errorf("%s.pod: %w", at, err)
		}
		units = add(units, namespace, of, &pod, i)
	}
	for i := range units {
		if err := p.turn(&units[i], company); err != nil {
			return nil, err
		}
	}
	return units, nil
}

// turn sets the turn in which a unit is planned: pods of no gang as one that needs all of them.
func (p *Planner) turn(u *Unit, company snapshot.Company) (err error) {
	if u.Gang {
		u.Turn, u.Why, err = p.gangs.Rehearse(u.Turn.Gang, u.Pods, company)
		return err
	}
	n := len(u.Pods)
	u.Turn.Kind, u.Turn.Need, u.Turn.Spec = gang.Try, gang.Quota{Need: n, Limit: n}, gang.Spec{Min: n}
	for _, pod := range u.Pods {
		u.Turn.UIDs = append(u.Turn.UIDs, string(pod.UID))
	}
	return nil
}

// tryable says why a pod cannot be tried before it exists.
func (p *Planner) tryable(pod *v1.Pod) error {
	name := pod.Spec.SchedulerName
	switch {
	case p.profiles[name] == nil:
		return fmt.Errorf("spec.schedulerName: %q: this scheduler serves %q", name, slices.Sorted(maps.Keys(p.profiles)))
	case snapshot.IsMember(pod) && !p.gangs.Serves(name):
		return fmt.Errorf("spec.schedulerName: %q: that profile minds no gangs", name)
	case pod.Spec.NodeName != "":
		return fmt.Errorf("spec.nodeName: the pod has the node %s, and nobody asks a scheduler for it", pod.Spec.NodeName)
	case len(pod.Spec.Containers) == 0:
		return errors.New("spec.containers: it has none")
	}
	for i := range pod.Spec.ResourceClaims {
		if pod.Spec.ResourceClaims[i].ResourceClaimTemplateName != nil {
			return fmt.Errorf("spec.resourceClaims[%d].resourceClaimTemplateName: the claim is made for the pod when it exists, and its devices cannot be tried before", i)
		}
	}
	return nil
}

// add adds a number of pods as the API would have them just after they were created: a moment apart, and
// without the gates that others are going to take away.
func add(units []Unit, namespace string, of v1alpha1.FitPods, like *v1.Pod, serial int) []Unit {
	like.Namespace, like.Status, like.Spec.SchedulingGates = namespace, v1.PodStatus{Phase: v1.PodPending}, nil
	like.DeletionTimestamp, like.DeletionGracePeriodSeconds = nil, nil
	key, _, member := snapshot.MemberOf(like)
	at := -1
	if member {
		at = slices.IndexFunc(units, func(u Unit) bool { return u.Gang && u.Turn.Gang == key })
	}
	if at < 0 {
		at = len(units)
		u := Unit{Name: of.Name, Turn: gang.Turn{Gang: gang.Key{Namespace: namespace, Name: of.Name}}}
		if member {
			u = Unit{Name: key.Name, Gang: true, Turn: gang.Turn{Gang: key}}
		}
		units = append(units, u)
	}
	for i := range of.Count {
		pod := like.DeepCopy()
		pod.Name = fmt.Sprintf("%s-%d", of.Name, i)
		pod.UID = types.UID(fmt.Sprintf("rehearsal-%03d-%05d", serial, i))
		pod.CreationTimestamp = metav1.NewTime(time.Unix(int64(serial), int64(i)))
		units[at].Pods = append(units[at].Pods, pod)
	}
	return units
}
