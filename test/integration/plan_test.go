package integration

import (
	"context"
	"fmt"
	"slices"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	upstream "k8s.io/kubernetes/pkg/scheduler"
	internalcache "k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	st "k8s.io/kubernetes/pkg/scheduler/testing"
	"pgregory.net/rapid"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/reason"
	"github.com/muster-scheduler/muster/pkg/snapshot"
)

// silent is a context that ends with the test and logs nothing: hundreds of
// starts are not worth a log.
func silent() (context.Context, context.CancelFunc) {
	return context.WithCancel(klog.NewContext(context.Background(), klog.Logger{}))
}

// freshNodes returns the nodes of the scheduler's cache, as a cycle of Muster's
// profile would see them now.
func freshNodes(ctx context.Context, t failer, sched *upstream.Scheduler) (framework.Framework, []fwk.NodeInfo) {
	fw := sched.Profiles["muster"]
	shot := fw.SnapshotSharedLister().(*internalcache.Snapshot)
	if err := sched.Cache.UpdateSnapshot(klog.FromContext(ctx), shot); err != nil {
		t.Fatal(err)
	}
	nodes, err := shot.NodeInfos().List()
	if err != nil {
		t.Fatal(err)
	}
	return fw, nodes
}

// randomMembers returns some members of as many kinds, at most.
func randomMembers(t *rapid.T, kinds int) []*v1.Pod {
	var members []*v1.Pod
	for kind := range rapid.IntRange(1, kinds).Draw(t, "kinds") {
		template := randomPod(t, "member")
		template.Annotations = map[string]string{gang.RoleAnnotation: rapid.SampledFrom([]string{"", "x"}).Draw(t, "role")}
		for i := range rapid.IntRange(1, 6/kinds).Draw(t, "members") {
			p := template.DeepCopy()
			p.Name = fmt.Sprintf("member%d-%d", kind, i)
			p.UID = types.UID(p.Name)
			members = append(members, p)
		}
	}
	return members
}

// assume puts a pod on a node in the scheduler's cache.
func assume(ctx context.Context, t failer, sched *upstream.Scheduler, p *v1.Pod, node string) {
	p = p.DeepCopy()
	p.Spec.NodeName = node
	if err := sched.Cache.AssumePod(klog.FromContext(ctx), p); err != nil {
		t.Fatal(err)
	}
}

// TestFiltersKeepWhatThePlanPromises plans random gangs on random clusters, with
// the shipped profile's own filters. The planned members are then accepted by
// their nodes, in the plan's order; and where the plan says no, and members do not mind
// one another, placing them one by one gets no further; of those who do, it rarely
// gets further.
func TestFiltersKeepWhatThePlanPromises(t *testing.T) {
	planned, refused, missed := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		ctx, cancel := silent()
		defer cancel()
		sched := randomCluster(ctx, t)
		members := randomMembers(t, 2)
		turn := gang.Turn{Need: gang.Quota{Need: rapid.IntRange(1, len(members)).Draw(t, "need")}}
		if levels := rapid.IntRange(0, 4).Draw(t, "levels"); levels < 2 {
			turn.Spec.Topology = []gang.Level{{Key: v1.LabelTopologyZone, Required: true}, {Key: "disk"}}[:1+levels]
		}
		fw, nodes := freshNodes(ctx, t, sched)
		world, cluster, classes, err := snapshot.NewWorlds(fw, nil, nil).New(ctx, nodes, members, turn)
		if err != nil {
			t.Fatal(err)
		}
		slots, verdict := gang.Plan(cluster, turn, classes, world)
		if err := world.Err(); err != nil {
			t.Fatal(err)
		}
		if slots != nil {
			planned++
			for _, uid := range verdict.Order {
				p := members[slices.IndexFunc(members, func(p *v1.Pod) bool { return string(p.UID) == uid })]
				if got := feasible(ctx, t, sched, "muster", p); !slices.Contains(got, slots[uid]) {
					t.Fatalf("%s is planned for %s, the filters accept it on %v; plan %v in the order %v", uid, slots[uid], got, slots, verdict.Order)
				}
				assume(ctx, t, sched, p, slots[uid])
			}
			return
		}
		refused++
		if len(turn.Spec.Topology) > 0 || len(world.Note()) > 0 {
			return
		}
		fit := 0
		for _, p := range members {
			if got := feasible(ctx, t, sched, "muster", p); len(got) > 0 {
				assume(ctx, t, sched, p, got[0])
				fit++
			}
		}
		if fit < turn.Need.Need {
			return
		}
		if !slices.ContainsFunc(classes, func(c gang.Class) bool { return c.Coupled }) {
			t.Fatalf("%d of %d members fit one by one, the plan found %+v", fit, turn.Need.Need, verdict)
		}
		missed++
	})
	t.Logf("%d plans, %d refusals, %d of which of coupled members that fit one by one", planned, refused, missed)
	if missed*50 > planned {
		t.Errorf("%d plans missed, more than 1 for 50 that were found", missed)
	}
	if planned == 0 || refused == 0 {
		t.Errorf("%d plans and %d refusals prove nothing", planned, refused)
	}
}

