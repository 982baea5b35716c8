// Package replay decides again what a recording says that a scheduler decided, with the same planner, filters and
// arguments, and no cluster: a scheduler is built from the recording alone, asked, and thrown away.
package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
	schedulermetrics "k8s.io/kubernetes/pkg/scheduler/metrics"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/fit"
	"github.com/muster-scheduler/muster/pkg/image"
	"github.com/muster-scheduler/muster/pkg/plugins"
	"github.com/muster-scheduler/muster/pkg/plugins/gangbind"
	"github.com/muster-scheduler/muster/pkg/recording"
	"github.com/muster-scheduler/muster/pkg/snapshot"
)

// patience is how long the scheduler may take to read what is in memory already.
const patience = time.Minute

// Read reads a recording. What is wrong with it is an error that says so.
func Read(text []byte) (r recording.Recording, err error) {
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("it is no recording: %w", err)
	}
	if r.APIVersion != v1alpha1.APIVersion || r.Kind != recording.Kind {
		return r, fmt.Errorf("apiVersion and kind are %q and %q: a recording has %s and %s", r.APIVersion, r.Kind, v1alpha1.APIVersion, recording.Kind)
	}
	if len(r.Units) == 0 {
		return r, errors.New("units: nothing was decided")
	}
	for i := range r.Units {
		u := &r.Units[i]
		if len(u.Pods) == 0 {
			return r, fmt.Errorf("units[%d].pods: there are none", i)
		}
		for _, uid := range u.Turn.UIDs {
			if !slices.ContainsFunc(u.Pods, func(p v1.Pod) bool { return string(p.UID) == uid }) {
				return r, fmt.Errorf("units[%d].turn: there is no pod with the UID %q", i, uid)
			}
		}
	}
	return r, nil
}

// Run decides again, with the feature gates of the recording, which it sets in this process. What comes back are the units of the recording, with what was decided now.
func Run(ctx context.Context, r recording.Recording) ([]fit.Decision, error) {
	cfg, err := configuration(r)
	if err != nil {
		return nil, err
	}
	objects, err := decode(r)
	if err != nil {
		return nil, err
	}
	if err := utilfeature.DefaultMutableFeatureGate.SetFromMap(r.FeatureGates); err != nil {
		return nil, fmt.Errorf("featureGates: %w", err)
	}
	ctx, cancel := context.WithCancel(klog.NewContext(ctx, klog.Logger{}))
	defer cancel()
	set := plugins.New()
	registry := set.Registry()
	images := &images{recorded: r.Images, tooSmall: map[string]map[string]bool{}}
	for name, nodes := range r.TooSmall {
		images.tooSmall[name] = map[string]bool{}
		for _, node := range nodes {
			images.tooSmall[name][node] = true
		}
	}
	registry[snapshot.ImagePlugin] = func(context.Context, runtime.Object, fwk.Handle) (fwk.Plugin, error) { return images, nil }
	registry[gangbind.Name] = func(context.Context, runtime.Object, fwk.Handle) (fwk.Plugin, error) { return noBinding{}, nil }
	schedulermetrics.Register()
	client := fake.NewClientset(objects...)
	factory := informers.NewSharedInformerFactory(client, 0)
	sched, err := scheduler.New(ctx, client, factory, nil,
		func(string) events.EventRecorderLogger { return events.NewFakeRecorder(1) },
		scheduler.WithProfiles(cfg.Profiles...),
		scheduler.WithFrameworkOutOfTreeRegistry(registry),
		scheduler.WithParallelism(cfg.Parallelism))
	if err != nil {
		return nil, fmt.Errorf("building the scheduler of the recording: %w", err)
	}
	factory.Start(ctx.Done())
	defer factory.Shutdown()
	defer cancel()
	reading, done := context.WithTimeout(ctx, patience)
	defer done()
	for kind, ok := range factory.WaitForCacheSync(reading.Done()) {
		if !ok {
			return nil, fmt.Errorf("reading the %v of the recording: %w", kind, context.Cause(reading))
		}
	}
	if err := sched.WaitForHandlersSync(reading); err != nil {
		return nil, fmt.Errorf("reading the recording: %w", err)
	}
	planner := set.Fits(sched, cfg)
	if planner == nil {
		return nil, errors.New("configuration: no profile has a plugin of Muster")
	}
	for _, kept := range r.Kept {
		if err := planner.Keep(snapshot.KeptRoom{Node: kept.Node, Gang: kept.Gang, Pod: &kept.Pod, Lost: kept.Lost}); err != nil {
			return nil, fmt.Errorf("kept: pod %s: %w", kept.Pod.Name, err)
		}
	}
	units := make([]fit.Unit, len(r.Units))
	for i := range r.Units {
		u := &r.Units[i]
		units[i] = fit.Unit{Name: u.Name, Gang: u.Gang, Turn: u.Turn, Why: u.Why}
		for j := range u.Pods {
			units[i].Pods = append(units[i].Pods, &u.Pods[j])
		}
	}
	return planner.Again(ctx, units, images)
}

