// Package sandbox_test checks that the sandbox does what other tests rely on.
package sandbox_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/muster-scheduler/muster/pkg/sandbox"
	"github.com/muster-scheduler/muster/pkg/sandbox/fleet"
	"github.com/muster-scheduler/muster/pkg/scheduler"
)

func TestMain(m *testing.M) {
	sandbox.Main(sandbox.Programs{Muster: scheduler.NewCommand})
	os.Exit(m.Run())
}

func start(t *testing.T, o sandbox.Options) (*sandbox.Sandbox, kubernetes.Interface) {
	t.Helper()
	o.Progress = t.Logf
	s, err := sandbox.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	client, err := kubernetes.NewForConfig(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	return s, client
}

// pod returns a pod that runs on the given node for one second.
func pod(name, node string) *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Namespace:   "default",
			Annotations: map[string]string{fleet.RunSecondsAnnotation: "1"},
		},
		Spec: v1.PodSpec{
			NodeName:      node,
			RestartPolicy: v1.RestartPolicyNever,
			Containers:    []v1.Container{{Name: "c", Image: "reg.example/" + name}},
		},
	}
}

func create(t *testing.T, client kubernetes.Interface, pods ...*v1.Pod) {
	t.Helper()
	for _, p := range pods {
		if _, err := client.CoreV1().Pods(p.Namespace).Create(t.Context(), p, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

func phase(ctx context.Context, client kubernetes.Interface, name string) v1.PodPhase {
	p, err := client.CoreV1().Pods("default").Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return v1.PodPhase(err.Error())
	}
	return p.Status.Phase
}

func waitPhase(t *testing.T, client kubernetes.Interface, name string, want v1.PodPhase) {
	t.Helper()
	var got v1.PodPhase
	err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		got = phase(ctx, client, name)
		return got == want, nil
	})
	if err != nil {
		t.Fatalf("pod %s is %s, want %s", name, got, want)
	}
}

// Pods run and end on both kinds of node; a lost node does nothing until it is found again.
func TestNodes(t *testing.T) {
	s, client := start(t, sandbox.Options{Kubelets: 1, Nodes: 2, Racks: 2})
	lose := []string{"node-0", "node-1"}
	for _, node := range lose {
		create(t, client, pod("on-"+node, node))
		waitPhase(t, client, "on-"+node, v1.PodSucceeded)
	}
	if err := s.LoseNodes(lose...); err != nil {
		t.Fatal(err)
	}
	// A node is lost when it leaves a pod alone for as long as a healthy one takes to run a later pod. That it is
	// told takes a moment, so the first pods may still run.
	idle := func(round int) bool {
		for _, node := range lose {
			create(t, client, pod(fmt.Sprintf("lost-%d-on-%s", round, node), node))
		}
		witness := fmt.Sprintf("witness-%d", round)
		create(t, client, pod(witness, "node-2"))
		waitPhase(t, client, witness, v1.PodSucceeded)
		for _, node := range lose {
			if phase(t.Context(), client, fmt.Sprintf("lost-%d-on-%s", round, node)) != v1.PodPending {
				return false
			}
		}
		return true
	}
	round := 0
	for !idle(round) {
		if round++; round == 10 {
			t.Fatal("the lost nodes still run pods")
		}
	}
	if err := s.FindNodes(lose...); err != nil {
		t.Fatal(err)
	}
	for _, node := range lose {
		waitPhase(t, client, fmt.Sprintf("lost-%d-on-%s", round, node), v1.PodSucceeded)
	}
}

// Each scheduler starts, schedules pods of its own name, shows its metrics, and starts again after a crash.
func TestSchedulers(t *testing.T) {
	s, client := start(t, sandbox.Options{Nodes: 2, GenericWorkload: true})
	for i, which := range []sandbox.Which{sandbox.Muster, sandbox.Default, sandbox.Native} {
		t.Run(string(which), func(t *testing.T) {
			running, err := s.StartScheduler(t.Context(), which)
			if err != nil {
				t.Fatal(err)
			}
			p := pod(fmt.Sprintf("pod-%d", i), "")
			if which == sandbox.Muster {
				p.Spec.SchedulerName = "muster"
			}
			create(t, client, p)
			waitPhase(t, client, p.Name, v1.PodSucceeded)

			config := rest.CopyConfig(s.Config)
			config.Host, config.TLSClientConfig = running.URL, rest.TLSClientConfig{Insecure: true}
			metrics, err := rest.HTTPClientFor(config)
			if err != nil {
				t.Fatal(err)
			}
			response, err := metrics.Get(running.URL + "/metrics")
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			metrics.CloseIdleConnections()
			if response.StatusCode != http.StatusOK {
				t.Errorf("/metrics answered %s", response.Status)
			}
			if err := running.Kill(); err != nil {
				t.Fatal(err)
			}
		})
	}
	select {
	case err := <-s.Failed():
		t.Errorf("a scheduler that was killed counts as failed: %v", err)
	default:
	}
}

// A part that ends by itself is noticed.
func TestFailed(t *testing.T) {
	s, _ := start(t, sandbox.Options{})
	p, err := s.AddNodes(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	victim, err := os.FindProcess(p.PID())
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Kill(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-s.Failed():
		if !strings.Contains(err.Error(), "nodes ended") {
			t.Errorf("the failure is %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("no failure was reported")
	}
}

// Nothing is left behind by a sandbox that was stopped, or did not start.
func TestNothingIsLeftBehind(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	t.Setenv("TMPDIR", t.TempDir())
	s, err := sandbox.Start(t.Context(), sandbox.Options{Nodes: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := sandbox.Start(ctx, sandbox.Options{}); err == nil {
		t.Error("a sandbox started in no time")
	}
	left, err := os.ReadDir(os.TempDir())
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	goleak.VerifyNone(t, ignore)
}

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []sandbox.Options{
		{Kubelets: -1},
		{Nodes: 20_000},
		{MaxParallelPulls: -1},
	} {
		if o.Validate() == nil {
			t.Errorf("%+v passed", o)
		}
	}
}
