package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/muster-scheduler/muster/pkg/cli"
	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/sandbox"
	"github.com/muster-scheduler/muster/pkg/sandbox/kubeconfig"
)

// reader asks the scheduler as a user does, with kubectl muster.
type reader struct {
	c          *cluster
	kubeconfig string
	url        string // of the scheduler
}

// readers returns the administrator, and a user who may do no more than read the pods
// and events of the cluster's namespace.
func readers(t *testing.T, p *plane, c *cluster) (admin, tenant *reader) {
	t.Helper()
	admin = &reader{c, p.sandbox.Kubeconfig, p.muster.URL}
	account := &v1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "reader"}}
	ctx := t.Context()
	if _, err := c.client.CoreV1().ServiceAccounts(c.ns).Create(ctx, account, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	c.allow("reader", "reader", rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods", "events"}, Verbs: []string{"get", "list"}})
	token, err := c.client.CoreV1().ServiceAccounts(c.ns).CreateToken(ctx, "reader", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	config := kubeconfig.New(p.sandbox.Config.Host, p.sandbox.Config.CAData, "reader", token.Status.Token)
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	return admin, &reader{c, file, p.muster.URL}
}

// ask runs kubectl muster and returns what it writes and how it ends.
func (r *reader) ask(ctx context.Context, args ...string) (out, errOut string, err error) {
	return r.pipe(ctx, "", args...)
}

// pipe does so with something to read from standard input.
func (r *reader) pipe(ctx context.Context, in string, args ...string) (out, errOut string, err error) {
	var stdout, stderr bytes.Buffer
	cmd := cli.NewCommand(genericiooptions.IOStreams{In: strings.NewReader(in), Out: &stdout, ErrOut: &stderr})
	cmd.SetArgs(append(r.flags(), args...))
	err = cmd.ExecuteContext(ctx)
	return stdout.String(), stderr.String(), err
}

// allow gives a service account a right in the cluster's namespace, under a name.
func (c *cluster) allow(name, account string, rule rbacv1.PolicyRule) {
	c.t.Helper()
	ctx := c.t.Context()
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: []rbacv1.PolicyRule{rule}}
	if _, err := c.client.RbacV1().Roles(c.ns).Create(ctx, role, metav1.CreateOptions{}); err != nil {
		c.t.Fatal(err)
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: account, Namespace: c.ns}},
	}
	if _, err := c.client.RbacV1().RoleBindings(c.ns).Create(ctx, binding, metav1.CreateOptions{}); err != nil {
		c.t.Fatal(err)
	}
}

// code is what the process would end with.
func code(err error) int {
	if err == nil {
		return 0
	}
	if answer, ok := errors.AsType[cli.ExitError](err); ok {
		return answer.Code
	}
	return 1
}

// flags say who asks whom. The scheduler's certificate is one that it made itself.
func (r *reader) flags() []string {
	return []string{"--kubeconfig=" + r.kubeconfig, "--scheduler-url=" + r.url, "--scheduler-insecure-skip-tls-verify"}
}

// tells waits until the answer contains all parts.
func (r *reader) tells(args []string, parts ...string) string {
	r.c.t.Helper()
	answer := ""
	r.c.wait(fmt.Sprintf("kubectl muster %s to tell %q", strings.Join(args, " "), parts), func() (bool, string) {
		out, errOut, err := r.ask(r.c.t.Context(), args...)
		answer = out
		all := err == nil
		for _, part := range parts {
			all = all && strings.Contains(out, part)
		}
		return all, fmt.Sprintf("%s%s %v", out, errOut, err)
	})
	return answer
}

