package controlplane

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	logsapi "k8s.io/component-base/logs/api/v1"
)

// Users that the API server knows by token.
const (
	// UserAdmin is in the group system:masters.
	UserAdmin = "admin"
	// UserScheduler is bound to the roles of the default scheduler by the API server's own bootstrap policy.
	UserScheduler = "system:kube-scheduler"
)

// Config of a control plane.
type Config struct {
	// Dir holds its data. It must exist.
	Dir string
	// Tokens are the bearer tokens of UserAdmin and UserScheduler.
	Tokens map[string]string
	// GenericWorkload serves scheduling.k8s.io/v1beta1 and turns on the feature gate of that name.
	GenericWorkload bool
	// NodeGracePeriod is how long a node may be silent before it counts as lost.
	NodeGracePeriod time.Duration
}

// Endpoint is where the API server listens.
type Endpoint struct {
	URL string
	// CA is the PEM bundle that vouches for it.
	CA []byte
}

// Start runs the control plane until the process ends, and returns when it is ready: the API server passes its own
// checks, and pods can be created in the namespace default. Later failures of a component arrive on the channel.
func Start(ctx context.Context, c Config) (Endpoint, <-chan error, error) {
	// API server and controller manager both apply the logging flags, and the second would otherwise be refused.
	logsapi.ReapplyHandling = logsapi.ReapplyHandlingIgnoreUnchanged

	failed := make(chan error, 2)
	etcdURL, err := startEtcd(filepath.Join(c.Dir, "etcd"))
	if err != nil {
		return Endpoint{}, nil, fmt.Errorf("etcd: %w", err)
	}
	files, err := writeFiles(c)
	if err != nil {
		return Endpoint{}, nil, err
	}
	url, err := startAPIServer(ctx, c, files, etcdURL, failed)
	if err != nil {
		return Endpoint{}, nil, fmt.Errorf("kube-apiserver: %w", err)
	}
	endpoint := Endpoint{URL: url, CA: files.ca}
	admin := &rest.Config{
		Host:            url,
		BearerToken:     c.Tokens[UserAdmin],
		TLSClientConfig: rest.TLSClientConfig{CAData: files.ca},
		QPS:             -1,
	}
	client, err := kubernetes.NewForConfig(admin)
	if err != nil {
		return Endpoint{}, nil, err
	}
	if err := waitFor(ctx, failed, "kube-apiserver ready", func(ctx context.Context) bool {
		var code int
		client.RESTClient().Get().AbsPath("/readyz").Do(ctx).StatusCode(&code)
		return code == http.StatusOK
	}); err != nil {
		return Endpoint{}, nil, err
	}
	if err := startControllerManager(ctx, c, files, admin, failed); err != nil {
		return Endpoint{}, nil, fmt.Errorf("kube-controller-manager: %w", err)
	}
	err = waitFor(ctx, failed, "service account default/default", func(ctx context.Context) bool {
		_, err := client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
		return err == nil && !apierrors.IsNotFound(err)
	})
	return endpoint, failed, err
}

// waitFor polls until done, the failure of a component, or the end of the context.
func waitFor(ctx context.Context, failed <-chan error, what string, done func(context.Context) bool) error {
	err := wait.PollUntilContextCancel(ctx, 20*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		select {
		case err := <-failed:
			return false, err
		default:
			return done(ctx), nil
		}
	})
	if err != nil {
		return fmt.Errorf("waiting for %s: %w", what, err)
	}
	return nil
}

// mkdir makes a private directory.
func mkdir(dir string) error { return os.MkdirAll(dir, 0o700) }
