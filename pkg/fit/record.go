package fit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/informers"
	configv1 "k8s.io/kube-scheduler/config/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/image"
	"github.com/muster-scheduler/muster/pkg/recording"
	"github.com/muster-scheduler/muster/pkg/snapshot"
	"github.com/muster-scheduler/muster/pkg/version"
)

// Record answers as Review does, and returns what the answer depends on: a recording without its objects, and
// these as they are in memory, not to be changed.
func (p *Planner) Record(ctx context.Context, namespace string, spec v1alpha1.FitSpec) (recording.Recording, []runtime.Object, error) {
	units, err := p.units(namespace, spec)
	if err != nil {
		return recording.Recording{}, nil, apierrors.NewBadRequest(err.Error())
	}
	return p.record(ctx, func() []Unit { return units })
}

// RecordGang has the members of a gang that wait planned, for nothing, and returns what the answer depends on.
func (p *Planner) RecordGang(ctx context.Context, namespace, name string) (recording.Recording, []runtime.Object, error) {
	none := true
	r, objects, err := p.record(ctx, func() (units []Unit) { // in its turn: until then a cycle may plan them
		for _, g := range p.gangs.Find(namespace, name) {
			if turn, pods, why := p.gangs.NextTurn(g.Key); len(pods) > 0 {
				none = false
				units = append(units, Unit{Name: name, Gang: true, Pods: pods, Turn: turn, Why: why})
			}
		}
		return units
	})
	if err == nil && none {
		err = apierrors.NewNotFound(schema.GroupResource{Resource: "gangs that wait"}, name)
	}
	return r, objects, err
}

func (p *Planner) record(ctx context.Context, of func() []Unit) (r recording.Recording, objects []runtime.Object, err error) {
	n := note{costs: p.images}
	var decided []Decision
	if err := p.between(ctx, func(ctx context.Context) error {
		if decided, err = p.decide(ctx, of(), &n); err != nil {
			return err
		}
		for _, kept := range p.gangs.KeptRooms() {
			r.Kept = append(r.Kept, recording.Kept{Node: kept.Node, Gang: kept.Gang, Lost: kept.Lost, Pod: *recording.Pod(kept.Pod)})
		}
		if objects, err = p.objects(); err == nil {
			r.TooSmall = p.tooSmall(decided, objects)
		}
		return err
	}); err != nil {
		return r, nil, err
	}
	r.APIVersion, r.Kind = v1alpha1.APIVersion, recording.Kind
	r.Muster, r.Kubernetes, r.At, r.Images = version.Muster, version.Kubernetes(), p.clock.Now().UTC(), n.asked
	r.FeatureGates = gates()
	for _, d := range decided {
		u := recording.Unit{Name: d.Name, Gang: d.Gang, Turn: d.Turn, Why: d.Why, Placement: d.Placement, Fit: d.Fit}
		for _, pod := range d.Pods {
			u.Pods = append(u.Pods, *recording.Pod(pod))
		}
		r.Units = append(r.Units, u)
	}
	r.Configuration.Raw, err = p.configuration()
	return r, objects, err
}

// gates returns the feature gates that are not as they are by default.
func gates() map[string]bool {
	changed := map[string]bool{}
	all := utilfeature.DefaultMutableFeatureGate
	for name, spec := range all.GetAll() {
		if on := all.Enabled(name); on != spec.Default && !strings.HasPrefix(string(name), "All") {
			changed[string(name)] = on
		}
	}
	return changed
}

// note writes down what is asked of images, of one goroutine.
type note struct {
	costs
	asked []recording.Images
}

// Estimates implements costs.
func (n *note) Estimates(pod *v1.Pod, others int, nodes []fwk.NodeInfo) []image.Estimate {
	answer := n.costs.Estimates(pod, others, nodes)
	asked := recording.Images{Images: recording.ImagesOf(snapshot.PodImages(pod)), Others: others}
	if slices.ContainsFunc(n.asked, func(before recording.Images) bool { return before.Images == asked.Images && before.Others == others }) {
		return answer
	}
	if answer != nil {
		asked.Nodes = make(map[string]image.Estimate, len(nodes))
		for i, node := range nodes {
			asked.Nodes[node.Node().Name] = answer[i]
		}
	}
	n.asked = append(n.asked, asked)
	return answer
}

