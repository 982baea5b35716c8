package integration

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	doctorv1alpha1 "github.com/muster-scheduler/muster/pkg/apis/doctor/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/sandbox"
)

// recommended is what the doctor asks of a kubelet.
const recommended = `{
	"serializeImagePulls": false, "maxParallelImagePulls": 3, "registryPullQPS": 0,
	"kubeAPIQPS": 50, "kubeAPIBurst": 100, "eventRecordQPS": 50, "nodeStatusMaxImages": -1, "imageGCHighThresholdPercent": 85,
	"kubeReserved": {"cpu": "200m", "memory": "1Gi"}, "evictionMinimumReclaim": {"imagefs.available": "5%"}
}`

// TestDoctor looks at a cluster of real kubelets of two kinds, of a node without one, and
// of one that is an object alone.
func TestDoctor(t *testing.T) {
	s, muster := own(t, sandbox.Options{Kubelets: 2})
	if _, err := s.AddConfiguredKubelets(t.Context(), 2, recommended); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddNodes(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	c := newCluster(t, s.Config)
	var images []v1.ContainerImage
	for i := range 50 {
		images = append(images, v1.ContainerImage{Names: []string{fmt.Sprintf("registry.example/app:v%d", i)}, SizeBytes: 1})
	}
	c.addNode("full", "4", images...)
	admin, tenant := readers(t, &plane{sandbox: s, muster: muster}, c)
	look := func(who *reader, args ...string) (*doctorv1alpha1.Report, error) {
		t.Helper()
		out, _, err := who.ask(t.Context(), append([]string{"doctor", "-o", "json", "--nodes=0"}, args...)...)
		if out == "" {
			t.Fatal(err)
		}
		var report doctorv1alpha1.Report
		if err := json.Unmarshal([]byte(out), &report); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		return &report, err
	}

	t.Run("what kubelets are set to", func(t *testing.T) {
		report, _ := look(admin)
		for _, f := range report.Findings {
			if f.Subject == "kubelet" && slices.ContainsFunc(f.Objects.Names, func(n string) bool { return n != "node-0" && n != "node-1" }) {
				t.Errorf("%v have %s %s, and are as recommended", f.Objects.Names, f.Setting, f.Value)
			}
		}
		serial := finding(t, report, "kubelet-serial-pulls")
		if got := where(serial); serial.Value != "true" || serial.Severity != "warning" || got != "2 of 4 nodes [node-0 node-1]" {
			t.Errorf("serializeImagePulls %s on %s", serial.Value, got)
		}
		list := finding(t, report, "kubelet-image-list")
		if got := where(list); list.Value != "50" || got != "2 of 4 nodes [node-0 node-1]" {
			t.Errorf("nodeStatusMaxImages %s on %s", list.Value, got)
		}
		if want := (doctorv1alpha1.NotChecked{
			What: "settings of the kubelets", Reason: "the API server cannot reach the kubelet: the node has no kubelet that listens",
			Objects: &doctorv1alpha1.Objects{Kind: "nodes", Count: 1, Of: 6, Names: []string{"node-4"}},
		}); !unchecked(report.NotChecked, want) {
			t.Errorf("not checked: %s, want %s", asJSON(report.NotChecked), asJSON(want))
		}
	})

	t.Run("what nodes say", func(t *testing.T) {
		report, _ := look(admin)
		if f := finding(t, report, "node-image-list-cut-off"); f.Value != "50" || where(f) != "1 of 6 nodes [full]" {
			t.Errorf("%s images on %s", f.Value, where(f))
		}
	})

	t.Run("the scheduler is as recommended", func(t *testing.T) {
		report, _ := look(admin)
		for _, f := range report.Findings {
			if f.Subject == "scheduler" || strings.HasPrefix(f.Rule, "fairness-") || f.Severity == doctorv1alpha1.Error {
				t.Errorf("found %s", asJSON(f))
			}
		}
		for _, n := range report.NotChecked {
			if strings.Contains(n.What, "scheduler") {
				t.Errorf("not checked: %s", asJSON(n))
			}
		}
		if f := finding(t, report, "served-image-manifests"); f.Value != "absent" {
			t.Errorf("imagemanifests are %s", f.Value)
		}
	})

	t.Run("the exit code", func(t *testing.T) {
		for severity, want := range map[string]int{"error": 0, "warning": 2, "info": 2, "none": 0} {
			_, err := look(admin, "--fail-on="+severity)
			if got := code(err); got != want {
				t.Errorf("--fail-on=%s ends with %d (%v), want %d", severity, got, err, want)
			}
		}
		if _, err := look(admin, "--fail-on=none", "--strict"); code(err) != 2 {
			t.Errorf("--strict ends with %v, with node-4 not checked", err)
		}
		_, _, err := admin.ask(t.Context(), "doctor", "--server=https://127.0.0.1:1")
		if code(err) != 1 {
			t.Errorf("without an API server it ends with %v", err)
		}
		if _, _, err := admin.ask(t.Context(), "doctor", "--fail-on=fatal"); err == nil || err.Error() != `--fail-on: "fatal" is none: use error, warning, info or none` {
			t.Errorf("--fail-on=fatal = %v", err)
		}
	})

	t.Run("whoever may not read is told so", func(t *testing.T) {
		report, err := look(tenant)
		if code(err) != 0 {
			t.Errorf("it ends with %v, want no finding", err)
		}
		for what, needs := range map[string]string{
			"nodes and the settings of kubelets":                    "the right to list nodes",
			"how priority and fairness treats the scheduler":        "the right to list flowschemas of flowcontrol.apiserver.k8s.io",
			"settings of the running scheduler":                     "the right to get /configz",
			"how many replicas of the scheduler there are":          "the right to list deployments in muster-system",
			"whether a scheduler leads":                             "the right to get leases in muster-system",
			"whether several processes answer to one schedulerName": "the right to list events in all namespaces",
		} {
			if !unchecked(report.NotChecked, doctorv1alpha1.NotChecked{What: what, Reason: "forbidden", Needs: needs}) {
				t.Errorf("%s is not among what was not checked: %s", what, asJSON(report.NotChecked))
			}
		}
		if _, err := look(tenant, "--strict"); code(err) != 2 {
			t.Errorf("--strict ends with %v", err)
		}
	})

	t.Run("the scheduler in the crowd", func(t *testing.T) {
		if err := c.client.FlowcontrolV1().FlowSchemas().Delete(t.Context(), "muster-scheduler", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		report, _ := look(admin)
		if f := finding(t, report, "fairness-crowd"); f.Value != "service-accounts" || f.Setting != "flow schema of bindings" {
			t.Errorf("found %s", asJSON(f))
		}
	})

	t.Run("a table", func(t *testing.T) {
		out, _, err := admin.ask(t.Context(), "doctor", "-o", "wide")
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{
			"SEVERITY   SUBJECT", "warning    kubelet      serializeImagePulls", "2 of 4 nodes: node-0, node-1", "a node pulls one image at a time",
			"\nNot checked:\n  settings of the kubelets of 1 of 6 nodes: full: ",
		} {
			if !strings.Contains(out, part) {
				t.Errorf("%q is not in\n%s", part, out)
			}
		}
	})

	t.Run("a node that is cut off", func(t *testing.T) {
		if err := s.LoseNodes("node-3"); err != nil {
			t.Fatal(err)
		}
		c.wait("a kubelet that does not answer", func() (bool, string) {
			report, _ := look(admin)
			return unchecked(report.NotChecked, doctorv1alpha1.NotChecked{
				What: "settings of the kubelets", Reason: "the API server cannot reach the kubelet: the connection broke",
				Objects: &doctorv1alpha1.Objects{Kind: "nodes", Count: 1, Of: 6, Names: []string{"node-3"}},
			}), asJSON(report.NotChecked)
		})
	})

	t.Run("nobody leads", func(t *testing.T) {
		if err := muster.Kill(); err != nil {
			t.Fatal(err)
		}
		c.wait("the lease to run out", func() (bool, string) {
			report, err := look(admin)
			return code(err) == 2 && slices.ContainsFunc(report.Findings, func(f doctorv1alpha1.Finding) bool {
				return f.Rule == "scheduler-leads" && f.Severity == doctorv1alpha1.Error
			}), asJSON(report.Findings)
		})
	})
}

// finding returns the only one of a rule.
func finding(t *testing.T, report *doctorv1alpha1.Report, rule string) *doctorv1alpha1.Finding {
	t.Helper()
	var found []*doctorv1alpha1.Finding
	for i := range report.Findings {
		if report.Findings[i].Rule == rule {
			found = append(found, &report.Findings[i])
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d findings of %s, want one: %s", len(found), rule, asJSON(report))
	}
	return found[0]
}

func where(f *doctorv1alpha1.Finding) string {
	return fmt.Sprintf("%d of %d %s %v", f.Objects.Count, f.Objects.Of, f.Objects.Kind, f.Objects.Names)
}

func unchecked(all []doctorv1alpha1.NotChecked, want doctorv1alpha1.NotChecked) bool {
	return slices.ContainsFunc(all, func(n doctorv1alpha1.NotChecked) bool { return asJSON(n) == asJSON(want) })
}

func asJSON(object any) string {
	text, err := json.Marshal(object)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
