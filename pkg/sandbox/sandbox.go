package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/muster-scheduler/muster/pkg/sandbox/apply"
	"github.com/muster-scheduler/muster/pkg/sandbox/controlplane"
	"github.com/muster-scheduler/muster/pkg/sandbox/kubeconfig"
	"github.com/muster-scheduler/muster/pkg/sandbox/process"
)

// controlPlaneTimeout is generous: a control plane is ready in 3 s on an idle machine.
const controlPlaneTimeout = 2 * time.Minute

// Sandbox is a running cluster.
type Sandbox struct {
	// Kubeconfig is the path of the administrator's kubeconfig.
	Kubeconfig string
	// Config is the administrator's client configuration. Its rate is not limited.
	Config *rest.Config

	options  Options
	dir      string
	endpoint controlplane.Endpoint
	tokens   map[string]string
	failed   chan error // receives the first unexpected end of a part

	mu        sync.Mutex
	stopped   bool
	processes []*process.Process // all, in order of start
	nodes     []*process.Process // those with nodes
	nextNode  int
	started   map[string]int // number of children so far, by name
}

// Start makes a cluster with the nodes of the options, and returns when all are ready. The context bounds the start
// only. The caller must call Stop.
func Start(ctx context.Context, options Options) (*Sandbox, error) {
	if err := options.Validate(); err != nil {
		return nil, err
	}
	s := &Sandbox{options: options.withDefaults(), failed: make(chan error, 1), started: map[string]int{}}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Sandbox) start(ctx context.Context) error {
	if err := s.makeDir(); err != nil {
		return err
	}
	if err := s.startControlPlane(ctx); err != nil {
		return err
	}
	if s.options.Kubelets > 0 {
		if _, err := s.AddKubelets(ctx, s.options.Kubelets); err != nil {
			return err
		}
	}
	if s.options.Nodes > 0 {
		if _, err := s.AddNodes(ctx, s.options.Nodes); err != nil {
			return err
		}
	}
	return nil
}

// makeDir makes the sandbox's directory, and settles where the kubeconfig goes.
func (s *Sandbox) makeDir() error {
	if s.options.Kubeconfig != "" {
		if err := kubeconfig.CheckPath(s.options.Kubeconfig); err != nil {
			return fmt.Errorf("kubeconfig %s: %w", s.options.Kubeconfig, err)
		}
	}
	dir, err := s.options.Dir, error(nil)
	if dir == "" {
		dir, err = os.MkdirTemp("", "muster-sandbox-")
	} else {
		dir, err = filepath.Abs(dir)
	}
	if err != nil {
		return err
	}
	s.dir = dir
	for _, d := range []string{s.logDir(), s.dataDir()} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return err
		}
	}
	s.Kubeconfig = s.options.Kubeconfig
	if s.Kubeconfig == "" {
		s.Kubeconfig = s.ownKubeconfig()
	}
	return nil
}

// ownKubeconfig is the administrator's kubeconfig for the sandbox's own use, which no user deletes.
func (s *Sandbox) ownKubeconfig() string { return filepath.Join(s.dataDir(), "admin.kubeconfig") }

func (s *Sandbox) logDir() string  { return filepath.Join(s.dir, "logs") }
func (s *Sandbox) dataDir() string { return filepath.Join(s.dir, "data") }

func (s *Sandbox) startControlPlane(ctx context.Context) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, controlPlaneTimeout)
	defer cancel()
	s.tokens = map[string]string{controlplane.UserAdmin: rand.Text(), controlplane.UserScheduler: rand.Text()}
	config := controlplane.Config{
		Dir:             s.dataDir(),
		Tokens:          s.tokens,
		GenericWorkload: s.options.GenericWorkload,
		NodeGracePeriod: s.options.NodeGracePeriod,
	}
	if _, err := s.launch(ctx, "control-plane", roleControlPlane, config, &s.endpoint); err != nil {
		return err
	}
	admin := kubeconfig.New(s.endpoint.URL, s.endpoint.CA, controlplane.UserAdmin, s.tokens[controlplane.UserAdmin])
	for _, path := range []string{s.ownKubeconfig(), s.Kubeconfig} {
		if err := clientcmd.WriteToFile(*admin, path); err != nil {
			return err
		}
	}
	s.Config = &rest.Config{
		Host:            s.endpoint.URL,
		BearerToken:     s.tokens[controlplane.UserAdmin],
		TLSClientConfig: rest.TLSClientConfig{CAData: s.endpoint.CA},
		QPS:             -1,
	}
	s.options.Progress("control plane ready in %s", since(began))
	return nil
}

// launch starts a child and keeps an eye on it.
func (s *Sandbox) launch(ctx context.Context, name, role string, input, output any) (*process.Process, error) {
	s.mu.Lock()
	if n := s.started[name]; n > 0 {
		s.started[name], name = n+1, fmt.Sprintf("%s-%d", name, n+1)
	} else {
		s.started[name] = 1
	}
	s.mu.Unlock()
	p, err := process.Start(ctx, process.Spec{Name: name, LogDir: s.logDir(), Role: role, Input: input}, output)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil, errors.Join(errors.New("the sandbox was stopped"), p.Kill())
	}
	s.processes = append(s.processes, p)
	go s.watch(p)
	return p, nil
}

// watch reports the end of a child, if it is not wanted and the first such.
func (s *Sandbox) watch(p *process.Process) {
	<-p.Done()
	if p.EndWanted() {
		return
	}
	select {
	case s.failed <- p.Err():
	default:
	}
}

// Failed receives an error when a part of the sandbox ends that was not told to, by Stop of the sandbox, or by Stop or
// Kill of the Process.
func (s *Sandbox) Failed() <-chan error { return s.failed }

// Apply applies manifests to the cluster: files, or directories of files, of YAML or JSON.
func (s *Sandbox) Apply(ctx context.Context, paths ...string) error {
	for _, path := range paths {
		objects, err := apply.Read(path)
		if err != nil {
			return err
		}
		if err := apply.Objects(ctx, s.Config, objects); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// ApplyYAML applies manifests that are not in files.
func (s *Sandbox) ApplyYAML(ctx context.Context, manifests []byte) error {
	objects, err := apply.Parse(manifests)
	if err != nil {
		return err
	}
	return apply.Objects(ctx, s.Config, objects)
}

// Stop ends all processes of the sandbox, last started first, and removes its files. It may be called again.
func (s *Sandbox) Stop() error {
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return nil
	}
	s.stopped = true
	processes := s.processes
	s.mu.Unlock()

	var errs []error
	for _, p := range slices.Backward(processes) {
		errs = append(errs, p.Kill()) // there is nothing left to end well for
	}
	if s.Config != nil {
		if transport, err := rest.TransportFor(s.Config); err == nil {
			utilnet.CloseIdleConnectionsFor(transport)
		}
	}
	if s.options.Kubeconfig != "" && s.Config != nil {
		errs = append(errs, ignoreNotExist(os.Remove(s.options.Kubeconfig)))
	}
	if s.dir != "" {
		remove := s.dir
		if s.options.Dir != "" {
			remove = s.dataDir()
		}
		errs = append(errs, os.RemoveAll(remove))
	}
	return errors.Join(errs...)
}

func ignoreNotExist(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// since is the time since then, as progress messages show it.
func since(then time.Time) string { return fmt.Sprintf("%.1fs", time.Since(then).Seconds()) }
