package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/random"
	"k8s.io/utils/clock"
)

const someDigest = "sha256:7cc4b5aefd1d0cadf8d97d4350462ba51c694ebca145b08d7d41b41acc8db5aa"

// serving is a registry that says the same whatever manifest it is asked for.
func serving(t *testing.T, contentType, body string) *place {
	t.Helper()
	return newPlace(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v2/" {
			w.Header().Set("Content-Type", contentType)
			fmt.Fprint(w, body)
		}
	}))
}

func manifestWith(layers string) string {
	return fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"x","digest":%q,"size":2},"layers":[%s]}`, someDigest, layers)
}

func layerOf(size string) string {
	return fmt.Sprintf(`{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":%q,"size":%s}`, someDigest, size)
}

func TestHostileAnswersAreRefused(t *testing.T) {
	tests := map[string]struct {
		contentType, body string
		name              string // "app:v1" if empty
		reason            Reason // Invalid if empty
		says              string
	}{
		"a body without end":                  {body: strings.Repeat(" ", maxBody+1), says: "larger than"},
		"10,000 layers":                       {body: manifestWith(strings.Repeat(layerOf("1")+",", 9_999) + layerOf("1")), says: "more than 500"},
		"one layer too many":                  {body: manifestWith(strings.Repeat("{},", MaxLayers) + "{}"), says: "more than 500"},
		"a million empty entries":             {contentType: ociIndex, body: `{"manifests":[` + strings.Repeat("{},", 1_000_000) + `{}]}`, says: "more than 1000"},
		"deep nesting":                        {body: `{"x":` + strings.Repeat("[", 1_000_000), says: "depth"},
		"a negative size":                     {body: manifestWith(layerOf("-1")), says: "size of -1"},
		"a size past an int64":                {body: manifestWith(layerOf("9223372036854775808")), says: "9223372036854775808"},
		"a size past a disk":                  {body: manifestWith(layerOf("9223372036854775807")), says: "size of 9223372036854775807"},
		"a size that is no number":            {body: manifestWith(layerOf("1e99")), says: "1e99"},
		"two sizes of one layer":              {body: manifestWith(layerOf("1") + "," + layerOf("2")), says: "has 2 bytes here and 1 above"},
		"a digest that is none":               {body: manifestWith(strings.ReplaceAll(layerOf("1"), someDigest, "sha256:../../etc/passwd")), says: "not a SHA-256"},
		"another digest than asked for":       {body: manifestWith(layerOf("1")), name: "app@" + someDigest, says: "serves as"},
		"a wrong content type":                {contentType: "text/html", body: manifestWith(layerOf("1")), says: "media type text/html"},
		"no content type":                     {contentType: ";", body: manifestWith(layerOf("1")), says: "content type"},
		"another media type than served as":   {body: `{"mediaType":"` + ociIndex + `"}`, says: "calls itself"},
		"an image that is an index too":       {body: `{"config":{},"layers":[],"manifests":[]}`, says: "an image with a list of images"},
		"an index that is an image too":       {contentType: ociIndex, body: `{"layers":[],"manifests":[]}`, says: "an index with layers"},
		"an image without configuration":      {body: `{"layers":[]}`, says: "without a configuration"},
		"an artifact that is not an image":    {body: manifestWith(`{"mediaType":"application/vnd.cncf.helm.chart.content.v1.tar+gzip"}`), says: "none of its parts"},
		"layers that are no list":             {body: `{"config":{},"layers":{"a":1}}`, says: "where a list should be"},
		"no JSON":                             {body: "<html>", says: "invalid character"},
		"an index without any entry":          {contentType: ociIndex, body: `{"manifests":[]}`, reason: Missing},
		"an index of attestations":            {contentType: ociIndex, body: `{"manifests":[{"digest":"x","platform":{"os":"unknown","architecture":"unknown"}}]}`, reason: Missing},
		"an entry of a negative size":         {contentType: ociIndex, body: fmt.Sprintf(`{"manifests":[{"digest":%q,"size":-1,"platform":{"os":"linux","architecture":"amd64"}}]}`, someDigest), says: "size of -1"},
		"a name that is none":                 {name: "APP:v1", reason: Missing},
		"a digest of another kind":            {name: "app@sha512:" + strings.Repeat("a", 128), reason: Missing},
		"a configuration that is not its own": {body: strings.ReplaceAll(manifestWith(""), `"x"`, `"`+ociConfig+`"`), says: "serves as"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if tc.contentType == "" {
				tc.contentType = ociManifest
			}
			if tc.name == "" {
				tc.name = "app:v1"
			}
			if tc.reason == "" {
				tc.reason = Invalid
			}
			_, err := serving(t, tc.contentType, tc.body).read(tc.name)
			if err == nil || err.Reason != tc.reason || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%v, want it %s and to say %q", err, tc.reason, tc.says)
			}
			if err != nil && len(err.Error()) > 1000 {
				t.Errorf("an error of %d characters", len(err.Error()))
			}
		})
	}
}

