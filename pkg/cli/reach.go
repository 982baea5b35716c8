package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/version"
)

// Where the scheduler is, unless flags say otherwise: as manifests/install has it.
const (
	schedulerNamespace = "muster-system"
	schedulerSelector  = "app.kubernetes.io/name=muster-scheduler"
	schedulerPort      = "10259"
	urlVariable        = "MUSTER_SCHEDULER_URL"
)

// reach is how the scheduler is reached.
type reach struct {
	url, authority, namespace string
	insecure                  bool
}

func (r *reach) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&r.url, "scheduler-url", os.Getenv(urlVariable),
		"where the scheduler serves, such as https://127.0.0.1:10259; by default a port-forward to its pod is made ($"+urlVariable+")")
	flags.StringVar(&r.authority, "scheduler-certificate-authority", "",
		"file with the authority of the certificate at --scheduler-url; by default that of the API server's")
	flags.BoolVar(&r.insecure, "scheduler-insecure-skip-tls-verify", false,
		"send your credentials to whoever answers at --scheduler-url: a scheduler without a certificate of its own makes one that vouches for nothing")
	flags.StringVar(&r.namespace, "scheduler-namespace", schedulerNamespace, "namespace of the scheduler's pods")
}

// scheduler is a scheduler that can be asked.
type scheduler struct {
	base    string
	client  *http.Client
	timeout time.Duration // of a request, 0 for none
	close   func()
}

// scheduler returns the one that leads. Under the given path nothing is, and the user may
// read what is below it.
func (o *options) scheduler(ctx context.Context, below string) (*scheduler, error) {
	config, err := o.config.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	if config.Impersonate.UserName != "" || config.Impersonate.UID != "" || len(config.Impersonate.Groups) > 0 {
		return nil, errors.New("--as: the scheduler knows nobody but those whose credentials it sees: ask with the credentials of whom you mean")
	}
	config.UserAgent = version.UserAgent("kubectl-muster")
	if o.reach.url != "" {
		return o.reach.direct(config)
	}
	return o.reach.forwarded(ctx, config, below)
}

// direct asks at the URL that the user gave.
func (r *reach) direct(config *rest.Config) (*scheduler, error) {
	at, err := url.Parse(r.url)
	if err != nil || at.Scheme != "https" || at.Host == "" {
		return nil, fmt.Errorf("--scheduler-url: %q is none: use one such as https://127.0.0.1:10259", r.url)
	}
	verify := config.TLSClientConfig
	switch {
	case r.insecure:
		verify.Insecure, verify.CAFile, verify.CAData = true, "", nil
	case r.authority != "":
		verify.CAFile, verify.CAData = r.authority, nil
	}
	return as(config, "https://"+at.Host, verify, func() {})
}

// as returns a scheduler that is asked with the user's credentials.
func as(config *rest.Config, base string, verify rest.TLSClientConfig, close func()) (*scheduler, error) {
	timeout := config.Timeout
	config = rest.CopyConfig(config)
	config.Host, config.APIPath, config.TLSClientConfig = base, "", verify
	config.TLSClientConfig.ServerName = ""
	config.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	config.Timeout = 0 // moves are followed for as long as the user likes
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		close()
		return nil, err
	}
	return &scheduler{base: base, client: client, timeout: timeout, close: close}, nil
}

// forwarded asks the scheduler's pods through the API server, which knows where they are:
// the first that does not say that it is a standby.
func (r *reach) forwarded(ctx context.Context, config *rest.Config, below string) (*scheduler, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	pods, err := client.CoreV1().Pods(r.namespace).List(ctx, metav1.ListOptions{LabelSelector: schedulerSelector, FieldSelector: "status.phase=" + string(v1.PodRunning)})
	if err != nil {
		return nil, fmt.Errorf("looking for the scheduler in namespace %s: %w", r.namespace, err)
	}
	if len(pods.Items) == 0 {
		return nil, fmt.Errorf("no pod of the scheduler runs in namespace %s (%s): use --scheduler-namespace, or --scheduler-url if it runs elsewhere", r.namespace, schedulerSelector)
	}
	var errs []error
	for i := range pods.Items {
		s, err := forward(ctx, config, client, &pods.Items[i])
		if err == nil {
			if err = s.leads(ctx, below); err == nil {
				return s, nil
			}
			s.close()
		}
		errs = append(errs, fmt.Errorf("%s: %w", pods.Items[i].Name, err))
	}
	return nil, fmt.Errorf("no replica of the scheduler answers: %w", errors.Join(errs...))
}

