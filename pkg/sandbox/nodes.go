package sandbox

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/muster-scheduler/muster/pkg/sandbox/controlplane"
	"github.com/muster-scheduler/muster/pkg/sandbox/fleet"
	"github.com/muster-scheduler/muster/pkg/sandbox/process"
)

// kubeletsPerProcess is how many kubelets share a process: they also share the registry's capacity, and are lost
// together when it is killed.
const kubeletsPerProcess = 100

// nodesTimeout is how long nodes may take to be ready; 5,000 need about a minute.
const nodesTimeout = 5 * time.Minute

// AddKubelets adds n nodes with a real kubelet each, and waits until they are ready. There is a process for each 100.
// Kill one to lose its nodes.
func (s *Sandbox) AddKubelets(ctx context.Context, n int) ([]*process.Process, error) {
	return s.AddConfiguredKubelets(ctx, n, "")
}

// AddConfiguredKubelets does the same with kubelets whose configuration differs from the sandbox's in the given fields
// of a KubeletConfiguration, which are JSON.
func (s *Sandbox) AddConfiguredKubelets(ctx context.Context, n int, fields string) ([]*process.Process, error) {
	return s.addNodes(ctx, "kubelets", roleKubelets, n, kubeletsPerProcess, fields)
}

// AddNodes adds n light nodes, and waits until they are ready. Kill the process to lose them.
func (s *Sandbox) AddNodes(ctx context.Context, n int) (*process.Process, error) {
	processes, err := s.addNodes(ctx, "nodes", roleLightNodes, n, maxNodes, "")
	if err != nil {
		return nil, err
	}
	return processes[0], nil
}

func (s *Sandbox) addNodes(ctx context.Context, name, role string, n, perProcess int, kubeletFields string) ([]*process.Process, error) {
	s.mu.Lock()
	first := s.nextNode
	if n <= 0 || first+n > maxNodes {
		s.mu.Unlock()
		return nil, fmt.Errorf("add %d nodes to %d: a sandbox has at most %d", n, first, maxNodes)
	}
	s.nextNode += n
	s.mu.Unlock()

	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, nodesTimeout)
	defer cancel()
	all := s.options.fleet(first, n)
	all.KubeletConfiguration = kubeletFields
	var processes []*process.Process
	for _, part := range all.Split(perProcess) {
		in := nodesInput{
			Kubeconfig: s.ownKubeconfig(), Dir: filepath.Join(s.dataDir(), name),
			ClientCert: controlplane.KubeletClientCert(s.dataDir()), Fleet: part,
		}
		p, err := s.launch(ctx, name, role, in, nil)
		if err != nil {
			return nil, err
		}
		processes = append(processes, p)
		s.mu.Lock()
		s.nodes = append(s.nodes, p)
		s.mu.Unlock()
	}
	if err := s.waitNodes(ctx, all); err != nil {
		return nil, err
	}
	s.options.Progress("%d %s ready in %s", n, name, since(began))
	return processes, nil
}

// SetRegistryBandwidth changes the capacity of the registry; 0 is unlimited. Pulls in flight go on at their new rate.
func (s *Sandbox) SetRegistryBandwidth(bytesPerSecond int64) error {
	return s.order(nodesOrder{RegistryBandwidth: &bytesPerSecond})
}

// LoseNodes cuts the nodes off: they neither renew their leases nor hear of pods. The controller manager notices after
// 50 s; after 3 minutes in a sandbox that was started with more than 1,000 light nodes.
func (s *Sandbox) LoseNodes(names ...string) error { return s.order(nodesOrder{Lost: names}) }

// FindNodes brings lost nodes back.
func (s *Sandbox) FindNodes(names ...string) error { return s.order(nodesOrder{Found: names}) }

// order tells all processes with nodes; each knows which nodes are its own.
func (s *Sandbox) order(o nodesOrder) error {
	s.mu.Lock()
	processes := slices.Clone(s.nodes)
	s.mu.Unlock()
	var errs []error
	for _, p := range processes {
		if !p.EndWanted() {
			errs = append(errs, p.Send(o))
		}
	}
	return errors.Join(errs...)
}

// waitNodes waits until pods can be bound to all nodes of the fleet: they are ready, and the controller manager has
// taken the taints of new nodes off.
func (s *Sandbox) waitNodes(ctx context.Context, f fleet.Fleet) error {
	config := rest.CopyConfig(s.Config)
	config.ContentType = runtime.ContentTypeProtobuf
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, name := range f.Names() {
		wanted[name] = true
	}
	missing := f.Count
	// A list of many nodes is work for the machine that is to start them.
	interval := 100*time.Millisecond + time.Duration(f.Count)*time.Millisecond/2
	err = wait.PollUntilContextCancel(ctx, interval, true, func(ctx context.Context) (bool, error) {
		list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{ResourceVersion: "0"})
		if err != nil {
			return false, err
		}
		missing = f.Count
		for i := range list.Items {
			if wanted[list.Items[i].Name] && usable(&list.Items[i]) {
				missing--
			}
		}
		return missing == 0, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for nodes, %d of %d are not ready: %w", missing, f.Count, err)
	}
	return nil
}

func usable(node *v1.Node) bool {
	if len(node.Spec.Taints) > 0 {
		return false
	}
	for _, c := range node.Status.Conditions {
		if c.Type == v1.NodeReady {
			return c.Status == v1.ConditionTrue
		}
	}
	return false
}
