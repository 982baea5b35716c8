package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/pflag"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/httpstream"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"

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
type reach struct{ url, authority, namespace string }

func (r *reach) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&r.url, "scheduler-url", os.Getenv(urlVariable),
		"where the scheduler serves, such as https://127.0.0.1:10259; by default a port-forward to its pod is made ($"+urlVariable+")")
	flags.StringVar(&r.authority, "scheduler-certificate-authority", "",
		"file with the authority of the scheduler's certificate; needed if --scheduler-url is not on this machine, since your credentials are sent there")
	flags.StringVar(&r.namespace, "scheduler-namespace", schedulerNamespace, "namespace of the scheduler's pods")
}

// scheduler is a scheduler that can be asked.
type scheduler struct {
	base   string
	client *http.Client
	close  func()
}

// scheduler returns the one that leads.
func (o *options) scheduler(ctx context.Context) (*scheduler, error) {
	config, err := o.config.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	config.UserAgent = version.UserAgent("kubectl-muster")
	if o.reach.url != "" {
		return o.reach.direct(config)
	}
	return o.reach.forwarded(ctx, config)
}

// direct asks at the URL that the user gave.
func (r *reach) direct(config *rest.Config) (*scheduler, error) {
	at, err := url.Parse(r.url)
	if err != nil || at.Scheme != "https" || at.Host == "" {
		return nil, fmt.Errorf("--scheduler-url: %q is none: use one such as https://127.0.0.1:10259", r.url)
	}
	ip := net.ParseIP(at.Hostname())
	if local := at.Hostname() == "localhost" || ip != nil && ip.IsLoopback(); !local && r.authority == "" {
		return nil, fmt.Errorf("--scheduler-url: your credentials would be sent to %s: name the authority of its certificate with --scheduler-certificate-authority", at.Host)
	}
	return as(config, "https://"+at.Host, r.authority, func() {})
}

// as returns a scheduler that is asked with the user's credentials. Without an authority
// its certificate, which it makes itself, vouches for nothing.
func as(config *rest.Config, base, authority string, close func()) (*scheduler, error) {
	config = rest.CopyConfig(config)
	config.Host, config.APIPath = base, ""
	config.TLSClientConfig.ServerName, config.TLSClientConfig.CAData = "", nil
	config.TLSClientConfig.CAFile, config.TLSClientConfig.Insecure = authority, authority == ""
	config.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	config.Timeout = 0 // moves are followed for as long as the user likes
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		close()
		return nil, err
	}
	return &scheduler{base: base, client: client, close: close}, nil
}

// forwarded asks the scheduler's pods through the API server, which knows where they are:
// the first that does not say that it is a standby.
func (r *reach) forwarded(ctx context.Context, config *rest.Config) (*scheduler, error) {
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
			err = s.get(ctx, "", nil)
			if apierrors.IsNotFound(err) { // nothing is there, and it leads
				return s, nil
			}
			s.close()
		}
		errs = append(errs, fmt.Errorf("%s: %w", pods.Items[i].Name, err))
	}
	return nil, fmt.Errorf("no replica of the scheduler answers: %w", errors.Join(errs...))
}

// forward makes a port-forward to one pod.
func forward(ctx context.Context, config *rest.Config, client kubernetes.Interface, pod *v1.Pod) (*scheduler, error) {
	target := client.CoreV1().RESTClient().Post().Resource("pods").Namespace(pod.Namespace).Name(pod.Name).SubResource("portforward").URL()
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		return nil, err
	}
	websockets, err := portforward.NewSPDYOverWebsocketDialer(target, config)
	if err != nil {
		return nil, err
	}
	dialer := portforward.NewFallbackDialer(websockets, spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, target),
		func(err error) bool { return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err) })
	stop, ready, failed := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	forwarder, err := portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, []string{"0:" + schedulerPort}, stop, ready, io.Discard, io.Discard)
	if err != nil {
		return nil, err
	}
	go func() { failed <- forwarder.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-failed:
		return nil, err
	case <-ctx.Done():
		close(stop)
		return nil, ctx.Err()
	}
	ports, err := forwarder.GetPorts()
	if err != nil {
		close(stop)
		return nil, err
	}
	return as(config, fmt.Sprintf("https://127.0.0.1:%d", ports[0].Local), "", func() { close(stop) })
}

// get reads the object at a path below the state's prefix. Refusals are errors as the
// API server's are.
func (s *scheduler) get(ctx context.Context, path string, into any) error {
	body, err := s.open(ctx, path)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(into); err != nil {
		return fmt.Errorf("the scheduler's answer is no JSON: %w", err)
	}
	return nil
}

func (s *scheduler) open(ctx context.Context, path string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+v1alpha1.Prefix+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := s.client.Do(request)
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

// of is the path of what is read of a namespace, or of all if it is empty.
func of(namespace, path string) string {
	if namespace == "" {
		return path
	}
	return "namespaces/" + url.PathEscape(namespace) + "/" + path
}
