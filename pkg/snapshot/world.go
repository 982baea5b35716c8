package snapshot

import (
	"context"
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/image"
	"github.com/muster-scheduler/muster/pkg/reason"
	"github.com/muster-scheduler/muster/pkg/resources"
)

// Worlds makes the worlds of one profile and keeps what they have in common. It
// is for the goroutine that runs the scheduling cycles.
type Worlds struct {
	fw      framework.Framework
	images  func(pod *v1.Pod, others int, nodes []fwk.NodeInfo) []image.Estimate
	keptOn  func(*v1.Pod, fwk.NodeInfo) []fwk.PodInfo
	devices *devices // nil until a gang takes any
	table   *table
	ignored map[string]bool // by resource, once known: the filters do not mind it
}

// NewWorlds returns the worlds of a profile. images returns what a pod's images
// cost on each node, or nil. keptOn returns the pods that are not nominated for
// which room is kept on a node from a pod. Either may be nil itself.
func NewWorlds(fw framework.Framework, images func(pod *v1.Pod, others int, nodes []fwk.NodeInfo) []image.Estimate, keptOn func(*v1.Pod, fwk.NodeInfo) []fwk.PodInfo) *Worlds {
	return &Worlds{fw: fw, images: images, keptOn: keptOn, table: newTable(), ignored: map[string]bool{}}
}

// World is the cluster as one scheduling cycle sees it, in which a gang can be
// tried: members are put on private copies of nodes, and the profile's own
// plugins say whether each is accepted. Nothing of it is seen outside.
//
// It implements gang.Trial. It is for one goroutine, within one scheduling cycle.
type World struct {
	*Worlds
	ctx     context.Context
	private map[int]fwk.NodeInfo // by row: our copies
	coming  map[int][]string     // by row: members that are to be put on our copy before it is asked
	classes []class
	coupled bool                  // some class is
	pods    map[string]memberInfo // by UID
	vetoed  sets.Set[string]
	devices *devices // nil if no class takes any
	// contested is set if several classes take devices: who comes first may take what
	// the next depends on.
	contested bool
	err       error

	repulsion repulsion
}

// memberInfo is a pod that counts its resources once for its whole class: doing so
// for each of them costs more than all the rest of placing it.
type memberInfo struct {
	*framework.PodInfo
	resources *fwk.PodResource
}

// CalculateResource implements fwk.PodInfo.
func (m memberInfo) CalculateResource() fwk.PodResource { return *m.resources }

// class is what all members of a gang.Class share.
type class struct {
	coupled  bool
	devices  bool    // it takes some
	pod      *v1.Pod // its first member
	state    fwk.CycleState
	only     sets.Set[string] // nodes that PreFilter left; nil for all
	rejected *fwk.Status      // PreFilter refused the class everywhere
	closed   *closed
	spread   spread

	resources fwk.PodResource
}

// whatIfKey marks the cycle states of trials, so that plugins that plan do not
// plan within a plan.
const whatIfKey = "muster.dev/what-if"

type whatIf struct{}

func (whatIf) Clone() fwk.StateData { return whatIf{} }

// MarkTrial has a cycle state belong to a trial.
func MarkTrial(state fwk.CycleState) { state.Write(whatIfKey, whatIf{}) }

// InTrial reports whether a cycle state belongs to a trial.
func InTrial(state fwk.CycleState) bool {
	_, err := state.Read(whatIfKey)
	return err == nil
}

