package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/cri-streaming/pkg/streaming/portforward"
	"k8s.io/utils/clock"

	"github.com/muster-scheduler/muster/pkg/journal"
	"github.com/muster-scheduler/muster/pkg/state"
)

// replica is a scheduler as it serves its state, to a user who may list the pods of the
// namespace "own" and no others.
func replica(t *testing.T, leads func() bool, j *journal.Journal) (address string) {
	t.Helper()
	handler := state.New(j, nil, nil).Handler(leads, t.Context().Done())
	resolver := state.Authorize(&request.RequestInfoFactory{})
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info, err := resolver.NewRequestInfo(r)
		if err != nil || r.Header.Get("Authorization") != "Bearer secret" || info.Verb != "list" || info.Resource != "pods" || info.Namespace != "own" {
			status := apierrors.NewForbidden(v1.Resource("pods"), "", errors.New("not yours")).Status()
			status.Kind = "Status"
			w.WriteHeader(http.StatusForbidden)
			_ = json.NewEncoder(w).Encode(status)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// forwarder is the kubelet's end of port-forwards: each pod's is an address here.
type forwarder map[string]string

func (f forwarder) PortForward(_ context.Context, pod, _ string, port int32, stream io.ReadWriteCloser) error {
	if port != 10259 {
		return errors.New("nobody listens")
	}
	conn, err := net.Dial("tcp", f[pod])
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(conn, stream)
		conn.Close()
	}()
	_, err = io.Copy(stream, conn)
	return err
}

// apiServer lists the scheduler's pods, and forwards their ports.
func apiServer(t *testing.T, pods forwarder) (kubeconfig string) {
	t.Helper()
	const path = "/api/v1/namespaces/muster-system/pods"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
		list := v1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}}
		for _, name := range []string{"standby", "leader"} {
			if r.URL.Query().Get("labelSelector") == "app.kubernetes.io/name=muster-scheduler" && r.URL.Query().Get("fieldSelector") == "status.phase=Running" && pods[name] != "" {
				list.Items = append(list.Items, v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "muster-system", Name: name}})
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(list)
	})
	mux.HandleFunc(path+"/{name}/portforward", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost { // by a tunnel through websockets, which not every server has
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		portforward.ServePortForward(w, r, pods, r.PathValue("name"), "", &portforward.V4Options{}, time.Minute, time.Minute, []string{portforward.ProtocolV1Name})
	})
	server := httptest.NewTLSServer(mux) // no credentials are sent otherwise
	t.Cleanup(server.Close)
	return configFor(t, server)
}

// configFor is a kubeconfig for an API server, with the namespace "own".
func configFor(t *testing.T, server *httptest.Server) (kubeconfig string) {
	t.Helper()
	kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	text := `{"apiVersion":"v1","kind":"Config","current-context":"c","contexts":[{"name":"c","context":{"cluster":"c","user":"u","namespace":"own"}}],
"clusters":[{"name":"c","cluster":{"server":"` + server.URL + `","insecure-skip-tls-verify":true}}],"users":[{"name":"u","user":{"token":"secret"}}]}`
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return kubeconfig
}

// TestTheReplicaThatLeadsIsAsked, through the API server and with no right but to list
// the pods of one namespace.
func TestTheReplicaThatLeadsIsAsked(t *testing.T) {
	j := journal.New(10)
	at, name := clock.RealClock{}.Now().Add(-90*time.Second), journal.Name{Namespace: "own", Name: "train"}
	j.Came(at, name, "u1", 5)
	j.Moved(at, name, "", journal.Active, journal.Cause{Event: journal.Arrival})
	yes, no := func() bool { return true }, func() bool { return false }
	config := apiServer(t, forwarder{"standby": replica(t, no, j), "leader": replica(t, yes, j)})
	ask := func(config string, args ...string) (string, error) {
		var out bytes.Buffer
		cmd := NewCommand(genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &out})
		cmd.SetArgs(append([]string{"--kubeconfig=" + config}, args...))
		err := cmd.ExecuteContext(t.Context())
		return out.String(), err
	}
	const want = `NAME    GANG   PLACE    POSITION   PRIORITY   ATTEMPTS   SINCE   AGE
train          Active   1          5          0          90s     90s
`
	if out, err := ask(config, "queue"); err != nil || out != want {
		t.Errorf("queue = %v\n%s\nwant\n%s", err, out, want)
	}
	if _, err := ask(config, "queue", "-A"); err == nil || !strings.Contains(err.Error(), "not yours") {
		t.Errorf("queue -A = %v, want it forbidden", err)
	}
	if _, err := ask(apiServer(t, forwarder{"standby": replica(t, no, j)}), "queue"); err == nil || !strings.Contains(err.Error(), "standby: this replica of the scheduler is a standby") {
		t.Errorf("queue = %v, want that there is a standby alone", err)
	}
	if _, err := ask(apiServer(t, forwarder{"leader": "127.0.0.1:1"}), "queue"); err == nil || !strings.Contains(err.Error(), "no replica of the scheduler answers: leader: ") {
		t.Errorf("queue = %v, want that nobody answers", err)
	}
}