func configuration(r recording.Recording) (*config.KubeSchedulerConfiguration, error) {
	obj, err := runtime.Decode(scheme.Codecs.UniversalDecoder(), r.Configuration.Raw)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	cfg, ok := obj.(*config.KubeSchedulerConfiguration)
	if !ok {
		return nil, fmt.Errorf("configuration: it is a %T", obj)
	}
	none := config.PluginSet{Disabled: []config.Plugin{{Name: "*"}}}
	for i := range cfg.Profiles {
		if p := cfg.Profiles[i].Plugins; p != nil {
			// Where a pod may be, filters say. The others work on a cluster.
			for _, set := range []*config.PluginSet{&p.PreEnqueue, &p.PostFilter, &p.PreScore, &p.Score, &p.Reserve, &p.Permit, &p.PreBind, &p.PostBind} {
				*set = none
			}
			p.Bind = config.PluginSet{Enabled: []config.Plugin{{Name: gangbind.Name}}, Disabled: none.Disabled}
		}
	}
	return cfg, nil
}

func decode(r recording.Recording) ([]runtime.Object, error) {
	objects := make([]runtime.Object, len(r.Objects))
	for i := range r.Objects {
		var err error
		if objects[i], err = runtime.Decode(clientscheme.Codecs.UniversalDeserializer(), r.Objects[i].Raw); err != nil {
			return nil, fmt.Errorf("objects[%d]: %w", i, err)
		}
	}
	return objects, nil
}

// images stands in for what was known of images: it knows what the recording says.
type images struct {
	recorded []recording.Images
	tooSmall map[string]map[string]bool // by images and node
}

var (
	_ fwk.PreFilterPlugin = &images{}
	_ fwk.FilterPlugin    = &images{}
)

// PreFilter implements fwk.PreFilterPlugin.
func (*images) PreFilter(context.Context, fwk.CycleState, *v1.Pod, []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	return nil, nil
}

// PreFilterExtensions implements fwk.PreFilterPlugin.
func (*images) PreFilterExtensions() fwk.PreFilterExtensions { return nil }

// Name implements fwk.Plugin.
func (*images) Name() string { return snapshot.ImagePlugin }

// Filter implements fwk.FilterPlugin.
func (i *images) Filter(_ context.Context, _ fwk.CycleState, pod *v1.Pod, node fwk.NodeInfo) *fwk.Status {
	if i.tooSmall[recording.ImagesOf(snapshot.PodImages(pod))][node.Node().Name] {
		return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "the images do not fit on the node's disk")
	}
	return nil
}

// noBinding stands in for who binds, which needs a cluster.
type noBinding struct{}

var _ fwk.BindPlugin = noBinding{}

// Name implements fwk.Plugin.
func (noBinding) Name() string { return gangbind.Name }

// Bind implements fwk.BindPlugin.
func (noBinding) Bind(context.Context, fwk.CycleState, *v1.Pod, string) *fwk.Status {
	return fwk.AsStatus(errors.New("nothing is bound where a decision is made again"))
}

// Cost is not known: when images are there is recorded, and not worked out.
func (*images) Cost(*v1.Pod, int, string) (e image.Estimate, known bool) {
	return image.Estimate{}, false
}

// Estimates is what images cost, as it was.
func (i *images) Estimates(pod *v1.Pod, others int, nodes []fwk.NodeInfo) []image.Estimate {
	name := recording.ImagesOf(snapshot.PodImages(pod))
	at := slices.IndexFunc(i.recorded, func(known recording.Images) bool { return known.Images == name && known.Others == others })
	if at < 0 || len(i.recorded[at].Nodes) == 0 {
		return nil
	}
	out := make([]image.Estimate, len(nodes))
	for n, node := range nodes {
		out[n] = i.recorded[at].Nodes[node.Node().Name]
	}
	return out
}
