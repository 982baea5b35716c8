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
	podutil "k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/core"
	corev1 "k8s.io/kubernetes/pkg/apis/core/v1"
	"k8s.io/kubernetes/pkg/apis/core/validation"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/explain"
	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/recording"
	"github.com/muster-scheduler/muster/pkg/snapshot"
)

const (
	// maxPods is how many pods may be asked for at a time: the largest gang that a scheduler takes unless
	// its arguments say otherwise.
	maxPods = 10_000
	// maxKinds is how many kinds of pods, and maxBytes how large one may be, as JSON and without what
	// placement does not look at.
	maxKinds = 64
	maxBytes = 64 << 10
)

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
	why := explain.NoFitAlone(u.Name, v)
	if u.Gang {
		why = explain.NoFit(v)
	}
	return why + explain.Held(v)
}

// units takes a question apart. What is wrong with it is an error that names the field.
func (p *Planner) units(namespace string, spec v1alpha1.FitSpec) ([]Unit, error) {
	if len(spec.Pods) == 0 {
		return nil, errors.New("spec.pods: name at least one pod")
	}
	if n := len(spec.Pods); n > maxKinds {
		return nil, fmt.Errorf("spec.pods: %d kinds of pods: ask for %d at a time", n, maxKinds)
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
		like, err := p.tryable(namespace, &pod)
		if err != nil {
			return nil, fmt.Errorf("%s.pod: %w", at, err)
		}
		units = add(units, of, like, i)
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

// tryable returns a pod as placement looks at it, in a namespace and before anybody has tried it; or says why it cannot
// be tried before it exists. Nobody has looked at it before: a filter that stumbles over it would end the scheduler.
func (p *Planner) tryable(namespace string, pod *v1.Pod) (*v1.Pod, error) {
	if err := p.able(pod); err != nil {
		return nil, err
	}
	like := recording.Pod(pod)
	like.Name, like.Namespace, like.Status, like.Spec.SchedulingGates = "pod", namespace, v1.PodStatus{Phase: v1.PodPending}, nil
	like.DeletionTimestamp, like.OwnerReferences = nil, slices.Clone(like.OwnerReferences)
	if text, err := json.Marshal(like); err != nil || len(text) > maxBytes {
		return nil, fmt.Errorf("it has %d bytes: a pod may have %d", len(text), maxBytes)
	}
	return like, valid(like)
}

// valid says what the API server would say of a pod.
func valid(pod *v1.Pod) error {
	whole := pod.DeepCopy()
	corev1.SetObjectDefaults_Pod(whole)
	var internal core.Pod
	if err := corev1.Convert_v1_Pod_To_core_Pod(whole, &internal, nil); err != nil {
		return err
	}
	options := podutil.GetValidationOptionsFromPodSpecAndMeta(&internal.Spec, nil, &internal.ObjectMeta, nil)
	return validation.ValidatePodCreate(&internal, options).ToAggregate()
}

func (p *Planner) able(pod *v1.Pod) error {
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

// add adds a number of pods as the API would have them just after they were created: a moment apart. They share what
// they have in common.
func add(units []Unit, of v1alpha1.FitPods, like *v1.Pod, serial int) []Unit {
	key, _, member := snapshot.MemberOf(like)
	at := -1
	if member {
		at = slices.IndexFunc(units, func(u Unit) bool { return u.Gang && u.Turn.Gang == key })
	}
	if at < 0 {
		at = len(units)
		u := Unit{Name: of.Name, Turn: gang.Turn{Gang: gang.Key{Namespace: like.Namespace, Name: of.Name}}}
		if member {
			u = Unit{Name: key.Name, Gang: true, Turn: gang.Turn{Gang: key}}
		}
		units = append(units, u)
	}
	for i := range of.Count {
		pod := *like
		pod.Name = fmt.Sprintf("%s-%d", of.Name, i)
		pod.UID = types.UID(fmt.Sprintf("rehearsal-%03d-%05d", serial, i))
		pod.CreationTimestamp = metav1.NewTime(time.Unix(int64(serial), int64(i)))
		units[at].Pods = append(units[at].Pods, &pod)
	}
	return units
}
