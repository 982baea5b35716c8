package integration

import (
	"context"
	"fmt"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	upstream "k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
	internalcache "k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	st "k8s.io/kubernetes/pkg/scheduler/testing"
	"pgregory.net/rapid"

	"github.com/muster-scheduler/muster/pkg/plugins"
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
	ours := decode(t, string(scheduler.DefaultConfig()))
	theirs := decode(t, `
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: default-scheduler
  plugins:
    queueSort: {enabled: [{name: QueueOrder}], disabled: [{name: "*"}]} # one process has one order
`)
	client := fake.NewClientset()
	sched, err := upstream.New(ctx, client, informers.NewSharedInformerFactory(client, 0), nil,
		func(string) events.EventRecorderLogger { return events.NewFakeRecorder(1) },
		upstream.WithProfiles(ours.Profiles[0], theirs.Profiles[0]),
		upstream.WithFrameworkOutOfTreeRegistry(plugins.New().Registry()),
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
