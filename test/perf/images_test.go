package perf

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/yaml"

	"github.com/muster-scheduler/muster/pkg/apis/muster/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/image"
	"github.com/muster-scheduler/muster/pkg/imagename"
	"github.com/muster-scheduler/muster/pkg/plugins/gangbind"
	"github.com/muster-scheduler/muster/pkg/plugins/imagepull"
	"github.com/muster-scheduler/muster/pkg/sandbox"
	"github.com/muster-scheduler/muster/pkg/sandbox/fleet"
	"github.com/muster-scheduler/muster/pkg/sandbox/pull"
	"github.com/muster-scheduler/muster/pkg/scheduler"
	"github.com/muster-scheduler/muster/test/pulls/policy"
	pulls "github.com/muster-scheduler/muster/test/pulls/record"
	"github.com/muster-scheduler/muster/test/pulls/trace"
)

var (
	imagesTraces     = flag.String("images-traces", "shop", "the work of BenchmarkImages: shop, catalog or both, separated by a comma")
	imagesSchedulers = flag.String("images-schedulers", "muster", "who schedules: muster, seeding, which also pulls rollouts ahead, or default")
	imagesNodes      = flag.Int("images-nodes", 20, "how many nodes there are")
	imagesKubelets   = flag.Bool("images-kubelets", false, "whether they are real kubelets")
	imagesSeconds    = flag.Float64("images-seconds", 300, "for how many seconds of the trace gangs are submitted")
	imagesSpeed      = flag.Float64("images-speed", 20, "how much faster than in the trace time goes: pods, pulls and arrivals")
	imagesReps       = flag.Int("images-reps", 1, "how often each is measured, each time with other chance")
	imagesOut        = flag.String("images-out", "", "folder to which records are added; empty for none")
)

const (
	imagesSlots = 16 // pods that a node takes
	imagesLoad  = 0.6
	// imagesBandwidth is a node's, in bytes per second, and imagesDisk has room for all.
	imagesBandwidth = 40e6
	imagesDisk      = 1e12
	// imagesPullsAtOnce is for how many nodes in 100 the registry has full speed, as
	// 4.4 GB/s are for 300 of 40 MB/s.
	imagesPullsAtOnce = 37
	longWait          = 10 * time.Minute
)

// BenchmarkImages plays a trace of test/pulls on a real control plane, where
// everything takes part that the simulation leaves out: the framework, the API
// server, the nodes' statuses as they come. The nodes' pulls are simulated; the rest of a
// kubelet is real too with -images-kubelets. Beside it stands what the simulation says
// of the same trace. All figures but those of predictions are in the trace's seconds.
func BenchmarkImages(b *testing.B) {
	var records []imagesRecord
	for rep := range *imagesReps {
		for name := range strings.SplitSeq(*imagesTraces, ",") {
			for _, who := range inTurns(strings.Split(*imagesSchedulers, ","), rep) {
				b.Run(name+"/"+who, func(b *testing.B) { records = append(records, playImages(b, name, who, uint64(rep+1))) })
			}
		}
	}
	if !b.Failed() {
		fmt.Print("\n", imagesTable(records), "\n")
	}
}

// imagesPolicies are the schedulers, as the simulation calls them.
var imagesPolicies = map[string]string{"muster": "muster", "seeding": policy.Seeding, "default": "default"}

