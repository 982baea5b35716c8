package integration

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	podgroupclient "sigs.k8s.io/scheduler-plugins/pkg/generated/clientset/versioned"

	"github.com/muster-scheduler/muster/pkg/gang"
)

// patience is how long a condition may take to come true. It is for broken
// code: on a loaded machine a good run waits a few seconds.
const patience = 45 * time.Second

// cluster is one test's part of the control plane: a namespace, and nodes that
// only its pods select.
type cluster struct {
	t         *testing.T
	client    kubernetes.Interface
	podGroups podgroupclient.Interface
	ns        string
	scheduler string // whose its pods are
	history   *history
}

// newCluster returns a part with one node for each amount of cpu. The nodes
// exist in the API alone: no kubelet runs what is bound to them.
func newCluster(t *testing.T, config *rest.Config, cpus ...string) *cluster {
	t.Helper()
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	podGroups, err := podgroupclient.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{t: t, client: client, podGroups: podGroups, scheduler: "muster"}
	ns, err := client.CoreV1().Namespaces().Create(t.Context(), &v1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c.ns = ns.Name
	for i, cpu := range cpus {
		c.addNode(fmt.Sprintf("%s-%d", c.ns, i), cpu)
	}
	c.history = watchPods(t, client, c.ns)
	t.Cleanup(c.remove)
	return c
}

// remove runs after the test's context has ended.
func (c *cluster) remove() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	zero, dependents := int64(0), metav1.DeletePropagationBackground
	now, all := metav1.DeleteOptions{GracePeriodSeconds: &zero, PropagationPolicy: &dependents}, metav1.ListOptions{}
	for _, err := range []error{
		c.client.AppsV1().ReplicaSets(c.ns).DeleteCollection(ctx, now, all), // before the pods, or they would come back
		c.client.BatchV1().Jobs(c.ns).DeleteCollection(ctx, now, all),
		c.client.CoreV1().Nodes().DeleteCollection(ctx, now, metav1.ListOptions{LabelSelector: "test=" + c.ns}),
		c.client.CoreV1().Pods(c.ns).DeleteCollection(ctx, now, all),
	} {
		if err != nil {
			c.t.Error(err)
		}
	}
}

func (c *cluster) addNode(name, cpu string, images ...v1.ContainerImage) {
	c.t.Helper()
	c.addNodeWith(name, cpu, nil, images...)
}

func (c *cluster) addNodeWith(name, cpu string, labels map[string]string, images ...v1.ContainerImage) {
	c.t.Helper()
	all := map[string]string{"test": c.ns}
	maps.Copy(all, labels)
	amounts := v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse("64Gi"), v1.ResourcePods: resource.MustParse("110")}
	_, err := c.client.CoreV1().Nodes().Create(c.t.Context(), &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: all},
		Status: v1.NodeStatus{
			Capacity: amounts, Allocatable: amounts, Images: images,
			Conditions: []v1.NodeCondition{{Type: v1.NodeReady, Status: v1.ConditionTrue, LastHeartbeatTime: metav1.Now()}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
}

// pod is a plain pod of Muster's for this cluster.
func (c *cluster) pod(name, cpu string) *v1.Pod {
	zero := int64(0)
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: c.ns},
		Spec: v1.PodSpec{
			SchedulerName: c.scheduler,
			NodeSelector:  map[string]string{"test": c.ns},
			Tolerations: []v1.Toleration{
				{Key: v1.TaintNodeNotReady, Operator: v1.TolerationOpExists},
				{Key: v1.TaintNodeUnreachable, Operator: v1.TolerationOpExists}, // the controller manager misses its kubelet
			},
			TerminationGracePeriodSeconds: &zero,
			Containers: []v1.Container{{
				Name: "main", Image: "registry.example/app:v1",
				Resources: v1.ResourceRequirements{Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu)}},
			}},
		},
	}
}

// member is a pod of a gang that is named by label.
func (c *cluster) member(gangName string, i int, minMember, cpu string) *v1.Pod {
	p := c.pod(fmt.Sprintf("%s-%d", gangName, i), cpu)
	p.Labels = map[string]string{gang.NameLabel: gangName}
	p.Annotations = map[string]string{gang.MinAnnotation: minMember}
	return p
}

