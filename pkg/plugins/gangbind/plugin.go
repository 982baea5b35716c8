package gangbind

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/muster-scheduler/muster/pkg/image"
)

// Name of the plugin.
const Name = "GangBind"

// The annotations that a bound pod carries.
const (
	// PlanAnnotation names the plan by which a member got its node.
	PlanAnnotation = "muster.dev/plan"
	// PullBytesAnnotation is what the node was expected to pull for the pod, in bytes.
	PullBytesAnnotation = "muster.dev/expected-pull-bytes"
	// PullSecondsAnnotation is how long that was expected to take, in seconds.
	PullSecondsAnnotation = "muster.dev/expected-pull-seconds"
)

// Estimates knows what a pod's images cost on the node that is reserved for it.
// known is false if no size of its images is known.
type Estimates interface {
	Expected(pod *v1.Pod) (expected image.Estimate, known bool)
}

// Gangs knows what members' gangs have to do with their bindings.
type Gangs interface {
	// Plan returns by which plan a pod got its node, or "".
	Plan(pod *v1.Pod) string
	// MayBind reports whether a pod may be bound still.
	MayBind(uid types.UID) bool
	// Refused is told of a binding that the API server will never accept.
	Refused(uid types.UID, why error)
}

// GangBind binds pods.
type GangBind struct {
	client    kubernetes.Interface
	slots     chan struct{} // one element per binding in flight
	args      Args
	estimates Estimates
	gangs     Gangs
	claims    *turnstiles
}

var (
	_ fwk.PreBindPlugin = &GangBind{}
	_ fwk.BindPlugin    = &GangBind{}
	_ fwk.ReservePlugin = &GangBind{}
)

// New returns the plugin. It makes a client of its own from config, so that
// bindings wait for nothing but one another.
func New(args Args, config *rest.Config, estimates Estimates, gangs Gangs) (*GangBind, error) {
	if config == nil {
		return nil, errors.New("there is no cluster to bind in")
	}
	config = rest.CopyConfig(config)
	config.QPS = -1 // Parallelism is the bound
	config.Timeout = time.Duration(args.TimeoutSeconds) * time.Second
	// A dial function of its own keeps the client off the connection that all
	// clients of one configuration share.
	config.Dial = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("building the client for bindings: %w", err)
	}
	return &GangBind{
		client:    client,
		slots:     make(chan struct{}, args.Parallelism),
		args:      args,
		estimates: estimates,
		gangs:     gangs,
		claims:    newTurnstiles(),
	}, nil
}

// Name implements fwk.Plugin.
func (pl *GangBind) Name() string { return Name }

// Bind implements fwk.BindPlugin.
func (pl *GangBind) Bind(ctx context.Context, state fwk.CycleState, pod *v1.Pod, node string) *fwk.Status {
	leaveClaims(state)
	return fwk.AsStatus(pl.inTurn(ctx, func() error { return pl.bind(ctx, pl.binding(pod, node)) }))
}

// Try binds a pod dry: it returns the error with which the API server would
// refuse the binding now. No answer, or one that it cannot give now, refuses
// nothing: a gang that is large or an API server that is busy must not keep a
// gang from its start.
func (pl *GangBind) Try(ctx context.Context, pod *v1.Pod, node string) error {
	err := pl.inTurn(ctx, func() error {
		return pl.client.CoreV1().Pods(pod.Namespace).Bind(ctx, pl.binding(pod, node), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	})
	if err != nil && !refusal(err) {
		klog.FromContext(ctx).V(2).Info("Binding dry came to nothing", "pod", klog.KObj(pod), "node", node, "err", err)
		return nil
	}
	return err
}

// inTurn does a request as soon as not too many are in flight.
func (pl *GangBind) inTurn(ctx context.Context, do func() error) error {
	select {
	case pl.slots <- struct{}{}:
		defer func() { <-pl.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return do()
}

func (pl *GangBind) binding(pod *v1.Pod, node string) *v1.Binding {
	return &v1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID, Annotations: pl.decision(pod)},
		Target:     v1.ObjectReference{Kind: "Node", Name: node},
	}
}

// decision is what the pod's owner can read about why it is where it is.
func (pl *GangBind) decision(pod *v1.Pod) map[string]string {
	notes := map[string]string{}
	if plan := pl.gangs.Plan(pod); plan != "" {
		notes[PlanAnnotation] = plan
	}
	if expected, known := pl.estimates.Expected(pod); known {
		notes[PullBytesAnnotation] = strconv.FormatInt(expected.Bytes, 10)
		notes[PullSecondsAnnotation] = strconv.FormatFloat(expected.Seconds, 'f', 1, 64)
	}
	return notes
}

// bind posts the binding, again while the API server cannot take it.
func (pl *GangBind) bind(ctx context.Context, binding *v1.Binding) error {
	backoff := wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: pl.args.Attempts}
	for attempt := 1; ; attempt++ {
		if !pl.gangs.MayBind(binding.UID) {
			return errors.New("the gang was rolled back")
		}
		err := pl.client.CoreV1().Pods(binding.Namespace).Bind(ctx, binding, metav1.CreateOptions{})
		switch {
		case err == nil:
			return nil
		case attempt > 1 && apierrors.IsConflict(err) && pl.bound(ctx, binding):
			return nil // an attempt whose answer was lost had succeeded
		case refusal(err):
			pl.gangs.Refused(binding.UID, err)
			return err
		case attempt == pl.args.Attempts || !transient(err):
			return err
		}
		klog.FromContext(ctx).V(2).Info("Binding again", "pod", klog.KObj(binding), "node", binding.Target.Name, "attempt", attempt, "err", err)
		pause := time.NewTimer(backoff.Step())
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		}
	}
}

// bound reports whether the pod already is where the binding wants it.
func (pl *GangBind) bound(ctx context.Context, binding *v1.Binding) bool {
	pod, err := pl.client.CoreV1().Pods(binding.Namespace).Get(ctx, binding.Name, metav1.GetOptions{})
	return err == nil && pod.UID == binding.UID && pod.Spec.NodeName == binding.Target.Name
}

// refusal reports whether the API server has a rule against the binding. That
// the pod is gone, is being deleted or has a node is none.
func refusal(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsMethodNotSupported(err)
}

// transient reports whether the same request may succeed later. No answer says
// nothing about the binding, which may even have been made; what kept the answer
// away has too many names to list (a stream reset, a lost connection, a timeout).
func transient(err error) bool {
	if answer := apierrors.APIStatus(nil); !errors.As(err, &answer) {
		return true
	}
	return apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) || apierrors.IsTooManyRequests(err) ||
		apierrors.IsServiceUnavailable(err) || apierrors.IsInternalError(err)
}
