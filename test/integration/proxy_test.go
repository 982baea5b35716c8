package integration

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// proxy stands between a scheduler and the API server. It hands everything on
// but bindings, with which it deals by rule, and of which it keeps a record.
type proxy struct {
	server *httptest.Server
	direct *httputil.ReverseProxy

	mu    sync.Mutex
	rules map[string]rule // by namespace; none hands the binding on
	seen  []*binding      // in the order in which they came
}

// binding is one request to bind a pod.
type binding struct {
	at             time.Time
	namespace, pod string
	uid            types.UID
	node           string
	dryRun         bool
	code           int // what the scheduler was answered; 0 is nothing, yet or ever
}

func (b binding) bound() bool { return b.code == http.StatusCreated && !b.dryRun }

func newProxy(t *testing.T, to *rest.Config) *proxy {
	t.Helper()
	target, err := url.Parse(to.Host)
	if err != nil {
		t.Fatal(err)
	}
	// The caller's own credentials are handed on.
	tls, err := rest.TLSConfigFor(&rest.Config{TLSClientConfig: to.TLSClientConfig})
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: tls, ForceAttemptHTTP2: true}
	silent := log.New(io.Discard, "", 0) // a scheduler that is killed breaks its connections
	p := &proxy{rules: map[string]rule{}, direct: &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     transport,
		FlushInterval: -1, // watches
		ErrorLog:      silent,
		// As if the API server itself could not be reached.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}}
	p.server = httptest.NewUnstartedServer(p)
	p.server.Config.ErrorLog = silent
	p.server.EnableHTTP2 = true
	p.server.StartTLS()
	t.Cleanup(func() {
		p.server.CloseClientConnections()
		p.server.Close()
		transport.CloseIdleConnections()
	})
	return p
}

// kubeconfig returns a copy of a kubeconfig that leads here.
func (p *proxy) kubeconfig(t *testing.T, original string) string {
	t.Helper()
	c, err := clientcmd.LoadFromFile(original)
	if err != nil {
		t.Fatal(err)
	}
	for _, cluster := range c.Clusters {
		cluster.Server = p.server.URL
		cluster.CertificateAuthorityData = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.server.Certificate().Raw})
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*c, path); err != nil {
		t.Fatal(err)
	}
	return path
}

var bindingPath = regexp.MustCompile(`^/api/v1/namespaces/([^/]+)/pods/([^/]+)/binding$`)

// ServeHTTP implements http.Handler.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := bindingPath.FindStringSubmatch(r.URL.Path)
	if r.Method != http.MethodPost || path == nil {
		p.direct.ServeHTTP(w, r)
		return
	}
	b, err := readBinding(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	b.namespace, b.pod = path[1], path[2]
	p.mu.Lock()
	p.seen = append(p.seen, b)
	deal, copied := p.rules[b.namespace], *b
	p.mu.Unlock()
	answer := &answerWriter{ResponseWriter: w}
	defer func() {
		p.mu.Lock()
		b.code = answer.code
		p.mu.Unlock()
	}()
	if deal == nil {
		p.direct.ServeHTTP(answer, r)
		return
	}
	deal(answer, r, copied, p.direct)
}

// readBinding reads the body, and leaves it to be read again.
func readBinding(r *http.Request) (*binding, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	obj, _, err := scheme.Codecs.UniversalDeserializer().Decode(body, nil, nil)
	if err != nil {
		return nil, err
	}
	posted, ok := obj.(*v1.Binding)
	if !ok {
		return nil, fmt.Errorf("want a Binding, got %T", obj)
	}
	return &binding{at: time.Now(), uid: posted.UID, node: posted.Target.Name, dryRun: r.URL.Query().Has("dryRun")}, nil
}

// answerWriter remembers the status it was given.
type answerWriter struct {
	http.ResponseWriter
	code int
}

// WriteHeader implements http.ResponseWriter.
func (w *answerWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// deal sets the rule for a namespace; nil hands everything on again.
func (p *proxy) deal(namespace string, r rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules[namespace] = r
}

// bindings returns what came for the pods of a namespace so far.
func (p *proxy) bindings(namespace string) []binding {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []binding
	for _, b := range p.seen {
		if b.namespace == namespace {
			all = append(all, *b)
		}
	}
	return all
}

// busiest returns the most bindings, dry runs included, that came for one pod
// of the namespace within any one second, and for which pod.
func (p *proxy) busiest(namespace string) (most int, pod string) {
	times := map[string][]time.Time{}
	for _, b := range p.bindings(namespace) {
		times[b.pod] = append(times[b.pod], b.at)
		for times[b.pod][0].Before(b.at.Add(-time.Second)) {
			times[b.pod] = times[b.pod][1:]
		}
		if n := len(times[b.pod]); n > most {
			most, pod = n, b.pod
		}
	}
	return most, pod
}
