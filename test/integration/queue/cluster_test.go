package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
)

// patience is how long a condition may take to come true. It is for broken code.
const patience = time.Minute

// cluster is one test's part of the control plane: a namespace, nodes that only its pods
// select, and the scheduler whose these are.
type cluster struct {
	t         *testing.T
	client    kubernetes.Interface
	ns        string
	scheduler string
	state     http.Handler // what the scheduler tells of itself
}

// shipped returns a part of the control plane with nodes of one cpu each, whose pods are
// those of the scheduler as it ships.
func shipped(t *testing.T, nodes ...string) *cluster {
	t.Helper()
	p := control.start(t)
	config := rest.CopyConfig(p.sandbox.Config)
	config.Host, config.TLSClientConfig = p.muster.URL, rest.TLSClientConfig{Insecure: true}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	c := newCluster(t, "muster", nodes...)
	c.state = remote{client, p.muster.URL}
	return c
}

// remote passes requests on to a server.
type remote struct {
	client *http.Client
	url    string
}

// ServeHTTP implements http.Handler.
func (r remote) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	response, err := r.client.Get(r.url + request.URL.String())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer response.Body.Close()
	w.WriteHeader(response.StatusCode)
	_, _ = io.Copy(w, response.Body) // who reads it finds it cut off
}

// newCluster returns a part of the control plane; its scheduler is named after its
// namespace unless one is given.
func newCluster(t *testing.T, scheduler string, nodes ...string) *cluster {
	t.Helper()
	client, err := kubernetes.NewForConfig(control.start(t).sandbox.Config)
	if err != nil {
		t.Fatal(err)
	}
	ns, err := client.CoreV1().Namespaces().Create(t.Context(), &v1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "spec-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{t: t, client: client, ns: ns.Name, scheduler: scheduler}
	if scheduler == "" {
		c.scheduler = c.ns
	}
	t.Cleanup(c.remove)
	for _, name := range nodes {
		c.addNode(name, nil)
	}
	return c
}

// remove runs after the test's context has ended.
func (c *cluster) remove() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	now := *metav1.NewDeleteOptions(0)
	for _, err := range []error{
		c.client.CoreV1().Nodes().DeleteCollection(ctx, now, metav1.ListOptions{LabelSelector: "test=" + c.ns}),
		c.client.CoreV1().Pods(c.ns).DeleteCollection(ctx, now, metav1.ListOptions{}),
	} {
		if err != nil {
			c.t.Error(err)
		}
	}
}

// node is the name of a node of the cluster's.
func (c *cluster) node(name string) string { return c.ns + "-" + name }

// addNode makes a node of one cpu. It exists in the API alone: no kubelet runs what is
// bound to it.
func (c *cluster) addNode(name string, edit func(*v1.Node)) {
	c.t.Helper()
	amounts := v1.ResourceList{v1.ResourceCPU: resource.MustParse("1"), v1.ResourceMemory: resource.MustParse("4Gi"), v1.ResourcePods: resource.MustParse("110")}
	node := &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: c.node(name), Labels: map[string]string{"test": c.ns}},
		Status: v1.NodeStatus{
			Capacity: amounts, Allocatable: amounts,
			Conditions: []v1.NodeCondition{{Type: v1.NodeReady, Status: v1.ConditionTrue, LastHeartbeatTime: metav1.Now()}},
		},
	}
	if edit != nil {
		edit(node)
	}
	if _, err := c.client.CoreV1().Nodes().Create(c.t.Context(), node, metav1.CreateOptions{}); err != nil {
		c.t.Fatal(err)
	}
}

// label gives a node of the cluster's a label.
func (c *cluster) label(node, key, value string) {
	c.t.Helper()
	c.patchNode(node, fmt.Sprintf(`{"metadata":{"labels":{%q:%q}}}`, key, value))
}

func (c *cluster) patchNode(node, patch string, subresources ...string) {
	c.t.Helper()
	if _, err := c.client.CoreV1().Nodes().Patch(c.t.Context(), c.node(node), types.MergePatchType, []byte(patch), metav1.PatchOptions{}, subresources...); err != nil {
		c.t.Fatal(err)
	}
}

// pod is a pod that asks for this much cpu of the cluster's nodes.
func (c *cluster) pod(name, cpu string) *v1.Pod {
	zero := int64(0)
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: c.ns},
		Spec: v1.PodSpec{
			SchedulerName:                 c.scheduler,
			NodeSelector:                  map[string]string{"test": c.ns},
			Tolerations:                   []v1.Toleration{{Operator: v1.TolerationOpExists}}, // the controller manager misses the nodes' kubelets
			TerminationGracePeriodSeconds: &zero,
			Containers: []v1.Container{{
				Name: "main", Image: "registry.example/app:v1",
				Resources: v1.ResourceRequirements{Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu)}},
			}},
		},
	}
}

// only is a pod that wants nodes with a label, by node affinity.
func (c *cluster) only(name, cpu, key, value string) *v1.Pod {
	p := c.pod(name, cpu)
	p.Spec.Affinity = &v1.Affinity{NodeAffinity: &v1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &v1.NodeSelector{
		NodeSelectorTerms: []v1.NodeSelectorTerm{{MatchExpressions: []v1.NodeSelectorRequirement{{Key: key, Operator: v1.NodeSelectorOpIn, Values: []string{value}}}}},
	}}}
	return p
}

