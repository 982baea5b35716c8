package lightnode

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-base/version"

	"github.com/muster-scheduler/muster/pkg/sandbox/fleet"
	"github.com/muster-scheduler/muster/pkg/sandbox/pull"
)

const (
	// leaseSeconds is what the kubelet writes into its lease.
	leaseSeconds = 40
	// lateAfter is the time between two heartbeats after which the controller manager may have given the node up. It
	// waits for 50 s.
	lateAfter = 40 * time.Second
	// maxImages is how many images a kubelet reports by default: the largest.
	maxImages = 50
)

// node is one light node.
type node struct {
	name          string
	ip, podPrefix string
	disk          *pull.Disk
	pulls         chan struct{} // a slot for each parallel pull
	registered    atomic.Bool
	lost          atomic.Bool           // silent
	changed       atomic.Bool           // images on disk differ from those reported
	addresses     atomic.Uint32         // of pods, handed out so far
	lease         *coordinationv1.Lease // of the heartbeat, once the node is registered
	renewed       time.Time             // when the last heartbeat was
}

// podIP returns the next address on this node.
func (n *node) podIP() string { return fmt.Sprintf("%s.%d", n.podPrefix, 2+(n.addresses.Add(1)-1)%250) }

// register creates the node and its lease; a node that exists is taken over.
func (c *Nodes) register(ctx context.Context, index int, n *node) error {
	now := metav1.Now()
	object := &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: n.name, Labels: c.fleet.Labels(index)},
		Spec:       v1.NodeSpec{ProviderID: "muster-sandbox://" + n.name},
		Status: v1.NodeStatus{
			Capacity:    c.fleet.Capacity(),
			Allocatable: c.fleet.Capacity(),
			Conditions:  conditions(now),
			Addresses: []v1.NodeAddress{
				{Type: v1.NodeInternalIP, Address: n.ip},
				{Type: v1.NodeHostName, Address: n.name},
			},
			NodeInfo: v1.NodeSystemInfo{
				MachineID:               n.name,
				SystemUUID:              n.name,
				BootID:                  n.name,
				OperatingSystem:         "linux",
				Architecture:            "amd64",
				KubeletVersion:          version.Get().GitVersion,
				ContainerRuntimeVersion: "sandbox://light",
			},
			Images: images(n.disk),
		},
	}
	for _, os := range []string{v1.LabelOSStable, "beta." + v1.LabelOSStable} {
		object.Labels[os] = "linux"
	}
	for _, arch := range []string{v1.LabelArchStable, "beta." + v1.LabelArchStable} {
		object.Labels[arch] = "amd64"
	}
	created, err := c.client.CoreV1().Nodes().Create(ctx, object, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		created, err = c.client.CoreV1().Nodes().Get(ctx, n.name, metav1.GetOptions{})
	}
	if err != nil {
		return fmt.Errorf("register %s: %w", n.name, err)
	}
	// Admission taints every new node until it is seen to be ready. The controller manager would take the taint off,
	// but one node after another.
	if len(created.Spec.Taints) > 0 {
		if err := c.patchNode(ctx, n, map[string]any{"spec": map[string]any{"taints": nil}}); err != nil {
			return err
		}
	}
	seconds, holder := int32(leaseSeconds), n.name
	n.lease = &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{
			Name:            n.name,
			Namespace:       v1.NamespaceNodeLease,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(created, v1.SchemeGroupVersion.WithKind("Node"))},
		},
		Spec: coordinationv1.LeaseSpec{HolderIdentity: &holder, LeaseDurationSeconds: &seconds},
	}
	n.renewed = time.Now()
	if err := c.heartbeat(ctx, n); err != nil {
		return err
	}
	n.registered.Store(true)
	return nil
}

// heartbeat renews the node's lease, and reports its status if that may differ from what the API server has.
func (c *Nodes) heartbeat(ctx context.Context, n *node) error {
	leases := c.client.CoordinationV1().Leases(v1.NamespaceNodeLease)
	now := metav1.NowMicro()
	n.lease.Spec.RenewTime = &now
	var renewed *coordinationv1.Lease
	var err error
	if n.lease.ResourceVersion == "" {
		renewed, err = leases.Create(ctx, n.lease, metav1.CreateOptions{})
	} else {
		renewed, err = leases.Update(ctx, n.lease, metav1.UpdateOptions{})
	}
	switch {
	case apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err):
		renewed, err = leases.Get(ctx, n.name, metav1.GetOptions{}) // renewed at the next beat
	case apierrors.IsNotFound(err):
		n.lease.ResourceVersion = "" // made again at the next beat
	}
	if err != nil {
		return fmt.Errorf("renew lease of %s: %w", n.name, err)
	}
	n.lease = renewed
	late := now.Sub(n.renewed) > lateAfter
	n.renewed = now.Time
	if !n.changed.Swap(false) && !late {
		return nil
	}
	status := map[string]any{"images": images(n.disk)}
	if late { // the controller manager may have called the node's condition unknown
		status["conditions"] = conditions(metav1.NewTime(now.Time))
	}
	if err := c.patchNode(ctx, n, map[string]any{"status": status}, "status"); err != nil {
		n.changed.Store(true)
		return err
	}
	return nil
}

func (c *Nodes) patchNode(ctx context.Context, n *node, patch map[string]any, subresources ...string) error {
	data, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	_, err = c.client.CoreV1().Nodes().Patch(ctx, n.name, types.StrategicMergePatchType, data, metav1.PatchOptions{}, subresources...)
	if err != nil {
		return fmt.Errorf("patch %s: %w", n.name, err)
	}
	return nil
}

// images is what a kubelet would report: the largest first.
func images(disk *pull.Disk) []v1.ContainerImage {
	onDisk := disk.Images()
	slices.SortStableFunc(onDisk, func(a, b pull.Image) int { return cmp.Compare(b.Size(), a.Size()) })
	onDisk = onDisk[:min(len(onDisk), maxImages)]
	list := make([]v1.ContainerImage, len(onDisk))
	for i, img := range onDisk {
		list[i] = v1.ContainerImage{Names: []string{img.RepoDigest(), img.Name}, SizeBytes: img.Size()}
	}
	return list
}

// conditions are those of a healthy node.
func conditions(now metav1.Time) []v1.NodeCondition {
	condition := func(t v1.NodeConditionType, s v1.ConditionStatus, reason, message string) v1.NodeCondition {
		return v1.NodeCondition{
			Type: t, Status: s, Reason: reason, Message: message,
			LastHeartbeatTime: now, LastTransitionTime: now,
		}
	}
	return []v1.NodeCondition{
		condition(v1.NodeMemoryPressure, v1.ConditionFalse, "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
		condition(v1.NodeDiskPressure, v1.ConditionFalse, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
		condition(v1.NodePIDPressure, v1.ConditionFalse, "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
		condition(v1.NodeReady, v1.ConditionTrue, "KubeletReady", "kubelet is posting ready status"),
	}
}

// newNode returns the node with the given index, with the catalogue's preloaded images on its disk.
func newNode(f fleet.Fleet, index int, catalogue *pull.Catalogue, network *pull.Network) *node {
	name := fleet.Name(index)
	n := &node{
		name:  name,
		disk:  pull.NewDisk(name, catalogue, network.NewLink(f.Bandwidth), f.Disk.Value()),
		pulls: make(chan struct{}, max(1, f.MaxParallelPulls)),
	}
	n.ip, n.podPrefix = fleet.IP(index)
	return n
}