// TestUndoLeavesNoTrace places random members in a world and takes them back, in
// any lawful order. Whenever the same members are placed, all nodes give the same
// answers to all of them.
func TestUndoLeavesNoTrace(t *testing.T) {
	undone := 0
	rapid.Check(t, func(t *rapid.T) {
		ctx, cancel := silent()
		defer cancel()
		sched := randomCluster(ctx, t)
		fw, nodes := freshNodes(ctx, t, sched)
		world, cluster, classes, err := snapshot.NewWorlds(fw, nil, nil).New(ctx, nodes, randomMembers(t, 3), gang.Turn{})
		if err != nil {
			t.Fatal(err)
		}
		all := make([]int, len(cluster.Nodes))
		for n := range all {
			all[n] = n
		}
		answers := func() (out [][]reason.Reason) {
			for i, c := range classes {
				out = append(out, world.Survey(i, all, c.UIDs[0]))
			}
			return out
		}
		type step struct {
			class, node int
			before      [][]reason.Reason
		}
		var placed []step
		used := make([]int, len(classes))
		for range 12 {
			i, n := rapid.IntRange(0, len(classes)-1).Draw(t, "class"), rapid.IntRange(0, len(all)-1).Draw(t, "node")
			before := answers()
			if rapid.IntRange(0, 2).Draw(t, "place") > 0 {
				if used[i] == len(classes[i].UIDs) || !before[i][n].Fits() {
					continue
				}
				s := step{i, n, before}
				world.Place(s.class, s.node, classes[i].UIDs[used[i]])
				used[i]++
				placed = append(placed, s)
			} else if len(placed) > 0 {
				s := placed[len(placed)-1]
				placed = placed[:len(placed)-1]
				used[s.class]--
				world.Undo(s.class, s.node, classes[s.class].UIDs[used[s.class]])
				if after := answers(); fmt.Sprint(after) != fmt.Sprint(s.before) {
					t.Fatalf("class %d on node %d: %v before, %v after\npod %+v", s.class, s.node, s.before, after, classes[s.class])
				}
				undone++
			}
		}
		if err := world.Err(); err != nil {
			t.Fatal(err)
		}
	})
	if undone == 0 {
		t.Error("nothing was taken back")
	}
}

// TestPlanDoesNotDependOnTheOrderOfNodes: the framework lists nodes in an order
// of its own.
func TestPlanDoesNotDependOnTheOrderOfNodes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx, cancel := silent()
		defer cancel()
		sched := randomCluster(ctx, t)
		fw, nodes := freshNodes(ctx, t, sched)
		members := randomMembers(t, 3)
		turn := gang.Turn{Need: gang.Quota{Need: rapid.IntRange(1, len(members)).Draw(t, "need")}}
		worlds := snapshot.NewWorlds(fw, nil, nil)
		plan := func(worlds *snapshot.Worlds, nodes []fwk.NodeInfo) string {
			world, cluster, classes, err := worlds.New(ctx, nodes, members, turn)
			if err != nil {
				t.Fatal(err)
			}
			slots, verdict := gang.Plan(cluster, turn, classes, world)
			verdict.Obstructed = false // a world that knows more is surer
			return fmt.Sprintf("%v %+v", slots, verdict)
		}
		want := plan(worlds, nodes)
		shuffled := rapid.Permutation(nodes).Draw(t, "nodes")
		for _, again := range []string{plan(worlds, nodes), plan(worlds, shuffled), plan(snapshot.NewWorlds(fw, nil, nil), shuffled)} {
			if again != want {
				t.Fatalf("%s\nthen %s", want, again)
			}
		}
	})
}