// tooSmall returns the nodes that cannot hold the images of pods, by these.
func (p *Planner) tooSmall(decided []Decision, objects []runtime.Object) map[string][]string {
	all := map[string][]string{}
	for _, d := range decided {
		for _, pod := range d.Pods {
			name := recording.ImagesOf(snapshot.PodImages(pod))
			if _, known := all[name]; known {
				continue
			}
			all[name] = nil
			may := p.images.Fit(pod)
			if may == nil {
				continue
			}
			for _, object := range objects {
				if node, ok := object.(*v1.Node); ok && !may(node) {
					all[name] = append(all[name], node.Name)
				}
			}
		}
	}
	maps.DeleteFunc(all, func(_ string, nodes []string) bool { return len(nodes) == 0 })
	return all
}

// configuration is that of the scheduler, as a file would have it, without where its cluster is.
func (p *Planner) configuration() ([]byte, error) {
	c := p.config.DeepCopy()
	c.ClientConnection.Kubeconfig = ""
	c.Extenders = nil // no plan asks them, and what they are called with may be secret
	codecs := scheme.Codecs
	info, ok := runtime.SerializerInfoForMediaType(codecs.SupportedMediaTypes(), runtime.ContentTypeJSON)
	if !ok {
		return nil, fmt.Errorf("no serializer for %s", runtime.ContentTypeJSON)
	}
	var text bytes.Buffer
	if err := codecs.EncoderForVersion(info.Serializer, configv1.SchemeGroupVersion).Encode(c, &text); err != nil {
		return nil, fmt.Errorf("writing the configuration: %w", err)
	}
	return text.Bytes(), nil
}

// objects returns what the filters look at, the nodes and their pods as the snapshot has them.
func (p *Planner) objects() ([]runtime.Object, error) {
	var fw framework.Framework
	for _, f := range p.profiles {
		fw = f
	}
	nodes, err := fw.SnapshotSharedLister().NodeInfos().List()
	if err != nil {
		return nil, err
	}
	var objects []runtime.Object
	for _, node := range nodes {
		objects = append(objects, node.Node())
		for _, info := range node.GetPods() {
			objects = append(objects, info.GetPod())
		}
		for _, info := range fw.NominatedPodsForNode(node.Node().Name) {
			objects = append(objects, info.GetPod())
		}
	}
	others, err := list(fw.SharedInformerFactory())
	if err != nil {
		return nil, err
	}
	devices, err := devices(fw.SharedDRAManager())
	return slices.Concat(objects, others, devices), err
}

// list returns what the plugins' informers have.
func list(f informers.SharedInformerFactory) (objects []runtime.Object, err error) {
	collect := func(each []runtime.Object, failed error) {
		objects = append(objects, each...)
		if err == nil {
			err = failed
		}
	}
	all := labels.Everything()
	core, storage := f.Core().V1(), f.Storage().V1()
	collect(asObjects(core.Namespaces().Lister().List(all)))
	collect(asObjects(core.PersistentVolumeClaims().Lister().List(all)))
	collect(asObjects(core.PersistentVolumes().Lister().List(all)))
	collect(asObjects(storage.StorageClasses().Lister().List(all)))
	collect(asObjects(storage.CSINodes().Lister().List(all)))
	collect(asObjects(storage.CSIDrivers().Lister().List(all)))
	collect(asObjects(storage.CSIStorageCapacities().Lister().List(all)))
	collect(asObjects(storage.VolumeAttachments().Lister().List(all)))
	return objects, err
}

// devices returns the claims as they are allocated in memory, and what there is to allocate.
func devices(manager fwk.SharedDRAManager) ([]runtime.Object, error) {
	if manager == nil {
		return nil, nil
	}
	claims, err1 := asObjects(manager.ResourceClaims().List())
	resources, err2 := asObjects(manager.ResourceSlices().ListWithDeviceTaintRules())
	classes, err3 := asObjects(manager.DeviceClasses().List())
	return slices.Concat(claims, resources, classes), errors.Join(err1, err2, err3)
}

func asObjects[T runtime.Object](items []T, err error) ([]runtime.Object, error) {
	objects := make([]runtime.Object, len(items))
	for i, item := range items {
		objects[i] = item
	}
	return objects, err
}

// Again decides about units as they were recorded, with images costing what they did. It is for a planner of
// which no scheduler runs.
func (p *Planner) Again(ctx context.Context, units []Unit, images costs) ([]Decision, error) {
	if err := p.refresh(ctx); err != nil {
		return nil, err
	}
	return p.decide(ctx, units, images)
}

// Keep keeps room that was kept.
func (p *Planner) Keep(r snapshot.KeptRoom) error { return p.gangs.Keep(r) }