func (c *cluster) create(pods ...*v1.Pod) {
	c.t.Helper()
	for _, p := range pods {
		if _, err := c.client.CoreV1().Pods(c.ns).Create(c.t.Context(), p, metav1.CreateOptions{}); err != nil {
			c.t.Fatal(err)
		}
	}
}

func (c *cluster) delete(name string) {
	c.t.Helper()
	if err := c.client.CoreV1().Pods(c.ns).Delete(c.t.Context(), name, *metav1.NewDeleteOptions(0)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) get(name string) *v1.Pod {
	c.t.Helper()
	p, err := c.client.CoreV1().Pods(c.ns).Get(c.t.Context(), name, metav1.GetOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	return p
}

func (c *cluster) patchPod(name, patch string) error {
	_, err := c.client.CoreV1().Pods(c.ns).Patch(c.t.Context(), name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
	return err
}

// read asks the scheduler for something of the namespace.
func (c *cluster) read(path string) (text []byte, ok bool) {
	w := httptest.NewRecorder()
	c.state.ServeHTTP(w, httptest.NewRequest(http.MethodGet, v1alpha1.Prefix+path, nil))
	return w.Body.Bytes(), w.Code == http.StatusOK
}

// asked returns what the scheduler knows of a pod.
func (c *cluster) asked(name string) (pod v1alpha1.Pod) {
	c.t.Helper()
	if text, ok := c.read("namespaces/" + c.ns + "/pods/" + name); ok {
		if err := json.Unmarshal(text, &pod); err != nil {
			c.t.Fatalf("%s: %v", text, err)
		}
	}
	return pod
}

// steps returns all moves of a pod.
func (c *cluster) steps(name string) (steps []v1alpha1.Step) {
	c.t.Helper()
	text, ok := c.read("namespaces/" + c.ns + "/moves")
	if !ok {
		c.t.Fatalf("reading the moves: %s", text)
	}
	for line := range strings.Lines(string(text)) {
		var step v1alpha1.Step
		if err := json.Unmarshal([]byte(line), &step); err != nil {
			c.t.Fatalf("%s: %v", line, err)
		}
		if step.Lost {
			c.t.Fatal("moves are lost")
		}
		if step.Name == name {
			steps = append(steps, step)
		}
	}
	return steps
}

// moves returns the moves of a pod in words. Of the plugins that refused it NodeAffinity
// is told only if there was no other: it refuses the nodes of other tests as well.
func (c *cluster) moves(name string) (lines []string) {
	c.t.Helper()
	for _, step := range c.steps(name) {
		line, plugins := step.Place+" by "+step.Event, step.RefusedBy
		if len(plugins) > 1 {
			plugins = slices.DeleteFunc(plugins, func(plugin string) bool { return plugin == "NodeAffinity" })
		}
		if len(plugins) > 0 {
			line += ", refused by " + strings.Join(plugins, " ")
		}
		lines = append(lines, line)
	}
	return lines
}

// await waits until a pod is in a place, after so many attempts at least.
func (c *cluster) await(name, place string, attempts int) {
	c.t.Helper()
	c.wait(fmt.Sprintf("pod %s to be %s after %d attempts", name, place, attempts), func() (bool, string) {
		p := c.asked(name)
		return p.Place == place && p.Attempts >= attempts, fmt.Sprintf("%s after %d attempts:\n%s", p.Place, p.Attempts, strings.Join(c.moves(name), "\n"))
	})
}

// went waits until the moves of a pod are these.
func (c *cluster) went(name string, want ...string) {
	c.t.Helper()
	c.wait(fmt.Sprintf("pod %s to go this way:\n%s\n", name, strings.Join(want, "\n")), func() (bool, string) {
		got := c.moves(name)
		return slices.Equal(got, want), "\n" + strings.Join(got, "\n")
	})
}

// ends holds a pod's last moves to these.
func (c *cluster) ends(name string, want ...string) {
	c.t.Helper()
	if got := c.moves(name); len(got) < len(want) || !slices.Equal(got[len(got)-len(want):], want) {
		c.t.Errorf("pod %s went this way:\n%s\nwant it to end with:\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// condition waits until the condition PodScheduled of a pod has a reason, and returns
// its message.
func (c *cluster) condition(name, reason string) (message string) {
	c.t.Helper()
	c.wait("pod "+name+" to say "+reason, func() (bool, string) {
		for _, condition := range c.get(name).Status.Conditions {
			if condition.Type == v1.PodScheduled {
				message = condition.Message
				return condition.Reason == reason, condition.String()
			}
		}
		return false, "no condition"
	})
	return message
}

// wait waits until the condition holds; seen is what it looked like last.
func (c *cluster) wait(what string, condition func() (ok bool, seen string)) {
	c.t.Helper()
	seen := ""
	err := wait.PollUntilContextTimeout(c.t.Context(), 20*time.Millisecond, patience, true, func(context.Context) (ok bool, err error) {
		ok, seen = condition()
		return ok, nil
	})
	if err != nil {
		c.t.Fatalf("waiting for %s: %v; last seen: %s", what, err, seen)
	}
}
