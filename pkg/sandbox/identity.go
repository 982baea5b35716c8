package sandbox

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/muster-scheduler/muster/manifests"
	"github.com/muster-scheduler/muster/pkg/sandbox/apply"
	"github.com/muster-scheduler/muster/pkg/sandbox/controlplane"
	"github.com/muster-scheduler/muster/pkg/sandbox/kubeconfig"
)

// What manifests/install calls the scheduler's service account.
const (
	musterNamespace      = "muster-system"
	musterServiceAccount = "muster-scheduler"
)

// tokenSeconds is how long Muster's token is valid: longer than any sandbox lives.
const tokenSeconds = 30 * 24 * 60 * 60

// InstallManifests applies what manifests/install puts into a cluster, except for what runs the scheduler there, and
// what the options leave out.
func (s *Sandbox) InstallManifests(ctx context.Context) error {
	objects, err := apply.ReadFS(manifests.FS, "install")
	if err != nil {
		return fmt.Errorf("manifests/install: %w", err)
	}
	objects = slices.DeleteFunc(objects, func(o *unstructured.Unstructured) bool {
		switch o.GetKind() {
		case "Deployment", "PodDisruptionBudget":
			return true
		case "CustomResourceDefinition":
			return s.options.NoPodGroups
		}
		return false
	})
	if err := apply.Objects(ctx, s.Config, objects); err != nil {
		return fmt.Errorf("manifests/install: %w", err)
	}
	return nil
}

// MusterKubeconfig installs Muster's manifests, and returns the path of a kubeconfig for its service account, with the
// access those manifests give it and no more.
func (s *Sandbox) MusterKubeconfig(ctx context.Context) (string, error) {
	if err := s.InstallManifests(ctx); err != nil {
		return "", err
	}
	client, err := kubernetes.NewForConfig(s.Config)
	if err != nil {
		return "", err
	}
	seconds := int64(tokenSeconds)
	token, err := client.CoreV1().ServiceAccounts(musterNamespace).CreateToken(ctx, musterServiceAccount,
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	return s.writeKubeconfig(musterServiceAccount, token.Status.Token)
}

// UpstreamKubeconfig returns the path of a kubeconfig for kube-scheduler's usual user.
func (s *Sandbox) UpstreamKubeconfig(context.Context) (string, error) {
	return s.writeKubeconfig("kube-scheduler", s.tokens[controlplane.UserScheduler])
}

func (s *Sandbox) writeKubeconfig(user, token string) (string, error) {
	path := filepath.Join(s.dataDir(), user+".kubeconfig")
	fresh := path + "-" + rand.Text()
	if err := clientcmd.WriteToFile(*kubeconfig.New(s.endpoint.URL, s.endpoint.CA, user, token), fresh); err != nil {
		return "", err
	}
	return path, os.Rename(fresh, path) // another scheduler may be reading it
}

// withKubeconfig gives a scheduler configuration among the arguments a clientConnection to this sandbox: kube-scheduler
// ignores --kubeconfig when there is --config. The file itself stays as it is.
func (s *Sandbox) withKubeconfig(args []string, kubeconfig string) ([]string, error) {
	args = slices.Clone(args)
	for i, arg := range args {
		path, ok := strings.CutPrefix(arg, "--config=")
		if !ok {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("scheduler configuration: %w", err)
		}
		var config map[string]any
		if err := yaml.Unmarshal(data, &config); err != nil {
			return nil, fmt.Errorf("scheduler configuration %s: %w", path, err)
		}
		if err := unstructured.SetNestedField(config, kubeconfig, "clientConnection", "kubeconfig"); err != nil {
			return nil, fmt.Errorf("scheduler configuration %s: %w", path, err)
		}
		if data, err = yaml.Marshal(config); err != nil {
			return nil, err
		}
		copied, err := os.CreateTemp(s.dataDir(), "scheduler-*.yaml")
		if err != nil {
			return nil, err
		}
		defer copied.Close()
		if _, err := copied.Write(data); err != nil {
			return nil, err
		}
		args[i] = "--config=" + copied.Name()
	}
	return args, nil
}
