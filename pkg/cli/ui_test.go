package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/muster-scheduler/muster/pkg/journal"
)

// wire is a way to an API server that can be cut.
type wire struct {
	mu    sync.Mutex
	ends  []net.Conn
	count int
}

// wireTo returns a kubeconfig like the given one, of which the server is reached by a wire.
func wireTo(t *testing.T, kubeconfig string) (*wire, string) {
	t.Helper()
	text, err := os.ReadFile(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Clusters []struct{ Cluster struct{ Server string } }
	}
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(config.Clusters[0].Cluster.Server)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	w := &wire{}
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", at.Host)
			if err != nil {
				near.Close()
				continue
			}
			w.mu.Lock()
			w.ends, w.count = append(w.ends, near, far), w.count+1
			w.mu.Unlock()
			go func() { _, _ = io.Copy(far, near); far.Close() }()
			go func() { _, _ = io.Copy(near, far); near.Close() }()
		}
	}()
	text = []byte(strings.ReplaceAll(string(text), at.Host, listener.Addr().String()))
	if err := os.WriteFile(kubeconfig, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return w, kubeconfig
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, end := range w.ends {
		end.Close()
	}
	w.ends = nil
}

func (w *wire) connections() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

// TestUI asks the page's server as a browser does, while what is behind it changes.
func TestUI(t *testing.T) {
	var second atomic.Bool // leads, instead of the first
	j := journal.New(10)
	first := func() bool { return !second.Load() }
	w, config := wireTo(t, apiServer(t, forwarder{"leader": replica(t, first, j), "standby": replica(t, second.Load, j)}))

	ctx, stop := context.WithCancel(t.Context())
	read, write := io.Pipe()
	cmd := NewCommand(genericiooptions.IOStreams{In: strings.NewReader(""), Out: write, ErrOut: io.Discard})
	cmd.SetArgs([]string{"--kubeconfig=" + config, "ui"})
	ended := make(chan error, 1)
	go func() {
		err := cmd.ExecuteContext(ctx)
		write.CloseWithError(err)
		ended <- err
	}()
	line, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(strings.TrimSpace(line))
	if err != nil || at.Hostname() != "127.0.0.1" || at.Query().Get("token") == "" {
		t.Fatalf("%q, %v, want a URL on this machine with a token", line, err)
	}
	token := ""
	get := func(path, want string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at.Scheme+"://"+at.Host+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("GET %s = %s %s, %v, want %s", path, response.Status, text, err, want)
		}
	}
	const pods = "/state/v1alpha1/namespaces/own/pods"
	get(pods, "open the URL that kubectl muster ui printed")
	get("/?"+at.RawQuery, "<title>Muster</title>")
	token = at.Query().Get("token")
	get("/scope.json", `{"namespace":"own","context":"c"}`)
	get(pods, `"kind":"PodList"`)
	get("/state/v1alpha1/pods", "not yours")  // of all namespaces
	get("/state/v1alpha1/nodes", "not yours") // which the page says in words of its own

	for what, breaks := range map[string]func(){"cut": w.cut, "another leads": func() { second.Store(true) }} {
		had := w.connections()
		get(pods, `"kind":"PodList"`)
		if n := w.connections(); n != had {
			t.Errorf("%s: %d connections, want no more than the %d before", what, n, had)
		}
		breaks()
		get(pods, `"kind":"PodList"`)
		if n := w.connections(); n == had {
			t.Errorf("%s: no new connection", what)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// TestUIStartsWithAnAnswer checks that whoever is not answered is told so by the command, and not by the page.
func TestUIStartsWithAnAnswer(t *testing.T) {
	j := journal.New(10)
	config := apiServer(t, forwarder{"leader": replica(t, func() bool { return true }, j)})
	for args, want := range map[string]string{
		"ui -A":              "not yours",
		"ui -A -n own":       "--all-namespaces and --namespace exclude each other",
		"ui --port=99999":    `invalid argument "99999" for "--port" flag`,
		"ui -n other":        "not yours",
		"ui own":             `unknown command "own" for "kubectl muster ui"`,
		"ui --context=other": "context was not found for specified context: other",
	} {
		cmd := NewCommand(genericiooptions.IOStreams{In: strings.NewReader(""), Out: io.Discard, ErrOut: io.Discard})
		cmd.SetArgs(append([]string{"--kubeconfig=" + config}, strings.Fields(args)...))
		if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
	}
}