// New returns the world of one cycle for the pods of a turn, and the question
// about them in the planner's terms. The cluster is valid until the next call.
func (ws *Worlds) New(ctx context.Context, nodes []fwk.NodeInfo, pods []*v1.Pod, turn gang.Turn) (*World, gang.Cluster, []gang.Class, error) {
	ws.table.refresh(nodes)
	w := &World{
		Worlds:  ws,
		ctx:     ctx,
		private: map[int]fwk.NodeInfo{},
		coming:  map[int][]string{},
		pods:    make(map[string]memberInfo, len(pods)),
		vetoed:  sets.New(turn.Veto...),
	}
	var classes []gang.Class
	byKey := map[string]int{}
	minded := slices.ContainsFunc(pods, apart)
	for _, pod := range pods {
		info, err := framework.NewPodInfo(pod)
		if err != nil {
			return nil, gang.Cluster{}, nil, fmt.Errorf("reading affinity of pod %s: %w", klog.KObj(pod), err)
		}
		role := pod.Annotations[gang.RoleAnnotation]
		key := classKey(pod)
		full := role + "/" + key
		if minded {
			full += labelKey(pod)
		}
		if ws.images != nil {
			full += pullKey(pod)
		}
		if len(pod.Spec.ResourceClaims) > 0 {
			full += ws.claimKey(pod)
		}
		i, ok := byKey[full]
		if !ok {
			i = len(classes)
			byKey[full] = i
			classes = append(classes, gang.Class{Role: role, Coupled: coupled(pod)})
			w.classes = append(w.classes, w.newClass(pod, key, classes[i].Coupled))
			w.classes[i].resources = info.CalculateResource()
			w.takeOver(&w.classes[i])
		}
		w.pods[string(pod.UID)] = memberInfo{info, &w.classes[i].resources}
		classes[i].UIDs = append(classes[i].UIDs, string(pod.UID))
	}
	w.findRepulsion(classes)
	w.couple(classes)
	w.coupled = slices.ContainsFunc(w.classes, func(c class) bool { return c.coupled })
	for i := range classes {
		w.need(i)
	}
	for i := range classes {
		classes[i].Ask = ws.table.ask(w.pods[classes[i].UIDs[0]])
		classes[i].Closed = w.classes[i].closed.rows
	}
	w.readImages(classes, len(pods))
	cluster := gang.Cluster{Nodes: ws.table.names, Resources: ws.table.resources, Has: ws.table.has, Free: ws.table.free, Total: ws.table.total}
	for _, level := range turn.Spec.Topology {
		cluster.Labels = append(cluster.Labels, ws.table.valuesOf(level.Key))
	}
	return w, cluster, classes, w.err
}

// fewest is on how few nodes that many members have room, if all ask for as much:
// so many pulls begin at once at least. More of them are expected on more nodes,
// but in simulations that had gangs shun pulls they were better off with.
func (t *table) fewest(ask resources.Vector, members int) int {
	most := 1
	for _, free := range t.free {
		most = max(most, resources.Room(free, ask))
	}
	return (members + most - 1) / most
}

// noRoomSeconds is how much later a node counts as ready that has no room for the
// images: it is the last to be taken.
const noRoomSeconds = 3600

// readImages states what the images of the classes cost, where that makes a
// difference. Classes of the same images share it.
func (w *World) readImages(classes []gang.Class, members int) {
	if w.images == nil {
		return
	}
	others := w.table.fewest(classes[0].Ask, members) - 1
	known := map[string]*gang.Class{}
	for i := range classes {
		c := &classes[i]
		images := fmt.Sprint(PodImages(w.classes[i].pod))
		if like := known[images]; like != nil {
			c.Images, c.Pulls = like.Images, like.Pulls
			continue
		}
		known[images] = c
		estimates := w.images(w.classes[i].pod, others, w.table.nodes)
		if estimates == nil {
			continue
		}
		c.Images = images
		c.Pulls = make([]gang.Pull, len(estimates))
		for n, e := range estimates {
			c.Pulls[n] = gang.Pull{Seconds: e.Seconds, Wait: e.Wait, Again: e.Again, Bytes: e.Bytes, Price: e.Price}
			if e.Full {
				c.Pulls[n].Seconds += noRoomSeconds
			}
		}
	}
}

func (w *World) newClass(pod *v1.Pod, key string, coupled bool) class {
	c := class{coupled: coupled, pod: pod, state: framework.NewCycleState(), closed: w.table.closedTo(key)}
	MarkTrial(c.state)
	c.spread = w.newSpread(pod)
	result, status, _ := w.fw.RunPreFilterPlugins(w.ctx, c.state, pod)
	switch {
	case status.IsRejected():
		c.rejected = status
	case !status.IsSuccess():
		w.fail(status.AsError())
	case !result.AllNodes():
		c.only = result.NodeNames
	}
	return c
}

