package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/replay"
)

var fits = flag.Int("fits", 60, "how many random cases TestFitSaysWhatTheSchedulerThenDoes tries")

// TestFitSaysWhatTheSchedulerThenDoes asks for random gangs and pods on random nodes whether they fit, with
// kubectl muster fit, has the same decided again from a recording, and creates them: what was said is what
// the scheduler does then, and where it puts gangs.
func TestFitSaysWhatTheSchedulerThenDoes(t *testing.T) {
	t.Parallel()
	c := newCluster(t, shared.start(t).sandbox.Config)
	admin, _ := readers(t, &shared, c)
	dir := t.TempDir()
	var mu sync.Mutex
	counts := map[string]int{}
	next := make(chan int)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for n := range next {
				f := &fitCase{cluster: c, rand: rand.New(rand.NewPCG(1, uint64(n))), name: fmt.Sprintf("%s-%d", c.ns, n), dir: dir}
				what, err := f.run(t.Context(), admin)
				mu.Lock()
				if err != nil {
					t.Errorf("case %d: %v\n%.3000s", n, err, f.file)
				}
				counts[what]++
				mu.Unlock()
			}
		})
	}
	for n := range *fits {
		next <- n
	}
	close(next)
	workers.Wait()
	t.Logf("%v", counts)
	for _, what := range []string{"gang fits", "gang does not", "pods fit", "pods do not"} {
		if counts[what] == 0 {
			t.Errorf("no case of %q: %v proves nothing", what, counts)
		}
	}
}

// fitCase is some nodes and some pods that may fit on them.
type fitCase struct {
	*cluster
	rand      *rand.Rand
	name, dir string
	file      []byte // that is asked about
	min       int    // 0 for pods of no gang
	images    bool   // some node has theirs; what pulls cost changes by what the other cases do
	pods      []*v1.Pod
}

func (f *fitCase) run(ctx context.Context, admin *reader) (what string, err error) {
	defer func() { err = errors.Join(err, f.clean(context.WithoutCancel(ctx))) }()
	if err := f.make(ctx); err != nil {
		return "", err
	}
	path := filepath.Join(f.dir, f.name+".json")
	if err := os.WriteFile(path, f.file, 0o600); err != nil {
		return "", err
	}
	said, err := f.ask(ctx, admin, path)
	if err != nil {
		return "", err
	}
	if err := f.replays(ctx, admin, path, said); err != nil {
		return "", err
	}
	for _, pod := range f.pods {
		if _, err := f.client.CoreV1().Pods(f.ns).Create(ctx, pod, metav1.CreateOptions{}); err != nil {
			return "", err
		}
	}
	on, err := f.outcome(ctx, said)
	if err != nil {
		return "", err
	}
	what = map[bool]string{true: "gang", false: "pods"}[f.min > 0]
	if said.Fits {
		what += " fits"
		if f.min == 0 {
			what = "pods fit"
		}
	} else {
		what += map[bool]string{true: " does not", false: " do not"}[f.min > 0]
	}
	// Else it may start before all members exist; and of kinds that ask for as much, the UIDs that the API gives
	// decide which chooses first.
	if f.min == len(f.pods) && said.Fits && !f.images && !f.tied() {
		want := map[string]int{}
		for _, n := range said.Nodes {
			want[n.Name] = n.Pods
		}
		if !maps.Equal(on, want) {
			return what, fmt.Errorf("it was to have %v, and has %v", want, on)
		}
	}
	return what, nil
}

