package integration

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/muster-scheduler/muster/pkg/plugins/gangbind"
	"github.com/muster-scheduler/muster/pkg/plugins/gangplan"
	"github.com/muster-scheduler/muster/pkg/sandbox"
	"github.com/muster-scheduler/muster/pkg/scheduler"
)

// trial is a scheduler of a test's own that reaches the API server through a
// proxy, and is killed and started again as the test likes. Trials run side by
// side: each serves a scheduler name of its own.
type trial struct {
	t         *testing.T
	proxy     *proxy
	which     sandbox.Which
	name      string // the scheduler name it serves
	args      []string
	deadline  time.Duration      // within which a gang that is bound in part is whole or rolled back
	scheduler *sandbox.Scheduler // nil while none runs
}

// bindTimeout is how long Muster waits for the answer to a binding here: much
// less than a hanging server takes, so that a test of it is short.
const bindTimeout = 2 * time.Second

// newTrial starts Muster for a scheduler name.
func newTrial(t *testing.T, name string) *trial {
	t.Helper()
	return newTrialWith(t, name, shortDeadline, nil)
}

// newTrialWith does so with another deadline, and with more arguments for the
// plugin GangPlan.
func newTrialWith(t *testing.T, name string, deadline time.Duration, gangPlan map[string]any) *trial {
	t.Helper()
	var config map[string]any
	if err := yaml.Unmarshal(scheduler.DefaultConfig(), &config); err != nil {
		t.Fatal(err)
	}
	profile := config["profiles"].([]any)[0].(map[string]any)
	profile["schedulerName"] = name
	configured, _, err := unstructured.NestedSlice(profile, "pluginConfig")
	if err != nil {
		t.Fatal(err)
	}
	profile["pluginConfig"] = append(configured, musterArgs(deadline, gangPlan)...)
	original, err := faulty.start(t).sandbox.MusterKubeconfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	x := startTrial(t, sandbox.Muster, name, original, config)
	x.deadline = deadline
	return x
}

// musterArgs are the arguments by which Muster differs here from what ships.
func musterArgs(deadline time.Duration, gangPlan map[string]any) []any {
	plan := map[string]any{"bindDeadlineSeconds": int64(deadline / time.Second)}
	maps.Copy(plan, gangPlan)
	return []any{
		map[string]any{"name": gangbind.Name, "args": map[string]any{"timeoutSeconds": int64(bindTimeout / time.Second)}},
		map[string]any{"name": gangplan.Name, "args": plan},
	}
}

// shortDeadline is for tests of what happens when it passes, which are short by
// it. A busy machine may pass it too, so where nothing is to be rolled back the
// deadline is the longDeadline. allowance is for what no deadline covers: that
// nothing runs between a kill and the next start, and a machine that is busy.
const (
	shortDeadline = 8 * time.Second
	longDeadline  = time.Minute
	allowance     = 10 * time.Second
)

// newNativeTrial starts kube-scheduler with its own gangs, and with the request
// rate that Muster has, for a scheduler name.
func newNativeTrial(t *testing.T, name string) *trial {
	t.Helper()
	var ours map[string]any
	if err := yaml.Unmarshal(scheduler.DefaultConfig(), &ours); err != nil {
		t.Fatal(err)
	}
	config := map[string]any{
		"apiVersion": ours["apiVersion"], "kind": ours["kind"], "clientConnection": ours["clientConnection"],
		"profiles": []any{map[string]any{"schedulerName": name}},
	}
	original, err := faulty.start(t).sandbox.UpstreamKubeconfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return startTrial(t, sandbox.Native, name, original, config)
}

func startTrial(t *testing.T, which sandbox.Which, name, kubeconfig string, config map[string]any) *trial {
	t.Helper()
	text, err := yaml.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	x := &trial{t: t, which: which, name: name, proxy: newProxy(t, faulty.start(t).sandbox.Config)}
	x.args = []string{"--config=" + file, "--kubeconfig=" + x.proxy.kubeconfig(t, kubeconfig), "--leader-elect=false", "--v=2"}
	t.Cleanup(x.end) // before the proxy's own, which waits for open requests
	x.start(t)
	return x
}