// TestTheWayThroughTheQueue is that of a pod which no node suits until one has another
// label: from the active pods to the unschedulable ones, and back by the event of the node.
func TestTheWayThroughTheQueue(t *testing.T) {
	p := shared.start(t)
	c := newCluster(t, p.sandbox.Config, "4", "4")
	admin, _ := readers(t, p, c)
	followed := followQueue(t, admin)
	pod := c.pod("train", "1")
	pod.Spec.NodeSelector["disk"] = "ssd"
	c.create(pod)
	admin.tells([]string{"why", "pod", "train", "-n", c.ns}, "Unschedulable", "waits for an event that may help it, after 1 attempt", "refused by NodeAffinity\n  woken by NodeAdd, NodeUpdateNodeLabel, if that helps\n",
		"\n  0/", "nodes are available", "didn't match Pod's node affinity/selector") // what its event says
	patch := []byte(`{"metadata":{"labels":{"disk":"ssd"}}}`)
	node := c.ns + "-1"
	if _, err := c.client.CoreV1().Nodes().Patch(t.Context(), node, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	c.waitBound("train", 1)
	admin.tells([]string{"why", "pod/train", "-n", c.ns}, "it has the node "+node, "Bound")
	// The node's label can come before the back-off of a second is over, and after it.
	want := regexp.MustCompile(`(?m)^\S+ +train +-> Active +UnscheduledPodAdd
\S+ +train +Active -> Scheduling +Turn
\S+ +train +Scheduling -> Unschedulable +ScheduleAttemptFailure, refused by NodeAffinity
(\S+ +train +Unschedulable -> Active +NodeUpdateNodeLabel \(Node ` + node + `\)
\S+ +train +Active -> Scheduling +Turn|\S+ +train +Unschedulable -> Backoff +NodeUpdateNodeLabel \(Node ` + node + `\)
\S+ +train +Backoff -> Scheduling +PopFromBackoffQ)
\S+ +train +Scheduling -> Bound +AssignedPodAdd \(Node ` + node + `\)$`)
	c.wait("the moves to be followed", func() (bool, string) { return want.MatchString(followed()), followed() })
}

// followQueue runs kubectl muster queue -w until the test ends, and returns what it has
// written.
func followQueue(t *testing.T, r *reader) func() string {
	t.Helper()
	out := &safeBuffer{}
	cmd := cli.NewCommand(genericiooptions.IOStreams{In: strings.NewReader(""), Out: out, ErrOut: out})
	cmd.SetArgs(append(r.flags(), "queue", "-w", "-n", r.c.ns))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- cmd.ExecuteContext(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("kubectl muster queue -w = %v", err)
		}
	})
	r.c.wait("the queue to be followed", func() (bool, string) { return strings.Contains(out.String(), "No pod that waits"), out.String() })
	return out.String
}

type safeBuffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (b *safeBuffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(text)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

// TestWhyAGangWaits: first for members, then for room, and why single members do.
func TestWhyAGangWaits(t *testing.T) {
	p := shared.start(t)
	c := newCluster(t, p.sandbox.Config, "2")
	_, tenant := readers(t, p, c)
	c.create(c.members("trio", 2, "3", "1")...)
	tenant.tells([]string{"why", "gang", "trio", "-n", c.ns}, "gang trio, by Label: Gathering, 2 members of at least 3, 0 bound", "2 of 3", "trio-0", "Gated")
	tenant.tells([]string{"why", "pod", "trio-1", "-n", c.ns}, "pod trio-1 of gang trio: Gated", "is kept out of the queue", "2 of 3")
	third := c.member("trio", 2, "3", "1")
	c.create(third)
	tenant.tells([]string{"why", "gang", "trio", "-n", c.ns}, "Waiting", "2 of 3 members fit", "insufficient cpu", "stands in the queue for it")
	tenant.tells([]string{"queue", "-n", c.ns, "-o", "wide"}, "Unschedulable", "GangPlan", "trio-0", "trio-1", "trio-2")
	tenant.tells([]string{"gangs", "-n", c.ns}, "NAME", "trio", "Waiting")
	tenant.tells([]string{"gangs", "-n", c.ns, "-o", "json"}, `"kind": "GangList"`, `"state": "Waiting"`)
	for args, want := range map[string]string{"": "pod\ngang\n", "pod": "trio-0\ntrio-1\ntrio-2\n", "gang": "trio\n", "gang trio": ""} {
		words := append([]string{"__complete", "-n", c.ns, "why"}, append(strings.Fields(args), "")...)
		out, _, err := tenant.ask(t.Context(), words...)
		got, _, _ := strings.Cut(out, ":")
		if lines := strings.Split(got, "\n"); err != nil || !slices.Equal(slices.Sorted(slices.Values(lines)), slices.Sorted(slices.Values(strings.Split(want, "\n")))) {
			t.Errorf("what comes after why %s = %q %v, want %q", args, got, err, want)
		}
	}
	c.addNode(c.ns+"-more", "1")
	c.waitBound("trio", 3)
	out := tenant.tells([]string{"why", "gang", "trio", "-n", c.ns}, "Running", "3 bound", "Bound")
	way := regexp.MustCompile(`(?s)AGO +STATE +MESSAGE\n.*Gathering +gang ` + c.ns + `/trio: 2 of 3 members exist\n.*Waiting +gang ` + c.ns + `/trio: 2 of 3 members fit.*Placing.*Running`)
	if !way.MatchString(out) {
		t.Errorf("why gang trio tells\n%s\nwant its way at the end", out)
	}
	if out, errOut, err := tenant.ask(t.Context(), "queue", "-n", c.ns); err != nil || out != "" || !strings.Contains(errOut, "No pod that waits in namespace") {
		t.Errorf("queue = %q %q %v, want nobody", out, errOut, err)
	}
}

// TestWhoMayAskWhat: who may list the pods, of those, and not a word of others.
func TestWhoMayAskWhat(t *testing.T) {
	p := shared.start(t)
	c, other := newCluster(t, p.sandbox.Config, "1"), newCluster(t, p.sandbox.Config)
	admin, tenant := readers(t, p, c)
	c.create(c.pod("own", "2"))
	foreign := other.pod("foreign", "2")
	other.create(foreign)
	admin.tells([]string{"queue", "-A"}, "own", "foreign")
	if out := tenant.tells([]string{"queue", "-n", c.ns}, "own"); strings.Contains(out, "foreign") {
		t.Errorf("a tenant is told of another's pod:\n%s", out)
	}
	for _, args := range [][]string{
		{"queue", "-A"},
		{"queue", "-n", other.ns},
		{"queue", "-w", "-n", other.ns},
		{"gangs", "-A"},
		{"gangs", "-n", other.ns},
		{"why", "gang", "any", "-n", other.ns},
		{"why", "pod", "foreign", "-n", other.ns},
	} {
		if out, _, err := tenant.ask(t.Context(), args...); err == nil || !strings.Contains(err.Error(), "forbidden") || out != "" {
			t.Errorf("%v = %q %v, want it forbidden", args, out, err)
		}
	}
	for args, want := range map[string]string{
		"why pod none -n " + c.ns:  `pods "none" not found`,
		"why gang none -n " + c.ns: `gangs "none" not found`,
		"why node n1":              `"node" is neither pod nor gang`,
		"why own":                  `"own" names neither`,
		"queue -o xml":             `--output: "xml" is none: use json, yaml or wide`,
		"queue -A -n " + c.ns:      "exclude each other",
		"queue --scheduler-url=http://127.0.0.1:1":             `"http://127.0.0.1:1" is none: use one such as https://`,
		"queue --scheduler-insecure-skip-tls-verify=false":     "certificate signed by unknown authority",
		"queue --as=somebody":                                  "--as: the scheduler knows nobody but",
		"queue --scheduler-url= --scheduler-namespace=default": "no pod of the scheduler runs in namespace default",
	} {
		if _, _, err := admin.ask(t.Context(), strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s = %v, want %q", args, err, want)
		}
	}
}

// TestStateIsReadOnly, and tells where else to look.
func TestStateIsReadOnly(t *testing.T) {
	p := shared.start(t)
	c := newCluster(t, p.sandbox.Config)
	config := rest.CopyConfig(p.sandbox.Config)
	config.Host, config.TLSClientConfig = p.muster.URL, rest.TLSClientConfig{Insecure: true}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	for _, tc := range []struct {
		method, path string
		code         int
		text         string
	}{
		{http.MethodPost, "pods", http.StatusMethodNotAllowed, "the state is read-only"},
		{http.MethodDelete, "namespaces/" + c.ns + "/pods/any", http.StatusMethodNotAllowed, "the state is read-only"},
		{http.MethodGet, "nothing", http.StatusNotFound, "pods, gangs, moves, images and nodes are below"},
		{http.MethodGet, "namespaces/" + c.ns + "/pods/any", http.StatusNotFound, `pods \"any\" not found`},
		{http.MethodGet, "moves?from=x", http.StatusBadRequest, "from:"},
		{http.MethodGet, "moves?watch=maybe", http.StatusBadRequest, "watch:"},
		{http.MethodGet, "moves?from=99999999", http.StatusGone, "begun to count anew"},
	} {
		request, err := http.NewRequestWithContext(t.Context(), tc.method, p.muster.URL+"/state/v1alpha1/"+tc.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != tc.code || !strings.Contains(string(text), tc.text) || !strings.Contains(string(text), `"kind":"Status"`) {
			t.Errorf("%s %s = %s %s, want %d with %q", tc.method, tc.path, response.Status, text, tc.code, tc.text)
		}
	}
}

// TestServesWhatKubeSchedulerServes, and the state besides.
func TestServesWhatKubeSchedulerServes(t *testing.T) {
	p := shared.start(t)
	paths := func(s *sandbox.Scheduler) []string {
		status := read(t, p.sandbox.Config, s, "/statusz")
		list := regexp.MustCompile(`(?m)^Paths\W+(/.*)$`).FindStringSubmatch(status)
		if list == nil {
			t.Fatalf("/statusz lists no paths: %s", status)
		}
		return strings.Fields(list[1])
	}
	want := append(paths(p.stock), "/state")
	slices.Sort(want)
	if diff := cmp.Diff(want, paths(p.muster)); diff != "" {
		t.Errorf("paths (-kube-scheduler +Muster):\n%s", diff)
	}
	for _, path := range []string{"/configz", "/metrics/resources", "/metrics/slis", "/flagz", "/healthz", "/livez", "/readyz", "/state/v1alpha1/pods"} {
		read(t, p.sandbox.Config, p.muster, path) // or the test fails
	}
}

// TestNodesAreTold as the scheduler counts them, with the labels by which gangs ask for
// domains.
func TestNodesAreTold(t *testing.T) {
	p := shared.start(t)
	c := newCluster(t, p.sandbox.Config)
	rack := c.ns + "/rack"
	c.addNodeWith(c.ns+"-0", "4", map[string]string{v1.LabelTopologyZone: "a", rack: "r7", "other": "label"},
		v1.ContainerImage{Names: []string{"registry.example/app:v1"}, SizeBytes: 300e6})
	c.create(c.pod("runs", "1500m"))
	for _, pod := range c.members("waits", 1, "2", "1") {
		pod.Annotations[gang.TopologyAnnotation] = rack + "=preferred"
		c.create(pod)
	}
	c.waitBound("runs", 1)
	want := fmt.Sprintf(`{"name":"%s-0","labels":{"%s":"r7","topology.kubernetes.io/zone":"a"},"ready":true,"unschedulable":false,`+
		`"room":{"cpu":{"has":"4","used":"1500m"},"memory":{"has":"64Gi","used":"0"},"pods":{"has":"110","used":"1"}},"kept":0,`+
		`"images":{"count":1,"bytes":300000000},"pulls":{"count":0,"bytes":0}}`, c.ns, rack)
	told := func() (bool, string) {
		nodes := read(t, p.sandbox.Config, p.muster, "/state/v1alpha1/nodes")
		return strings.Contains(nodes, want), nodes
	}
	c.wait("the nodes to be told with "+want, told)
	c.patchNode(c.ns+"-0", `{"spec":{"unschedulable":true}}`)
	c.remove1("runs")
	want = strings.NewReplacer(`"unschedulable":false`, `"unschedulable":true`, `"used":"1500m"`, `"used":"0"`, `"used":"1"`, `"used":"0"`).Replace(want)
	c.wait("the nodes to be told with "+want, told)
}

// TestWhereImagesAre: what the scheduler counts, for those who may list nodes.
func TestWhereImagesAre(t *testing.T) {
	p := shared.start(t)
	c := newCluster(t, p.sandbox.Config)
	admin, tenant := readers(t, p, c)
	name := "registry.example/" + c.ns + "/app:v1"
	node := c.ns + "-has"
	c.addNode(node, "1", v1.ContainerImage{Names: []string{name}, SizeBytes: 300e6})
	c.addNode(c.ns+"-lacks", "4")
	pod := c.pod("pulls", "2")
	pod.Spec.Containers[0].Image = name
	c.create(pod)
	c.waitBound("pulls", 1)
	admin.tells([]string{"images", name}, name+", 300 MB", "1 nodes have it: "+node, "1 nodes pull it: "+c.ns+"-lacks")
	admin.tells([]string{"images", node}, "node "+node+": pulls ", name, "300 MB")
	admin.tells([]string{"images", c.ns + "-lacks"}, name, "of 300 MB", "pulling", string(c.get("pulls").UID))
	admin.tells([]string{"images"}, name, "The registries are taken to serve")
	admin.tells([]string{"images", "-o", "yaml"}, "kind: ImageList", "image: "+name)
	for _, args := range [][]string{{"images"}, {"images", node}, {"images", name}} {
		if out, _, err := tenant.ask(t.Context(), args...); err == nil || !strings.Contains(err.Error(), "forbidden") || out != "" {
			t.Errorf("%v = %q %v, want it forbidden", args, out, err)
		}
	}
	if _, _, err := admin.ask(t.Context(), "images", "no-such"); err == nil || !strings.Contains(err.Error(), `no node of the name "no-such"`) {
		t.Errorf("images no-such = %v", err)
	}
}