// make makes up to five nodes, and pods of up to three kinds.
func (f *fitCase) make(ctx context.Context) error {
	images := f.rand.IntN(3) == 0
	for i := range 1 + f.rand.IntN(5) {
		amounts := v1.ResourceList{
			v1.ResourceCPU: resource.MustParse(fmt.Sprint(1 + f.rand.IntN(4))), v1.ResourceMemory: resource.MustParse("4Gi"), v1.ResourcePods: resource.MustParse(fmt.Sprint(2 + f.rand.IntN(4))),
		}
		node := &v1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", f.name, i), Labels: map[string]string{"case": f.name, "test": f.ns, v1.LabelTopologyZone: fmt.Sprintf("%s-%d", f.name, f.rand.IntN(2))}},
			Spec:       v1.NodeSpec{Unschedulable: f.rand.IntN(12) == 0},
			Status:     v1.NodeStatus{Capacity: amounts, Allocatable: amounts, Conditions: []v1.NodeCondition{{Type: v1.NodeReady, Status: v1.ConditionTrue, LastHeartbeatTime: metav1.Now()}}},
		}
		if f.rand.IntN(5) == 0 {
			node.Spec.Taints = []v1.Taint{{Key: "example.com/kept", Effect: v1.TaintEffectNoSchedule}}
		}
		if images && f.rand.IntN(3) == 0 {
			f.images = true
			node.Status.Images = []v1.ContainerImage{{Names: []string{"registry.example/" + f.name + ":v1"}, SizeBytes: 1 << 30}}
		}
		if _, err := f.client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil {
			return err
		}
		if f.rand.IntN(3) == 0 {
			running := f.pod(fmt.Sprintf("%s-running-%d", f.name, i), "1")
			running.Spec.NodeName = node.Name
			running.Labels = map[string]string{"case": f.name, "app": "a"}
			if _, err := f.client.CoreV1().Pods(f.ns).Create(ctx, running, metav1.CreateOptions{}); err != nil {
				return err
			}
		}
	}
	inGang, kinds := f.rand.IntN(3) > 0, 1
	if inGang {
		kinds += f.rand.IntN(2)
	}
	for kind := range kinds {
		template := f.kind(kind, inGang)
		for i := range 1 + f.rand.IntN(5) {
			pod := template.DeepCopy()
			pod.Name = fmt.Sprintf("%s-%d-%d", f.name, kind, i)
			f.pods = append(f.pods, pod)
		}
	}
	if inGang {
		f.min = max(1, len(f.pods)-f.rand.IntN(3))
	}
	list := v1.List{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "List"}}
	for _, pod := range f.pods {
		if inGang {
			pod.Annotations[gang.MinAnnotation] = fmt.Sprint(f.min)
		}
		text, err := json.Marshal(pod)
		if err != nil {
			return err
		}
		list.Items = append(list.Items, runtime.RawExtension{Raw: text})
	}
	var err error
	f.file, err = json.Marshal(list)
	return err
}

// kind is a random pod, of the case's gang or of none.
func (f *fitCase) kind(kind int, inGang bool) *v1.Pod {
	pod := f.pod("", fmt.Sprint(1+f.rand.IntN(2)))
	pod.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
	pod.Labels, pod.Annotations = map[string]string{"case": f.name, "app": fmt.Sprint("k", kind)}, map[string]string{}
	pod.Spec.NodeSelector = map[string]string{"case": f.name}
	pod.Spec.Containers[0].Image = "registry.example/" + f.name + ":v1"
	if f.rand.IntN(2) == 0 {
		pod.Spec.Tolerations = append(pod.Spec.Tolerations, v1.Toleration{Key: "example.com/kept", Operator: v1.TolerationOpExists})
	}
	own := &metav1.LabelSelector{MatchLabels: map[string]string{"case": f.name, "app": fmt.Sprint("k", kind)}}
	switch f.rand.IntN(6) {
	case 0:
		pod.Spec.Containers[0].Ports = []v1.ContainerPort{{HostPort: 8080, ContainerPort: 8080}}
	case 1:
		pod.Spec.Affinity = &v1.Affinity{PodAntiAffinity: &v1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []v1.PodAffinityTerm{{LabelSelector: own, TopologyKey: "kubernetes.io/hostname"}}}}
	}
	if !inGang {
		return pod
	}
	pod.Labels[gang.NameLabel] = f.name
	pod.Annotations[gang.RoleAnnotation] = fmt.Sprint("k", kind)
	return pod
}

// ask asks whether the case's pods fit.
func (f *fitCase) ask(ctx context.Context, admin *reader, path string) (said v1alpha1.Fit, err error) {
	out, _, err := admin.ask(ctx, "fit", "-n", f.ns, "-f", path, "-o", "json")
	if code(err) > 1 || err != nil && out == "" {
		return said, err
	}
	var review v1alpha1.FitReview
	if err := json.Unmarshal([]byte(out), &review); err != nil {
		return said, err
	}
	if review.Status.Fits != (err == nil) {
		return said, fmt.Errorf("it ends with code %d, and says %s", code(err), out)
	}
	// Pods of no gang come as a file has them, one by one.
	for i, item := range review.Status.Items {
		if i == 0 {
			said = item
			continue
		}
		said.Of += item.Of
		said.Placed += item.Placed
		said.Fits = said.Fits && item.Fits
	}
	return said, nil
}

