package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/muster-scheduler/muster/pkg/plugins/gangbind"
	"github.com/muster-scheduler/muster/pkg/plugins/imagepull"
	"github.com/muster-scheduler/muster/pkg/sandbox"
	"github.com/muster-scheduler/muster/pkg/sandbox/pull"
	"github.com/muster-scheduler/muster/pkg/scheduler"
	"github.com/muster-scheduler/muster/pkg/seed"
)

const seeds = "muster-seeds"

// seedRounds is enough time for it to be decided twice what to pull ahead.
const seedRounds = 11 * time.Second

// model is an image that takes a node 5 s.
var model = pull.Image{Name: "registry.example/model:v1", Layers: []pull.Layer{{Digest: "sha256:model", Size: resource.MustParse("500M")}}}

// anywhere lets pods on all nodes of a control plane of their own.
func anywhere(pods ...*v1.Pod) []*v1.Pod {
	for _, p := range pods {
		p.Spec.NodeSelector = nil
	}
	return pods
}

// waitPulled waits until nodes say that they have an image.
func (c *cluster) waitPulled(image string, nodes ...string) {
	c.t.Helper()
	c.wait(fmt.Sprintf("%v to have %s", nodes, image), func() (bool, string) {
		have := c.having(image)
		return slices.Equal(have, nodes), fmt.Sprint(have)
	})
}

// having returns the nodes that say that they have an image.
func (c *cluster) having(image string) (names []string) {
	c.t.Helper()
	list, err := c.client.CoreV1().Nodes().List(c.t.Context(), metav1.ListOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, node := range list.Items {
		if slices.ContainsFunc(node.Status.Images, func(i v1.ContainerImage) bool { return slices.Contains(i.Names, image) }) {
			names = append(names, node.Name)
		}
	}
	return names
}

// seeding returns the pods that pull.
func (c *cluster) seeding() []v1.Pod {
	c.t.Helper()
	list, err := c.client.CoreV1().Pods(seeds).List(c.t.Context(), metav1.ListOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	return list.Items
}

// TestImagesOfAWaitingGangArePulledAhead: kubelets that are full pull what a gang
// needs while it waits for them, and it starts at once when it has its turn.
func TestImagesOfAWaitingGangArePulledAhead(t *testing.T) {
	t.Parallel()
	s, muster := own(t, sandbox.Options{Kubelets: 2, CPU: resource.MustParse("2"), Images: []pull.Image{model}, Bandwidth: resource.MustParse("100M")})
	c := newCluster(t, s.Config)
	c.create(anywhere(c.members("first", 2, "2", "2")...)...)
	c.waitBound("first", 2)
	second := anywhere(c.members("second", 2, "2", "2")...)
	for _, p := range second {
		p.Spec.Containers[0].Image = model.Name
	}
	c.create(second...)
	c.waitEvent("second", "FailedScheduling", "0 of 2 members fit")

	var one v1.Pod
	c.wait("a pod that pulls", func() (bool, string) {
		list := c.seeding()
		if len(list) > 0 {
			one = list[0]
		}
		return len(list) > 0, ""
	})
	if got, want := one.Annotations[seed.ForAnnotation], "gang "+c.ns+"/second waits for room"; got != want {
		t.Errorf("it is for %q, want %q", got, want)
	}
	if *one.Spec.Priority != -1000000 || one.Spec.Volumes[0].Image.Reference != model.Name {
		t.Errorf("it has priority %d and the volume %+v", *one.Spec.Priority, one.Spec.Volumes[0])
	}
	c.waitPulled(model.Name, "node-0", "node-1")
	c.wait("the pods that pulled to be gone", func() (bool, string) { left := c.seeding(); return len(left) == 0, fmt.Sprint(len(left)) })
	if got := counter(t, s.Config, muster, "muster_image_seeds_total", `result="pulled"`); got != 2 {
		t.Errorf("%v seeds were pulled, want 2", got)
	}
	c.stays("what is pulled is not pulled again", seedRounds, func() (bool, string) { left := c.seeding(); return len(left) == 0, fmt.Sprint(len(left)) })

	c.remove1("first-0")
	c.remove1("first-1")
	c.waitBound("second", 2)
	for _, p := range second {
		p = c.get(p.Name)
		if got := p.Annotations[gangbind.PullSecondsAnnotation]; got != "0.0" {
			t.Errorf("%s is expected to pull for %q s, want 0.0", p.Name, got)
		}
	}
}

// startWith starts Muster with arguments of ImagePull for seeding.
func startWith(t *testing.T, s *sandbox.Sandbox, seeding map[string]any) {
	t.Helper()
	var config map[string]any
	if err := yaml.Unmarshal(scheduler.DefaultConfig(), &config); err != nil {
		t.Fatal(err)
	}
	profile := config["profiles"].([]any)[0].(map[string]any)
	profile["pluginConfig"] = append(profile["pluginConfig"].([]any), map[string]any{"name": imagepull.Name, "args": map[string]any{"seeding": seeding}})
	text, err := yaml.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.StartScheduler(t.Context(), sandbox.Muster, "--config="+file); err != nil {
		t.Fatal(err)
	}
}

// TestRolloutsArePulledAhead: while a Deployment waits for the first pod of its new
// version, nodes that have none of it yet pull it.
func TestRolloutsArePulledAhead(t *testing.T) {
	t.Parallel()
	s := bare(t, sandbox.Options{Nodes: 8, CPU: resource.MustParse("4"), Images: []pull.Image{model}, Bandwidth: resource.MustParse("100M")})
	startWith(t, s, map[string]any{"rollouts": true})
	c := newCluster(t, s.Config)
	template := anywhere(c.pod("web", "3"))[0].Spec
	template.TerminationGracePeriodSeconds = nil
	replicas, surge, unavailable := int32(4), intstr.FromInt32(1), intstr.FromInt32(0)
	web, err := c.client.AppsV1().Deployments(c.ns).Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, MinReadySeconds: int32(patience.Seconds()), // the rollout does not get beyond one pod meanwhile
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
			Template: v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}}, Spec: template},
			Strategy: appsv1.DeploymentStrategy{RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: &surge, MaxUnavailable: &unavailable}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c.waitBound("web", 4)
	web.Spec.Template.Spec.Containers[0].Image = model.Name
	c.wait("the new version to be accepted", func() (bool, string) {
		web.ResourceVersion = ""
		_, err := c.client.AppsV1().Deployments(c.ns).Update(t.Context(), web, metav1.UpdateOptions{})
		return err == nil, fmt.Sprint(err)
	})
	c.waitBound("web", 5)
	c.wait("three nodes to pull it ahead", func() (bool, string) {
		on := c.byNode("web")
		have := slices.DeleteFunc(c.having(model.Name), func(node string) bool { return on[node] > 0 })
		return len(have) == 3, fmt.Sprint(have)
	})
}

