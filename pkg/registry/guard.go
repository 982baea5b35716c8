package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"syscall"
	"time"

	"k8s.io/utils/clock"
)

// maxBody is how much of any answer is read: what registries accept for a
// manifest, by the distribution specification.
const maxBody = 4 << 20

// guard is what every request goes through, those to token servers and along
// redirects too.
type guard struct {
	inner    *http.Transport
	insecure map[string]bool // hosts spoken to without TLS
	clock    clock.PassiveClock
}

// newGuard returns a guard that dials public addresses, and the given others.
func newGuard(allowed []Allowed, private []netip.Prefix, roots *x509.CertPool, clock clock.PassiveClock) *guard {
	g := &guard{insecure: map[string]bool{}, clock: clock}
	for _, a := range allowed {
		if a.insecure {
			g.insecure[a.host] = true
		}
	}
	dialer := &net.Dialer{
		Timeout: 10 * time.Second,
		// Called with the address that was resolved, before it is dialled: whatever
		// a name stood for when somebody looked before.
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			ap, err := netip.ParseAddrPort(address)
			if err != nil {
				return fault(Barred, "address %s: %w", address, err)
			}
			if addr := ap.Addr().Unmap(); !public(addr) && !within(private, addr) {
				return fault(Barred, "%s is not a public address, and not one that is allowed", addr)
			}
			return nil
		},
	}
	g.inner = &http.Transport{
		// No proxy: the address that matters would be dialled by it, unseen.
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // digests are of what travels
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  15 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        30 * time.Second,
	}
	if roots != nil {
		g.inner.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return g
}

// RoundTrip implements http.RoundTripper.
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" && !g.insecure[req.URL.Host] {
		err := fmt.Errorf("%s://%s is without TLS", req.URL.Scheme, req.URL.Host)
		if req.Response != nil {
			return nil, fault(Barred, "redirected: %w", err)
		}
		return nil, err // the login tries that where TLS has failed, which is the reason then
	}
	resp, err := g.inner.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable {
		resp.Body.Close()
		e := fault(Busy, "%s answered %s", req.URL.Host, resp.Status)
		e.After = g.retryAfter(resp.Header.Get("Retry-After"))
		return nil, e
	}
	resp.Body = &limitedBody{ReadCloser: resp.Body, left: maxBody}
	return resp, nil
}

// retryAfter reads a number of seconds, or a date.
func (g *guard) retryAfter(text string) time.Duration {
	const most = time.Hour // a registry cannot have us stay away for good
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(most, time.Duration(seconds)*time.Second)
	}
	if date, err := http.ParseTime(text); err == nil {
		return min(most, max(0, date.Sub(g.clock.Now())))
	}
	return 0
}

// limitedBody fails when there is more to read than is left.
type limitedBody struct {
	io.ReadCloser
	left int64
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fault(Invalid, "the answer is larger than %d bytes", maxBody)
	}
	return n, err
}