// replays has the same decided from a recording.
func (f *fitCase) replays(ctx context.Context, admin *reader, path string, said v1alpha1.Fit) error {
	recorded, errOut, err := admin.ask(ctx, "snapshot", "-n", f.ns, "-f", path)
	if err != nil {
		return fmt.Errorf("%s %w", errOut, err)
	}
	r, err := replay.Read([]byte(recorded))
	if err != nil {
		return err
	}
	decided, err := replay.Run(ctx, r)
	if err != nil {
		return err
	}
	for i, d := range decided {
		if !maps.Equal(d.Placement, r.Units[i].Placement) || d.Fit.Message != r.Units[i].Fit.Message {
			return fmt.Errorf("decided again: %v %q\nrecorded: %v %q", d.Placement, d.Fit.Message, r.Units[i].Placement, r.Units[i].Fit.Message)
		}
	}
	if said.Gang && !f.images && !slices.Equal(decided[0].Fit.Nodes, said.Nodes) {
		return fmt.Errorf("decided again: %v, said: %v", decided[0].Fit.Nodes, said.Nodes)
	}
	return nil
}

// outcome waits until the scheduler has done what was said, and returns how many of the pods are where; an
// error tells what it did instead.
func (f *fitCase) outcome(ctx context.Context, said v1alpha1.Fit) (on map[string]int, err error) {
	seen := ""
	settled := func(ctx context.Context) (bool, error) {
		list, err := f.client.CoreV1().Pods(f.ns).List(ctx, metav1.ListOptions{LabelSelector: "case=" + f.name + ",app!=a"})
		if err != nil {
			return false, err
		}
		bound, refused := 0, 0
		on = map[string]int{}
		for i := range list.Items {
			pod := &list.Items[i]
			cond := conditionOf(pod, v1.PodScheduled)
			switch {
			case pod.Spec.NodeName != "":
				bound++
				on[pod.Spec.NodeName]++
			case cond != nil && cond.Reason == v1.PodReasonUnschedulable:
				refused++
			}
		}
		seen = fmt.Sprintf("%d bound, %d refused of %d", bound, refused, len(f.pods))
		if f.min > 0 && !said.Fits {
			return bound == 0 && refused > 0, nil
		}
		if f.min > 0 {
			return bound >= f.min, nil
		}
		return bound+refused == len(f.pods) && bound == said.Placed, nil
	}
	if err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, patience, true, settled); err != nil {
		return on, fmt.Errorf("said: fits %v, %d of %d %q; then: %s: %w", said.Fits, said.Placed, said.Of, said.Message, seen, err)
	}
	return on, nil
}

// tied reports whether pods of two kinds ask for as much.
func (f *fitCase) tied() bool {
	kinds := map[string]string{}
	for _, pod := range f.pods {
		cpu := pod.Spec.Containers[0].Resources.Requests.Cpu().String()
		if other, ok := kinds[cpu]; ok && other != pod.Labels["app"] {
			return true
		}
		kinds[cpu] = pod.Labels["app"]
	}
	return false
}

func (f *fitCase) clean(ctx context.Context) error {
	zero := int64(0)
	all := metav1.ListOptions{LabelSelector: "case=" + f.name}
	return errors.Join(
		f.client.CoreV1().Pods(f.ns).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &zero}, all),
		f.client.CoreV1().Nodes().DeleteCollection(ctx, metav1.DeleteOptions{}, all),
	)
}