func (x *trial) start(t *testing.T) {
	t.Helper()
	var err error
	if x.scheduler, err = faulty.sandbox.StartScheduler(t.Context(), x.which, x.args...); err != nil {
		t.Fatal(err)
	}
}

// kill ends the scheduler as a crash would.
func (x *trial) kill(t *testing.T) {
	t.Helper()
	if err := x.scheduler.Kill(); err != nil {
		t.Fatal(err)
	}
}

func (x *trial) end() {
	if x.scheduler == nil {
		return
	}
	if err := x.scheduler.Kill(); err != nil {
		x.t.Error(err)
	}
	if x.t.Failed() {
		x.t.Log(x.scheduler.Err()) // with the end of its log
	}
}

// cluster returns a part of the control plane whose pods are this scheduler's.
func (x *trial) cluster(t *testing.T, cpus ...string) *cluster {
	t.Helper()
	c := newCluster(t, faulty.sandbox.Config, cpus...)
	c.scheduler = x.name
	return c
}

// gated has all but n bindings of the cluster's pods held, from now on.
func (x *trial) gated(c *cluster, n int) *gate {
	g := newGate(n)
	x.proxy.deal(c.ns, g.rule)
	return g
}

// waitHeld waits until the gate has let n bindings through, which succeeded,
// and holds at least one more if there is one.
func (x *trial) waitHeld(c *cluster, g *gate, n, of int) {
	c.t.Helper()
	c.wait(fmt.Sprintf("%d of %d bindings to succeed and the next to come", n, of), func() (bool, string) {
		bound := 0
		for _, b := range x.proxy.bindings(c.ns) {
			if b.bound() {
				bound++
			}
		}
		return bound == n && (n == of || g.holds() > 0), fmt.Sprintf("%d succeeded, %d held", bound, g.holds())
	})
}

// check holds what was seen of a gang to what must hold whatever happens.
func (x *trial) check(c *cluster, prefix string, minMember int) {
	c.t.Helper()
	x.checkBindings(c, prefix, minMember)
	if lies := c.history.told(prefix); len(lies) > 0 {
		c.t.Errorf("statuses that are not true: %v", lies)
	}
}

// checkBindings does so without the statuses of the pods.
func (x *trial) checkBindings(c *cluster, prefix string, minMember int) {
	c.t.Helper()
	window, most := c.history.partial(prefix, minMember)
	if window > x.deadline+allowance {
		c.t.Errorf("gang %s was bound in part for %s, at most %d members of %d", prefix, window, most, minMember)
	}
	if most, pod := x.proxy.busiest(c.ns); most > maxBindingsPerSecond {
		c.t.Errorf("%d bindings of %s within a second", most, pod)
	}
	successes := map[string]int{}
	for _, b := range x.proxy.bindings(c.ns) {
		if b.bound() {
			successes[string(b.uid)]++
		}
	}
	for _, uid := range slices.Sorted(maps.Keys(successes)) {
		if successes[uid] > 1 {
			c.t.Errorf("pod %s was bound %d times", uid, successes[uid])
		}
	}
}

// maxBindingsPerSecond is how often one pod's binding may be tried within a
// second: GangBind's own tries, with pauses that double from 100 ms, and the
// first after a rest of a second.
const maxBindingsPerSecond = 10

// figures logs what was seen of a gang.
func (x *trial) figures(c *cluster, prefix string, minMember int) {
	c.t.Helper()
	all := x.proxy.bindings(c.ns)
	window, most := c.history.partial(prefix, minMember)
	perSecond, _ := x.proxy.busiest(c.ns)
	c.t.Logf("%s: %d of %d bound at most, in part for %s; bindings %s, of one pod %d in the busiest second; statuses that are not true: %d",
		x.which, most, minMember, window.Round(time.Millisecond), summary(all), perSecond, len(c.history.told(prefix)))
}

// summary is what a record of bindings comes to, for the log.
func summary(all []binding) string {
	codes := map[string]int{}
	for _, b := range all {
		what := fmt.Sprintf("%d %s", b.code, http.StatusText(b.code))
		if b.code == 0 {
			what = "no answer"
		}
		if b.dryRun {
			what = "dry run " + what
		}
		codes[what]++
	}
	return strings.TrimPrefix(fmt.Sprint(codes), "map") // sorted
}
