package sandbox

import (
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/muster-scheduler/muster/pkg/sandbox/fleet"
	"github.com/muster-scheduler/muster/pkg/sandbox/pull"
)

// Options of a sandbox. The zero value is a cluster without nodes.
type Options struct {
	// Kubelets and Nodes are how many real kubelets and how many light nodes there are at the start. Kubelets come
	// first in the numbering of nodes.
	Kubelets, Nodes int
	// Racks and Zones are how many there are of each; default 1.
	Racks, Zones int

	// CPU, Memory, Disk and Pods are what each node offers; default 8, 32Gi, 200Gi and 110.
	CPU, Memory, Disk resource.Quantity
	Pods              int

	// Images are what the registry serves; any other image is 50 MiB, or not found if its host ends in ".invalid".
	Images []pull.Image
	// Bandwidth of each node, default 100M, and RegistryBandwidth of the registry, default unlimited, are in bytes
	// per second. Kubelets share the registry in groups of 100, light nodes all together.
	Bandwidth, RegistryBandwidth resource.Quantity
	// MaxParallelPulls is how many images a node pulls at the same time; 0 and 1 are one after another.
	MaxParallelPulls int

	// GenericWorkload serves the API scheduling.k8s.io/v1beta1, which the scheduler Native needs.
	GenericWorkload bool
	// NodeGracePeriod is how long a node may be silent before it counts as lost; default 50 s, and 3 minutes if there are
	// more than 1,000 light nodes at the start: on one busy machine the heartbeats of thousands can be late, and nodes
	// that come and go would disturb what is being tried.
	NodeGracePeriod time.Duration
	// NoPodGroups leaves out the definition of scheduling.x-k8s.io PodGroups, which comes with Muster otherwise.
	NoPodGroups bool

	// Dir is where the sandbox keeps its files. It is made if need be; on Stop all but its logs is removed. By
	// default it is a temporary directory, which is removed altogether.
	Dir string
	// Kubeconfig is where the administrator's kubeconfig goes; by default into Dir. It is removed on Stop.
	Kubeconfig string
	// Progress, if set, is told of each step, as in fmt.Printf.
	Progress func(format string, args ...any)
}

// The largest sandbox that addresses are unique in.
const maxNodes = 16_000

// Validate says what is wrong with the options, if anything.
func (o Options) Validate() error {
	var errs []error
	for _, n := range []struct {
		what  string
		value int
	}{
		{"kubelets", o.Kubelets},
		{"nodes", o.Nodes},
		{"racks", o.Racks},
		{"zones", o.Zones},
		{"pods per node", o.Pods},
		{"parallel pulls", o.MaxParallelPulls},
	} {
		if n.value < 0 {
			errs = append(errs, fmt.Errorf("%s must not be negative: %d", n.what, n.value))
		}
	}
	for _, q := range []struct {
		what  string
		value resource.Quantity
	}{
		{"cpu", o.CPU},
		{"memory", o.Memory},
		{"disk", o.Disk},
		{"bandwidth", o.Bandwidth},
		{"registry bandwidth", o.RegistryBandwidth},
	} {
		if q.value.Sign() < 0 {
			errs = append(errs, fmt.Errorf("%s must not be negative: %s", q.what, q.value.String()))
		}
	}
	if o.Kubelets+o.Nodes > maxNodes {
		errs = append(errs, fmt.Errorf("%d nodes are more than a sandbox can address: at most %d", o.Kubelets+o.Nodes, maxNodes))
	}
	if _, err := pull.NewCatalogue(o.Images); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// withDefaults fills in what is not set.
func (o Options) withDefaults() Options {
	for _, d := range []struct {
		quantity *resource.Quantity
		value    string
	}{{&o.CPU, "8"}, {&o.Memory, "32Gi"}, {&o.Disk, "200Gi"}, {&o.Bandwidth, "100M"}} {
		if d.quantity.IsZero() {
			*d.quantity = resource.MustParse(d.value)
		}
	}
	if o.Pods == 0 {
		o.Pods = 110
	}
	if o.NodeGracePeriod == 0 {
		o.NodeGracePeriod = 50 * time.Second // the controller manager's default
		if o.Nodes > 1000 {
			o.NodeGracePeriod = 3 * time.Minute
		}
	}
	if o.Progress == nil {
		o.Progress = func(string, ...any) {}
	}
	return o
}

// fleet returns n nodes by these options, from the given index on.
func (o Options) fleet(first, n int) fleet.Fleet {
	return fleet.Fleet{
		First: first, Count: n,
		Racks: o.Racks, Zones: o.Zones,
		CPU: o.CPU, Memory: o.Memory, Disk: o.Disk, Pods: o.Pods,
		Bandwidth: o.Bandwidth.Value(), RegistryBandwidth: o.RegistryBandwidth.Value(),
		MaxParallelPulls: o.MaxParallelPulls,
		Images:           o.Images,
	}
}