// TestFit asks for what is in files, and shows what users see.
func TestFit(t *testing.T) {
	t.Parallel()
	c := newCluster(t, shared.start(t).sandbox.Config, "4", "4")
	admin, tenant := readers(t, &shared, c)
	node := func(i int) string { return fmt.Sprintf("%s-%d", c.ns, i) }
	pod := `
      spec:
        schedulerName: muster
        restartPolicy: Never
        nodeSelector: {test: ` + c.ns + `}
        tolerations: [{operator: Exists}]
        containers: [{name: main, image: registry.example/app:v1, env: [{name: TOKEN, value: very-secret}], resources: {requests: {cpu: "%s"}}}]
`
	job := func(name, cpu string, n int) string {
		return fmt.Sprintf(`
apiVersion: batch/v1
kind: Job
metadata: {name: %s}
spec:
  parallelism: %d
  completions: %[2]d
  template:
      metadata: {labels: {muster.dev/gang: %[1]s}}`, name, n) + fmt.Sprintf(pod, cpu)
	}
	deployment := `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
      metadata: {labels: {app: web}}` + strings.Replace(fmt.Sprintf(pod, "2"), "restartPolicy: Never", "restartPolicy: Always", 1)
	jobSet := `
apiVersion: jobset.x-k8s.io/v1alpha2
kind: JobSet
metadata: {name: set}
spec:
  replicatedJobs:
  - name: workers
    replicas: 2
    template:
      spec:
        parallelism: 2
        completions: 2
        template:
          metadata:
            labels: {scheduling.x-k8s.io/pod-group: set}` + strings.ReplaceAll(fmt.Sprintf(pod, "1"), "\n      ", "\n          ") + `
---
apiVersion: scheduling.x-k8s.io/v1alpha1
kind: PodGroup
metadata: {name: set}
spec: {minMember: 4}
`
	tests := map[string]struct {
		file string
		args []string
		code int
		want string
	}{
		"a gang fits": {
			job("train", "2", 4), []string{"-o", "wide"}, 0, fmt.Sprintf(`NAME         FITS   PODS     IMAGES READY IN   NODES
gang train   yes    4 of 4   <unknown>         %s (2), %s (2)
`, node(0), node(1)),
		},
		"a gang does not fit": {
			job("train", "3", 3), nil, 1, fmt.Sprintf(`NAME         FITS   PODS     IMAGES READY IN
gang train   no     2 of 3   <none>

gang %s/train: 2 of 3 members fit; `, c.ns),
		},
		"what comes later finds the room taken": {
			job("train", "2", 3) + "---" + deployment, nil, 1, `NAME             FITS   PODS     IMAGES READY IN
gang train       yes    3 of 3   <unknown>
deployment/web   no     1 of 3   <none>

deployment/web: 1 of 3 fit; one more needs cpu 2, the nearest node has cpu 0 free`,
		},
		"a gang without its group": {
			strings.Split(jobSet, "---")[0], nil, 1, fmt.Sprintf(`NAME       FITS   PODS     IMAGES READY IN
gang set   no     0 of 4   <none>

PodGroup %s/set does not exist: create it, or create the pod without the label scheduling.x-k8s.io/pod-group
`, c.ns),
		},
		"a job that is given its name later": {
			strings.Replace(job("train", "2", 4), "{name: train}", "{generateName: train-}", 1), nil, 0, `NAME         FITS   PODS     IMAGES READY IN
gang train   yes    4 of 4   <unknown>
`,
		},
		"a set of jobs and the group that they name": {
			jobSet, []string{"-o", "wide"}, 0, fmt.Sprintf(`NAME       FITS   PODS     IMAGES READY IN   NODES
gang set   yes    4 of 4   <unknown>         %s (4)
`, node(0)),
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			out, errOut, err := admin.pipe(t.Context(), tc.file, append([]string{"fit", "-n", c.ns, "-f", "-"}, tc.args...)...)
			if code(err) != tc.code || !strings.HasPrefix(out, tc.want) {
				t.Errorf("it ends with %v, want code %d; %s\ngot\n%s\nwant\n%s", err, tc.code, errOut, out, tc.want)
			}
		})
	}
	refusals := map[string]struct {
		who  *reader
		file string
		want string
	}{
		"no right to create pods": {tenant, job("train", "1", 1), "job/train: the API server would not make its pods: pods is forbidden"},
		"another scheduler":       {admin, strings.Replace(job("train", "1", 1), "schedulerName: muster", "schedulerName: other", 1), `spec.pods[0].pod: spec.schedulerName: "other": this scheduler serves ["muster"]`},
		"nothing that makes pods": {admin, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n", "nothing in - makes pods"},
		"no pods":                 {admin, strings.Replace(deployment, "replicas: 3", "replicas: 0", 1), "- asks for no pods: its replicas or parallelism are 0"},
		"no name":                 {admin, strings.Replace(job("train", "1", 1), "{name: train}", "{}", 1), "job/: it has neither metadata.name nor metadata.generateName"},
		"another namespace":       {admin, strings.Replace(job("train", "1", 1), "{name: train}", "{name: train, namespace: elsewhere}", 1), `the namespace "elsewhere" of the objects is not that of --namespace`},
		"a pod that cannot be":    {admin, strings.Replace(job("train", "1", 1), `cpu: "1"`, `cpu: "-1"`, 1), "must be greater than or equal to 0"},
	}
	for name, tc := range refusals {
		t.Run(name, func(t *testing.T) {
			out, errOut, err := tc.who.pipe(t.Context(), tc.file, "fit", "-n", c.ns, "-f", "-")
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q; %s%s", err, tc.want, out, errOut)
			}
		})
	}
	t.Run("whoever may create pods may ask, and nothing of what they are told is sent", func(t *testing.T) {
		c.allow("creator", "reader", rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"create"}})
		var out string
		c.wait("the right to be known", func() (bool, string) {
			var errOut string
			var err error
			out, errOut, err = tenant.pipe(t.Context(), job("train", "2", 4), "fit", "-n", c.ns, "-f", "-", "-o", "json")
			return err == nil, fmt.Sprint(out, errOut, err)
		})
		if strings.Contains(out, "very-secret") || strings.Contains(out, "TOKEN") || !strings.Contains(out, `"fits": true`) {
			t.Error(out)
		}
	})
	t.Run("nothing was created", func(t *testing.T) {
		pods, err := c.client.CoreV1().Pods(c.ns).List(t.Context(), metav1.ListOptions{})
		if err != nil || len(pods.Items) > 0 {
			t.Errorf("%d pods, %v", len(pods.Items), err)
		}
	})
	t.Run("a gang that exists", func(t *testing.T) {
		c.create(c.members("there", 2, "3", "1")...)
		admin.tells([]string{"gangs", "-n", c.ns}, "there")
		_, _, err := admin.pipe(t.Context(), job("there", "1", 1), "fit", "-n", c.ns, "-f", "-")
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("gang %s/there has 2 pods already: ask for a gang of another name", c.ns)) {
			t.Error(err)
		}
	})
	t.Run("a recording", func(t *testing.T) {
		c.create(c.members("waits", 3, "3", "4")...)
		c.waitEvent("waits", "FailedScheduling", "2 of 3 members fit")
		recorded, errOut, err := admin.ask(t.Context(), "snapshot", "gang", "waits", "-n", c.ns)
		if err != nil {
			t.Fatal(errOut, err)
		}
		file := filepath.Join(t.TempDir(), "recording.json")
		if err := os.WriteFile(file, []byte(recorded), 0o600); err != nil {
			t.Fatal(err)
		}
		out, errOut, err := admin.ask(t.Context(), "replay", file)
		if err != nil || !strings.Contains(out, "gang waits   no     2 of 3   <none>") || !strings.Contains(out, "The same as recorded at ") {
			t.Errorf("%s%s%v", out, errOut, err)
		}
		// Where a node is larger, another decision comes out.
		if err := os.WriteFile(file, bytes.ReplaceAll([]byte(recorded), []byte(`"allocatable":{"cpu":"4"`), []byte(`"allocatable":{"cpu":"8"`)), 0o600); err != nil {
			t.Fatal(err)
		}
		out, errOut, err = admin.ask(t.Context(), "replay", file)
		if code(err) != 1 || !strings.Contains(errOut, "waits: pod waits-0 was to go to no node, and goes to ") {
			t.Errorf("%s%s%v", out, errOut, err)
		}
		if _, _, err := tenant.ask(t.Context(), "snapshot", "gang", "waits", "-n", c.ns); err == nil || !strings.Contains(err.Error(), "forbidden") {
			t.Errorf("a tenant gets a recording: %v", err)
		}
		recorded, errOut, err = admin.pipe(t.Context(), job("train", "1", 2), "snapshot", "-n", c.ns, "-f", "-")
		if err != nil || strings.Contains(recorded, "very-secret") || strings.Contains(recorded, "TOKEN") {
			t.Errorf("%s%v; or the recording tells secrets", errOut, err)
		}
	})
}

