package process

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiserver "k8s.io/apiserver/pkg/server/options"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/component-base/config"
	election "k8s.io/component-base/config/options"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"

	"github.com/muster-scheduler/muster/pkg/publish"
	"github.com/muster-scheduler/muster/pkg/registry"
	"github.com/muster-scheduler/muster/pkg/version"
)

const command = "muster-images"

// options are the flags.
type options struct {
	registries  []string
	private     []string
	credentials string
	roots       string
	timeout     time.Duration
	publish     publish.Options

	kubeconfig string
	qps        float32
	burst      int

	serving        *apiserver.SecureServingOptionsWithLoopback
	authentication *apiserver.DelegatingAuthenticationOptions
	authorization  *apiserver.DelegatingAuthorizationOptions
	election       config.LeaderElectionConfiguration
	logs           *logs.Options
}

func newOptions() *options {
	o := &options{
		timeout: 30 * time.Second,
		publish: publish.Options{
			ReadsPerSecond: 2, ReadBurst: 20, Readers: 2,
			TagRefresh: 15 * time.Minute, UnusedFor: 24 * time.Hour, MaxManifests: 5000,
		},
		qps: 20, burst: 40,
		serving:        apiserver.NewSecureServingOptions().WithLoopback(),
		authentication: apiserver.NewDelegatingAuthenticationOptions(),
		authorization:  apiserver.NewDelegatingAuthorizationOptions(),
		election: config.LeaderElectionConfiguration{
			LeaderElect: true, ResourceLock: "leases", ResourceName: command, ResourceNamespace: "muster-system",
			LeaseDuration: metav1.Duration{Duration: 15 * time.Second},
			RenewDeadline: metav1.Duration{Duration: 10 * time.Second},
			RetryPeriod:   metav1.Duration{Duration: 2 * time.Second},
		},
		logs: logs.NewOptions(),
	}
	o.serving.BindPort = 10259
	o.serving.ServerCert.PairName, o.serving.ServerCert.CertDirectory = command, "" // in memory
	return o
}

func (o *options) addFlags(sets *cliflag.NamedFlagSets) {
	images := sets.FlagSet("images")
	images.StringSliceVar(&o.registries, "registries", nil, "The registries that may be asked, and no others: HOST[:PORT][/PATH] or *.DOMAIN[/PATH]; after http:// those without TLS. Required.")
	images.StringSliceVar(&o.private, "private-addresses", nil, "Address ranges, as in 10.1.0.0/16, that may be dialled besides the public internet. Registries with private addresses need them.")
	images.StringVar(&o.credentials, "registry-credentials", "", "A docker configuration file with credentials, as in a Secret of the type kubernetes.io/dockerconfigjson. It need not exist, and may change.")
	images.StringVar(&o.roots, "registry-ca-file", "", "A PEM file of certificate authorities that registries are trusted by, instead of the system's.")
	images.DurationVar(&o.timeout, "registry-timeout", o.timeout, "The time that reading one image may take.")
	images.Float32Var(&o.publish.ReadsPerSecond, "registry-qps", o.publish.ReadsPerSecond, "Images read per second from each of the registries.")
	images.IntVar(&o.publish.ReadBurst, "registry-burst", o.publish.ReadBurst, "Images read at once from each of the registries, after a time without any.")
	images.IntVar(&o.publish.Readers, "registry-concurrency", o.publish.Readers, "Images read at a time from each of the registries.")
	images.DurationVar(&o.publish.TagRefresh, "tag-refresh", o.publish.TagRefresh, "How often a registry is asked what a tag stands for.")
	images.DurationVar(&o.publish.UnusedFor, "unused-for", o.publish.UnusedFor, "For how long an ImageManifest stays that neither a pod nor a node uses.")
	images.IntVar(&o.publish.MaxManifests, "max-manifests", o.publish.MaxManifests, "The number of ImageManifests that there may be.")

	cluster := sets.FlagSet("cluster")
	cluster.StringVar(&o.kubeconfig, "kubeconfig", "", "Path to a kubeconfig; not needed in a pod.")
	cluster.Float32Var(&o.qps, "kube-api-qps", o.qps, "Requests per second to the API server.")
	cluster.IntVar(&o.burst, "kube-api-burst", o.burst, "Requests to the API server at once.")

	serving := sets.FlagSet("serving")
	o.serving.AddFlags(serving)
	o.authentication.AddFlags(serving)
	o.authorization.AddFlags(serving)
	election.BindLeaderElectionFlags(&o.election, sets.FlagSet("leader election"))
	logsapi.AddFlags(o.logs, sets.FlagSet("logs"))
}

// validate says all that is wrong with the numbers.
func (o *options) validate() error {
	var errs []error
	need := func(ok bool, text string) {
		if !ok {
			errs = append(errs, errors.New(text))
		}
	}
	need(len(o.registries) > 0, "--registries is empty: no image would ever be read; name the registries that may be asked")
	need(o.timeout > 0, "--registry-timeout must be positive")
	need(o.publish.ReadsPerSecond > 0, "--registry-qps must be positive")
	need(o.publish.ReadBurst > 0, "--registry-burst must be positive")
	need(o.publish.Readers > 0 && o.publish.Readers <= 64, "--registry-concurrency must be between 1 and 64")
	need(o.publish.TagRefresh >= time.Second, "--tag-refresh must be at least a second")
	need(o.publish.UnusedFor >= 0, "--unused-for must not be negative")
	need(o.publish.MaxManifests > 0, "--max-manifests must be positive")
	errs = append(errs, o.serving.Validate()...)
	errs = append(errs, o.authentication.Validate()...)
	errs = append(errs, o.authorization.Validate()...)
	return errors.Join(errs...)
}

// reader returns the options of package registry, and sets the list for publish.
func (o *options) reader() (registry.Options, error) {
	r := registry.Options{Credentials: o.credentials, Timeout: o.timeout, UserAgent: version.UserAgent(command)}
	var errs []error
	for _, text := range o.registries {
		a, err := registry.ParseAllowed(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("--registries: %w", err))
		}
		r.Allowed = append(r.Allowed, a)
	}
	for _, text := range o.private {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("--private-addresses: %w", err))
		}
		r.Private = append(r.Private, prefix)
	}
	if o.roots != "" {
		pem, err := os.ReadFile(o.roots)
		r.Roots = x509.NewCertPool()
		if err == nil && !r.Roots.AppendCertsFromPEM(pem) {
			err = fmt.Errorf("no certificate in %s", o.roots)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("--registry-ca-file: %w", err))
		}
	}
	o.publish.Registries = r.Allowed
	return r, errors.Join(errs...)
}

func flagSets(flags *pflag.FlagSet, sets *cliflag.NamedFlagSets) {
	for _, set := range sets.FlagSets {
		flags.AddFlagSet(set)
	}
}
