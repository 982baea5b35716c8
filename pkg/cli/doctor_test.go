package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/doctor/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/doctor"
)

var sampleReport = v1alpha1.Report{
	Nodes: 5000, NodesAsked: 100,
	Findings: []v1alpha1.Finding{
		{
			Severity: v1alpha1.Warning, Subject: "kubelet", Setting: "serializeImagePulls", Value: "true", Recommended: "false",
			Objects: v1alpha1.Objects{Kind: "nodes", Count: 98, Of: 100, Names: []string{"node-0", "node-1", "node-2"}}, Cost: "time", Fix: "a file",
		},
		{
			Severity: v1alpha1.Info, Subject: "scheduler", Setting: "enableContentionProfiling", Value: "true", Recommended: "false",
			Objects: v1alpha1.Objects{Kind: "schedulers", Count: 1, Of: 1, Names: []string{"muster-system/muster-scheduler"}}, Cost: "locks", Fix: "another",
		},
	},
	NotChecked: []v1alpha1.NotChecked{
		{What: "settings of the kubelets", Reason: "no answer in time", Objects: &v1alpha1.Objects{Kind: "nodes", Count: 2, Of: 100, Names: []string{"node-7", "node-9"}}},
		{What: "whether a scheduler leads", Reason: "forbidden", Needs: "the right to get leases in muster-system"},
	},
}

const sampleTail = `
Not checked:
  settings of the kubelets of 2 of 100 nodes: node-7, node-9: no answer in time
  whether a scheduler leads: forbidden; needs the right to get leases in muster-system

100 of 5000 kubelets were asked for their settings (--nodes).
`

func TestShowReport(t *testing.T) {
	for output, want := range map[string]string{
		"": `SEVERITY   SUBJECT     SETTING                     VALUE   RECOMMENDED   WHERE
warning    kubelet     serializeImagePulls         true    false         98 of 100 nodes: node-0, node-1, node-2, …
info       scheduler   enableContentionProfiling   true    false         muster-system/muster-scheduler
` + sampleTail,
		"wide": `SEVERITY   SUBJECT     SETTING                     VALUE   RECOMMENDED   WHERE                                        COST    FIX
warning    kubelet     serializeImagePulls         true    false         98 of 100 nodes: node-0, node-1, node-2, …   time    a file
info       scheduler   enableContentionProfiling   true    false         muster-system/muster-scheduler               locks   another
` + sampleTail,
	} {
		streams, _, out, _ := genericiooptions.NewTestIOStreams()
		o := &options{IOStreams: streams, output: output}
		if err := o.showReport(&sampleReport); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("-o %s: %s", output, diff)
		}
	}
	streams, _, out, _ := genericiooptions.NewTestIOStreams()
	if err := (&options{IOStreams: streams}).showReport(&v1alpha1.Report{}); err != nil || out.String() != "Nothing found that costs start time.\n" {
		t.Errorf("nothing found: %q, %v", out, err)
	}
}

func TestFailOn(t *testing.T) {
	for name, tc := range map[string]struct {
		fail failOn
		want string
	}{
		"errors only":    {failOn{"error", false}, ""},
		"warnings":       {failOn{"warning", false}, "1 finding of severity warning or worse (--fail-on)"},
		"all":            {failOn{"info", false}, "2 findings of severity info or worse (--fail-on)"},
		"nothing":        {failOn{"none", false}, ""},
		"what is hidden": {failOn{"none", true}, "2 checks that could not be made (--strict)"},
		"both":           {failOn{"warning", true}, "1 finding of severity warning or worse (--fail-on), 2 checks that could not be made (--strict)"},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.fail.verdict(&sampleReport)
			if tc.want == "" {
				if err != nil {
					t.Errorf("it fails: %v", err)
				}
				return
			}
			if answer, _ := errors.AsType[ExitError](err); answer != (ExitError{codeFound, tc.want}) {
				t.Errorf("%#v, want %s", err, tc.want)
			}
		})
	}
}

func TestBehindProxy(t *testing.T) {
	status := func(code int, body string) error {
		return behindProxy([]byte(body), apierrors.NewGenericServerResponse(code, "get", v1.Resource("nodes"), "a", "unknown", 0, true))
	}
	const unreachable = "the API server cannot reach the kubelet: "
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"nobody listens":   {status(http.StatusServiceUnavailable, "error trying to reach service: dial tcp 10.64.0.1:10250: connect: connection refused"), unreachable + "connection refused"},
		"broken off":       {status(http.StatusServiceUnavailable, "error trying to reach service: stream error: stream ID 1601; INTERNAL_ERROR; received from peer"), unreachable + "the connection broke"},
		"no address":       {status(http.StatusInternalServerError, `{"kind": "Status", "message": "Internal error occurred: no preferred addresses found; known addresses: []"}`), unreachable + "Internal error occurred: no preferred addresses found; known addresses: []"},
		"not served":       {status(http.StatusNotFound, "404 page not found"), "the kubelet does not serve /configz (enableDebuggingHandlers: false)"},
		"not allowed":      {status(http.StatusForbidden, ""), "forbidden"},
		"another answer":   {behindProxy(nil, errors.New("no\n  route")), "no route"},
		"no answer at all": {behindProxy(nil, fmt.Errorf("get: %w", context.DeadlineExceeded)), "no answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := reasonOf(tc.err); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

func TestSpread(t *testing.T) {
	var nodes []*seen
	for i := range 10 {
		nodes = append(nodes, &seen{Node: doctor.Node{Name: fmt.Sprintf("n%d", 9-i)}})
	}
	for sample, want := range map[int]string{0: "0123456789", 1: "0", 3: "036", 10: "0123456789", 99: "0123456789"} {
		got := ""
		for _, n := range spread(nodes, sample) {
			got += n.Name[1:]
		}
		if got != want {
			t.Errorf("%d of 10 nodes are %s, want %s", sample, got, want)
		}
	}
}

// TestUnusedImages counts an image as used by whatever name a pod or its status has for it.
func TestUnusedImages(t *testing.T) {
	s := see(&v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Status: v1.NodeStatus{Images: []v1.ContainerImage{
		{Names: []string{"registry.example/a@sha256:1", "registry.example/a:v1"}, SizeBytes: 1},
		{Names: []string{"docker.io/library/b@sha256:2", "docker.io/library/b:v1"}, SizeBytes: 10},
		{Names: []string{"c:v1"}, SizeBytes: 100},
		{Names: []string{"d:v1"}, SizeBytes: 1000},
		{SizeBytes: 10000}, // without a name nobody can ask for it
	}}})
	if s.RunsPods {
		t.Error("it runs pods before any was seen")
	}
	s.run(&v1.Pod{
		Spec:   v1.PodSpec{Containers: []v1.Container{{Image: "registry.example/a:v1"}, {Image: "b:v1"}}, Volumes: []v1.Volume{{VolumeSource: v1.VolumeSource{Image: &v1.ImageVolumeSource{Reference: "c:v1"}}}}},
		Status: v1.PodStatus{ContainerStatuses: []v1.ContainerStatus{{Image: "docker.io/library/b:v1", ImageID: "docker.io/library/b@sha256:2"}}},
	})
	s.countUnused()
	if s.UnusedImageBytes != 1000 || !s.RunsPods {
		t.Errorf("%d bytes are unused, want those of d", s.UnusedImageBytes)
	}
}
