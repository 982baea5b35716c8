package snapshot

import (
	"context"
	"fmt"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	resourceapi "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/informers"
	"k8s.io/dynamic-resource-allocation/resourceclaim"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/dynamicresources"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/feature"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/reason"
)

// devices is the plugin DynamicResources as a trial needs it. The profile's own
// sees what is allocated in the cluster, and would let every member of a gang have
// the same device. This is another instance, with a ledger of its own in which what
// placed members would get is allocated too.
type devices struct {
	plugin allocator
	ledger *ledger
	states map[string]*claims // by UID, of members who asked since the ledger changed
	note   string             // what the plugin said when it refused a member everywhere, if it did
}

type allocator interface {
	fwk.PreFilterPlugin
	fwk.FilterPlugin
	fwk.ReservePlugin
}

// claims is what the plugin found of a member's claims.
type claims struct {
	state fwk.CycleState
	// status is success if it depends on the node whether they can be had, Skip if
	// there is nothing to have.
	status *fwk.Status
}

// takeOver has the devices of a class, if it takes any, asked for here instead of
// by the profile's plugin.
func (w *World) takeOver(c *class) {
	if !w.takesDevices(c) {
		return
	}
	if w.devices == nil {
		if err := w.openDevices(); err != nil {
			w.fail(err)
			return
		}
	}
	c.devices = true
	skip := c.state.GetSkipFilterPlugins().Clone()
	skip.Insert(dynamicresources.Name)
	c.state.SetSkipFilterPlugins(skip)
}

// takesDevices reports whether a class asks for devices, by claims or by the name
// of an extended resource that stands for them, and the profile allocates any.
func (w *World) takesDevices(c *class) bool {
	asks := len(c.pod.Spec.ResourceClaims) > 0
	for name, n := range c.resources.Resource.GetScalarResources() {
		asks = asks || n > 0 && w.isDevice(name)
	}
	return asks && slices.ContainsFunc(w.fw.ListPlugins().Filter.Enabled, func(p config.Plugin) bool { return p.Name == dynamicresources.Name })
}

// isDevice reports whether a device class stands behind a resource.
func (ws *Worlds) isDevice(name v1.ResourceName) bool {
	dra := ws.fw.SharedDRAManager()
	return dra != nil && dra.DeviceClassResolver().GetDeviceClass(name) != nil
}

// openDevices begins a trial of devices.
func (w *World) openDevices() error {
	if w.Worlds.devices == nil {
		manager := w.fw.SharedDRAManager()
		l := &ledger{SharedDRAManager: manager, ResourceClaimTracker: manager.ResourceClaims()}
		plugin, err := dynamicresources.New(w.ctx, &config.DynamicResourcesArgs{}, aside{w.fw, l}, feature.NewSchedulerFeaturesFromGates(utilfeature.DefaultFeatureGate))
		if err != nil {
			return fmt.Errorf("building %s for trials: %w", dynamicresources.Name, err)
		}
		w.Worlds.devices = &devices{plugin: plugin.(allocator), ledger: l}
	}
	d := w.Worlds.devices
	d.ledger.reset()
	d.note, d.states = "", map[string]*claims{}
	w.devices = d
	return nil
}

// aside is the framework for a plugin that shall see another ledger, and leave
// the informers alone.
type aside struct {
	fwk.Handle
	ledger *ledger
}

func (a aside) SharedDRAManager() fwk.SharedDRAManager { return a.ledger }

func (a aside) SharedInformerFactory() informers.SharedInformerFactory {
	return informers.NewSharedInformerFactory(a.ClientSet(), 0) // is never started
}

// look prepares for asking about a pod, with what is placed by now.
func (d *devices) look(ctx context.Context, pod *v1.Pod) *claims {
	c := d.states[string(pod.UID)]
	if c == nil {
		c = &claims{state: framework.NewCycleState()}
		_, c.status = d.plugin.PreFilter(ctx, c.state, pod, nil)
		d.states[string(pod.UID)] = c
		if c.status.IsRejected() {
			d.note = c.status.Message()
		}
	}
	return c
}

// ask asks whether the pod's claims can be had on the node. Look comes before it;
// it may be asked in parallel.
func (d *devices) ask(ctx context.Context, pod *v1.Pod, node fwk.NodeInfo) (reason.Reason, error) {
	c := d.states[string(pod.UID)]
	status := c.status
	if status.IsSuccess() {
		status = d.plugin.Filter(ctx, c.state, pod, node)
	}
	switch {
	case status.IsSuccess(), status.IsSkip():
		return reason.Reason{}, nil
	case status.IsRejected():
		return reason.Reason{Code: reason.Claim, Detail: d.wanted(pod)}, nil
	}
	return reason.Reason{Code: reason.Claim}, status.AsError()
}

