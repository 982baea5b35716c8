package kubelet

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
)

var errCut = errors.New("the node has lost its connection")

// link is a node's connection to the API server. It can be cut: then all requests fail, those in flight too, which
// includes watches.
type link struct {
	mu    sync.Mutex
	whole context.Context // ends when the link is cut
	cut   context.CancelCauseFunc
}

func newLink() *link {
	l := &link{}
	l.whole, l.cut = context.WithCancelCause(context.Background())
	return l
}

func (l *link) setCut(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case cut:
		l.cut(errCut)
	case l.whole.Err() != nil:
		l.whole, l.cut = context.WithCancelCause(context.Background())
	}
}

func (l *link) isCut() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.whole.Err() != nil
}

// wrap makes requests depend on the link.
func (l *link) wrap(next http.RoundTripper) http.RoundTripper { return transport{l, next} }

type transport struct {
	link *link
	next http.RoundTripper
}

// WrappedRoundTripper lets client-go find the transport below.
func (t transport) WrappedRoundTripper() http.RoundTripper { return t.next }

func (t transport) RoundTrip(request *http.Request) (*http.Response, error) {
	t.link.mu.Lock()
	whole := t.link.whole
	t.link.mu.Unlock()
	if err := context.Cause(whole); err != nil {
		if request.Body != nil {
			request.Body.Close()
		}
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(request.Context())
	stop := context.AfterFunc(whole, func() { cancel(errCut) })
	release := func() {
		stop()
		cancel(nil)
	}
	response, err := t.next.RoundTrip(request.WithContext(ctx))
	if err != nil {
		release()
		return nil, err
	}
	response.Body = body{response.Body, release}
	return response, nil
}

// body is a response body that tells when it is no longer needed.
type body struct {
	io.ReadCloser
	release func()
}

func (b body) Close() error {
	defer b.release()
	return b.ReadCloser.Close()
}
