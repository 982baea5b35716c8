package page

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
)

// scheduler answers as a scheduler does, and says what it was asked.
func scheduler(asked *[]string) Ask {
	return func(_ context.Context, path string) (*http.Response, error) {
		*asked = append(*asked, path)
		answer := httptest.NewRecorder()
		switch path {
		case "nodes":
			answer.WriteHeader(http.StatusForbidden)
			_, _ = answer.WriteString(`{"kind":"Status","message":"nodes is forbidden"}`)
		case "gangs":
			return nil, errors.New("nobody is there")
		default:
			answer.Header().Set("Content-Type", "text/html")
			answer.Header().Set("Access-Control-Allow-Origin", "*")
			_, _ = answer.WriteString(`{"kind":"PodList"}`)
		}
		return answer.Result(), nil
	}
}

// TestWhoIsAnswered is about everything that stands between the user's credentials and the
// other pages in the browser, and the other users of the machine.
func TestWhoIsAnswered(t *testing.T) {
	const pods, status = `{"kind":"PodList"}`, `{"kind":"Status"`
	tests := map[string]struct {
		method, host, path string
		token              string // "" for the right one
		site               string // that asks, as browsers say it
		code               int
		body               string // its beginning
		asked              string // of the scheduler
	}{
		"the page":                          {path: "/", code: 200, body: "<!doctype html>"},
		"a file":                            {path: "/page.css", code: 200},
		"what it shows":                     {path: "/scope.json", code: 200, body: `{"namespace":"own","context":"kind"}`},
		"the state":                         {path: "/state/v1alpha1/namespaces/own/pods", code: 200, body: pods, asked: "namespaces/own/pods"},
		"with a query":                      {path: "/state/v1alpha1/moves?watch=true&from=3", code: 200, body: pods, asked: "moves?watch=true&from=3"},
		"an image":                          {path: "/state/v1alpha1/images/reg.example%3A5000/a@sha256%3Ab", code: 200, body: pods, asked: "images/reg.example%3A5000/a@sha256%3Ab"},
		"a refusal of the scheduler":        {path: "/state/v1alpha1/nodes", code: 403, body: `{"kind":"Status","message":"nodes is forbidden"}`, asked: "nodes"},
		"a scheduler that is not reached":   {path: "/state/v1alpha1/gangs", code: 502, body: `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"nobody is there","code":502}`, asked: "gangs"},
		"by the other name of this machine": {host: "localhost:99", path: "/", code: 200, body: "<!doctype"},
		"the page asks":                     {path: "/state/v1alpha1/pods", site: "same-origin", code: 200, body: pods, asked: "pods"},
		"the user asks":                     {path: "/", site: "none", code: 200, body: "<!doctype"},

		"the page itself tells nothing":   {path: "/", token: "none", code: 200, body: "<!doctype html>"},
		"no token":                        {path: "/state/v1alpha1/pods", token: "none", code: 403, body: "open the URL"},
		"no token, for what it shows":     {path: "/scope.json", token: "none", code: 403, body: "open the URL"},
		"a wrong token":                   {path: "/state/v1alpha1/pods", token: "wrong", code: 403, body: "open the URL"},
		"a token in the URL":              {path: "/state/v1alpha1/pods?token=", token: "in the URL", code: 403, body: "open the URL"},
		"another site":                    {path: "/state/v1alpha1/pods", site: "cross-site", code: 403, body: "open the URL"},
		"another port of this machine":    {path: "/state/v1alpha1/pods", site: "same-site", code: 403, body: "open the URL"},
		"a name that was made to be ours": {host: "evil.example:99", path: "/state/v1alpha1/pods", code: 403, body: "this page is at 127.0.0.1"},
		"the same with our name in it":    {host: "127.0.0.1.evil.example", path: "/", code: 403, body: "this page is at 127.0.0.1"},
		"an address of the network":       {host: "192.0.2.1:99", path: "/", code: 403, body: "this page is at 127.0.0.1"},

		"writing":               {method: http.MethodPost, path: "/state/v1alpha1/pods", code: 405, body: "this page can only be read"},
		"deleting":              {method: http.MethodDelete, path: "/", code: 405, body: "this page can only be read"},
		"asking what is asked":  {method: http.MethodOptions, path: "/state/v1alpha1/pods", site: "cross-site", code: 405, body: "this page can only be read"},
		"the API server's":      {path: "/api/v1/pods", code: 404},
		"the scheduler's other": {path: "/metrics", code: 404},
		"another version":       {path: "/state/v1/pods", code: 404},
		"out of the state":      {path: "/state/v1alpha1/../../metrics", code: 404},
		"the same, in disguise": {path: "/state/v1alpha1/%2e%2e/%2e%2e/metrics", code: 404},
		"the same, once more":   {path: "/state/v1alpha1/..%2f..%2fmetrics", code: 404},
		"a directory":           {path: "/static", code: 404},
		"a file by its source":  {path: "/static/index.html", code: 404},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var asked []string
			p := New(Scope{Namespace: "own", Context: "kind"}, scheduler(&asked))
			r := httptest.NewRequest(http.MethodGet, test.path, nil)
			if r.Host = "127.0.0.1:99"; test.host != "" {
				r.Host = test.host
			}
			if test.method != "" {
				r.Method = test.method
			}
			if test.site != "" {
				r.Header.Set("Sec-Fetch-Site", test.site)
			}
			switch test.token {
			case "":
				r.Header.Set("Authorization", "Bearer "+p.token)
			case "none":
			case "in the URL":
				r.URL.RawQuery += p.token
			default:
				r.Header.Set("Authorization", "Bearer "+test.token)
			}
			w := httptest.NewRecorder()
			p.ServeHTTP(w, r)
			if w.Code != test.code || !strings.HasPrefix(w.Body.String(), test.body) {
				t.Errorf("%d %q, want %d %q…", w.Code, w.Body, test.code, test.body)
			}
			if got := strings.Join(asked, " "); got != test.asked {
				t.Errorf("the scheduler was asked for %q, want %q", got, test.asked)
			}
			if strings.HasPrefix(test.body, status) && w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("Content-Type = %q", w.Header().Get("Content-Type"))
			}
			for header, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
				"Cross-Origin-Resource-Policy": "same-origin", "Access-Control-Allow-Origin": "",
			} {
				if got := w.Header().Get(header); got != want {
					t.Errorf("%s = %q, want %q", header, got, want)
				}
			}
			policy := w.Header().Get("Content-Security-Policy")
			if !strings.HasPrefix(policy, "default-src 'none'; script-src 'self';") || strings.Contains(policy, "unsafe") {
				t.Errorf("Content-Security-Policy = %q", policy)
			}
		})
	}
}