// pullJobsCRD is as much of OpenKruise's API as has to do with us.
const pullJobsCRD = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: imagepulljobs.apps.kruise.io
  annotations: {api-approved.kubernetes.io: unapproved}
spec:
  group: apps.kruise.io
  scope: Namespaced
  names: {kind: ImagePullJob, plural: imagepulljobs, singular: imagepulljob}
  versions:
  - name: v1alpha1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}
`

// TestPullJobsPullWhereTheyAreAskedTo: the test is OpenKruise, which pulls what jobs name.
func TestPullJobsPullWhereTheyAreAskedTo(t *testing.T) {
	t.Parallel()
	s := bare(t, sandbox.Options{})
	if err := s.ApplyYAML(t.Context(), []byte(pullJobsCRD)); err != nil {
		t.Fatal(err)
	}
	startWith(t, s, map[string]any{"with": "ImagePullJobs"})
	c := newCluster(t, s.Config, "2", "2")
	c.create(c.members("first", 2, "2", "2")...)
	c.waitBound("first", 2)
	c.create(c.members("second", 2, "2", "2")...)

	client, err := dynamic.NewForConfig(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	jobs := client.Resource(schema.GroupVersionResource{Group: "apps.kruise.io", Version: "v1alpha1", Resource: "imagepulljobs"}).Namespace(seeds)
	list := func() []unstructured.Unstructured {
		l, err := jobs.List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return l.Items
	}
	var made []unstructured.Unstructured
	c.wait("a job for each node", func() (bool, string) { made = list(); return len(made) == 2, fmt.Sprint(made) })
	var nodes []string
	for _, job := range made {
		names, _, _ := unstructured.NestedStringSlice(job.Object, "spec", "selector", "names")
		nodes = append(nodes, names...)
		if image, _, _ := unstructured.NestedString(job.Object, "spec", "image"); image != "registry.example/app:v1" {
			t.Errorf("%s pulls %q", job.GetName(), image)
		}
		job.Object["status"] = map[string]any{"desired": int64(1), "active": int64(0), "succeeded": int64(1)}
		if _, err := jobs.UpdateStatus(t.Context(), &job, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(nodes)
	if want := []string{c.ns + "-0", c.ns + "-1"}; !slices.Equal(nodes, want) {
		t.Errorf("the jobs are for %v, want %v", nodes, want)
	}
	c.wait("the jobs to be gone", func() (bool, string) { left := list(); return len(left) == 0, fmt.Sprint(left) })
}