func TestAnswersThatTellHowToGoOn(t *testing.T) {
	tests := map[string]struct {
		status  int
		header  string
		reason  Reason
		after   time.Duration
		lasting bool
	}{
		"missing":                             {http.StatusNotFound, "", Missing, 0, true},
		"denied":                              {http.StatusForbidden, "", Denied, 0, true},
		"in trouble":                          {http.StatusBadGateway, "", Unavailable, 0, false},
		"busy":                                {http.StatusTooManyRequests, "", Busy, 0, false},
		"busy for some seconds":               {http.StatusTooManyRequests, "17", Busy, 17 * time.Second, false},
		"busy for as long as it can say":      {http.StatusServiceUnavailable, "2147483647", Busy, time.Hour, false},
		"busy until a date that has gone":     {http.StatusTooManyRequests, "Mon, 02 Jan 2006 15:04:05 GMT", Busy, 0, false},
		"busy until a date far away":          {http.StatusTooManyRequests, "Fri, 31 Dec 9999 23:59:59 GMT", Busy, time.Hour, false},
		"busy for what is neither":            {http.StatusTooManyRequests, "-5", Busy, 0, false},
		"a status that nobody expects":        {http.StatusTeapot, "", Invalid, 0, true},
		"a redirect without a place to go to": {http.StatusFound, "", Invalid, 0, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/v2/" {
					return
				}
				if tc.header != "" {
					w.Header().Set("Retry-After", tc.header)
				}
				w.WriteHeader(tc.status)
			}))
			_, err := p.read("app:v1")
			if err == nil || err.Reason != tc.reason || err.After != tc.after || err.Lasting() != tc.lasting {
				t.Errorf("%v after %v, lasting %v; want %s after %v, lasting %v", err, err.After, err.Lasting(), tc.reason, tc.after, tc.lasting)
			}
		})
	}
}

func TestRedirects(t *testing.T) {
	tests := map[string]struct {
		to     string
		at     string // the path that redirects
		reason Reason
	}{
		"to a private address":              {"https://10.0.0.1/", "/v2/app/manifests/v1", Barred},
		"to the cloud's metadata":           {"http://169.254.169.254/latest/meta-data", "/v2/app/manifests/v1", Barred},
		"to the metadata, with TLS":         {"https://169.254.169.254/", "/v2/app/manifests/v1", Barred},
		"to the metadata by IPv6":           {"https://[fd00:ec2::254]/", "/v2/app/manifests/v1", Barred},
		"to IPv4 in IPv6":                   {"https://[::ffff:10.0.0.1]/", "/v2/app/manifests/v1", Barred},
		"to a socket or file":               {"file:///etc/passwd", "/v2/app/manifests/v1", Barred},
		"in a circle":                       {"/v2/app/manifests/v1", "/v2/app/manifests/v1", Invalid},
		"of the first request, privately":   {"https://10.0.0.1/v2/", "/v2/", Barred},
		"of the first request, for ever":    {"/v2/", "/v2/", Unavailable},
		"to somewhere that has no such app": {"/elsewhere", "/v2/app/manifests/v1", Missing},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case tc.at:
					http.Redirect(w, r, tc.to, http.StatusTemporaryRedirect)
				case "/v2/":
				default:
					http.NotFound(w, r)
				}
			}))
			_, err := p.read("app:v1")
			if err == nil || err.Reason != tc.reason {
				t.Errorf("%v, want it %s", err, tc.reason)
			}
			if n := len(p.requests()); n > 20 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// TestNamesAreCheckedByWhatTheyResolveTo: localhost is a name as good as any that
