package integration

import (
	"context"
	"fmt"
	"slices"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	upstream "k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
	internalcache "k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	st "k8s.io/kubernetes/pkg/scheduler/testing"
	"pgregory.net/rapid"

	"github.com/muster-scheduler/muster/pkg/image"
	"github.com/muster-scheduler/muster/pkg/plugins"
	"github.com/muster-scheduler/muster/pkg/plugins/imagepull"
	"github.com/muster-scheduler/muster/pkg/scheduler"
)

// TestPlainPodsFitWhereTheDefaultProfilePutsThem: on one snapshot, random pods
// without a gang are accepted by exactly the nodes that the default profile accepts.
func TestPlainPodsFitWhereTheDefaultProfilePutsThem(t *testing.T) {
	fits, refusals := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		ctx, cancel := context.WithCancel(klog.NewContext(context.Background(), klog.Logger{})) // 100 starts are not worth a log
		defer cancel()
		sched := randomCluster(ctx, t)
		pod := randomPod(t, "new")
		want := feasible(ctx, t, sched, "default-scheduler", pod)
		got := feasible(ctx, t, sched, "muster", pod)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("muster accepts it on %v, the default profile on %v\npod %+v", got, want, pod.Spec)
		}
		fits += len(want)
		refusals += sched.Cache.NodeCount() - len(want)
	})
	if fits == 0 || refusals == 0 {
		t.Errorf("%d acceptances and %d refusals prove nothing", fits, refusals)
	}
}

// enough is how many pods have to have had a choice before it is judged: of fewer, chance decides.
const enough = 200

