package integration

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	fakeregistry "github.com/google/go-containerregistry/pkg/registry"
	ociv1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	authenticationv1 "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-scheduler/muster/pkg/apis/muster/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/publish"
	"github.com/muster-scheduler/muster/pkg/publish/process"
	"github.com/muster-scheduler/muster/pkg/registry"
	"github.com/muster-scheduler/muster/pkg/sandbox"
	"github.com/muster-scheduler/muster/pkg/sandbox/kubeconfig"
)

// imageCluster is a control plane for one test of muster-images alone: there is one
// publisher in a cluster.
type imageCluster struct {
	*cluster
	sandbox   *sandbox.Sandbox
	config    *rest.Config // of muster-images' service account
	manifests dynamic.ResourceInterface
}

func newImageCluster(t *testing.T) *imageCluster {
	t.Helper()
	s, err := sandbox.Start(t.Context(), sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := s.InstallManifests(t.Context()); err != nil {
		t.Fatal(err)
	}
	const component = "../../manifests/components/images/"
	if err := s.Apply(t.Context(), component+"crd-imagemanifests.yaml", component+"serviceaccount.yaml", component+"rbac.yaml"); err != nil {
		t.Fatal(err)
	}
	c := &imageCluster{cluster: newCluster(t, s.Config), sandbox: s}
	admin, err := dynamic.NewForConfig(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	c.manifests = admin.Resource(v1alpha1.ImageManifests)
	token, err := c.client.CoreV1().ServiceAccounts("muster-system").CreateToken(t.Context(), "muster-images", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c.config = rest.AnonymousClientConfig(s.Config)
	c.config.BearerToken = token.Status.Token
	return c
}

// publisher runs a publisher for the registries until it is stopped.
func (c *imageCluster) publisher(registries []*imageRegistry, change func(*publish.Options)) (stop func()) {
	c.t.Helper()
	options := publish.Options{
		ReadsPerSecond: 100, ReadBurst: 100, Readers: 2, TagRefresh: time.Hour, UnusedFor: time.Hour, MaxManifests: 100,
	}
	for _, r := range registries {
		a, err := registry.ParseAllowed("http://" + r.host)
		if err != nil {
			c.t.Fatal(err)
		}
		options.Registries = append(options.Registries, a)
	}
	if change != nil {
		change(&options)
	}
	reader := registry.NewReader(registry.Options{
		Allowed: options.Registries, Private: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Timeout: patience,
	}, clock.RealClock{})
	p, err := publish.New(c.config, reader, options, clock.RealClock{})
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := p.Run(ctx); err != nil {
			c.t.Error(err)
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	c.t.Cleanup(stop)
	return stop
}

func (c *imageCluster) node(name, architecture string, images ...v1.ContainerImage) {
	c.t.Helper()
	_, err := c.client.CoreV1().Nodes().Create(c.t.Context(), &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: c.ns + "-" + name, Labels: map[string]string{"test": c.ns}},
		Status:     v1.NodeStatus{NodeInfo: v1.NodeSystemInfo{OperatingSystem: "linux", Architecture: architecture}, Images: images},
	}, metav1.CreateOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
}

// using creates a pod with the image.
func (c *imageCluster) using(name, image string) {
	c.t.Helper()
	p := c.pod(name, "1")
	p.Spec.Containers[0].Image = image
	c.create(p)
}

func (c *imageCluster) list() map[string]*v1alpha1.ImageManifest {
	c.t.Helper()
	list, err := c.manifests.List(c.t.Context(), metav1.ListOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	all := map[string]*v1alpha1.ImageManifest{}
	for i := range list.Items {
		m := &v1alpha1.ImageManifest{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(list.Items[i].Object, m); err != nil {
			c.t.Fatal(err)
		}
		all[m.Name] = m
	}
	return all
}

// waitReferences waits until the image has an object for the platform with these
// references and no others.
func (c *imageCluster) waitReferences(img ociv1.Image, platform string, references ...string) *v1alpha1.ImageManifest {
	c.t.Helper()
	slices.Sort(references)
	var m *v1alpha1.ImageManifest
	c.wait("an ImageManifest to be known as "+fmt.Sprint(references), func() (bool, string) {
		all := c.list()
		if m = all[v1alpha1.ManifestName(digestOf(c.t, img), platform)]; m == nil {
			return false, fmt.Sprint(all)
		}
		slices.Sort(m.Status.References)
		return slices.Equal(m.Status.References, references), fmt.Sprint(m.Status.References)
	})
	return m
}

func (c *imageCluster) waitCount(n int) {
	c.t.Helper()
	c.wait(fmt.Sprintf("%d ImageManifests", n), func() (bool, string) {
		all := c.list()
		return len(all) == n, fmt.Sprint(all)
	})
}

// imageRegistry is a real registry without TLS, and what it was asked.
type imageRegistry struct {
	t    *testing.T
	host string

	mu    sync.Mutex
	asked []string
}

func newImageRegistry(t *testing.T) *imageRegistry {
	t.Helper()
	inner := fakeregistry.New(fakeregistry.Logger(log.New(io.Discard, "", 0)))
	r := &imageRegistry{t: t}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		r.asked = append(r.asked, req.Method+" "+req.URL.Path)
		r.mu.Unlock()
		inner.ServeHTTP(w, req)
	}))
	t.Cleanup(server.Close)
	r.host = strings.TrimPrefix(server.URL, "http://")
	return r
}

func (r *imageRegistry) push(at string, what remote.Taggable) string {
	r.t.Helper()
	ref, err := name.ParseReference(r.host+"/"+at, name.Insecure)
	if err != nil {
		r.t.Fatal(err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	if index, ok := what.(ociv1.ImageIndex); ok {
		err = remote.WriteIndex(ref, index, remote.WithTransport(transport))
	} else {
		err = remote.Write(ref, what.(ociv1.Image), remote.WithTransport(transport))
	}
	if err != nil {
		r.t.Fatal(err)
	}
	r.forget()
	return ref.Name()
}

// requests returns what it was asked, the greeting left out.
func (r *imageRegistry) requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.asked), func(request string) bool { return request == "GET /v2/" })
}

func (r *imageRegistry) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = nil
}

