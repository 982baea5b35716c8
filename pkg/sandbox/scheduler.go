package sandbox

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/muster-scheduler/muster/pkg/sandbox/process"
)

// Which is one of the schedulers that a sandbox can run.
type Which string

// The schedulers. Two that serve different scheduler names may run in one sandbox; Default and Native serve the same.
const (
	// Muster is this project's scheduler, as its own service account.
	Muster Which = "muster"
	// Default is kube-scheduler as it comes.
	Default Which = "default"
	// Native is kube-scheduler with its own gang scheduling turned on; it needs Options.GenericWorkload.
	Native Which = "native"
)

// schedulerTimeout is how long a scheduler may take until its caches are filled.
const schedulerTimeout = 2 * time.Minute

// Scheduler is a running scheduler.
type Scheduler struct {
	*process.Process
	// URL is where it serves /healthz, /readyz and, for the administrator's token, /metrics. Its certificate is
	// self-signed, and no one vouches for it.
	URL string
}

// StartScheduler runs a scheduler and waits until it is ready. The arguments are added to its command line; those for
// Muster and kube-scheduler are the same. A file given with --config needs no clientConnection. With --kubeconfig=PATH
// the scheduler is whom that file says, and talks to whom it says.
func (s *Sandbox) StartScheduler(ctx context.Context, which Which, args ...string) (*Scheduler, error) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, schedulerTimeout)
	defer cancel()

	var role string
	var own []string
	identity := s.UpstreamKubeconfig
	switch which {
	case Muster:
		role, own = roleMuster, []string{"--leader-elect=true"}
		identity = s.MusterKubeconfig
	case Native:
		if !s.options.GenericWorkload {
			return nil, fmt.Errorf("the scheduler %s needs a sandbox with the option GenericWorkload", which)
		}
		own = []string{"--feature-gates=GenericWorkload=true"}
		fallthrough
	case Default:
		role, own = roleUpstream, append(own, "--leader-elect=false")
	default:
		return nil, fmt.Errorf("unknown scheduler %q: use %s, %s or %s", which, Muster, Default, Native)
	}
	kubeconfig, err := valueOf(args, "--kubeconfig"), error(nil)
	if kubeconfig == "" {
		kubeconfig, err = identity(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("identity of the scheduler %s: %w", which, err)
	}
	if args, err = s.withKubeconfig(args, kubeconfig); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	own = append(own,
		"--kubeconfig="+kubeconfig,
		"--authentication-kubeconfig="+kubeconfig,
		"--authorization-kubeconfig="+kubeconfig,
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port))
	p, err := s.launch(ctx, string(which)+"-scheduler", role, append(own, args...), nil)
	if err != nil {
		return nil, err
	}
	scheduler := &Scheduler{Process: p, URL: fmt.Sprintf("https://127.0.0.1:%d", port)}
	if err := scheduler.waitReady(ctx); err != nil {
		return nil, err
	}
	s.options.Progress("scheduler %s ready in %s", which, since(began))
	return scheduler, nil
}

// valueOf returns the value of a flag that is written flag=value, or "".
func valueOf(args []string, flag string) (value string) {
	for _, arg := range args {
		if v, ok := strings.CutPrefix(arg, flag+"="); ok {
			value = v
		}
	}
	return value
}

// waitReady waits until the scheduler passes its own checks; if it does not, it is gone afterwards.
func (s *Scheduler) waitReady(ctx context.Context) error {
	// The certificate is made by the scheduler at start; nothing secret is sent to whoever shows it.
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 5 * time.Second}
	err := wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		select {
		case <-s.Done():
			return false, s.Err()
		default:
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/readyz", nil)
		if err != nil {
			return false, err
		}
		response, err := client.Do(request)
		if err != nil {
			return false, nil // not listening yet
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK, nil
	})
	if err != nil {
		_ = s.Kill()
		return fmt.Errorf("waiting for the scheduler: %w", err)
	}
	return nil
}

// freePort returns a port that is free now. Someone else may take it before it is used; then the scheduler says so.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
