package integration

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/clientcmd"
)

// requests sends requests to the scheduler byte by byte, as nobody's client would.
type requests struct {
	t     *testing.T
	host  string
	token string
	conn  *tls.Conn
	from  *bufio.Reader
}

func newRequests(t *testing.T, of *reader) *requests {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", of.kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(of.url)
	if err != nil {
		t.Fatal(err)
	}
	r := &requests{t: t, host: at.Host, token: config.BearerToken}
	t.Cleanup(r.hangUp)
	return r
}

func (r *requests) hangUp() {
	if r.conn != nil {
		r.conn.Close()
		r.conn = nil
	}
}

// answer is the part of an answer that tells something.
type answer struct {
	code           int
	location, text string
}

func (a answer) String() string { return fmt.Sprint(a.code, " ", a.location, " ", a.text) }

// open sends a request and returns the answer, of which the body is to come.
func (r *requests) open(method, target string, headers ...string) *http.Response {
	r.t.Helper()
	if r.conn == nil {
		conn, err := tls.Dial("tcp", r.host, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		if err != nil {
			r.t.Fatal(err)
		}
		r.conn, r.from = conn, bufio.NewReader(conn)
	}
	if err := r.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		r.t.Fatal(err)
	}
	lines := append([]string{method + " " + target + " HTTP/1.1", "Host: " + r.host, "Authorization: Bearer " + r.token, "Content-Length: 0"}, headers...)
	if _, err := io.WriteString(r.conn, strings.Join(lines, "\r\n")+"\r\n\r\n"); err != nil {
		r.t.Fatalf("%s %s: %v", method, target, err)
	}
	response, err := http.ReadResponse(r.from, &http.Request{Method: method})
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, target, err)
	}
	return response
}

// ask sends a request and returns the answer.
func (r *requests) ask(method, target string, headers ...string) answer {
	r.t.Helper()
	response := r.open(method, target, headers...)
	text, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, target, err)
	}
	if response.Close {
		r.hangUp()
	}
	return answer{response.StatusCode, response.Header.Get("Location"), string(text)}
}

// hush is the names of things in another's namespace, and names of the same kinds that
// nothing has.
type hush struct{ kind, name, nothing string }

// names fills in a template the names of things that there are, and those of things that there are not.
func names(template string, all []hush) (secret, nothing string) {
	secret, nothing = template, template
	for _, h := range all {
		secret, nothing = strings.ReplaceAll(secret, h.kind, h.name), strings.ReplaceAll(nothing, h.kind, h.nothing)
	}
	return secret, nothing
}

