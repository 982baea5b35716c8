package scheduler

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	st "k8s.io/kubernetes/pkg/scheduler/testing"

	"github.com/muster-scheduler/muster/pkg/plugins"
	"github.com/muster-scheduler/muster/pkg/version"
)

// TestSetupKeepsUpWithUpstream finds in both sources the options that are
// passed to scheduler.New: an upgrade that adds one must not pass unnoticed.
func TestSetupKeepsUpWithUpstream(t *testing.T) {
	upstream := optionsIn(t, filepath.Join("..", "..", "vendor", "k8s.io", "kubernetes", "cmd", "kube-scheduler", "app", "server.go"), "Setup")
	ours := optionsIn(t, "setup.go", "setup")
	if len(upstream) < 10 {
		t.Fatalf("found only %v upstream: this test reads it wrongly", upstream)
	}
	if diff := cmp.Diff(upstream, ours); diff != "" {
		t.Errorf("options of scheduler.New (-upstream +ours):\n%s", diff)
	}
}

// optionsIn returns the names scheduler.With… that the function calls, sorted.
func optionsIn(t *testing.T, file, function string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, decl := range parsed.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || fn.Name.Name != function {
			continue
		}
		ast.Inspect(fn, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && strings.HasPrefix(sel.Sel.Name, "With") {
				if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == "scheduler" {
					names = append(names, sel.Sel.Name)
				}
			}
			return true
		})
	}
	slices.Sort(names)
	return names
}

const nowhere = `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: c, context: {cluster: c, user: c}}]
current-context: c
users: [{name: c, user: {}}]
`

// TestProfile builds the scheduler of the built-in configuration on a cluster
// that does not answer: nothing must need it before it runs.
func TestProfile(t *testing.T) {
	opts := parsed(t, "--kubeconfig="+file(t, nowhere), "--secure-port=0")
	if _, err := configure(klog.Background(), opts, plugins.Checks()); err != nil {
		t.Fatal(err)
	}
	cc, sched, err := setup(t.Context(), opts, plugins.New().Registry())
	if err != nil {
		t.Fatal(err)
	}
	if want := "muster-scheduler/" + version.Muster; !strings.HasPrefix(cc.KubeConfig.UserAgent, want) {
		t.Errorf("user agent = %q, want %s…", cc.KubeConfig.UserAgent, want)
	}
	framework := sched.Profiles["muster"]
	if framework == nil {
		t.Fatalf("no profile muster in %v", sched.Profiles)
	}

	points := framework.ListPlugins()
	at := map[string][]string{
		"preEnqueue": names(points.PreEnqueue),
		"queueSort":  names(points.QueueSort),
		"preFilter":  names(points.PreFilter),
		"filter":     names(points.Filter),
		"postFilter": names(points.PostFilter),
		"preScore":   names(points.PreScore),
		"score":      names(points.Score),
		"reserve":    names(points.Reserve),
		"permit":     names(points.Permit),
		"bind":       names(points.Bind),
	}
	if diff := cmp.Diff([]string{"QueueOrder"}, at["queueSort"]); diff != "" {
		t.Errorf("queueSort (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"GangBind"}, at["bind"]); diff != "" {
		t.Errorf("bind (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"GangPlan", "DynamicResources", "DefaultPreemption"}, at["postFilter"]); diff != "" {
		t.Errorf("postFilter (-want +got):\n%s", diff)
	}
	for point, plugin := range map[string]string{
		"preEnqueue": "GangGate", "preFilter": "GangPlan", "filter": "GangPlan", "reserve": "GangPlan",
		"permit": "GangPlan", "preScore": "ImagePull", "score": "ImagePull",
	} {
		if !slices.Contains(at[point], plugin) {
			t.Errorf("%s is not among %s: %v", plugin, point, at[point])
		}
	}
	if slices.Contains(at["score"], "ImageLocality") {
		t.Error("ImageLocality is on")
	}
	// A single plugin that does not sign turns batching off for the profile.
	if framework.SignPod(t.Context(), st.MakePod().Name("plain").Req(map[v1.ResourceName]string{v1.ResourceCPU: "1"}).Obj()) == nil {
		t.Error("a plain pod has no signature")
	}
}

func names(set config.PluginSet) []string {
	var names []string
	for _, plugin := range set.Enabled {
		names = append(names, plugin.Name)
	}
	return names
}
