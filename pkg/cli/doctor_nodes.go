package cli

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/workqueue"

	"github.com/muster-scheduler/muster/pkg/doctor"
)

const (
	// kubeletsAtOnce is how many kubelets are asked at a time, and kubeletTimeout how long
	// one may take.
	kubeletsAtOnce = 16
	kubeletTimeout = 10 * time.Second
	// maxAhead is how far the clock of a node may be ahead: what we know of the API server's
	// is right to the second.
	maxAhead = 5 * time.Second
)

// seen is a node as it is read.
type seen struct {
	doctor.Node
	version string
	images  map[string]int64 // bytes, by every name
	used    map[string]bool  // names of images that its pods use
}

func (e *examination) nodes(ctx context.Context, sample int) {
	var nodes []*seen
	byName := map[string]*seen{}
	err := each(ctx, metav1.ListOptions{}, e.client.CoreV1().Nodes().List, func(o runtime.Object) error {
		if n, ok := o.(*v1.Node); ok {
			s := see(n)
			nodes, byName[n.Name] = append(nodes, s), s
		}
		return nil
	})
	if err != nil {
		e.skipped("nodes and the settings of kubelets", err, "list nodes", nil)
		return
	}
	e.nodeCount, e.report.Nodes = len(nodes), len(nodes)
	e.pods(ctx, byName)
	e.heartbeats(ctx, byName)
	e.kubelets(ctx, spread(nodes, sample))
	all := make([]doctor.Node, len(nodes))
	for i := range nodes {
		all[i] = nodes[i].Node
	}
	e.found(doctor.Nodes(all))
}

// see reads a node's status.
func see(n *v1.Node) *seen {
	s := &seen{
		Node:    doctor.Node{Name: n.Name, Images: len(n.Status.Images), Conditions: map[v1.NodeConditionType]v1.ConditionStatus{}},
		version: n.Status.NodeInfo.KubeletVersion,
		images:  map[string]int64{}, used: map[string]bool{},
	}
	for _, c := range n.Status.Conditions {
		s.Conditions[c.Type] = c.Status
	}
	if disk := n.Status.Capacity.StorageEphemeral(); disk != nil {
		s.DiskBytes = disk.Value()
	}
	for i := range n.Status.Images {
		if names := n.Status.Images[i].Names; len(names) > 0 {
			s.images[strings.Join(names, "\n")] = n.Status.Images[i].SizeBytes
		}
	}
	return s
}

// pods finds which images are in use.
func (e *examination) pods(ctx context.Context, nodes map[string]*seen) {
	err := each(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName!="}, e.client.CoreV1().Pods(metav1.NamespaceAll).List, func(o runtime.Object) error {
		if pod, ok := o.(*v1.Pod); ok && nodes[pod.Spec.NodeName] != nil {
			nodes[pod.Spec.NodeName].run(pod)
		}
		return nil
	})
	if err != nil {
		e.skipped("images that no pod uses", err, "list pods in all namespaces", nil)
		return
	}
	for _, n := range nodes {
		n.countUnused()
	}
}

// countUnused adds up the images that have no name which a pod uses.
func (s *seen) countUnused() {
	for names, bytes := range s.images {
		if !slices.ContainsFunc(strings.Split(names, "\n"), func(name string) bool { return s.used[name] }) {
			s.UnusedImageBytes += bytes
		}
	}
}

// run notes the images of a pod, by the names that its containers and its node have for them.
func (s *seen) run(pod *v1.Pod) {
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			s.used[list[i].Image] = true
		}
	}
	for _, list := range [][]v1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range list {
			s.used[list[i].Image], s.used[list[i].ImageID] = true, true
			s.RunsPods = s.RunsPods || list[i].ImageID != ""
		}
	}
	for i := range pod.Spec.Volumes {
		if image := pod.Spec.Volumes[i].Image; image != nil {
			s.used[image.Reference] = true
		}
	}
}