func imageFor(t *testing.T, architecture string, layers int64) ociv1.Image {
	t.Helper()
	img, err := random.Image(64, layers)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config.OS, config.Architecture = "linux", architecture
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	return img
}

func indexOf(amd64, arm64 ociv1.Image) ociv1.ImageIndex {
	entry := func(img ociv1.Image, os, architecture string) mutate.IndexAddendum {
		return mutate.IndexAddendum{Add: img, Descriptor: ociv1.Descriptor{Platform: &ociv1.Platform{OS: os, Architecture: architecture}}}
	}
	return mutate.AppendManifests(empty.Index, entry(amd64, "linux", "amd64"), entry(arm64, "linux", "arm64"))
}

func digestOf(t *testing.T, what interface{ Digest() (ociv1.Hash, error) }) string {
	t.Helper()
	digest, err := what.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

func TestImagesThatPodsNameAndNodesHaveArePublished(t *testing.T) {
	c, allowed, other := newImageCluster(t), newImageRegistry(t), newImageRegistry(t)
	amd, arm, single := imageFor(t, "amd64", 3), imageFor(t, "arm64", 2), imageFor(t, "amd64", 1)
	index := indexOf(amd, arm)
	tag := allowed.push("team/app:v1", index)
	onNode := allowed.push("team/tool:v7", single)
	other.push("team/app:v1", single)
	app := allowed.host + "/team/app"

	c.node("amd", "amd64", v1.ContainerImage{Names: []string{allowed.host + "/team/tool@" + digestOf(t, single), onNode}, SizeBytes: 5})
	c.publisher([]*imageRegistry{allowed}, func(o *publish.Options) { o.UnusedFor = 3 * time.Second })
	c.using("elsewhere", other.host+"/team/app:v1")
	c.using("app", tag)

	// What a pod names by tag is known by the index's digest, which nodes report, and its own.
	byIndex, byOwn := app+"@"+digestOf(t, index), app+"@"+digestOf(t, amd)
	m := c.waitReferences(amd, "linux/amd64", tag, byIndex, byOwn)
	manifest, err := amd.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	want := v1alpha1.ImageManifestSpec{Digest: digestOf(t, amd), MediaType: string(manifest.MediaType), Platform: "linux/amd64"}
	for _, l := range manifest.Layers {
		want.Layers = append(want.Layers, v1alpha1.Layer{Digest: l.Digest.String(), Size: l.Size})
		want.Size += l.Size
	}
	if diff := cmp.Diff(want, m.Spec); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	// What a node has is known by its digest. The tag, which the node says too, is the registry's to tell.
	tool := allowed.host + "/team/tool@" + digestOf(t, single)
	c.waitReferences(single, "linux/amd64", tool)

	// An image for another platform is read when there is a node of it, and not before.
	if _, ok := c.list()[v1alpha1.ManifestName(digestOf(t, arm), "linux/arm64")]; ok {
		t.Error("there is an image for arm64, but no node")
	}
	c.node("arm", "arm64")
	c.waitReferences(arm, "linux/arm64", tag, byIndex, app+"@"+digestOf(t, arm))

	// Neither index nor platform digest is asked for again where the tag told of them.
	allowed.forget()
	c.using("by-index", byIndex)
	next := imageFor(t, "amd64", 4)
	nextTag := allowed.push("team/next:v1", next)
	c.using("next", nextTag)
	c.waitReferences(next, "linux/amd64", nextTag, allowed.host+"/team/next@"+digestOf(t, next))
	for _, request := range allowed.requests() {
		if strings.Contains(request, "/team/app/") {
			t.Errorf("%s, although the image is known", request)
		}
	}

	// What nobody uses any more is collected; what a node has, stays.
	c.remove1("app")
	c.remove1("by-index")
	c.remove1("next")
	c.waitCount(1)
	c.waitReferences(single, "linux/amd64", tool)
	if got := other.requests(); len(got) > 0 {
		t.Errorf("the registry that is not allowed was asked %v", got)
	}
}

func TestAnImageManifestDoesNotChange(t *testing.T) {
	c, allowed := newImageCluster(t), newImageRegistry(t)
	img := imageFor(t, "amd64", 2)
	tag := allowed.push("app:v1", img)
	c.node("amd", "amd64")
	c.publisher([]*imageRegistry{allowed}, nil)
	c.using("app", tag)
	m := c.waitReferences(img, "linux/amd64", tag, allowed.host+"/app@"+digestOf(t, img))

	update := func(change func(o map[string]any)) error {
		o, err := c.manifests.Get(t.Context(), m.Name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		change(o.Object)
		_, err = c.manifests.Update(t.Context(), o, metav1.UpdateOptions{})
		return err
	}
	for name, change := range map[string]func(o map[string]any){
		"a size": func(o map[string]any) { o["spec"].(map[string]any)["size"] = int64(1) },
		"a layer": func(o map[string]any) {
			o["spec"].(map[string]any)["layers"].([]any)[0].(map[string]any)["size"] = int64(1)
		},
		"fewer layers": func(o map[string]any) { o["spec"].(map[string]any)["layers"] = []any{} },
		"the platform": func(o map[string]any) { delete(o["spec"].(map[string]any), "platform") },
	} {
		if err := update(change); !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "never changes") {
			t.Errorf("%s: %v, want it refused", name, err)
		}
	}
	if err := update(func(o map[string]any) { o["status"] = map[string]any{"references": []any{"r.io/other:v1"}} }); err != nil {
		t.Errorf("references: %v", err)
	}
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": "ImageManifest", "metadata": map[string]any{"name": "sha256-of-something-else"},
		"spec": map[string]any{"digest": m.Spec.Digest, "mediaType": "x", "size": int64(0), "layers": []any{}},
	}}
	if _, err := c.manifests.Create(t.Context(), o, metav1.CreateOptions{}); !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "the name must be") {
		t.Errorf("another name: %v, want it refused", err)
	}
}