// TestImagesDecideWhereAndNeverWhether: with ImagePull or without, the same pods get
// a node, and one that the filters accept, whatever is known of images. That a disk is
// too small for them is no guess, and aside here.
func TestImagesDecideWhereAndNeverWhether(t *testing.T) {
	ran, refused, open, chosen, lucky := 0, 0, 0, 0, 0
	check := func(t *rapid.T) {
		ctx, cancel := context.WithCancel(klog.NewContext(context.Background(), klog.Logger{}))
		defer cancel()
		known := &guesses{t: t, estimates: map[string]image.Estimate{}}
		registry := plugins.New().Registry()
		registry[imagepull.Name] = func(_ context.Context, _ runtime.Object, h fwk.Handle) (fwk.Plugin, error) {
			return imagepull.New(imagepull.DefaultArgs(), h.(framework.Framework), known), nil
		}
		without := shipped(t)
		without.SchedulerName = "without"
		without.Plugins.MultiPoint.Enabled = slices.DeleteFunc(without.Plugins.MultiPoint.Enabled, func(p config.Plugin) bool { return p.Name == imagepull.Name })
		sched := withProfiles(ctx, t, registry, shipped(t), without)
		kinds := make([]*v1.Node, 4)
		for i := range kinds {
			kinds[i] = randomNode(t, i)
		}
		// Only so many warm nodes and others are looked at if one accepts the pod. Few do.
		for i := range rapid.IntRange(1, 200).Draw(t, "nodes") {
			node := rapid.SampledFrom(kinds).Draw(t, "kind").DeepCopy()
			node.Name = fmt.Sprint("node-", i)
			node.Labels[v1.LabelHostname] = node.Name
			node.Spec.Unschedulable = rapid.IntRange(0, 19).Draw(t, "open") > 0
			sched.Cache.AddNode(klog.FromContext(ctx), node)
			if rapid.IntRange(0, 3).Draw(t, "warm") == 0 {
				known.warm = append(known.warm, node.Name)
			}
		}
		pod := randomPod(t, "new")
		accepted := feasible(ctx, t, sched, "without", pod)
		plain, want := schedule(ctx, sched, "without", pod)
		got, err := schedule(ctx, sched, "muster", pod)
		if (err == nil) != (want == nil) {
			t.Fatalf("with ImagePull: %v; without: %v", err, want)
		}
		if err != nil {
			refused++
			return
		}
		if !slices.Contains(accepted, got) {
			t.Fatalf("it goes to %s; accepted by %v", got, accepted)
		}
		ran++
		warm := func(name string) bool { return slices.Contains(known.warm, name) }
		cold := func(name string) bool { return !warm(name) }
		if slices.ContainsFunc(accepted, warm) && slices.ContainsFunc(accepted, cold) { // there is something to choose
			open++
			if warm(got) {
				chosen++
			}
			if warm(plain) {
				lucky++
			}
		}
	}
	for open < enough {
		rapid.Check(t, check)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d ran and %d were refused; of %d that could go to warm nodes and others %d went to warm ones, and %d without ImagePull", ran, refused, open, chosen, lucky)
	if refused == 0 || chosen <= lucky {
		t.Errorf("%d refused, %d on warm nodes of which %d were without ImagePull: that proves nothing", refused, chosen, lucky)
	}
}

// schedule returns the node that the profile chooses.
func schedule(ctx context.Context, sched *upstream.Scheduler, profile string, pod *v1.Pod) (string, error) {
	pod = pod.DeepCopy()
	pod.Spec.SchedulerName = profile
	info, err := framework.NewPodInfo(pod)
	if err != nil {
		return "", err
	}
	result, err := sched.SchedulePod(ctx, sched.Profiles[profile], framework.NewCycleState(), &framework.QueuedPodInfo{PodInfo: info})
	return result.SuggestedHost, err
}

// guesses is an inventory that says anything.
type guesses struct {
	t         *rapid.T
	warm      []string
	estimates map[string]image.Estimate
}

func (g *guesses) Estimates(_ *v1.Pod, _ int, nodes []fwk.NodeInfo) []image.Estimate {
	all := make([]image.Estimate, len(nodes))
	for i, node := range nodes {
		name := node.Node().Name
		if _, ok := g.estimates[name]; !ok {
			e := image.Estimate{Seconds: rapid.Float64Range(0, 1e12).Draw(g.t, "seconds"), Price: rapid.Float64Range(0, 10).Draw(g.t, "price")}
			if slices.Contains(g.warm, name) {
				e = image.Estimate{}
			}
			g.estimates[name] = e
		}
		all[i] = g.estimates[name]
	}
	return all
}
func (g *guesses) Fit(*v1.Pod) func(*v1.Node) bool { return nil }
func (g *guesses) Warm(*v1.Pod) []string           { return append([]string{"gone"}, g.warm...) }
func (g *guesses) Reserve(*v1.Pod, string)         {}
func (g *guesses) Unreserve(*v1.Pod)               {}
func (g *guesses) Bound(*v1.Pod)                   {}

// randomCluster returns a scheduler with both profiles that knows some nodes, and
// pods that run on them.
func randomCluster(ctx context.Context, t *rapid.T) *upstream.Scheduler {
	sched := bothProfiles(ctx, t)
	logger := klog.FromContext(ctx)
	for i := range rapid.IntRange(1, 6).Draw(t, "nodes") {
		sched.Cache.AddNode(logger, randomNode(t, i))
	}
	for i := range rapid.IntRange(0, 8).Draw(t, "running") {
		p := randomPod(t, fmt.Sprint("running", i))
		p.Spec.NodeName = fmt.Sprint("n", rapid.IntRange(0, sched.Cache.NodeCount()-1).Draw(t, "on"))
		if err := sched.Cache.AddPod(logger, p); err != nil {
			t.Fatal(err)
		}
	}
	return sched
}

// failer is what tests of all kinds have in common here.
type failer interface{ Fatal(args ...any) }

// bothProfiles returns a scheduler with the shipped profile and the default one.
func bothProfiles(ctx context.Context, t failer) *upstream.Scheduler {
	theirs := decode(t, `
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: default-scheduler
  plugins:
    queueSort: {enabled: [{name: QueueOrder}], disabled: [{name: "*"}]} # one process has one order
`)
	return withProfiles(ctx, t, plugins.New().Registry(), shipped(t), theirs.Profiles[0])
}

func shipped(t failer) config.KubeSchedulerProfile {
	return decode(t, string(scheduler.DefaultConfig())).Profiles[0]
}

func withProfiles(ctx context.Context, t failer, registry frameworkruntime.Registry, profiles ...config.KubeSchedulerProfile) *upstream.Scheduler {
	client := fake.NewClientset()
	sched, err := upstream.New(ctx, client, informers.NewSharedInformerFactory(client, 0), nil,
		func(string) events.EventRecorderLogger { return events.NewFakeRecorder(1) },
		upstream.WithProfiles(profiles...),
		upstream.WithFrameworkOutOfTreeRegistry(registry),
		upstream.WithKubeConfig(&rest.Config{Host: "127.0.0.1:1"}))
	if err != nil {
		t.Fatal(err)
	}
	return sched
}

func decode(t failer, text string) *config.KubeSchedulerConfiguration {
	obj, err := runtime.Decode(scheme.Codecs.UniversalDecoder(), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return obj.(*config.KubeSchedulerConfiguration)
}

// feasible returns the nodes that the profile's filters accept.
func feasible(ctx context.Context, t failer, sched *upstream.Scheduler, profile string, pod *v1.Pod) []string {
	fw := sched.Profiles[profile]
	snapshot := fw.SnapshotSharedLister().(*internalcache.Snapshot)
	if err := sched.Cache.UpdateSnapshot(klog.FromContext(ctx), snapshot); err != nil {
		t.Fatal(err)
	}
	nodes, err := snapshot.NodeInfos().List()
	if err != nil {
		t.Fatal(err)
	}
	pod = pod.DeepCopy()
	pod.Spec.SchedulerName = profile
	state := framework.NewCycleState()
	only, status, _ := fw.RunPreFilterPlugins(ctx, state, pod)
	if status.IsRejected() {
		return nil
	}
	if !status.IsSuccess() {
		t.Fatal(status.AsError())
	}
	var names []string
	for _, n := range nodes {
		if !only.AllNodes() && !only.NodeNames.Has(n.Node().Name) {
			continue
		}
		if s := fw.RunFilterPluginsWithNominatedPods(ctx, state, pod, n); s.IsSuccess() {
			names = append(names, n.Node().Name)
		} else if !s.IsRejected() {
			t.Fatal(s.AsError())
		}
	}
	return names
}

func randomNode(t *rapid.T, i int) *v1.Node {
	name := fmt.Sprint("n", i)
	n := st.MakeNode().Name(name).
		Label(v1.LabelHostname, name).
		Label(v1.LabelTopologyZone, rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "zone")).
		Label("disk", rapid.SampledFrom([]string{"ssd", "hdd"}).Draw(t, "disk")).
		Capacity(map[v1.ResourceName]string{
			v1.ResourceCPU:    rapid.SampledFrom([]string{"1", "2", "4"}).Draw(t, "cpu"),
			v1.ResourceMemory: rapid.SampledFrom([]string{"1Gi", "4Gi"}).Draw(t, "memory"),
			v1.ResourcePods:   rapid.SampledFrom([]string{"1", "110"}).Draw(t, "pods"),
			"example.com/gpu": rapid.SampledFrom([]string{"0", "2"}).Draw(t, "gpu"),
		})
	if rapid.IntRange(0, 3).Draw(t, "tainted") == 0 {
		n = n.Taints([]v1.Taint{{Key: "dedicated", Value: "x", Effect: v1.TaintEffectNoSchedule}})
	}
	return n.Unschedulable(rapid.IntRange(0, 5).Draw(t, "cordoned") == 0).Obj()
}

func randomPod(t *rapid.T, name string) *v1.Pod {
	often := func(what string) bool { return rapid.Bool().Draw(t, what) }
	rarely := func(what string) bool { return rapid.IntRange(0, 3).Draw(t, what) == 0 }
	app := rapid.SampledFrom([]string{"web", "db"}).Draw(t, "app")
	p := st.MakePod().Name(name).Namespace("default").UID(name).Label("app", app).Req(map[v1.ResourceName]string{
		v1.ResourceCPU:    rapid.SampledFrom([]string{"0", "500m", "1", "3"}).Draw(t, "cpu"),
		v1.ResourceMemory: rapid.SampledFrom([]string{"0", "512Mi", "2Gi"}).Draw(t, "memory"),
	})
	if rarely("gpu") {
		p = p.Req(map[v1.ResourceName]string{"example.com/gpu": "1"})
	}
	if often("selector") {
		p = p.NodeSelector(map[string]string{"disk": rapid.SampledFrom([]string{"ssd", "hdd"}).Draw(t, "disk")})
	}
	if rarely("tolerates") {
		p = p.Toleration("dedicated")
	}
	if rarely("port") {
		p = p.HostPort(8080)
	}
	if rarely("apart") {
		p = p.PodAntiAffinityExists("app", rapid.SampledFrom([]string{v1.LabelHostname, v1.LabelTopologyZone}).Draw(t, "apart by"), st.PodAntiAffinityWithRequiredReq)
	}
	if rarely("together") {
		p = p.PodAffinityExists("app", v1.LabelTopologyZone, st.PodAffinityWithRequiredReq)
	}
	if rarely("spread") {
		p = p.SpreadConstraint(1, rapid.SampledFrom([]string{v1.LabelHostname, v1.LabelTopologyZone}).Draw(t, "spread over"), v1.DoNotSchedule, st.MakeLabelSelector().Exists("app").Obj(), nil, nil, nil, nil)
	}
	return p.Obj()
}
