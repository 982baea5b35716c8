package kubelet

import (
	"context"
	"fmt"
	"strconv"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	critest "k8s.io/cri-api/pkg/apis/testing"

	"github.com/muster-scheduler/muster/pkg/sandbox/fleet"
)

// exitCodeKilled is what a container that was killed exits with: 128 + SIGKILL.
const exitCodeKilled = 137

// runtimeService is the other half of the container runtime interface: the upstream fake, which only keeps books, with
// an address for each pod, and containers that exit by themselves when the pod asks for it.
type runtimeService struct {
	*critest.FakeRuntimeService
	podPrefix string
	addresses int // handed out so far; guarded by the fake's lock
}

func newRuntimeService(podPrefix string) *runtimeService {
	fake := critest.NewFakeRuntimeService()
	fake.FakeStatus = &cri.RuntimeStatus{Conditions: []*cri.RuntimeCondition{
		{Type: cri.RuntimeReady, Status: true},
		{Type: cri.NetworkReady, Status: true},
	}}
	return &runtimeService{FakeRuntimeService: fake, podPrefix: podPrefix}
}

func (r *runtimeService) RunPodSandbox(ctx context.Context, c *cri.PodSandboxConfig, handler string) (string, error) {
	id, err := r.FakeRuntimeService.RunPodSandbox(ctx, c, handler)
	if err != nil {
		return "", err
	}
	r.Lock()
	defer r.Unlock()
	r.Sandboxes[id].Network.Ip = fmt.Sprintf("%s.%d", r.podPrefix, 2+r.addresses%250)
	r.addresses++
	return id, nil
}

// Status is called every few seconds; it is the place to drop the fake's record of calls, which grows for ever.
func (r *runtimeService) Status(ctx context.Context, verbose bool) (*cri.StatusResponse, error) {
	r.Lock()
	r.Called = nil
	r.Unlock()
	return r.FakeRuntimeService.Status(ctx, verbose)
}

func (r *runtimeService) StartContainer(ctx context.Context, id string) error {
	if err := r.FakeRuntimeService.StartContainer(ctx, id); err != nil {
		return err
	}
	r.Lock()
	defer r.Unlock()
	sandbox, ok := r.Sandboxes[r.Containers[id].SandboxID]
	if !ok {
		return nil
	}
	seconds, err := strconv.ParseFloat(sandbox.Annotations[fleet.RunSecondsAnnotation], 64)
	if err != nil {
		return nil // without the annotation, or with nonsense in it, a container runs until it is stopped
	}
	time.AfterFunc(time.Duration(seconds*float64(time.Second)), func() { r.exit(id, 0, "Completed") })
	return nil
}

// StopContainer is only called by the kubelet, to kill. The fake would leave exit code 0, and an evicted pod would
// count as succeeded.
func (r *runtimeService) StopContainer(_ context.Context, id string, _ int64) error {
	r.exit(id, exitCodeKilled, "Error")
	return nil
}

// exit ends a container, unless it has ended already or is gone.
func (r *runtimeService) exit(id string, code int32, reason string) {
	r.Lock()
	defer r.Unlock()
	c, ok := r.Containers[id]
	if !ok || c.State == cri.ContainerState_CONTAINER_EXITED {
		return
	}
	c.State, c.ExitCode, c.Reason = cri.ContainerState_CONTAINER_EXITED, code, reason
	c.FinishedAt = time.Now().UnixNano()
}