// leads returns an error if the scheduler is a standby, or does not answer this user:
// nothing is at the path, which one that leads says.
func (s *scheduler) leads(ctx context.Context, below string) error {
	err := s.get(ctx, below, nil)
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// forward makes a port-forward to one pod.
func forward(ctx context.Context, config *rest.Config, client kubernetes.Interface, pod *v1.Pod) (*scheduler, error) {
	target := client.CoreV1().RESTClient().Post().Resource("pods").Namespace(pod.Namespace).Name(pod.Name).SubResource("portforward").URL()
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		return nil, err
	}
	websockets, err := portforward.NewSPDYOverWebsocketDialerForStreaming(target, config)
	if err != nil {
		return nil, err
	}
	dialer := portforward.NewFallbackDialerForStreaming(websockets, spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, target),
		func(err error) bool { return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err) })
	ctx, cancel := context.WithCancel(ctx)
	ready, failed := make(chan struct{}), make(chan error, 1)
	forwarder, err := portforward.NewOnAddressesForStreamingWithContext(ctx, dialer, []string{"127.0.0.1"}, []string{"0:" + schedulerPort}, ready, io.Discard, io.Discard)
	if err != nil {
		cancel()
		return nil, err
	}
	go func() { failed <- forwarder.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-failed:
		cancel()
		return nil, err
	case <-ctx.Done():
		cancel()
		return nil, ctx.Err()
	}
	ports, err := forwarder.GetPorts()
	if err != nil {
		cancel()
		return nil, err
	}
	// Who is at the other end is vouched for by the API server; the certificate there is the scheduler's own.
	unverified := config.TLSClientConfig
	unverified.Insecure, unverified.CAFile, unverified.CAData = true, "", nil
	return as(config, fmt.Sprintf("https://127.0.0.1:%d", ports[0].Local), unverified, cancel)
}

// get reads the object at a path below the state's prefix. Refusals are errors as the
// API server's are.
func (s *scheduler) get(ctx context.Context, path string, into any) error {
	return s.exchange(ctx, http.MethodGet, path, nil, into)
}

// send sends an object to a path below the state's prefix and reads the one that is answered.
func (s *scheduler) send(ctx context.Context, path string, object, into any) error {
	text, err := json.Marshal(object)
	if err != nil {
		return err
	}
	return s.exchange(ctx, http.MethodPost, path, bytes.NewReader(text), into)
}

func (s *scheduler) exchange(ctx context.Context, method, path string, body io.Reader, into any) error {
	if s.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.timeout)
		defer cancel()
	}
	answer, err := s.request(ctx, method, v1alpha1.Prefix+path, body)
	if err != nil {
		return err
	}
	defer answer.Close()
	if err := json.NewDecoder(answer).Decode(into); err != nil {
		return fmt.Errorf("the scheduler's answer is no JSON: %w", err)
	}
	return nil
}

func (s *scheduler) open(ctx context.Context, path string) (io.ReadCloser, error) {
	return s.request(ctx, http.MethodGet, v1alpha1.Prefix+path, nil)
}

// request asks for what is at any path. Refusals are errors.
func (s *scheduler) request(ctx context.Context, method, path string, body io.Reader) (io.ReadCloser, error) {
	response, err := s.do(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, nil
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	if err != nil {
		return nil, err
	}
	var status metav1.Status
	if json.Unmarshal(text, &status) == nil && status.Kind == "Status" {
		return nil, &apierrors.StatusError{ErrStatus: status}
	}
	return nil, fmt.Errorf("the scheduler answers %s: %s", response.Status, strings.TrimSpace(string(text)))
}

func (s *scheduler) do(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.base+path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return s.client.Do(request)
}

// of is the path of what is read of a namespace, or of all if it is empty.
func of(namespace, path string) string {
	if namespace == "" {
		return path
	}
	return "namespaces/" + url.PathEscape(namespace) + "/" + path
}
