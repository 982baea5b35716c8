package registry

import (
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"k8s.io/utils/clock"
)

var (
	amd64 = Platform{OS: "linux", Architecture: "amd64"}
	arm64 = Platform{OS: "linux", Architecture: "arm64"}
)

// quiet is where the servers log.
var quiet = log.New(io.Discard, "", 0)

// place is a registry on this machine, with TLS, and what it was asked.
type place struct {
	t       *testing.T
	server  *httptest.Server
	host    string
	handler http.Handler
	options Options

	mu    sync.Mutex
	asked []string // method and path
}

func newPlace(t *testing.T, handler http.Handler) *place {
	t.Helper()
	p := &place{t: t, handler: handler}
	p.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.asked = append(p.asked, r.Method+" "+r.URL.Path)
		p.mu.Unlock()
		p.handler.ServeHTTP(w, r)
	}))
	p.server.Config.ErrorLog = quiet
	p.server.StartTLS()
	t.Cleanup(p.server.Close)
	p.host = strings.TrimPrefix(p.server.URL, "https://")
	p.options = Options{
		Allowed: []Allowed{allowed(t, p.host)},
		Private: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Roots:   p.server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs,
		Timeout: 10 * time.Second,
	}
	return p
}

func allowed(t *testing.T, text string) Allowed {
	t.Helper()
	a, err := ParseAllowed(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// real is the registry of go-containerregistry.
func real(t *testing.T) *place {
	return newPlace(t, registry.New(registry.Logger(quiet)))
}

// read reads HOST/name for linux/amd64.
func (p *place) read(name string) (Image, *Error) {
	p.t.Helper()
	return NewReader(p.options, clock.RealClock{}).Read(p.t.Context(), p.host+"/"+name, []Platform{amd64}, "")
}

func (p *place) requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

func (p *place) push(at string, what remote.Taggable) {
	p.t.Helper()
	ref, err := name.ParseReference(p.host + "/" + at)
	if err != nil {
		p.t.Fatal(err)
	}
	transport := remote.WithTransport(p.server.Client().Transport)
	switch what := what.(type) {
	case v1.Image:
		err = remote.Write(ref, what, transport)
	case v1.ImageIndex:
		err = remote.WriteIndex(ref, what, transport)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// image has so many layers, and says that it is for the platform.
func image(t *testing.T, layers int64, platform Platform) v1.Image {
	t.Helper()
	img, err := random.Image(100, layers)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config.OS, config.Architecture = platform.OS, platform.Architecture
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	return img
}

// index holds images by platform; "unknown/unknown" are attestations.
func index(images ...mutate.IndexAddendum) v1.ImageIndex {
	return mutate.AppendManifests(empty.Index, images...)
}

func entry(img mutate.Appendable, os, architecture, variant string) mutate.IndexAddendum {
	return mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: os, Architecture: architecture, Variant: variant}}}
}

func digestIn(t *testing.T, what partial.WithRawManifest) string {
	t.Helper()
	raw, err := what.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	return digestOf(raw)
}

// want is what Read has to say about the image.
func want(t *testing.T, img v1.Image, platform Platform) Manifest {
	t.Helper()
	manifest, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	m := Manifest{Digest: digestIn(t, img), MediaType: string(manifest.MediaType), Platform: platform, Layers: []Layer{}}
	for _, l := range manifest.Layers {
		m.Layers = append(m.Layers, Layer{Digest: l.Digest.String(), Bytes: l.Size, Foreign: !l.MediaType.IsDistributable()})
	}
	return m
}

func TestReadsAnImageWithItsLayersInOrder(t *testing.T) {
	p := real(t)
	img := image(t, 3, arm64)
	p.push("team/app:v1", img)
	for _, name := range []string{"team/app:v1", "team/app@" + digestIn(t, img)} {
		got, err := p.read(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(Image{Digest: digestIn(t, img), Manifests: []Manifest{want(t, img, arm64)}}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestReadsOCIAndDockerAlike(t *testing.T) {
	p := real(t)
	img := mutate.ConfigMediaType(mutate.MediaType(image(t, 2, amd64), types.OCIManifestSchema1), types.OCIConfigJSON)
	p.push("oci:v1", img)
	got, err := p.read("oci:v1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Manifest{want(t, img, amd64)}, got.Manifests); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReadsOfAnIndexTheImagesOfThePlatforms(t *testing.T) {
	p := real(t)
	a, b, old, attestation := image(t, 2, amd64), image(t, 3, arm64), image(t, 1, amd64), image(t, 1, Platform{})
	idx := index(entry(attestation, "unknown", "unknown", ""), entry(old, "linux", "amd64", "v3"), entry(a, "linux", "amd64", ""),
		entry(b, "linux", "arm64", "v8"), entry(old, "windows", "amd64", ""))
	p.push("multi:v1", idx)
	reader := NewReader(p.options, clock.RealClock{})
	got, err := reader.Read(t.Context(), p.host+"/multi:v1", []Platform{amd64, arm64, {OS: "linux", Architecture: "s390x"}}, "")
	if err != nil {
		t.Fatal(err)
	}
	wanted := Image{Digest: digestIn(t, idx), Manifests: []Manifest{want(t, a, amd64), want(t, b, arm64)}}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	t.Run("and nothing if there is none", func(t *testing.T) {
		_, err := reader.Read(t.Context(), p.host+"/multi:v1", []Platform{{OS: "linux", Architecture: "s390x"}}, "")
		if err == nil || err.Reason != Missing {
			t.Errorf("%v, want it missing", err)
		}
	})
}

func TestAnEntryWithoutAPlatformIsWhatTheImageSays(t *testing.T) {
	p := real(t)
	img := image(t, 1, amd64)
	p.push("bare:v1", index(mutate.IndexAddendum{Add: img}))
	got, err := p.read("bare:v1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Manifest{want(t, img, amd64)}, got.Manifests); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestForeignLayersAreMarkedAndAttestationsLeftOut(t *testing.T) {
	p := real(t)
	img := image(t, 1, amd64)
	own := want(t, img, amd64).Layers[0]
	windows := static.NewLayer([]byte("somewhere else"), types.DockerForeignLayer)
	img, err := mutate.AppendLayers(img, windows, static.NewLayer([]byte("{}"), "application/vnd.in-toto+json"))
	if err != nil {
		t.Fatal(err)
	}
	p.push("windows:v1", img)
	got, fault := p.read("windows:v1")
	if fault != nil {
		t.Fatal(fault)
	}
	wanted := []Layer{own, {Digest: digestOf([]byte("somewhere else")), Bytes: 14, Foreign: true}}
	if diff := cmp.Diff(wanted, got.Manifests[0].Layers); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestALayerThatIsThereTwiceCountsOnce(t *testing.T) {
	p := real(t)
	img := image(t, 1, amd64)
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	if img, err = mutate.AppendLayers(img, layers[0]); err != nil {
		t.Fatal(err)
	}
	p.push("twice:v1", img)
	got, fault := p.read("twice:v1")
	if fault != nil || len(got.Manifests[0].Layers) != 1 {
		t.Errorf("%v, %v, want one layer", got, fault)
	}
}

func TestANameThatStandsForTheSameIsNotReadAgain(t *testing.T) {
	p := real(t)
	img := image(t, 1, amd64)
	p.push("app:latest", img)
	reader := NewReader(p.options, clock.RealClock{})
	before := len(p.requests())
	got, err := reader.Read(t.Context(), p.host+"/app:latest", []Platform{amd64}, digestIn(t, img))
	if err != nil || got.Digest != digestIn(t, img) || got.Manifests != nil {
		t.Errorf("%v, %v, want the digest alone", got, err)
	}
	for _, request := range p.requests()[before:] {
		if strings.HasPrefix(request, "GET") && request != "GET /v2/" {
			t.Errorf("%s: a HEAD is enough", request)
		}
	}
	moved := image(t, 2, amd64)
	p.push("app:latest", moved)
	got, err = reader.Read(t.Context(), p.host+"/app:latest", []Platform{amd64}, digestIn(t, img))
	if err != nil || got.Digest != digestIn(t, moved) || len(got.Manifests) != 1 {
		t.Errorf("%v, %v, want the image that the tag was moved to", got, err)
	}
}

func TestARegistryThatIsNotAllowedIsNeverAsked(t *testing.T) {
	p := real(t)
	p.push("ours/app:v1", image(t, 1, amd64))
	before := len(p.requests())
	p.options.Allowed = []Allowed{allowed(t, p.host+"/theirs"), allowed(t, "docker.io")}
	if _, err := p.read("ours/app:v1"); err == nil || err.Reason != Barred {
		t.Errorf("%v, want it barred", err)
	}
	if got := p.requests()[before:]; len(got) > 0 {
		t.Errorf("it was asked: %v", got)
	}
}

func TestCredentialsAreThoseOfTheFileAndReachNobodyElse(t *testing.T) {
	secret := "Basic " + base64.StdEncoding.EncodeToString([]byte("muster:secret"))
	var leaked sync.Map
	elsewhere := newPlace(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if auth := r.Header.Get("Authorization"); auth != "" {
			leaked.Store(r.URL.Path, auth)
		}
		http.NotFound(w, r)
	}))
	inner := registry.New(registry.Logger(quiet))
	p := newPlace(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != secret {
			w.Header().Set("WWW-Authenticate", `Basic realm="here"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if strings.Contains(r.URL.Path, "/away/") {
			http.Redirect(w, r, elsewhere.server.URL+r.URL.Path, http.StatusTemporaryRedirect)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	if _, err := p.read("app:v1"); err == nil || err.Reason != Denied {
		t.Errorf("without credentials: %v, want it denied", err)
	}
	p.options.Credentials = filepath.Join(t.TempDir(), "config.json")
	file := fmt.Sprintf(`{"auths":{"https://%s/v1/":{"username":"muster","password":"secret"},"other.example":{"auth":"eDp5"}},"credsStore":"never-run"}`, p.host)
	if err := os.WriteFile(p.options.Credentials, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := p.read("app:v1"); err == nil || err.Reason != Missing {
		t.Errorf("with credentials: %v, want it missing", err)
	}
	p.options.Roots = elsewhere.options.Roots // both servers have the one certificate of httptest
	if _, err := p.read("away/app:v1"); err == nil || err.Reason != Missing {
		t.Errorf("redirected: %v, want it missing", err)
	}
	if len(elsewhere.requests()) == 0 {
		t.Error("the redirect was not followed")
	}
	leaked.Range(func(path, auth any) bool {
		t.Errorf("%v was sent to %v of another host", auth, path)
		return true
	})
}

func TestABearerTokenIsFetched(t *testing.T) {
	inner := registry.New(registry.Logger(quiet))
	var p *place
	p = newPlace(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/token":
			fmt.Fprintf(w, `{"token":%q}`, r.URL.Query().Get("scope"))
		case r.Header.Get("Authorization") != "Bearer repository:app:pull" && r.UserAgent() == "muster":
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="here"`, p.server.URL))
			w.WriteHeader(http.StatusUnauthorized)
		default:
			inner.ServeHTTP(w, r)
		}
	}))
	p.push("app:v1", image(t, 1, amd64))
	p.options.UserAgent = "muster"
	if got, err := p.read("app:v1"); err != nil || len(got.Manifests) != 1 {
		t.Errorf("%v, %v, want the image", got, err)
	}
}
