package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/page"
)

func uiCommand(o *options) *cobra.Command {
	port := uint16(0)
	cmd := &cobra.Command{
		Use:   "ui",
		Short: "Show the queue, gangs and nodes on a page in your browser",
		Long: `Serves a page on this machine that shows the queue as pods move through it, gangs and
what they wait for, and nodes with their room and images. Open the URL that it prints.

Everything is read with your credentials, and by everybody who has that URL. Nodes are
shown to those who may list them. It ends with the command.`,
		Example: `  # The pods of this namespace
  kubectl muster ui

  # Those of all, at a port that does not change
  kubectl muster ui -A --port 8001`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.all && cmd.Flags().Changed("namespace") {
				return errors.New("--all-namespaces and --namespace exclude each other")
			}
			return o.ui(cmd.Context(), port)
		},
	}
	cmd.Flags().Uint16Var(&port, "port", 0, "port of 127.0.0.1 at which the page is; by default one that is free")
	cmd.Flags().BoolVarP(&o.all, "all-namespaces", "A", false, "of all namespaces, for which the right to list all pods is needed")
	return cmd
}

func (o *options) ui(ctx context.Context, port uint16) error {
	namespace, err := o.namespace()
	if err != nil {
		return err
	}
	raw, err := o.config.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return err
	}
	scope := page.Scope{Namespace: namespace, Context: raw.CurrentContext}
	if name := *o.config.Context; name != "" {
		scope.Context = name
	}
	l := &line{connect: func() (*scheduler, error) { return o.scheduler(ctx, of(namespace, "")) }}
	defer l.close()
	if err := l.check(ctx, of(namespace, "")); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
	if err != nil {
		return err
	}
	p := page.New(scope, l.ask)
	server := &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	fmt.Fprintln(o.Out, p.URL(listener.Addr().String()))
	fmt.Fprintln(o.ErrOut, "Whoever has this URL reads with your credentials. Ctrl-C ends it.")
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// line is a connection to the scheduler that leads, which is made anew when it breaks or
// another one leads.
type line struct {
	connect func() (*scheduler, error)
	mu      sync.Mutex
	now     *scheduler
}

// check connects, and returns why this user is not answered.
func (l *line) check(ctx context.Context, below string) error {
	s, err := l.other(nil)
	if err != nil {
		return err
	}
	return s.leads(ctx, below)
}

// ask implements page.Ask.
func (l *line) ask(ctx context.Context, path string) (*http.Response, error) {
	s, err := l.other(nil)
	if err != nil {
		return nil, err
	}
	response, err := s.ask(ctx, path)
	if ctx.Err() != nil || err == nil && response.StatusCode != http.StatusServiceUnavailable {
		return response, err
	}
	if err == nil {
		response.Body.Close()
	}
	if s, err = l.other(s); err != nil {
		return nil, err
	}
	return s.ask(ctx, path)
}

// other returns a connection that is not the given one, which broke.
func (l *line) other(broken *scheduler) (*scheduler, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now != nil && l.now != broken {
		return l.now, nil
	}
	l.drop()
	var err error
	l.now, err = l.connect()
	return l.now, err
}

func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop()
}

func (l *line) drop() {
	if l.now != nil {
		l.now.close()
		l.now = nil
	}
}

// ask asks for what is at a path below the state's prefix. Refusals are answers.
func (s *scheduler) ask(ctx context.Context, path string) (*http.Response, error) {
	return s.do(ctx, http.MethodGet, v1alpha1.Prefix+path, nil)
}