// playImages makes one run.
func playImages(b *testing.B, name, who string, seed uint64) imagesRecord {
	c := pulls.Case{
		Trace: name, Policy: imagesPolicies[who], Seed: seed, Nodes: *imagesNodes, Slots: imagesSlots, Seconds: *imagesSeconds, Load: imagesLoad,
		Store: imagesDisk, Parallel: 1, Registry: imagesBandwidth * float64(max(1, *imagesNodes*imagesPullsAtOnce/100)),
	}
	if c.Policy == "" {
		b.Fatalf("-images-schedulers names %q: use muster, seeding or default", who)
	}
	work, err := c.Make()
	if err != nil {
		b.Fatal(err)
	}
	if len(work.Gangs) == 0 {
		b.Fatal("no gang comes: use more nodes or seconds")
	}
	p := &imagesPlay{b: b, Case: c, work: work, who: who, pods: map[string]*imagesPod{}}
	p.start()
	began := time.Now()
	for i := range work.Gangs {
		g := &work.Gangs[i]
		if g.Members > c.Nodes*c.Slots {
			b.Fatalf("a gang of %d does not fit the cluster: use more nodes", g.Members)
		}
		select {
		case <-time.After(time.Until(began.Add(time.Duration(g.At / *imagesSpeed * float64(time.Second))))):
		case <-b.Context().Done():
			b.Fatal(b.Context().Err())
		}
		p.submit(i, g)
	}
	p.until("all pods to have run", func() (string, bool) {
		ran := p.count(func(pod *imagesPod) bool { return !pod.runs.IsZero() })
		return fmt.Sprintf("%d of %d", ran, work.Pods()), ran == work.Pods()
	})
	r := p.record()
	r.Start = began
	if r.Simulated, err = p.simulate(); err != nil {
		b.Fatal(err)
	}
	if *imagesOut != "" {
		if err := appendRecord(*imagesOut, r); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(r.Large.Mean, "large-gang-start-s")
	return r
}

// imagesPod is what was seen of a pod.
type imagesPod struct {
	gang              int
	made, bound, runs time.Time
	node              string
	expected          float64 // seconds; NaN if nobody said
}

// imagesPlay is a trace on a control plane.
type imagesPlay struct {
	b *testing.B
	pulls.Case
	work   *trace.Trace
	who    string
	client kubernetes.Interface

	mu   sync.Mutex
	pods map[string]*imagesPod
}

func (p *imagesPlay) start() {
	b := p.b
	options := sandbox.Options{
		CPU: resource.MustParse(strconv.Itoa(p.Slots)), Memory: resource.MustParse("128Gi"), Disk: *resource.NewQuantity(2*p.Store, resource.DecimalSI),
		Bandwidth: quantity(*imagesSpeed * imagesBandwidth), RegistryBandwidth: quantity(*imagesSpeed * p.Registry),
		Images: p.images(),
	}
	if options.Nodes = p.Nodes; *imagesKubelets {
		options.Kubelets, options.Nodes = p.Nodes, 0
	}
	box, err := sandbox.Start(b.Context(), options)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := box.Stop(); err != nil {
			b.Error(err)
		}
	})
	if p.client, err = kubernetes.NewForConfig(box.Config); err != nil {
		b.Fatal(err)
	}
	if p.who == "default" {
		_, err = box.StartScheduler(b.Context(), sandbox.Default)
	} else {
		if err := box.InstallManifests(b.Context()); err != nil {
			b.Fatal(err)
		}
		const component = "../../manifests/components/images/"
		if err := box.Apply(b.Context(), component+"crd-imagemanifests.yaml", component+"serviceaccount.yaml", component+"rbac.yaml"); err != nil {
			b.Fatal(err)
		}
		objects, err2 := dynamic.NewForConfig(box.Config)
		if err2 != nil {
			b.Fatal(err2)
		}
		p.publish(objects.Resource(v1alpha1.ImageManifests))
		_, err = box.StartScheduler(b.Context(), sandbox.Muster, "--config="+p.config(options.RegistryBandwidth))
	}
	if err != nil {
		b.Fatal(err)
	}
	p.watch()
}

func quantity(v float64) resource.Quantity {
	return *resource.NewQuantity(int64(v), resource.DecimalSI)
}

// simulate plays the trace in the simulation, whose pulls cost nothing here but for
// their bytes, as those of the nodes do.
func (p *imagesPlay) simulate() (simulated, error) {
	config := p.Config()
	config.Resolve, config.Layer = 0, 0
	r, err := pulls.RunIn(config, p.Case)
	return simulated{Wait: r.Wait.Mean, Large: r.Large.Mean, Bytes: int64(r.Bytes)}, err
}

// images is what the registry serves.
func (p *imagesPlay) images() []pull.Image {
	var all []pull.Image
	for i, image := range p.work.Images {
		one := pull.Image{Name: imageName(image)}
		for _, l := range image.Layers {
			layer := p.work.Layers[l]
			one.Layers = append(one.Layers, pull.Layer{Digest: layer.Digest, Size: *resource.NewQuantity(layer.Bytes, resource.DecimalSI)})
		}
		if slices.Contains(p.work.Preloaded, i) {
			one.Preloaded = []string{"node-*"}
		}
		all = append(all, one)
	}
	return all
}

func imageName(image trace.Image) string {
	return "registry.example/" + strings.ToLower(image.Name)
}