// heartbeats compares the leases of nodes, which they date themselves, with the API server's clock.
func (e *examination) heartbeats(ctx context.Context, nodes map[string]*seen) {
	err := each(ctx, metav1.ListOptions{}, e.client.CoordinationV1().Leases(v1.NamespaceNodeLease).List, func(o runtime.Object) error {
		lease, ok := o.(*coordinationv1.Lease)
		if !ok || nodes[lease.Name] == nil || lease.Spec.RenewTime == nil || lease.Spec.LeaseDurationSeconds == nil {
			return nil
		}
		age := e.now().Sub(lease.Spec.RenewTime.Time)
		n := nodes[lease.Name]
		if -age > maxAhead {
			n.Ahead = -age
		}
		if late := age - time.Duration(*lease.Spec.LeaseDurationSeconds)*time.Second; late > 0 {
			n.Late = late
		}
		return nil
	})
	if err != nil {
		e.skipped("clocks and heartbeats of nodes", err, "list leases in "+v1.NamespaceNodeLease, nil)
	}
}

// spread takes so many of the nodes, evenly over their names, or all if that is 0.
func spread(nodes []*seen, sample int) []*seen {
	nodes = slices.Clone(nodes)
	slices.SortFunc(nodes, func(a, b *seen) int { return strings.Compare(a.Name, b.Name) })
	if sample == 0 || sample >= len(nodes) {
		return nodes
	}
	some := make([]*seen, sample)
	for i := range some {
		some[i] = nodes[i*len(nodes)/sample]
	}
	return some
}

// kubelets asks the kubelets of these nodes for their settings, through the API server.
func (e *examination) kubelets(ctx context.Context, nodes []*seen) {
	e.report.NodesAsked = len(nodes)
	settings, errs := make([]*doctor.Settings, len(nodes)), make([]error, len(nodes))
	workqueue.ParallelizeUntil(ctx, kubeletsAtOnce, len(nodes), func(i int) {
		settings[i], errs[i] = e.kubelet(ctx, nodes[i].Name)
	})
	var asked []doctor.Kubelet
	failed, first := map[string][]string{}, map[string]error{}
	for i, n := range nodes {
		switch {
		case settings[i] != nil:
			n.Cap = settings[i].NodeStatusMaxImages
			asked = append(asked, doctor.Kubelet{Node: n.Name, Version: n.version, Settings: settings[i]})
		case errs[i] != nil:
			reason := reasonOf(errs[i])
			failed[reason], first[reason] = append(failed[reason], n.Name), errs[i]
		}
	}
	e.found(doctor.Kubelets(asked, e.nodeCount))
	for _, reason := range slices.Sorted(maps.Keys(failed)) {
		objects := doctor.Objects("nodes", len(nodes), failed[reason])
		e.skipped("settings of the kubelets", first[reason], "get nodes/proxy", &objects)
	}
}

func (e *examination) kubelet(ctx context.Context, node string) (*doctor.Settings, error) {
	ctx, cancel := context.WithTimeout(ctx, kubeletTimeout)
	defer cancel()
	configz, err := e.client.CoreV1().RESTClient().Get().Resource("nodes").Name(node).SubResource("proxy").Suffix("configz").
		SetHeader("Accept", runtime.ContentTypeJSON).Do(ctx).Raw()
	if err != nil {
		return nil, behindProxy(configz, err)
	}
	return doctor.ParseKubelet(configz)
}

// behindProxy says what the API server's proxy met, in words that are the same for all nodes.
func behindProxy(body []byte, err error) error {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return err
	}
	switch status.Status().Code {
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return errors.New("the kubelet does not serve /configz (enableDebuggingHandlers: false)")
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		why := strings.TrimSpace(string(body))
		var said metav1.Status
		if json.Unmarshal(body, &said) == nil && said.Message != "" {
			why = said.Message
		}
		if _, dialled, ok := strings.Cut(why, "error trying to reach service: "); ok {
			why = dialled[strings.LastIndex(dialled, ": ")+1:] // without the address
			if strings.Contains(dialled, "stream ID") || strings.HasSuffix(dialled, "EOF") {
				why = "the connection broke"
			}
		}
		return errors.New("the API server cannot reach the kubelet: " + strings.TrimSpace(why))
	}
	return err
}
