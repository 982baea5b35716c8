package fit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
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

// Record answers as Review does, and returns all that the answer depends on.
func (p *Planner) Record(ctx context.Context, namespace string, spec v1alpha1.FitSpec) (recording.Recording, error) {
	units, err := p.units(namespace, spec)
	if err != nil {
		return recording.Recording{}, apierrors.NewBadRequest(err.Error())
	}
	return p.record(ctx, units)
}

// RecordGang has the members of a gang that wait planned, for nothing, and returns all that the answer depends on.
func (p *Planner) RecordGang(ctx context.Context, namespace, name string) (recording.Recording, error) {
	var units []Unit
	for _, g := range p.gangs.Find(namespace, name) {
		turn, pods, why := p.gangs.NextTurn(g.Key)
		if len(pods) == 0 {
			continue
		}
		units = append(units, Unit{Name: name, Gang: true, Pods: pods, Turn: turn, Why: why})
	}
	if len(units) == 0 {
		return recording.Recording{}, apierrors.NewNotFound(schema.GroupResource{Resource: "gangs"}, name)
	}
	return p.record(ctx, units)
}

func (p *Planner) record(ctx context.Context, units []Unit) (r recording.Recording, err error) {
	n := note{images: p.images, known: map[string]bool{}}
	var decided []Decision
	var objects []runtime.Object
	if err := p.between(ctx, func() error {
		if decided, err = p.decide(ctx, units, world{n.estimates, p.images.Rehearse}); err != nil {
			return err
		}
		objects, err = p.objects()
		for _, kept := range p.gangs.KeptRooms() {
			n.recording.Kept = append(n.recording.Kept, recording.Kept{Node: kept.Node, Gang: kept.Gang, Lost: kept.Lost, Pod: *recording.Pod(kept.Pod)})
		}
		for i := range units {
			n.tooSmall = append(n.tooSmall, p.tooSmall(units[i].Pods, objects))
		}
		return err
	}); err != nil {
		return recording.Recording{}, err
	}
	r = n.recording
	r.APIVersion, r.Kind = v1alpha1.APIVersion, recording.Kind
	r.Muster, r.Kubernetes, r.At = version.Muster, version.Kubernetes(), p.clock.Now().UTC()
	if r.Configuration.Raw, err = p.configuration(); err != nil {
		return r, err
	}
	for i, d := range decided {
		u := recording.Unit{Name: d.Name, Gang: d.Gang, Turn: d.Turn, Why: d.Why, Placement: d.Placement, Fit: d.Fit, TooSmall: n.tooSmall[i]}
		for _, pod := range d.Pods {
			u.Pods = append(u.Pods, *recording.Pod(pod))
		}
		r.Units = append(r.Units, u)
	}
	for _, object := range objects {
		text, err := json.Marshal(recording.Reduce(object))
		if err != nil {
			return r, err
		}
		r.Objects = append(r.Objects, runtime.RawExtension{Raw: text})
	}
	return r, nil
}

// note writes down what is asked of images.
type note struct {
	images    *snapshot.Images
	mu        sync.Mutex
	known     map[string]bool
	recording recording.Recording
	tooSmall  []map[string][]string
}

// estimates implements what a world asks of images.
func (n *note) estimates(pod *v1.Pod, others int, nodes []fwk.NodeInfo) []image.Estimate {
	answer := n.images.Estimates(pod, others, nodes)
	n.mu.Lock()
	defer n.mu.Unlock()
	asked := recording.Images{Images: recording.ImagesOf(snapshot.PodImages(pod)), Others: others}
	if key := fmt.Sprint(asked.Images, others); !n.known[key] {
		n.known[key] = true
		if answer != nil {
			asked.Nodes = make(map[string]image.Estimate, len(nodes))
			for i, node := range nodes {
				asked.Nodes[node.Node().Name] = answer[i]
			}
		}
		n.recording.Images = append(n.recording.Images, asked)
	}
	return answer
}

// tooSmall returns the nodes that cannot hold the images of pods, by UID.
func (p *Planner) tooSmall(pods []*v1.Pod, objects []runtime.Object) map[string][]string {
	var all map[string][]string
	for _, pod := range pods {
		may := p.images.Fit(pod)
		if may == nil {
			continue
		}
		for _, object := range objects {
			if node, ok := object.(*v1.Node); ok && !may(node) {
				if all == nil {
					all = map[string][]string{}
				}
				all[string(pod.UID)] = append(all[string(pod.UID)], node.Name)
			}
		}
	}
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
	objects = append(objects, others...)
	return append(objects, devices(fw.SharedDRAManager())...), nil
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
func devices(manager fwk.SharedDRAManager) (objects []runtime.Object) {
	if manager == nil {
		return nil
	}
	claims, _ := asObjects(manager.ResourceClaims().List())
	slices, _ := asObjects(manager.ResourceSlices().ListWithDeviceTaintRules())
	classes, _ := asObjects(manager.DeviceClasses().List())
	return append(append(append(objects, claims...), slices...), classes...)
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
func (p *Planner) Again(ctx context.Context, units []Unit, estimates func(*v1.Pod, int, []fwk.NodeInfo) []image.Estimate) ([]Decision, error) {
	unknown := func([]*v1.Pod, []string) (image.Estimate, string, bool) { return image.Estimate{}, "", false }
	if err := p.refresh(ctx); err != nil {
		return nil, err
	}
	return p.decide(ctx, units, world{estimates, unknown})
}

// Keep keeps room that was kept.
func (p *Planner) Keep(r snapshot.KeptRoom) error { return p.gangs.Keep(r) }