// need has the table count the resources that a class asks for.
func (w *World) need(i int) {
	for name, n := range w.classes[i].resources.Resource.GetScalarResources() {
		if n > 0 {
			w.table.need(string(name), w.providedElsewhere(i, string(name)))
		}
	}
}

// providedElsewhere reports whether class i may be on nodes that do not have a
// resource it asks for: by the word of device classes, or of the filters, which
// leave some resources to extenders. Nodes are asked until one gives a clear
// answer; if none does, all of them refuse the class anyway.
func (w *World) providedElsewhere(i int, name string) bool {
	if w.isDevice(v1.ResourceName(name)) {
		return true
	}
	if ignored, known := w.ignored[name]; known {
		return ignored
	}
	c := &w.classes[i]
	if c.rejected != nil {
		return false
	}
	for row, node := range w.table.nodes {
		if c.closed.rows[row] || amount(node.GetAllocatable(), name) > 0 {
			continue
		}
		status := w.fw.RunFilterPlugins(w.ctx, c.state, c.pod, node)
		if status.IsSuccess() || status.Plugin() == "NodeResourcesFit" {
			w.ignored[name] = !slices.Contains(status.Reasons(), "Insufficient "+name)
			return w.ignored[name]
		}
		c.closed.learn(row, reasonOf(status))
	}
	return false
}

func (w *World) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// Ordered reports whether members have to come in the order of the plan.
func (w *World) Ordered() bool {
	return w.contested || slices.ContainsFunc(w.classes, func(c class) bool { return ordered(c.pod) })
}

// Ahead returns those of placed members, given in the order in which they were
// placed, who have to be bound before the others come: they get resource claims
// allocated which others share, and the API has to say where before these are tried.
func (w *World) Ahead(uids []string) []string {
	if w.devices == nil {
		return nil
	}
	pods := make([]*v1.Pod, len(uids))
	for i, uid := range uids {
		pods[i] = w.pods[uid].Pod
	}
	return w.devices.ahead(pods)
}

// Err returns what went wrong while the world was asked, if anything. An answer
// of a world with an error is no answer.
func (w *World) Err() error { return w.err }

// Note returns the words with which a plugin refused a class on every node, or "".
func (w *World) Note() string {
	for _, c := range w.classes {
		if c.rejected != nil {
			return c.rejected.Message()
		}
	}
	if w.devices != nil {
		return w.devices.note
	}
	return ""
}

// Kept implements gang.Trial: the room that is kept for other pods, of the
// members' priority or above.
func (w *World) Kept(n int) resources.Vector {
	var kept resources.Vector
	infos := w.fw.NominatedPodsForNode(w.table.names[n])
	if w.keptOn != nil {
		infos = append(infos, w.keptOn(w.classes[0].pod, w.table.nodes[n])...)
	}
	for _, info := range infos {
		pod := info.GetPod()
		if _, own := w.pods[string(pod.UID)]; own || corev1helpers.PodPriority(pod) < corev1helpers.PodPriority(w.classes[0].pod) {
			continue
		}
		asks := w.table.ask(info)
		if kept == nil {
			kept = asks
			continue
		}
		for i, a := range asks {
			kept[i] += a
		}
	}
	return kept
}

// Fits implements gang.Trial.
func (w *World) Fits(i, n int, uid string) reason.Reason {
	w.settle(n)
	w.look(i, uid)
	why, err := w.filter(i, n, uid)
	w.learn(i, n, why, err)
	return why
}

// Survey implements gang.Trial. The filters only read, as when the framework
// itself runs them on many nodes.
func (w *World) Survey(i int, nodes []int, uid string) []reason.Reason {
	for _, n := range nodes {
		w.settle(n)
	}
	w.look(i, uid)
	answers, errs := make([]reason.Reason, len(nodes)), make([]error, len(nodes))
	w.fw.Parallelizer().Until(w.ctx, len(nodes), func(at int) {
		answers[at], errs[at] = w.filter(i, nodes[at], uid)
	}, "GangSurvey")
	if err := w.ctx.Err(); err != nil {
		w.fail(err) // not all were asked
	}
	for at, n := range nodes {
		w.learn(i, n, answers[at], errs[at])
	}
	return answers
}

