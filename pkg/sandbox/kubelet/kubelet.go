package kubelet

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/cmd/kubelet/app/options"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/kubelet"
	"k8s.io/kubernetes/pkg/kubelet/apis/config"
	"k8s.io/kubernetes/pkg/kubelet/eviction"
	"k8s.io/kubernetes/pkg/kubemark"
	"k8s.io/kubernetes/pkg/volume/image"

	"github.com/muster-scheduler/muster/pkg/sandbox/fleet"
	"github.com/muster-scheduler/muster/pkg/sandbox/pull"
)

// heartbeatTimeout is the request timeout of leases and node status, as cmd/kubelet sets it.
const heartbeatTimeout = 10 * time.Second

// Kubelets are the running kubelets of this process.
type Kubelets struct {
	network *pull.Network
	links   map[string]*link // by node
}

// Start runs a kubelet for each node of the fleet until the process ends, with their files in dir. They answer to whoever
// has the key of the certificate in the file clientCert. It may be called once in a process. It returns when all
// kubelets run; their nodes are ready a few seconds later.
func Start(ctx context.Context, config *rest.Config, dir, clientCert string, f fleet.Fleet) (*Kubelets, error) {
	catalogue, err := pull.NewCatalogue(f.Images)
	if err != nil {
		return nil, err
	}
	serving, err := newServing(clientCert)
	if err != nil {
		return nil, err
	}
	all := &Kubelets{network: pull.NewNetwork(f.RegistryBandwidth), links: make(map[string]*link, f.Count)}
	metrics := prepareProcess()
	for i := f.First; i < f.First+f.Count; i++ {
		name := fleet.Name(i)
		nodeIP, podPrefix := fleet.IP(i)
		n := node{
			name:      name,
			ip:        nodeIP,
			podPrefix: podPrefix,
			labels:    f.Labels(i),
			dir:       filepath.Join(dir, name),
			fleet:     f,
			disk:      pull.NewDisk(name, catalogue, all.network.NewLink(f.Bandwidth), f.Disk.Value()),
			link:      newLink(),
			serving:   serving,
		}
		all.links[name] = n.link
		err := n.start(ctx, config)
		if err == nil {
			err = metrics.wait(ctx)
		}
		if err != nil {
			return nil, fmt.Errorf("kubelet %s: %w", name, err)
		}
	}
	return all, nil
}

// SetRegistryBandwidth changes the capacity of the registry, in bytes per second.
func (k *Kubelets) SetRegistryBandwidth(capacity int64) { k.network.SetCapacity(capacity) }

// SetLost cuts a node's connection to the API server, or mends it. Nodes of others are left alone.
func (k *Kubelets) SetLost(_ context.Context, node string, lost bool) {
	if l, ok := k.links[node]; ok {
		l.setCut(lost)
	}
}

// node is one machine with a kubelet.
type node struct {
	name, ip, podPrefix, dir string
	labels                   map[string]string
	fleet                    fleet.Fleet
	disk                     *pull.Disk
	link                     *link
	serving                  *serving
}

// clients returns the kubelet's two clients. Neither is limited: the sandbox is to be fast, and the kubelet's own
// limits are for a cluster with other users.
func (n node) clients(c *rest.Config) (client, heartbeats *kubernetes.Clientset, err error) {
	c = rest.CopyConfig(c)
	c.QPS, c.ContentType, c.UserAgent = -1, runtime.ContentTypeProtobuf, "kubelet"
	c.Wrap(n.link.wrap)
	if client, err = kubernetes.NewForConfig(c); err != nil {
		return nil, nil, err
	}
	c.Timeout = heartbeatTimeout
	heartbeats, err = kubernetes.NewForConfig(c)
	return client, heartbeats, err
}