func (c *cluster) members(gangName string, n int, minMember, cpu string) []*v1.Pod {
	var pods []*v1.Pod
	for i := range n {
		pods = append(pods, c.member(gangName, i, minMember, cpu))
	}
	return pods
}

// replicas has the controller manager keep n members, whose names begin with
// the gang's: a member that is deleted comes back as another pod.
func (c *cluster) replicas(gangName string, n int, minMember, cpu string) {
	c.t.Helper()
	c.replicasOf(gangName, n, c.member(gangName, 0, minMember, cpu))
}

// replicasOf does the same with a member of the caller's as the template.
func (c *cluster) replicasOf(gangName string, n int, template *v1.Pod) {
	c.t.Helper()
	template.Labels["replica-of"] = gangName
	count := int32(n)
	_, err := c.client.AppsV1().ReplicaSets(c.ns).Create(c.t.Context(), &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: gangName},
		Spec: appsv1.ReplicaSetSpec{
			Replicas: &count,
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"replica-of": gangName}},
			Template: v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: template.Labels, Annotations: template.Annotations}, Spec: template.Spec},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) create(pods ...*v1.Pod) {
	c.t.Helper()
	for _, p := range pods {
		if _, err := c.client.CoreV1().Pods(c.ns).Create(c.t.Context(), p, metav1.CreateOptions{}); err != nil {
			c.t.Fatal(err)
		}
	}
}

func (c *cluster) remove1(name string) {
	c.t.Helper()
	zero := int64(0)
	if err := c.client.CoreV1().Pods(c.ns).Delete(c.t.Context(), name, metav1.DeleteOptions{GracePeriodSeconds: &zero}); err != nil {
		c.t.Fatal(err)
	}
}

// fail gives a pod the status that a kubelet gives to one that it rejects.
func (c *cluster) fail(name, reason string) {
	c.t.Helper()
	patch := fmt.Sprintf(`{"status":{"phase":"Failed","reason":%q}}`, reason)
	if _, err := c.client.CoreV1().Pods(c.ns).Patch(c.t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}, "status"); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) deleteNode(name string) {
	c.t.Helper()
	if err := c.client.CoreV1().Nodes().Delete(c.t.Context(), name, metav1.DeleteOptions{}); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) waitCondition(name string, kind v1.PodConditionType, status v1.ConditionStatus) {
	c.t.Helper()
	c.wait(fmt.Sprintf("pod %s to say %s=%s", name, kind, status), func() (bool, string) {
		p := c.get(name)
		condition := conditionOf(p, kind)
		return condition != nil && condition.Status == status, fmt.Sprint(p.Status.Conditions)
	})
}

// conditionOf returns a condition of a pod, or nil.
func conditionOf(p *v1.Pod, kind v1.PodConditionType) *v1.PodCondition {
	for i := range p.Status.Conditions {
		if p.Status.Conditions[i].Type == kind {
			return &p.Status.Conditions[i]
		}
	}
	return nil
}