// publish makes the objects that muster-images makes of the manifests.
func (p *imagesPlay) publish(manifests dynamic.ResourceInterface) {
	images := p.images()
	p.until("manifests to be served", func() (string, bool) {
		_, err := manifests.List(p.b.Context(), metav1.ListOptions{})
		return fmt.Sprint(err), err == nil
	})
	for i, image := range p.work.Images {
		digest := images[i].ID()
		m := v1alpha1.ImageManifest{
			ObjectMeta: metav1.ObjectMeta{Name: strings.Replace(digest, ":", "-", 1)},
			Spec:       v1alpha1.ImageManifestSpec{Digest: digest, MediaType: "application/vnd.oci.image.manifest.v1+json", Size: image.Bytes},
			Status:     v1alpha1.ImageManifestStatus{References: []string{imagename.Key(images[i].Name), imagename.Key(images[i].RepoDigest())}},
		}
		m.APIVersion, m.Kind = v1alpha1.ImageManifests.GroupVersion().String(), "ImageManifest"
		for _, l := range image.Layers {
			layer := p.work.Layers[l]
			m.Spec.Layers = append(m.Spec.Layers, v1alpha1.Layer{Digest: fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(layer.Digest))), Size: layer.Bytes})
		}
		text, err := json.Marshal(m)
		if err != nil {
			p.b.Fatal(err)
		}
		var object unstructured.Unstructured
		if err := object.UnmarshalJSON(text); err != nil {
			p.b.Fatal(err)
		}
		if _, err := manifests.Create(p.b.Context(), &object, metav1.CreateOptions{}); err != nil {
			p.b.Fatal(err)
		}
	}
}

// config is the shipped configuration, told how fast time goes and what an operator can
// know: how fast nodes and registry are. It returns its file.
func (p *imagesPlay) config(registry resource.Quantity) string {
	var config map[string]any
	if err := yaml.Unmarshal(scheduler.DefaultConfig(), &config); err != nil {
		p.b.Fatal(err)
	}
	profile := config["profiles"].([]any)[0].(map[string]any)
	profile["pluginConfig"] = append(profile["pluginConfig"].([]any), map[string]any{"name": imagepull.Name, "args": map[string]any{
		"nodeBandwidth": strconv.FormatFloat(*imagesSpeed*imagesBandwidth, 'f', 0, 64), "registryBandwidth": registry.String(),
		"perImageSeconds": 0, "perLayerSeconds": 0, "fullScoreSeconds": imagepull.DefaultArgs().FullScoreSeconds / *imagesSpeed,
		"seeding": map[string]any{"gangs": p.who == "seeding", "rollouts": p.who == "seeding"},
	}})
	text, err := yaml.Marshal(config)
	if err != nil {
		p.b.Fatal(err)
	}
	file := filepath.Join(p.b.TempDir(), "config.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		p.b.Fatal(err)
	}
	return file
}

// watch notes when pods get a node and run.
func (p *imagesPlay) watch() {
	factory := informers.NewSharedInformerFactoryWithOptions(p.client, 0, informers.WithNamespace(metav1.NamespaceDefault))
	see := func(o any) {
		pod, now := o.(*v1.Pod), time.Now()
		p.mu.Lock()
		defer p.mu.Unlock()
		seen := p.pods[pod.Name]
		if seen == nil {
			return
		}
		if seen.bound.IsZero() && pod.Spec.NodeName != "" {
			seen.bound, seen.node = now, pod.Spec.NodeName
		}
		if expected, err := strconv.ParseFloat(pod.Annotations[gangbind.PullSecondsAnnotation], 64); err == nil {
			seen.expected = expected
		}
		if seen.runs.IsZero() && (pod.Status.Phase == v1.PodRunning || pod.Status.Phase == v1.PodSucceeded) {
			seen.runs = now
		}
		if pod.Status.Phase == v1.PodFailed {
			p.b.Errorf("%s failed: %s %s", pod.Name, pod.Status.Reason, pod.Status.Message)
		}
	}
	_, err := factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: see, UpdateFunc: func(_, o any) { see(o) },
	})
	if err != nil {
		p.b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(p.b.Context())
	factory.StartWithContext(ctx)
	factory.WaitForCacheSync(ctx.Done())
	p.b.Cleanup(func() { cancel(); factory.Shutdown() })
}