// filter asks the profile's filters. It changes nothing.
func (w *World) filter(i, n int, uid string) (reason.Reason, error) {
	c, name := &w.classes[i], w.table.names[n]
	switch {
	case w.err != nil:
		return reason.Reason{Code: reason.Other, Detail: "an error"}, nil
	case c.rejected != nil:
		return reasonOf(c.rejected), nil
	case w.vetoed.Has(name):
		return reason.Reason{Code: reason.Excluded}, nil
	case c.only != nil && !c.only.Has(name):
		return reason.Reason{Code: reason.Affinity}, nil
	case c.closed.rows[n]:
		return c.closed.why[n], nil
	case w.repulsion.repels(i, w.table.objects[n]):
		return reason.Reason{Code: reason.PodRules}, nil
	}
	status := w.fw.RunFilterPluginsWithNominatedPods(w.ctx, c.state, w.pods[uid].Pod, w.node(n))
	switch {
	case status.IsSuccess() && c.devices:
		return w.devices.ask(w.ctx, w.pods[uid].Pod, w.node(n))
	case !status.IsSuccess() && !status.IsRejected():
		return reasonOf(status), status.AsError()
	}
	return reasonOf(status), nil
}

// look prepares for a question about the devices of a member.
func (w *World) look(i int, uid string) {
	if w.classes[i].devices && w.err == nil {
		w.devices.look(w.ctx, w.pods[uid].Pod)
	}
}

func (w *World) learn(i, n int, why reason.Reason, err error) {
	c := &w.classes[i]
	if err != nil {
		w.fail(err)
	} else if c.rejected == nil && (c.only == nil || c.only.Has(w.table.names[n])) {
		c.closed.learn(n, why)
	}
}

func (w *World) node(n int) fwk.NodeInfo {
	if node, ok := w.private[n]; ok {
		return node
	}
	return w.table.nodes[n]
}

// Place implements gang.Trial. As long as nobody minds what is placed elsewhere,
// the node is copied only when it is asked about again, which is often never.
func (w *World) Place(i, n int, uid string) {
	if w.classes[i].devices {
		if err := w.devices.place(w.ctx, w.pods[uid].Pod, w.table.nodes[n]); err != nil {
			w.fail(err)
		}
	}
	w.coming[n] = append(w.coming[n], uid)
	if w.coupled {
		w.settle(n)
		node := w.private[n]
		w.repulsion.move(i, node.Node(), 1)
		w.tell(w.pods[uid], node, w.fw.RunPreFilterExtensionAddPod)
	}
}

// settle puts the members on our copy of the node that were placed there.
func (w *World) settle(n int) {
	coming := w.coming[n]
	if len(coming) == 0 {
		return
	}
	node, ok := w.private[n]
	if !ok {
		node = w.table.nodes[n].Snapshot()
		w.private[n] = node
	}
	for _, uid := range coming {
		node.AddPodInfo(w.pods[uid])
	}
	delete(w.coming, n)
}

// Undo implements gang.Trial.
func (w *World) Undo(i, n int, uid string) {
	if w.classes[i].devices {
		w.devices.undo()
	}
	if coming := w.coming[n]; len(coming) > 0 {
		w.coming[n] = coming[:len(coming)-1] // this one
		return
	}
	node, info := w.private[n], w.pods[uid]
	if err := node.RemovePod(klog.FromContext(w.ctx), info.Pod); err != nil {
		w.fail(err)
	}
	if w.coupled {
		w.repulsion.move(i, node.Node(), -1)
		w.tell(info, node, w.fw.RunPreFilterExtensionRemovePod)
	}
}

// tell lets the classes know of a change that may matter to them.
func (w *World) tell(info fwk.PodInfo, node fwk.NodeInfo,
	run func(context.Context, fwk.CycleState, *v1.Pod, fwk.PodInfo, fwk.NodeInfo) *fwk.Status,
) {
	for i := range w.classes {
		c := &w.classes[i]
		if !c.coupled || c.rejected != nil {
			continue
		}
		if s := run(w.ctx, c.state, c.pod, info, node); !s.IsSuccess() {
			w.fail(s.AsError())
		}
		w.remind(c, info)
	}
}