func (c *cluster) get(name string) *v1.Pod {
	c.t.Helper()
	p, err := c.client.CoreV1().Pods(c.ns).Get(c.t.Context(), name, metav1.GetOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	return p
}

// bound returns the names of the pods with this prefix that have a node.
func (c *cluster) bound(prefix string) []string {
	c.t.Helper()
	list, err := c.client.CoreV1().Pods(c.ns).List(c.t.Context(), metav1.ListOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	var names []string
	for _, p := range list.Items {
		if strings.HasPrefix(p.Name, prefix) && holds(&p) {
			names = append(names, p.Name)
		}
	}
	return names
}

// byNode returns how many pods with this prefix each node has.
func (c *cluster) byNode(prefix string) map[string]int {
	c.t.Helper()
	list, err := c.client.CoreV1().Pods(c.ns).List(c.t.Context(), metav1.ListOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	on := map[string]int{}
	for _, p := range list.Items {
		if strings.HasPrefix(p.Name, prefix) && holds(&p) {
			on[p.Spec.NodeName]++
		}
	}
	return on
}

// waitBound waits until n pods with this prefix have a node, and the history says so.
func (c *cluster) waitBound(prefix string, n int) {
	c.t.Helper()
	c.wait(fmt.Sprintf("%d pods %s* to have a node", n, prefix), func() (bool, string) {
		got, watched := c.bound(prefix), c.history.now(prefix)
		return len(got) == n && watched == n, fmt.Sprintf("%d by a watch, and %d: %v", watched, len(got), got)
	})
}

// events returns the texts of the events about the pods with this prefix.
func (c *cluster) events(prefix, reason string) []string {
	c.t.Helper()
	list, err := c.client.CoreV1().Events(c.ns).List(c.t.Context(), metav1.ListOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	var texts []string
	for _, e := range list.Items {
		if strings.HasPrefix(e.InvolvedObject.Name, prefix) && (reason == "" || e.Reason == reason) {
			texts = append(texts, e.Message)
		}
	}
	return texts
}

// waitEvent waits for an event about such a pod whose text contains all parts.
func (c *cluster) waitEvent(prefix, reason string, parts ...string) {
	c.t.Helper()
	c.wait(fmt.Sprintf("an event %s about %s* with %q", reason, prefix, parts), func() (bool, string) {
		texts := c.events(prefix, reason)
	events:
		for _, text := range texts {
			for _, part := range parts {
				if !strings.Contains(text, part) {
					continue events
				}
			}
			return true, ""
		}
		return false, strings.Join(texts, "\n")
	})
}

// wait waits until the condition holds; seen is what it looked like last.
func (c *cluster) wait(what string, condition func() (ok bool, seen string)) {
	c.t.Helper()
	seen := ""
	err := wait.PollUntilContextTimeout(c.t.Context(), 50*time.Millisecond, patience, true, func(context.Context) (ok bool, err error) {
		ok, seen = condition()
		return ok, nil
	})
	if err != nil {
		c.t.Fatalf("waiting for %s: %v; last seen: %s", what, err, seen)
	}
}

// waitNextSecond waits until the second in which the pods with this prefix were
// bound is over.
func (c *cluster) waitNextSecond(prefix string) {
	c.t.Helper()
	c.wait("the second of the bindings to be over", func() (bool, string) {
		for _, name := range c.bound(prefix) {
			for _, cond := range c.get(name).Status.Conditions {
				if cond.Type == v1.PodScheduled && time.Since(cond.LastTransitionTime.Time) <= time.Second {
					return false, cond.LastTransitionTime.String()
				}
			}
		}
		return true, ""
	})
}

// waitRefused waits until a pod with this prefix says that there is no node for it.
func (c *cluster) waitRefused(prefix string) {
	c.t.Helper()
	c.wait("a pod "+prefix+"* to be refused", func() (bool, string) {
		list, err := c.client.CoreV1().Pods(c.ns).List(c.t.Context(), metav1.ListOptions{})
		if err != nil {
			return false, err.Error()
		}
		return slices.ContainsFunc(list.Items, func(p v1.Pod) bool {
			condition := conditionOf(&p, v1.PodScheduled)
			return strings.HasPrefix(p.Name, prefix) && p.Spec.NodeName == "" && condition != nil && condition.Status == v1.ConditionFalse
		}), fmt.Sprint(len(list.Items), " pods")
	})
}

// stays watches for a time that the condition holds; seen is what it looked like last.
func (c *cluster) stays(what string, d time.Duration, condition func() (ok bool, seen string)) {
	c.t.Helper()
	end := time.Now().Add(d)
	c.wait(what+" to stay so", func() (bool, string) {
		ok, seen := condition()
		if !ok {
			c.t.Fatalf("%s did not stay so: %s", what, seen)
		}
		return time.Now().After(end), seen
	})
}

// label gives a node its own name as the value of a label.
func (c *cluster) label(node, key string) {
	c.t.Helper()
	patch := fmt.Sprintf(`{"metadata":{"labels":{%q:%q}}}`, key, node)
	if _, err := c.client.CoreV1().Nodes().Patch(c.t.Context(), node, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		c.t.Fatal(err)
	}
}