// place gives a pod what it asks for on a node that accepted it, or one like it.
func (d *devices) place(ctx context.Context, pod *v1.Pod, node fwk.NodeInfo) error {
	d.ledger.next()
	c := d.look(ctx, pod)
	if c.status.IsSkip() {
		return nil
	}
	why, err := d.ask(ctx, pod, node)
	if err == nil && why.Fits() {
		err = d.plugin.Reserve(ctx, c.state, pod, node.Node().Name).AsError()
	} else if err == nil {
		err = fmt.Errorf("node %s has no devices for pod %s, where one like it was accepted", node.Node().Name, pod.Name)
	}
	clear(d.states)
	return err
}

// undo takes back what the pod that was placed last has got.
func (d *devices) undo() {
	d.ledger.undo()
	clear(d.states)
}

// ahead returns the UIDs of those of placed pods, in the order in which they were
// placed, that get claims allocated which later ones share.
func (d *devices) ahead(pods []*v1.Pod) []string {
	first := map[types.UID]string{} // by claim
	var uids []string
	for _, pod := range pods {
		for _, claim := range claimsOf(d.ledger, pod) {
			uid, shared := first[claim.UID]
			switch {
			case claim.Status.Allocation != nil:
			case !shared:
				first[claim.UID] = string(pod.UID)
			case !slices.Contains(uids, uid):
				uids = append(uids, uid)
			}
		}
	}
	return uids
}

// couple has the classes that take devices be coupled, unless all that one member
// takes from another is devices of their node.
func (w *World) couple(classes []gang.Class) {
	if w.devices == nil {
		return
	}
	var taking []int
	apart := w.devices.local()
	for i := range w.classes {
		if c := &w.classes[i]; c.devices {
			taking = append(taking, i)
			apart = apart && !w.devices.shares(c.pod)
		}
	}
	w.contested = len(taking) > 1
	if apart && !w.contested {
		return
	}
	for _, i := range taking {
		w.classes[i].coupled, classes[i].Coupled = true, true
	}
}

// local reports whether all devices belong to a node: then it does not matter for
// one node what is placed on others.
func (d *devices) local() bool {
	all, err := d.ledger.ResourceSlices().ListWithDeviceTaintRules()
	return err == nil && !slices.ContainsFunc(all, func(s *resourceapi.ResourceSlice) bool { return s.Spec.NodeName == nil })
}

// shares reports whether a pod may get a claim allocated that others use.
func (d *devices) shares(pod *v1.Pod) bool {
	return slices.ContainsFunc(claimsOf(d.ledger, pod), func(c *resourceapi.ResourceClaim) bool {
		return c.Status.Allocation == nil && !metav1.IsControlledBy(c, pod)
	})
}

// claimKey returns equal text for pods of a class whose claims are allocated
// alike: what a claim has been given says where its pods can be.
func (ws *Worlds) claimKey(pod *v1.Pod) string {
	var allocated []string
	if manager := ws.fw.SharedDRAManager(); manager != nil {
		for _, claim := range claimsOf(manager.ResourceClaims(), pod) {
			if claim.Status.Allocation != nil {
				allocated = append(allocated, "/"+string(claim.UID))
			}
		}
	}
	return strings.Join(allocated, "")
}

// wanted names the device classes that a pod's claims ask for.
func (d *devices) wanted(pod *v1.Pod) string {
	var classes []string
	add := func(class string) {
		if !slices.Contains(classes, class) {
			classes = append(classes, class)
		}
	}
	for _, claim := range claimsOf(d.ledger, pod) {
		for _, r := range claim.Spec.Devices.Requests {
			if r.Exactly != nil {
				add(r.Exactly.DeviceClassName)
			}
			for _, sub := range r.FirstAvailable {
				add(sub.DeviceClassName)
			}
		}
	}
	return strings.Join(classes, ", ")
}

// claimsOf returns the claims of a pod that exist.
func claimsOf(tracker fwk.ResourceClaimTracker, pod *v1.Pod) []*resourceapi.ResourceClaim {
	var all []*resourceapi.ResourceClaim
	for i := range pod.Spec.ResourceClaims {
		name, _, err := resourceclaim.Name(pod, &pod.Spec.ResourceClaims[i])
		if err != nil || name == nil {
			continue
		}
		if claim, err := tracker.Get(pod.Namespace, *name); err == nil {
			all = append(all, claim)
		}
	}
	return all
}