// submit creates the pods of a gang.
func (p *imagesPlay) submit(number int, g *trace.Gang) {
	zero := int64(0)
	for m := range g.Members {
		pod := &v1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Name: fmt.Sprintf("gang-%d-%d", number, m), Namespace: metav1.NamespaceDefault,
				Annotations: map[string]string{fleet.RunSecondsAnnotation: fmt.Sprintf("%.1f", max(1, g.Seconds / *imagesSpeed))},
			},
			Spec: v1.PodSpec{SchedulerName: "muster", RestartPolicy: v1.RestartPolicyNever, TerminationGracePeriodSeconds: &zero},
		}
		if p.who == "default" {
			pod.Spec.SchedulerName = v1.DefaultSchedulerName
		} else if g.Members > 1 {
			pod.Labels = map[string]string{gang.NameLabel: fmt.Sprint("gang-", number)}
			pod.Annotations[gang.MinAnnotation] = strconv.Itoa(g.Members)
		}
		for i, image := range g.Images {
			c := v1.Container{Name: fmt.Sprint("c", i), Image: imageName(p.work.Images[image])}
			if g.Always {
				c.ImagePullPolicy = v1.PullAlways
			}
			if i == 0 {
				c.Resources.Requests = v1.ResourceList{v1.ResourceCPU: resource.MustParse("1"), v1.ResourceMemory: *resource.NewQuantity(g.Memory, resource.BinarySI)}
			}
			pod.Spec.Containers = append(pod.Spec.Containers, c)
		}
		p.mu.Lock()
		p.pods[pod.Name] = &imagesPod{gang: number, made: time.Now(), expected: math.NaN()}
		p.mu.Unlock()
		if _, err := p.client.CoreV1().Pods(pod.Namespace).Create(p.b.Context(), pod, metav1.CreateOptions{}); err != nil {
			p.b.Fatal(err)
		}
	}
}

func (p *imagesPlay) count(which func(*imagesPod) bool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, pod := range p.pods {
		if which(pod) {
			n++
		}
	}
	return n
}

// until waits for a condition, as long as it takes a slow cluster to get there.
func (p *imagesPlay) until(what string, condition func() (seen string, ok bool)) {
	p.b.Helper()
	seen, ok := "", false
	for deadline := time.Now().Add(longWait); !ok && time.Now().Before(deadline) && !p.b.Failed(); {
		if seen, ok = condition(); !ok {
			select {
			case <-time.After(200 * time.Millisecond):
			case <-p.b.Context().Done():
				p.b.Fatal(p.b.Context().Err())
			}
		}
	}
	if !ok {
		p.b.Fatalf("waiting for %s: %s", what, seen)
	}
}

// record is what the run comes to.
func (p *imagesPlay) record() imagesRecord {
	r := imagesRecord{Case: p.Case, Scheduler: p.who, Kubelets: *imagesKubelets, Speed: *imagesSpeed, Pods: len(p.pods), Bytes: p.bytes()}
	p.mu.Lock()
	defer p.mu.Unlock()
	starts := map[int]float64{}
	var waits, off []float64
	for name, pod := range p.pods {
		wait := pod.runs.Sub(pod.bound).Seconds()
		waits = append(waits, wait**imagesSpeed)
		starts[pod.gang] = max(starts[pod.gang], pod.runs.Sub(pod.made).Seconds()**imagesSpeed)
		if math.IsNaN(pod.expected) && p.who != "default" {
			p.b.Errorf("nobody said what %s was expected to pull", name)
		}
		if pod.expected >= imagesTelling {
			off = append(off, math.Abs(wait-pod.expected)/pod.expected)
		}
	}
	var large []float64
	for gang, start := range starts {
		if p.work.Gangs[gang].Members >= 8 {
			large = append(large, start)
		}
	}
	r.Gangs, r.LargeGangs, r.Predicted = len(starts), len(large), len(off)
	r.Wait, r.Large, r.Off = pulls.Distribute(waits), pulls.Distribute(large), pulls.Distribute(off)
	r.All = pulls.Distribute(slices.Collect(maps.Values(starts)))
	return r
}

