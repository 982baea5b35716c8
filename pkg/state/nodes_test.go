package state

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	internalcache "k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/metrics"
	st "k8s.io/kubernetes/pkg/scheduler/testing"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/muster-scheduler/muster/pkg/journal"
)

// cluster is a scheduler's cache, and the nodes as an informer lists them.
type cluster struct {
	internalcache.Cache
	nodes cache.Indexer
}

func newCluster(tb testing.TB) cluster {
	metrics.Register()
	return cluster{internalcache.New(tb.Context(), nil, false, false), cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})}
}

func (c cluster) lister() corelisters.NodeLister { return corelisters.NewNodeLister(c.nodes) }

func (c cluster) add(tb testing.TB, node *v1.Node, pods ...*v1.Pod) {
	if err := c.nodes.Add(node); err != nil {
		tb.Fatal(err)
	}
	c.AddNode(klog.Background(), node)
	for _, pod := range pods {
		if err := c.AddPod(klog.Background(), pod); err != nil {
			tb.Fatal(err)
		}
	}
}

// TestNodesAsTheSchedulerCountsThem: with a pod that it is about to bind, and in the
// quantities in which people write them.
func TestNodesAsTheSchedulerCountsThem(t *testing.T) {
	c := newCluster(t)
	amounts := map[v1.ResourceName]string{
		v1.ResourceCPU: "32", v1.ResourceMemory: "64Gi", v1.ResourcePods: "110", "nvidia.com/gpu": "8", v1.ResourceHugePagesPrefix + "2Mi": "1Gi",
	}
	pod := func(name, node string, ask map[v1.ResourceName]string) *v1.Pod {
		return st.MakePod().Namespace("ns").Name(name).UID(name).Node(node).Req(ask).Obj()
	}
	c.add(t, st.MakeNode().Name("n2").Capacity(amounts).Label(v1.LabelTopologyZone, "a").Label(v1.LabelHostname, "n2").Obj(),
		pod("runs", "n2", map[v1.ResourceName]string{v1.ResourceCPU: "12", v1.ResourceMemory: "1Gi", "nvidia.com/gpu": "7"}))
	if err := c.AssumePod(klog.Background(), pod("soon", "n2", map[v1.ResourceName]string{v1.ResourceCPU: "500m", "nvidia.com/gpu": "1"})); err != nil {
		t.Fatal(err)
	}
	c.add(t, st.MakeNode().Name("n1").Unschedulable(true).Condition(v1.NodeReady, v1.ConditionTrue, "", "").
		Capacity(map[v1.ResourceName]string{v1.ResourceCPU: "1", v1.ResourceEphemeralStorage: "20Gi"}).Obj())
	if err := c.nodes.Add(st.MakeNode().Name("n0").Obj()); err != nil { // the scheduler has not heard of it
		t.Fatal(err)
	}
	now := clocktesting.NewFakeClock(time.Unix(1e9, 0))
	s := New(journal.New(1), nil, nil)
	s.clock = now
	s.CountNodes(c.lister(), c)
	const want = `{"kind":"NodeList","apiVersion":"state.muster.dev/v1alpha1","items":[` +
		`{"name":"n1","ready":true,"unschedulable":true,"room":{"cpu":{"has":"1","used":"0"},"ephemeral-storage":{"has":"20Gi","used":"0"},` +
		`"memory":{"has":"0","used":"0"},"pods":{"has":"32","used":"0"}},"kept":0,"images":{"count":0,"bytes":0},"pulls":{"count":0,"bytes":0}},` +
		`{"name":"n2","labels":{"topology.kubernetes.io/zone":"a"},"ready":false,"unschedulable":false,"room":{"cpu":{"has":"32","used":"12500m"},` +
		`"hugepages-2Mi":{"has":"1Gi","used":"0"},"memory":{"has":"64Gi","used":"1Gi"},"nvidia.com/gpu":{"has":"8","used":"8"},"pods":{"has":"110","used":"2"}},` +
		`"kept":0,"images":{"count":0,"bytes":0},"pulls":{"count":0,"bytes":0}}]}`
	text, err := json.Marshal(s.Nodes())
	if diff := cmp.Diff(want, string(text)); err != nil || diff != "" {
		t.Errorf("Nodes() = %v (-want +got):\n%s", err, diff)
	}
	c.add(t, st.MakeNode().Name("n3").Obj())
	now.Step(goodFor - 1)
	if got := len(s.Nodes().Items); got != 2 {
		t.Errorf("%d nodes a moment later, want the 2 that were counted", got)
	}
	now.Step(1)
	if got := len(s.Nodes().Items); got != 3 {
		t.Errorf("%d nodes after %s, want 3", got, goodFor)
	}
}