// TestWorldsFollowTheCluster changes a cluster at random: worlds that have seen
// every state of it plan like worlds that see the last one alone.
func TestWorldsFollowTheCluster(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx, cancel := silent()
		defer cancel()
		logger := klog.FromContext(ctx)
		sched := randomCluster(ctx, t)
		worlds := snapshot.NewWorlds(sched.Profiles["muster"], nil, nil)
		gangs := [][]*v1.Pod{randomMembers(t, 2), randomMembers(t, 2)}
		for change := range rapid.IntRange(1, 6).Draw(t, "changes") {
			fw, nodes := freshNodes(ctx, t, sched)
			members := rapid.SampledFrom(gangs).Draw(t, "gang")
			turn := gang.Turn{Need: gang.Quota{Need: len(members)}, Spec: gang.Spec{Topology: []gang.Level{{Key: "disk"}}}}
			plan := func(worlds *snapshot.Worlds) string {
				world, cluster, classes, err := worlds.New(ctx, nodes, members, turn)
				if err != nil {
					t.Fatal(err)
				}
				slots, verdict := gang.Plan(cluster, turn, classes, world)
				return fmt.Sprintf("%v, %d fit", slots, verdict.Fit) // what is short may be known better
			}
			if got, want := plan(worlds), plan(snapshot.NewWorlds(fw, nil, nil)); got != want {
				t.Fatalf("change %d: %s\nwant %s", change, got, want)
			}
			at := rapid.IntRange(0, 6).Draw(t, "node")
			switch known := at < len(nodes) && nodes[at].Node() != nil; {
			case !known:
				sched.Cache.AddNode(logger, randomNode(t, 10+change))
			case rapid.Bool().Draw(t, "update"):
				node := nodes[at].Node()
				sched.Cache.UpdateNode(logger, node, renamed(randomNode(t, 0), node.Name))
			default:
				p := randomPod(t, fmt.Sprint("later", change))
				assume(ctx, t, sched, p, nodes[at].Node().Name)
			}
		}
	})
}

func renamed(n *v1.Node, name string) *v1.Node {
	n.Name, n.Labels[v1.LabelHostname] = name, name
	return n
}

// BenchmarkPlan plans gangs on 5,000 nodes with the shipped profile's filters.
func BenchmarkPlan(b *testing.B) {
	ctx, cancel := silent()
	defer cancel()
	sched := bothProfiles(ctx, b)
	for i := range 5000 {
		name := fmt.Sprintf("n%04d", i)
		n := st.MakeNode().Name(name).Label(v1.LabelHostname, name).
			Label(v1.LabelTopologyZone, fmt.Sprint("z", i%3)).Label("rack", fmt.Sprint("r", i%100)).Label("pool", fmt.Sprint("p", i*10/5000)).
			Capacity(map[v1.ResourceName]string{v1.ResourceCPU: "4", v1.ResourceMemory: "32Gi", v1.ResourcePods: "110"})
		sched.Cache.AddNode(klog.FromContext(ctx), n.Obj())
	}
	fw, nodes := freshNodes(ctx, b, sched)
	for _, c := range []struct {
		name     string
		members  int
		fits     bool
		pod      func(*st.PodWrapper)
		topology []gang.Level
	}{
		{name: "3 fit", members: 3, fits: true},
		{name: "1000 fit", members: 1000, fits: true},
		{name: "1000 do not fit by arithmetic", members: 1000, pod: func(p *st.PodWrapper) { p.Req(map[v1.ResourceName]string{v1.ResourceCPU: "5"}) }},
		{name: "5001 do not fit by one", members: 5001, pod: func(p *st.PodWrapper) { p.Req(map[v1.ResourceName]string{v1.ResourceCPU: "3"}) }},
		{name: "1000 do not fit by affinity", members: 1000, pod: func(p *st.PodWrapper) { p.NodeSelector(map[string]string{"pool": "none"}) }},
		{name: "3 fit in the last pool", members: 3, fits: true, pod: func(p *st.PodWrapper) { p.NodeSelector(map[string]string{"pool": "p9"}) }},
		{name: "8 fit in one rack", members: 8, fits: true, topology: []gang.Level{{Key: v1.LabelTopologyZone, Required: true}, {Key: "rack", Required: true}}},
		{name: "1000 do not fit in one rack", members: 1000, topology: []gang.Level{{Key: v1.LabelTopologyZone, Required: true}, {Key: "rack", Required: true}}},
		{name: "1000 fit apart", members: 1000, fits: true, pod: func(p *st.PodWrapper) {
			p.Label("app", "x").PodAntiAffinityExists("app", v1.LabelHostname, st.PodAntiAffinityWithRequiredReq)
		}},
		{name: "5001 do not fit apart", members: 5001, pod: func(p *st.PodWrapper) {
			p.Label("app", "x").PodAntiAffinityExists("app", v1.LabelHostname, st.PodAntiAffinityWithRequiredReq)
		}},
		{name: "999 fit spread", members: 999, fits: true, pod: func(p *st.PodWrapper) {
			p.Label("app", "x").SpreadConstraint(1, v1.LabelTopologyZone, v1.DoNotSchedule, st.MakeLabelSelector().Exists("app").Obj(), nil, nil, nil, nil)
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var members []*v1.Pod
			for i := range c.members {
				name := fmt.Sprintf("m%04d", i)
				p := st.MakePod().Name(name).Namespace("default").UID(name).Container("r.io/a:v1")
				if c.pod != nil {
					c.pod(p)
				}
				p.Req(map[v1.ResourceName]string{v1.ResourceCPU: "100m", v1.ResourceMemory: "100Mi"})
				members = append(members, p.Obj())
			}
			turn := gang.Turn{Need: gang.Quota{Need: c.members}, Spec: gang.Spec{Min: c.members, Topology: c.topology}}
			worlds := snapshot.NewWorlds(fw, nil, nil)
			b.ReportAllocs()
			for b.Loop() {
				world, cluster, classes, err := worlds.New(ctx, nodes, members, turn)
				if err != nil {
					b.Fatal(err)
				}
				if slots, v := gang.Plan(cluster, turn, classes, world); (slots != nil) != c.fits || world.Err() != nil {
					b.Fatal(len(slots), v, world.Err())
				}
			}
		})
	}
}