// TestTheURL leads to the page, which keeps the token for itself: nothing of it is sent to where a browser
// would send it unasked, such as to other ports of the machine.
func TestTheURL(t *testing.T) {
	var asked []string
	p := New(Scope{}, scheduler(&asked))
	r := httptest.NewRequest(http.MethodGet, p.URL("127.0.0.1:99"), nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Body.String(), "<!doctype html>") {
		t.Fatalf("%d %q, want the page", w.Code, w.Body)
	}
	if got := w.Header().Get("Set-Cookie"); got != "" {
		t.Errorf("Set-Cookie = %q, want none", got)
	}
	if other := New(Scope{}, scheduler(&asked)); other.token == p.token || len(p.token) < 26 {
		t.Errorf("tokens %q and %q, want long ones by chance", p.token, other.token)
	}
}

// TestMovesAreToldAtOnce checks that lines are passed on as they come, and that an answer
// that breaks off does not look like one that ended.
func TestMovesAreToldAtOnce(t *testing.T) {
	from, to := io.Pipe()
	p := New(Scope{}, func(context.Context, string) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: from}, nil
	})
	server := httptest.NewServer(p)
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/state/v1alpha1/moves?watch=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewReader(response.Body)
	for _, line := range []string{"one\n", "two\n"} {
		if _, err := io.WriteString(to, line); err != nil {
			t.Fatal(err)
		}
		if got, err := lines.ReadString('\n'); got != line {
			t.Fatalf("%q, %v, want %q before there is more", got, err, line)
		}
	}
	to.CloseWithError(errors.New("the port-forward broke"))
	if _, err := lines.ReadString('\n'); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v, want that it broke off", err)
	}
}

// TestFilesStandAlone checks that the page needs nothing but what it is served with, that
// every file has a type, and that no text can become markup.
func TestFilesStandAlone(t *testing.T) {
	files := 0
	err := fs.WalkDir(static, "static", func(at string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		if types[path.Ext(at)] == "" {
			t.Errorf("%s has no type", at)
		}
		body, err := static.ReadFile(at)
		text := strings.ReplaceAll(string(body), `xmlns="http://www.w3.org/2000/svg"`, "")
		for _, unwanted := range []string{"http://", "https://", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "<style", " style=", " onclick="} {
			if strings.Contains(text, unwanted) {
				t.Errorf("%s has %q", at, unwanted)
			}
		}
		return err
	})
	if err != nil || files < 5 {
		t.Errorf("%d files, %v", files, err)
	}
}
