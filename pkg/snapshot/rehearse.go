package snapshot

import (
	"fmt"
	"maps"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-scheduler/muster/pkg/gang"
)

// Company is the objects beside pods that say something of their gangs: PodGroups, and
// Jobs that control them.
type Company struct {
	groups map[gang.Key]*gang.Group
	jobs   map[string]gang.Job // by UID
}

// NewCompany reads objects that may not exist, as if they were in the namespace. An object of
// another kind is an error, and so is one that cannot be read.
func NewCompany(namespace string, objects []*unstructured.Unstructured) (Company, error) {
	c := Company{groups: map[gang.Key]*gang.Group{}, jobs: map[string]gang.Job{}}
	for _, object := range objects {
		of := object.GroupVersionKind()
		if of.Group == batchv1.GroupName && of.Kind == "Job" {
			var job batchv1.Job
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &job); err != nil {
				return Company{}, fmt.Errorf("job %s: %w", object.GetName(), err)
			}
			c.jobs[string(job.UID)] = jobOf(&job)
			continue
		}
		at := slices.IndexFunc(kinds(""), func(k kind) bool { return k.resource.Group == of.Group && of.Kind == "PodGroup" })
		if at < 0 {
			return Company{}, fmt.Errorf("%s %s: neither a Job nor a PodGroup", of.Kind, object.GetName())
		}
		placed := object.DeepCopy()
		placed.SetNamespace(namespace)
		trimmed, err := kinds("")[at].trim(placed)
		if err != nil {
			return Company{}, fmt.Errorf("PodGroup %s: %w", object.GetName(), err)
		}
		pg := trimmed.(*podGroup)
		c.groups[pg.key] = &pg.group
	}
	return c, nil
}

// Rehearse returns the turn in which a gang would be planned if its members were these
// pods. If it would not be tried, why says what it would wait for. An object that the
// company does not have is taken from the cluster. A gang that has members already is an error:
// what becomes of it depends on these.
func (g *Gangs) Rehearse(key gang.Key, pods []*v1.Pod, c Company) (turn gang.Turn, why string, err error) {
	g.mu.Lock()
	status, _ := g.roster.Status(key)
	group, most := g.roster.Group(key), g.roster.MaxMembers()
	g.mu.Unlock() // for the rest takes as long as there are pods
	if status.Pods > 0 {
		return gang.Turn{}, "", fmt.Errorf("gang %s has %d pods already: ask for a gang of another name", key, status.Pods)
	}
	if stated := c.groups[key]; stated != nil {
		group = stated
	}
	members := make([]gang.Member, len(pods))
	for i, pod := range pods {
		_, members[i], _ = MemberOf(pod)
	}
	turn, why = gang.Rehearse(key, members, group, c.jobs, most)
	return turn, why, nil
}

// Serves reports whether pods for a scheduler of this name can be members here.
func (g *Gangs) Serves(scheduler string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Contains(g.schedulers, scheduler)
}

// NextTurn returns the turn in which those members of a gang would be planned who wait, and these; it changes
// nothing. If the gang would not be tried, why says what it waits for.
func (g *Gangs) NextTurn(key gang.Key) (turn gang.Turn, pods []*v1.Pod, why string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	turn, why = g.roster.NextTurn(key)
	return turn, g.podsOf(g.roster.Pending(key)), why
}

// KeptRoom is room that is kept on a node for a pod of a gang, which is there no more if it is lost.
type KeptRoom struct {
	Node string
	Gang gang.Key
	Pod  *v1.Pod
	Lost bool
}

// KeptRooms returns the room that is kept.
func (g *Gangs) KeptRooms() (rooms []KeptRoom) {
	g.kept.mu.RLock()
	defer g.kept.mu.RUnlock()
	for _, node := range slices.Sorted(maps.Keys(g.kept.nodes)) {
		on := g.kept.nodes[node]
		for _, uid := range slices.Sorted(maps.Keys(on)) {
			rooms = append(rooms, KeptRoom{node, on[uid].gang, on[uid].pod.GetPod(), on[uid].lost})
		}
	}
	return rooms
}

// Keep keeps room as another process did. It is for a process that decides again what that decided.
func (g *Gangs) Keep(r KeptRoom) error {
	info, err := framework.NewPodInfo(r.Pod)
	if err == nil {
		g.kept.put(r.Node, room{pod: info, gang: r.Gang, lost: r.Lost})
	}
	return err
}