func TestATagThatIsMovedLeavesItsImage(t *testing.T) {
	c, allowed := newImageCluster(t), newImageRegistry(t)
	before, after := imageFor(t, "amd64", 1), imageFor(t, "amd64", 2)
	tag := allowed.push("app:latest", before)
	c.node("amd", "amd64")
	stop := c.publisher([]*imageRegistry{allowed}, func(o *publish.Options) { o.TagRefresh = time.Second })
	c.using("app", tag)
	digests := []string{allowed.host + "/app@" + digestOf(t, before), allowed.host + "/app@" + digestOf(t, after)}
	c.waitReferences(before, "linux/amd64", tag, digests[0])
	allowed.push("app:latest", after)
	c.waitReferences(after, "linux/amd64", tag, digests[1])
	c.waitReferences(before, "linux/amd64", digests[0])

	// Also while nobody looked; and whatever its publisher, an object is found again.
	stop()
	allowed.push("app:latest", before)
	c.publisher([]*imageRegistry{allowed}, nil)
	c.waitReferences(before, "linux/amd64", tag, digests[0])
	c.waitReferences(after, "linux/amd64", digests[1])
	c.waitCount(2)
}

// TestImagesThatDoNotExistCostLittle: one namespace names a hundred of them at once.
func TestImagesThatDoNotExistCostLittle(t *testing.T) {
	c, allowed := newImageCluster(t), newImageRegistry(t)
	img := imageFor(t, "amd64", 1)
	tag := allowed.push("app:v1", img)
	c.node("amd", "amd64")
	for i := range 100 {
		c.using(fmt.Sprintf("bogus-%d", i), fmt.Sprintf("%s/bogus:%d", allowed.host, i))
	}
	const perSecond = 10
	start := time.Now()
	c.publisher([]*imageRegistry{allowed}, func(o *publish.Options) { o.ReadsPerSecond, o.ReadBurst = perSecond, 1 })
	c.wait("a request", func() (bool, string) { return len(allowed.requests()) > 0, "" })

	ns, err := c.client.CoreV1().Namespaces().Create(t.Context(), &v1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "honest-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p := c.pod("app", "1")
	p.Namespace, p.Spec.Containers[0].Image = ns.Name, tag
	if _, err := c.client.CoreV1().Pods(ns.Name).Create(t.Context(), p, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	c.waitReferences(img, "linux/amd64", tag, allowed.host+"/app@"+digestOf(t, img))
	if n := len(allowed.requests()); n > 60 {
		t.Errorf("%d requests before the namespace that names one image had its turn", n)
	}
	// The pods come and go: what was missing a moment ago is not asked for again.
	for range 3 {
		c.remove1("bogus-0")
		c.using("bogus-0", allowed.host+"/bogus:0")
	}
	c.wait("all to have been asked for", func() (bool, string) {
		got := allowed.requests()
		return len(got) >= 100, fmt.Sprint(len(got))
	})
	seen := map[string]int{}
	for _, request := range allowed.requests() {
		if seen[request]++; seen[request] > 1 && strings.Contains(request, "bogus") {
			t.Errorf("%s %d times", request, seen[request])
		}
	}
	if most := perSecond*time.Since(start).Seconds() + 3 + 2; float64(len(allowed.requests())) > most+1 {
		t.Errorf("%d requests within %v", len(allowed.requests()), time.Since(start))
	}
}

func TestThereAreNoMoreImageManifestsThanAllowed(t *testing.T) {
	c, allowed := newImageCluster(t), newImageRegistry(t)
	c.node("amd", "amd64")
	c.publisher([]*imageRegistry{allowed}, func(o *publish.Options) { o.MaxManifests = 2 })
	for i := range 2 {
		c.using(fmt.Sprintf("app-%d", i), allowed.push(fmt.Sprintf("app:%d", i), imageFor(t, "amd64", 1)))
	}
	c.waitCount(2)
	img := imageFor(t, "amd64", 1)
	tag := allowed.push("app:last", img)
	c.using("app-last", tag)
	c.wait("the last image to be read", func() (bool, string) {
		got := allowed.requests()
		return slices.Contains(got, "GET /v2/app/manifests/last"), fmt.Sprint(got)
	})
	c.stays("two ImageManifests", time.Second, func() (bool, string) { return len(c.list()) == 2, "" })

	// One that nobody uses gives way before its time.
	c.remove1("app-0")
	c.waitReferences(img, "linux/amd64", tag, allowed.host+"/app@"+digestOf(t, img))
	c.waitCount(2)
}

// TestMusterImagesIsAProcessLikeAnyOther runs the command, with all its flags.
func TestMusterImagesIsAProcessLikeAnyOther(t *testing.T) {
	c, allowed := newImageCluster(t), newImageRegistry(t)
	img := imageFor(t, "amd64", 1)
	tag := allowed.push("app:v1", img)
	c.node("amd", "amd64")
	c.using("app", tag)

	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*kubeconfig.New(c.config.Host, c.config.CAData, "muster-images", c.config.BearerToken), path); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	_, port, _ := net.SplitHostPort(address)
	t.Cleanup(klog.StopFlushDaemon) // the command starts it
	cmd := process.NewCommand()
	cmd.SetArgs([]string{"--kubeconfig=" + path, "--registries=http://" + allowed.host, "--private-addresses=127.0.0.0/8", "--bind-address=127.0.0.1", "--secure-port=" + port})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- cmd.ExecuteContext(ctx) }()
	c.waitReferences(img, "linux/amd64", tag, allowed.host+"/app@"+digestOf(t, img))

	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	get := func(path string) (int, string) {
		resp, err := client.Get("https://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	for _, path := range []string{"/healthz", "/readyz", "/livez"} {
		if status, body := get(path); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, _ := get("/metrics"); status != http.StatusForbidden {
		t.Errorf("metrics for everybody: %d", status)
	}
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("it does not end")
	}
	lease, err := c.client.CoordinationV1().Leases("muster-system").Get(t.Context(), "muster-images", metav1.GetOptions{})
	if err != nil || lease.Spec.HolderIdentity != nil && *lease.Spec.HolderIdentity != "" {
		t.Errorf("%v, %v, want a lease that was given up", lease, err)
	}
}