// bytes is what nodes have fetched: the layers of what they list, but for what they had.
// Nothing is deleted, for their disks are large. Of a node that lists as many images as it
// may, what its pods ran counts as well; what it was seeded with and cut off does not.
func (p *imagesPlay) bytes() int64 {
	at := map[string]int{}
	for i, image := range p.work.Images {
		at[imagename.Key(imageName(image))] = i
	}
	var sum int64
	p.until("nodes to list what their pods ran", func() (string, bool) {
		nodes, err := p.client.CoreV1().Nodes().List(p.b.Context(), metav1.ListOptions{})
		if err != nil {
			return err.Error(), false
		}
		has, cut := map[string]map[int]bool{}, map[string]bool{}
		for _, node := range nodes.Items {
			has[node.Name], cut[node.Name] = map[int]bool{}, len(node.Status.Images) >= image.ListCap
			for _, listed := range node.Status.Images {
				for _, name := range listed.Names {
					if i, ok := at[imagename.Key(name)]; ok {
						has[node.Name][i] = true
					}
				}
			}
		}
		missing := p.count(func(pod *imagesPod) bool {
			return slices.ContainsFunc(p.work.Gangs[pod.gang].Images, func(i int) bool {
				if cut[pod.node] {
					has[pod.node][i] = true
				}
				return !has[pod.node][i]
			})
		})
		sum = 0
		for _, images := range has {
			layers := map[int]bool{}
			for i := range images {
				for _, l := range p.work.Images[i].Layers {
					layers[l] = true
				}
			}
			for _, i := range p.work.Preloaded {
				for _, l := range p.work.Images[i].Layers {
					delete(layers, l)
				}
			}
			for l := range layers {
				sum += p.work.Layers[l].Bytes
			}
		}
		return fmt.Sprintf("%d pods' are missing", missing), missing == 0
	})
	return sum
}

// imagesTelling is how many seconds a pull has to be expected to take for its error to
// tell something: a kubelet needs about one second for everything else.
const imagesTelling = 5.0

// imagesRecord is what one run measured, in seconds of the trace and bytes.
type imagesRecord struct {
	pulls.Case
	Scheduler  string             `json:"scheduler"`
	Kubelets   bool               `json:"kubelets"`
	Speed      float64            `json:"speed"`
	Pods       int                `json:"pods"`
	Gangs      int                `json:"gangs"`
	LargeGangs int                `json:"largeGangs"` // of 8 and more
	Wait       pulls.Distribution `json:"wait"`       // of a pod, from its node to its start
	All        pulls.Distribution `json:"gangStart"`  // from creation to the last start
	Large      pulls.Distribution `json:"largeGangStart"`
	Bytes      int64              `json:"bytes"`
	Predicted  int                `json:"predicted"` // pods of which a telling wait was expected
	Off        pulls.Distribution `json:"off"`       // |observed - expected| / expected, of these
	Simulated  simulated          `json:"simulated"`
	Start      time.Time          `json:"start"`
}

// simulated is the means that the simulation comes to. Large is from a gang's node to its
// last start.
type simulated struct {
	Wait  float64 `json:"wait"`
	Large float64 `json:"largeGangStart"`
	Bytes int64   `json:"bytes"`
}

// imagesTable is the records in Markdown, those of one trace together.
func imagesTable(records []imagesRecord) string {
	slices.SortStableFunc(records, func(a, b imagesRecord) int {
		return cmp.Or(cmp.Compare(a.Trace, b.Trace), cmp.Compare(a.Seed, b.Seed), cmp.Compare(a.Scheduler, b.Scheduler))
	})
	var out strings.Builder
	columns := []string{
		"trace", "seed", "scheduler", "pods", "wait s", "simulated", "gangs of 8+", "their start s", "simulated", "p99", "pulled GB", "simulated",
		"pulls of 5 s and more", "prediction off, p50 %", "p90 %",
	}
	fmt.Fprintf(&out, "| %s |\n%s|\n", strings.Join(columns, " | "), strings.Repeat("|---", len(columns)))
	for _, r := range records {
		fmt.Fprintf(&out, "| %s | %d | %s | %d | %.2f | %.2f | %d | %.2f | %.2f | %.1f | %.0f | %.0f | %d | %.0f | %.0f |\n", r.Trace, r.Seed, r.Scheduler,
			r.Pods, r.Wait.Mean, r.Simulated.Wait, r.LargeGangs, r.Large.Mean, r.Simulated.Large, r.Large.P99, float64(r.Bytes)/1e9,
			float64(r.Simulated.Bytes)/1e9, r.Predicted, 100*r.Off.P50, 100*r.Off.P90)
	}
	return out.String()
}