// TestFitTellsWhenImagesAreReady: at once where they are, and after a pull where they are not.
func TestFitTellsWhenImagesAreReady(t *testing.T) {
	t.Parallel()
	c := newCluster(t, shared.start(t).sandbox.Config, "4")
	image := "registry.example/" + c.ns + ":v1"
	c.addNode(c.ns+"-warm", "4", v1.ContainerImage{Names: []string{image}, SizeBytes: 1 << 30})
	admin, _ := readers(t, &shared, c)
	members := func(n int) string {
		list := v1.List{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "List"}}
		for _, pod := range c.members("train", n, fmt.Sprint(n), "2") {
			pod.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
			pod.Spec.Containers[0].Image = image
			text, err := json.Marshal(pod)
			if err != nil {
				t.Fatal(err)
			}
			list.Items = append(list.Items, runtime.RawExtension{Raw: text})
		}
		text, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for n, want := range map[int]string{
		2: `gang train +yes +2 of 2 +0s +` + c.ns + `-warm \(2\)`,
		4: `gang train +yes +4 of 4 +(2[5-9]|3\d)s +` + c.ns + `-0 \(2\), ` + c.ns + `-warm \(2\)`, // 1 GiB at 40 MB/s
	} {
		c.wait(fmt.Sprintf("%d members to fit", n), func() (bool, string) {
			out, errOut, err := admin.pipe(t.Context(), members(n), "fit", "-n", c.ns, "-o", "wide", "-f", "-")
			return regexp.MustCompile(want).MatchString(out), fmt.Sprint(out, errOut, err)
		})
	}
}
