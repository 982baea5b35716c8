package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"

	"github.com/spf13/pflag"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	apiserveroptions "k8s.io/kubernetes/cmd/kube-apiserver/app/options"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"

	"github.com/muster-scheduler/muster/pkg/sandbox/kubeconfig"
)

// startAPIServer runs kube-apiserver in the background and returns its URL.
func startAPIServer(ctx context.Context, c Config, f files, etcdURL string, failed chan<- error) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	options := apiserveroptions.NewServerRunOptions()
	flags := pflag.NewFlagSet("kube-apiserver", pflag.ContinueOnError)
	for _, set := range options.Flags().FlagSets {
		flags.AddFlagSet(set)
	}
	args := []string{
		"--etcd-servers=" + etcdURL,
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
		// The port is open already; it is repeated here for what the server says about itself.
		fmt.Sprintf("--secure-port=%d", listener.Addr().(*net.TCPAddr).Port),
		"--tls-cert-file=" + f.cert, "--tls-private-key-file=" + f.certKey,
		"--token-auth-file=" + f.tokens,
		"--kubelet-client-certificate=" + f.kubeletCert, "--kubelet-client-key=" + f.kubeletKey,
		"--kubelet-preferred-address-types=InternalIP",
		// No one has a client certificate, but without authorities for them the configuration map is incomplete by
		// which other components authenticate their callers.
		"--client-ca-file=" + f.caCert, "--requestheader-client-ca-file=" + f.caCert,
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-", "--requestheader-allowed-names=front-proxy-client",
		"--authorization-mode=Node,RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + f.serviceAccountKey,
		"--service-account-signing-key-file=" + f.serviceAccountKey,
		"--service-cluster-ip-range=10.0.0.0/16",
		"--endpoint-reconciler-type=none",
		"--allow-privileged=true",
	}
	if c.GenericWorkload {
		args = append(args, "--runtime-config=scheduling.k8s.io/v1beta1=true")
	}
	if err := flags.Parse(append(args, featureGates(c)...)); err != nil {
		return "", err
	}
	// Parsing only notes the feature gates; kube-apiserver's own main sets them in a hook that does not run here.
	if err := options.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return "", err
	}
	options.SecureServing.Listener = listener // no one else can take the port
	options.KubeletConfig.Lookup = kubeletsHere
	completed, err := options.Complete(ctx)
	if err != nil {
		return "", err
	}
	if errs := completed.Validate(); len(errs) > 0 {
		return "", utilerrors.NewAggregate(errs)
	}
	go func() { failed <- ended("kube-apiserver", apiserver.Run(ctx, completed)) }()
	return "https://" + listener.Addr().String(), nil
}

// startControllerManager runs kube-controller-manager in the background, as the given client.
func startControllerManager(ctx context.Context, c Config, f files, as *rest.Config, failed chan<- error) error {
	path := filepath.Join(c.Dir, "credentials", "controller-manager.kubeconfig")
	config := kubeconfig.New(as.Host, as.CAData, "kube-controller-manager", as.BearerToken)
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		return err
	}
	command := controllermanager.NewControllerManagerCommand()
	command.SilenceUsage = true
	command.SetArgs(append([]string{
		"--kubeconfig=" + path,
		"--leader-elect=false",
		"--secure-port=0",
		"--root-ca-file=" + f.caCert,
		"--service-account-private-key-file=" + f.serviceAccountKey,
		"--node-monitor-grace-period=" + c.NodeGracePeriod.String(),
		"--kube-api-qps=500", "--kube-api-burst=1000",
		// This one writes an annotation to all nodes whenever their number passes a threshold, for kubelets that do
		// not watch secrets but poll them; while thousands of nodes are made, that is most of the work.
		"--controllers=*,-ttl-controller",
	}, featureGates(c)...))
	go func() { failed <- ended("kube-controller-manager", command.ExecuteContext(ctx)) }()
	return nil
}

func featureGates(c Config) []string {
	if !c.GenericWorkload {
		return nil
	}
	return []string{"--feature-gates=GenericWorkload=true"}
}

// ended makes an error of the end of a component, which is one even without a cause.
func ended(component string, err error) error {
	if err == nil {
		err = errors.New("ended")
	}
	return fmt.Errorf("%s: %w", component, err)
}