// TestANamespaceUserLearnsNothingOfOthers: whatever is asked, with no right but to read the
// pods of one namespace. No answer has a name that the question had not, and to ask for
// what there is tells no more than to ask for what there is not.
func TestANamespaceUserLearnsNothingOfOthers(t *testing.T) {
	p := shared.start(t)
	c, other := newCluster(t, p.sandbox.Config, "4"), newCluster(t, p.sandbox.Config)
	admin, tenant := readers(t, p, c)
	all := []hush{
		{"{NS}", other.ns, strings.Repeat("z", len(other.ns))},
		{"{POD}", "hush-pod", "void-pod"},
		{"{GANG}", "hush-gang", "void-gang"},
		{"{IMAGE}", "hush.example/hush/image:v1", "void.example/void/image:v1"},
		{"{NODE}", c.ns + "-foreign", c.ns + "-no-such"},
	}

	// The other's pods are on the same node and wait for it; what becomes of them moves the own ones.
	there := func(pod *v1.Pod) *v1.Pod {
		pod.Namespace, pod.Spec.NodeSelector, pod.Spec.Containers[0].Image = other.ns, map[string]string{"test": c.ns}, "hush.example/hush/image:v1"
		return pod
	}
	other.addNode(c.ns+"-foreign", "1", v1.ContainerImage{Names: []string{"hush.example/hush/image:v1"}, SizeBytes: 1e9})
	other.create(there(other.pod("hush-pod", "3")), there(other.pod("hush-bound", "1")))
	other.waitBound("hush", 2)
	c.create(c.pod("own-pod", "4"))
	c.create(c.members("own-gang", 2, "2", "5")...) // never fits
	for _, member := range other.members("hush-gang", 2, "2", "4") {
		other.create(there(member))
	}
	admin.tells([]string{"queue", "-A"}, other.ns, "hush-gang-0", "own-pod", "own-gang-0")
	admin.tells([]string{"gangs", "-A"}, other.ns, "hush-gang", "own-gang")
	admin.tells([]string{"images"}, "hush.example/hush/image:v1")
	tenant.tells([]string{"gangs", "-n", c.ns}, "own-gang", "Waiting")
	tenant.tells([]string{"why", "pod", "own-pod", "-n", c.ns}, "Unschedulable")

	follows := newRequests(t, tenant)
	moves := bufio.NewScanner(follows.open(http.MethodGet, "/state/v1alpha1/namespaces/"+c.ns+"/moves?watch=true").Body)
	other.remove1("hush-pod")
	other.remove1("hush-bound") // and so there is room for the own pod
	c.waitBound("own-pod", 1)
	told := ""
	for !strings.Contains(told, `"place":"Bound"`) && moves.Scan() {
		told += moves.Text() + "\n"
	}
	follows.hangUp()
	if !strings.Contains(told, "own-pod") || !strings.Contains(told, `"object":"Pod"`) {
		t.Errorf("the moves of the namespace are\n%swant one by a pod that is not named", told)
	}

	ask := newRequests(t, tenant)
	check := func(template, method string, headers ...string) answer {
		t.Helper()
		secret, nothing := names(template, all)
		got := ask.ask(method, secret, headers...)
		for _, h := range append(all, hush{"", "hush", ""}) {
			if strings.Contains(got.String(), h.name) && !strings.Contains(secret, h.name) && (h.kind != "{NODE}" || got.code != http.StatusOK) {
				t.Errorf("%s %s tells of %s: %s", method, secret, h.name, got)
			}
		}
		if secret != nothing {
			want := ask.ask(method, nothing, headers...)
			for _, h := range all {
				got.location, got.text = strings.ReplaceAll(got.location, h.name, h.nothing), strings.ReplaceAll(got.text, h.name, h.nothing)
			}
			if got != want {
				t.Errorf("%s %s is answered %s\nand of what there is not %s", method, secret, got, want)
			}
		}
		return got
	}
	if told, _ := names(told, nil); strings.Contains(told, "hush") || strings.Contains(told, other.ns) {
		t.Errorf("the moves of the namespace are told as\n%s", told)
	}

	const state = "/state/v1alpha1/"
	own := state + "namespaces/" + c.ns + "/"
	for path, want := range map[string]string{
		own + "pods": "own-", own + "gangs": "own-gang", own + "moves": "own-pod", own + "moves?from=1": "own-pod",
		own + "pods/own-pod": "own-pod", own + "gangs/own-gang": "own-gang",
	} {
		if got := check(path, http.MethodGet); got.code != http.StatusOK || !strings.Contains(got.text, want) {
			t.Errorf("GET %s = %s, want it to tell of %s", path, got, want)
		}
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			if got := check(path, method); got.code != http.StatusMethodNotAllowed {
				t.Errorf("%s %s = %s, want it refused", method, path, got)
			}
		}
	}
	forbidden := []string{
		"pods", "pods/", "gangs", "moves", "moves?watch=true", "moves?from=1", "images", "images/{IMAGE}", "nodes", "nodes/{NODE}", "nodes/" + c.ns + "-0",
		"namespaces/{NS}/pods", "namespaces/{NS}/pods/{POD}", "namespaces/{NS}/gangs", "namespaces/{NS}/gangs/{GANG}", "namespaces/{NS}/moves", "namespaces/{NS}/moves?watch=true",
		"", "namespaces", "namespaces/", "namespaces/{NS}", "anything",
		// to ask what would fit takes the right to create pods, and a recording a right of its own
		"namespaces/{NS}/fitreviews", "namespaces/" + c.ns + "/fitreviews", "recordings", "recordings/namespaces/{NS}/gangs/{GANG}",
		"recordings/namespaces/" + c.ns + "/gangs/own-gang", "recordings/namespaces/{NS}/fitreviews", "recordings/namespaces/" + c.ns + "/fitreviews",
	}
	for _, path := range forbidden {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions} {
			if got := check(state+path, method); got.code != http.StatusForbidden {
				t.Errorf("%s %s = %s, want it forbidden", method, path, got)
			}
		}
	}
	for _, headers := range [][]string{
		{"Impersonate-User: admin", "Impersonate-Group: system:masters"},
		{"X-Remote-User: admin", "X-Remote-Group: system:masters"},
		{"X-HTTP-Method-Override: GET"},
		{"X-Original-URL: " + own + "pods", "X-Rewrite-URL: " + own + "pods"},
		{"X-Forwarded-For: 127.0.0.1"},
	} {
		for _, path := range []string{"pods", "nodes", "namespaces/{NS}/pods"} {
			if got := check(state+path, http.MethodGet, headers...); got.code != http.StatusForbidden {
				t.Errorf("GET %s with %q = %s, want it forbidden", path, headers, got)
			}
		}
	}

	tricks := []string{
		// to another namespace by way of the own one
		own + "../{NS}/pods", own + "%2e%2e/{NS}/pods", own + "..%2f{NS}/pods", own + "..%2f{NS}%2fpods", own + "%252e%252e/{NS}/pods", own + "../../pods",
		own + "pods/../../{NS}/pods", own + "pods/..%2f..%2f{NS}%2fpods%2f{POD}", own + "pods/%2e%2e%2f%2e%2e%2f{NS}%2fpods", own + "pods/{NS}%2f{POD}", own + "pods/{NS}/{POD}",
		own + "gangs/..%2f..%2f{NS}%2fgangs%2f{GANG}", own + "gangs/{NS}%2f{GANG}", own + "moves/../../../moves", own + "../../../v1alpha1/moves?watch=true",
		state + "namespaces/" + c.ns + "%2f..%2f{NS}/pods", state + "namespaces/" + c.ns + "%2f{NS}/pods", state + "namespaces/" + c.ns + "%00{NS}/pods", state + "namespaces/" + c.ns + ",{NS}/pods",
		state + "namespaces/" + c.ns + ";{NS}/pods", state + "namespaces%2f" + c.ns + "/pods", state + "namespaces/./" + c.ns + "/../{NS}/pods",
		// to all of them
		state + "namespaces//pods", state + "namespaces/%2f/pods", state + "namespaces/%20/pods", state + "namespaces/*/pods", state + "namespaces/%2a/pods", state + "namespaces/%00/pods",
		state + "namespaces/../pods", state + "./pods", state + "/pods", state + "pods%2f", state + "%70ods", state + "pods/{POD}", state + "PODS", state + "namespaces/" + strings.ToUpper(c.ns) + "/pods",
		"//state/v1alpha1/pods", "/state//v1alpha1/pods", "/state/v1alpha1//pods", "/state/v1alpha1", "/state", "/state/", "/state/v1beta1/pods", "/./state/v1alpha1/pods", "/%73tate/v1alpha1/pods",
		"/api/../state/v1alpha1/pods", "/api/v1/../../state/v1alpha1/pods", "/apis/../state/v1alpha1/nodes", "/openapi/v2/../../state/v1alpha1/pods", "/version/../state/v1alpha1/pods",
		"/healthz/../state/v1alpha1/pods", "/livez/..%2fstate%2fv1alpha1%2fpods", "/api/%2e%2e/state/v1alpha1/pods", "http://" + ask.host + "/state/v1alpha1/pods",
		// by what is asked besides
		own + "pods?namespace={NS}", own + "pods?namespaces={NS}&allNamespaces=true", own + "pods?fieldSelector=metadata.namespace%3d{NS}", own + "moves?namespace={NS}&from=0",
		own + "moves?from=18446744073709551615", own + "moves?from=-1", own + "moves?watch=maybe",
		// what the port has beside the state
		"/metrics", "/metrics/resources", "/metrics/slis", "/configz", "/statusz", "/flagz", "/debug/pprof/heap", "/debug/pprof/cmdline", "/",
	}
	for _, path := range tricks {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			got := check(path, method)
			if got.code >= 300 && got.code < 400 { // and what is there
				at, err := url.Parse(got.location)
				if err != nil {
					t.Fatal(err)
				}
				check(at.RequestURI(), method)
			}
			if got.code == http.StatusOK && !strings.HasPrefix(path, own) {
				t.Errorf("%s %s = %s, want none", method, path, got)
			}
		}
	}
}
