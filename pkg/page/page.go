// Package page is the page of kubectl muster ui: the queue, the gangs and the nodes, in a
// browser on the user's own machine.
//
// It serves files and passes on what a scheduler says of itself; it keeps nothing, and
// knows neither how the scheduler is reached nor with whose credentials. Those who may read
// here read with them, so it answers nobody but a browser that has the token, under a name
// of this machine, on behalf of itself and not of another site. Nothing can be written.
package page

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"embed"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
)

// Scope is what the page shows.
type Scope struct {
	// Namespace is the one whose pods are shown; empty for all.
	Namespace string `json:"namespace"`
	// Context is the user's name for the cluster.
	Context string `json:"context"`
}

// Ask asks the scheduler for what is at a path below [v1alpha1.Prefix], with a query if there
// is one. An error says that nobody answers; a refusal is an answer.
type Ask func(ctx context.Context, path string) (*http.Response, error)

// Page is a page for one user.
type Page struct {
	token string
	scope Scope
	ask   Ask
}

// New returns a page with a token of its own.
func New(scope Scope, ask Ask) *Page { return &Page{token: rand.Text(), scope: scope, ask: ask} }

// URL is where the page is for a browser, if it is served at an address. Whoever has it may read.
func (p *Page) URL(address string) string { return "http://" + address + "/?token=" + p.token }

//go:embed static
var static embed.FS

// types are those of the files: what the system knows of types can be wrong.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// headers are those of every answer. The page runs its own scripts and nothing else, makes
// no HTML of text, is asked by itself alone, and leaves no copies.
var headers = map[string]string{
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Referrer-Policy":              "no-referrer",
	"X-Content-Type-Options":       "nosniff",
	"Cache-Control":                "no-store",
}

// ServeHTTP implements http.Handler.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, value := range headers {
		w.Header().Set(name, value)
	}
	switch {
	case !local(r.Host):
		// A name of another site that was made to lead here: its scripts are not to read.
		http.Error(w, "this page is at 127.0.0.1 and localhost, and under no other name", http.StatusForbidden)
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "this page can only be read", http.StatusMethodNotAllowed)
	default:
		p.serve(w, r)
	}
}

// local reports whether a request came under a name that is always this machine.
func local(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	return slices.Contains([]string{"127.0.0.1", "localhost", "::1", "[::1]"}, name)
}

// knows reports whether a request is of the page that was opened with the token, and of no other site. The token
// comes in a header: a cookie would be sent to every port of this machine, and to whoever listens there.
func (p *Page) knows(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+p.token)) == 1
}

func (p *Page) serve(w http.ResponseWriter, r *http.Request) {
	at := r.URL.Path
	state := strings.HasPrefix(at, v1alpha1.Prefix)
	switch {
	case path.Clean(at) != at:
		http.NotFound(w, r)
	case (state || at == "/scope.json") && !p.knows(r):
		http.Error(w, "open the URL that kubectl muster ui printed when it was started", http.StatusForbidden)
	case state:
		p.state(w, r, strings.TrimPrefix(r.URL.EscapedPath(), v1alpha1.Prefix))
	case at == "/scope.json":
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(p.scope) // the browser is gone
	default:
		file(w, r, at)
	}
}

func file(w http.ResponseWriter, r *http.Request, at string) {
	if at == "/" {
		at = "/index.html"
	}
	body, err := static.ReadFile("static" + at)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", types[path.Ext(at)])
	_, _ = w.Write(body) // the browser is gone
}

// state passes on what the scheduler answers, as it comes: moves are told as they happen.
func (p *Page) state(w http.ResponseWriter, r *http.Request, below string) {
	if r.URL.RawQuery != "" {
		below += "?" + r.URL.RawQuery
	}
	w.Header().Set("Content-Type", "application/json")
	response, err := p.ask(r.Context(), below)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		_ = json.NewEncoder(w).Encode(metav1.Status{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure,
			Code: http.StatusBadGateway, Message: err.Error(),
		})
		return
	}
	defer response.Body.Close()
	w.WriteHeader(response.StatusCode)
	control, part := http.NewResponseController(w), make([]byte, 32<<10)
	_ = control.Flush()
	for {
		n, err := response.Body.Read(part)
		if n > 0 {
			if _, err := w.Write(part[:n]); err != nil || control.Flush() != nil {
				return
			}
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			panic(http.ErrAbortHandler) // so that the browser sees that it is not the end
		}
	}
}