// TestPlanMindsWhatMembersSayOfOneAnother: the cases that the plugins are not
// told of when members are only tried.
func TestPlanMindsWhatMembersSayOfOneAnother(t *testing.T) {
	node := func(name, zone, cpu string) *v1.Node {
		return st.MakeNode().Name(name).Label(v1.LabelHostname, name).Label(v1.LabelTopologyZone, zone).
			Capacity(map[v1.ResourceName]string{v1.ResourceCPU: cpu, v1.ResourcePods: "10"}).Obj()
	}
	pod := func(name, app string) *st.PodWrapper {
		return st.MakePod().Name(name).Namespace("default").UID(name).Label("app", app).Req(map[v1.ResourceName]string{v1.ResourceCPU: "1"})
	}
	spread := func(name string) *v1.Pod {
		return pod(name, "web").SpreadConstraint(1, v1.LabelTopologyZone, v1.DoNotSchedule, st.MakeLabelSelector().Exists("app").Obj(), nil, nil, nil, nil).Obj()
	}
	for name, c := range map[string]struct {
		nodes   []*v1.Node
		members []*v1.Pod
		fit     int
	}{
		"a zone without room keeps all others at one": {
			nodes:   []*v1.Node{node("n0", "a", "4"), node("n1", "b", "4"), node("n2", "c", "0")},
			members: []*v1.Pod{spread("m0"), spread("m1"), spread("m2"), spread("m3")},
			fit:     2,
		},
		"a member that says nothing is kept away by one that does": {
			nodes: []*v1.Node{node("n0", "a", "4"), node("n1", "a", "4"), node("n2", "b", "1")},
			members: []*v1.Pod{
				pod("m0", "db").Obj(), pod("m1", "db").Obj(),
				pod("m2", "web").Req(map[v1.ResourceName]string{v1.ResourceCPU: "2"}).PodAntiAffinity(v1.LabelTopologyZone, st.MakeLabelSelector().In("app", []string{"db"}).Obj(), st.PodAntiAffinityWithRequiredReq).Obj(),
			},
			fit: 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := silent()
			defer cancel()
			sched := bothProfiles(ctx, t)
			for _, n := range c.nodes {
				sched.Cache.AddNode(klog.FromContext(ctx), n)
			}
			fw, nodes := freshNodes(ctx, t, sched)
			turn := gang.Turn{Need: gang.Quota{Need: len(c.members)}}
			world, cluster, classes, err := snapshot.NewWorlds(fw, nil, nil).New(ctx, nodes, c.members, turn)
			if err != nil {
				t.Fatal(err)
			}
			slots, verdict := gang.Plan(cluster, turn, classes, world)
			if err := world.Err(); err != nil {
				t.Fatal(err)
			}
			if verdict.Fit != c.fit {
				t.Errorf("%d fit, want %d: %v %+v", verdict.Fit, c.fit, slots, verdict)
			}
		})
	}
}