// start does what cmd/kubelet's RunKubelet does, without changing the limits of the process.
func (n node) start(ctx context.Context, config *rest.Config) error {
	ctx = klog.NewContext(ctx, klog.FromContext(ctx).WithValues("node", n.name))
	client, heartbeats, err := n.clients(config)
	if err != nil {
		return err
	}
	flags, c, err := n.configure()
	if err != nil {
		return err
	}
	listener, port, err := listen()
	if err != nil {
		return err
	}
	c.Port = port
	m := machine{name: n.name, capacity: n.fleet.Capacity(), images: n.disk}
	deps := kubemark.NewHollowKubelet(flags, c, client, heartbeats, m, imageService{n.disk},
		newRuntimeService(n.podPrefix), newContainerManager(m)).KubeletDeps
	deps.OSInterface = &fakeOS{}
	deps.VolumePlugins = append(deps.VolumePlugins, image.ProbeVolumePlugins()...) // cmd/kubelet has it, kubemark not

	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	broadcaster.StartRecordingToSink(&corev1.EventSinkImpl{Interface: heartbeats.CoreV1().Events("")})
	recorder := broadcaster.NewRecorder(legacyscheme.Scheme, v1.EventSource{Component: "kubelet", Host: n.name})
	deps.TracerProvider = onTracer{call: func() { deps.Recorder = recorder }}

	// An address as "hostname" becomes the node's internal IP, without a look-up and without being checked against
	// the interfaces of this machine. The label with the hostname is set to the node's name in fleet.Labels.
	hostname := n.ip
	k, err := kubelet.NewMainKubelet(ctx, c, deps, &flags.ContainerRuntimeOptions,
		hostname, types.NodeName(n.name), nil, c.ProviderID, "", flags.CertDirectory, flags.RootDirectory, c.PodLogsDir,
		"", "", true, nil, nil, "", false, false,
		flags.MinimumGCAge, flags.MaxPerPodContainerCount, flags.MaxContainerCount,
		flags.NodeLabels, c.NodeStatusMaxImages, false)
	if err != nil {
		return err
	}
	k.BirthCry()
	k.StartGarbageCollection(ctx)
	go k.Run(ctx, deps.PodConfig.Updates())
	return n.serve(ctx, listener, k, c)
}

// configure returns the kubelet's flags and configuration: those of kubemark, which are the defaults of cmd/kubelet
// with most contact to the machine turned off, and what that leaves to do.
func (n node) configure() (*options.KubeletFlags, *config.KubeletConfiguration, error) {
	flags, c := kubemark.GetHollowKubeletConfig(&kubemark.HollowKubeletOptions{
		NodeName:   n.name,
		MaxPods:    n.fleet.Pods,
		NodeLabels: n.labels,
	})
	// It comes with a fresh directory under $TMPDIR, which would be left behind.
	if err := os.RemoveAll(flags.RootDirectory); err != nil {
		return nil, nil, err
	}
	flags.RootDirectory, c.PodLogsDir, c.StaticPodPath = n.dir, filepath.Join(n.dir, "logs"), ""
	if err := os.MkdirAll(c.PodLogsDir, 0o700); err != nil {
		return nil, nil, err
	}
	c.EnableServer = false // ours serves, see server.go
	c.EnableControllerAttachDetach = true
	c.EnforceNodeAllocatable = nil
	c.EvictionHard = eviction.DefaultEvictionHard
	c.EvictionPressureTransitionPeriod.Duration = 20 * time.Second
	c.ContainerLogMonitorInterval.Duration = time.Hour // there are no logs to rotate
	c.ClusterDNS = []string{"10.0.0.10"}               // without it each pod gets a warning event
	c.MakeIPTablesUtilChains = false
	c.ProviderID = "muster-sandbox://" + n.name
	c.RegistryPullQPS, c.RegistryBurst = 0, 0
	c.SerializeImagePulls = n.fleet.MaxParallelPulls <= 1
	if !c.SerializeImagePulls {
		parallel := int32(n.fleet.MaxParallelPulls)
		c.MaxParallelImagePulls = &parallel
	}
	return flags, c, override(c, n.fleet.KubeletConfiguration)
}