// an attacker lets point to a private address.
func TestNamesAreCheckedByWhatTheyResolveTo(t *testing.T) {
	p := newPlace(t, http.NotFoundHandler())
	p.options.Private = nil
	port := p.host[strings.LastIndexByte(p.host, ':'):]
	p.options.Allowed = []Allowed{allowed(t, "localhost"+port)}
	_, err := NewReader(p.options, clock.RealClock{}).Read(t.Context(), "localhost"+port+"/app:v1", []Platform{amd64}, "")
	if err == nil || err.Reason != Barred {
		t.Errorf("%v, want it barred", err)
	}
	if len(p.requests()) > 0 {
		t.Error("it was asked")
	}
}

func TestATokenServerAtAPrivateAddressIsNotAsked(t *testing.T) {
	for _, realm := range []string{"https://10.0.0.1/token", "http://169.254.169.254/token", "https://metadata.internal@192.168.0.1/token"} {
		p := newPlace(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm=%q`, realm))
			w.WriteHeader(http.StatusUnauthorized)
		}))
		p.options.Timeout = 2 * time.Second
		if _, err := p.read("app:v1"); err == nil {
			t.Errorf("%s: no error", realm)
		}
	}
}

func TestWithoutTLSOnlyWhereThatIsAllowed(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	for entry, want := range map[string]Reason{"http://" + host: Missing, host: Unavailable} {
		reader := NewReader(Options{
			Allowed: []Allowed{allowed(t, entry)}, Private: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Timeout: 5 * time.Second,
		}, clock.RealClock{})
		if _, err := reader.Read(t.Context(), host+"/app:v1", nil, ""); err == nil || err.Reason != want {
			t.Errorf("%s: %v, want it %s", entry, err, want)
		}
	}
}

func TestASlowBodyEndsWithTheTimeout(t *testing.T) {
	done := make(chan struct{})
	p := newPlace(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/" {
			return
		}
		w.Header().Set("Content-Type", ociManifest)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for r.Context().Err() == nil {
			fmt.Fprint(w, " ")
			w.(http.Flusher).Flush()
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	}))
	t.Cleanup(func() { close(done) })
	p.options.Timeout = 200 * time.Millisecond
	if _, err := p.read("app:v1"); err == nil || err.Reason != Unavailable {
		t.Errorf("%v, want it unavailable", err)
	}
}

func TestTheCallersContextEndsIt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := newPlace(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	if _, err := NewReader(p.options, clock.RealClock{}).Read(ctx, p.host+"/app:v1", nil, ""); err == nil {
		t.Error("no error")
	}
}

// TestAnIndexInAnIndexIsRefused: it would let a registry have us read on for as
// long as it likes.
func TestAnIndexInAnIndexIsRefused(t *testing.T) {
	p := real(t)
	inner, err := random.Index(10, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	p.push("nested:v1", index(entry(inner, "linux", "amd64", "")))
	_, fault := p.read("nested:v1")
	if fault == nil || fault.Reason != Invalid || !strings.Contains(fault.Error(), "index again") {
		t.Errorf("%v, want it invalid", fault)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		manifestWith(layerOf("7")), manifestWith(""), `{"manifests":[{"digest":"x","size":1,"platform":{"os":"linux","architecture":"amd64","variant":"v2"}},{}]}`,
		`{"mediaType":"` + ociIndex + `","manifests":null}`, `{"layers":[null],"config":null}`, `[]`, `{"layers":[[`, `{"LAYERS":[{"SIZE":1}],"config":{}}`,
	} {
		f.Add(ociManifest, []byte(seed))
		f.Add(dockerIndex+"; charset=utf-8", []byte(seed))
	}
	f.Fuzz(func(t *testing.T, contentType string, data []byte) {
		doc, err := parse(contentType, data)
		if err != nil {
			return
		}
		if doc.isIndex() {
			if entry := doc.choose(amd64); entry != nil && entry.check() == nil && !digestForm.MatchString(entry.Digest) {
				t.Errorf("chose %v", entry)
			}
			return
		}
		layers, err := doc.layers()
		if err != nil {
			return
		}
		if len(layers) > MaxLayers {
			t.Errorf("%d layers", len(layers))
		}
		seen, total := map[string]bool{}, int64(0)
		for _, l := range layers {
			if seen[l.Digest] || l.Bytes < 0 || !digestForm.MatchString(l.Digest) {
				t.Errorf("layer %v", l)
			}
			seen[l.Digest] = true
			if total += l.Bytes; total < 0 {
				t.Error("the sum overflows")
			}
		}
		if _, err := json.Marshal(layers); err != nil {
			t.Error(err)
		}
	})
}
