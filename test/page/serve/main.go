// Command serve shows the page of kubectl muster ui in front of a state that somebody else
// makes up: what is asked of the scheduler is asked of the URL given. It is for the tests of
// the page in a browser, which feed it with what no scheduler would say.
//
// It prints the URL of the page. NAMESPACE, if given, is the one whose pods are shown.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/page"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 1 || len(args) > 2 {
		return fmt.Errorf("usage: serve URL [NAMESPACE], not %q", args)
	}
	scope := page.Scope{Context: "made up"}
	if len(args) == 2 {
		scope.Namespace = args[1]
	}
	ask := func(ctx context.Context, path string) (*http.Response, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, args[0]+v1alpha1.Prefix+path, nil)
		if err != nil {
			return nil, err
		}
		return http.DefaultClient.Do(request)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	p := page.New(scope, ask)
	fmt.Fprintln(os.Stdout, p.URL(listener.Addr().String()))
	return (&http.Server{Handler: p}).Serve(listener)
}
