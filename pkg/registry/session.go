package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// accepted are the media types of manifests and indexes.
var accepted = strings.Join([]string{ociIndex, dockerIndex, ociManifest, dockerManifest}, ", ")

// session is the requests for one image.
type session struct {
	repository name.Repository
	base       url.URL      // of the repository
	client     *http.Client // logged in
	elsewhere  *http.Client // for redirects: without credentials
}

func (r *Reader) open(ctx context.Context, repository name.Repository) (*session, error) {
	all, err := readCredentials(r.options.Credentials)
	if err != nil {
		return nil, err
	}
	inner := transport.NewUserAgent(r.guard, r.options.UserAgent)
	in, err := transport.NewWithContext(ctx, repository.Registry, all.of(repository), inner, []string{repository.Scope(transport.PullScope)})
	if err != nil {
		return nil, loginError(err)
	}
	return &session{
		repository: repository,
		base:       url.URL{Scheme: repository.Scheme(), Host: repository.RegistryStr(), Path: "/v2/" + repository.RepositoryStr()},
		client: &http.Client{Transport: in, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
		elsewhere: &http.Client{Transport: inner, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			if len(via) > 4 {
				return fault(Invalid, "redirected more than 5 times")
			}
			return nil
		}},
	}, nil
}

// loginError is what a registry's answers to who we are mean.
func loginError(err error) error {
	if answer, ok := errors.AsType[*transport.Error](err); ok {
		if e := statusError(answer.StatusCode, "logging in"); e != nil {
			return e
		}
	}
	return err
}

// manifest reads a manifest or an index, of the given size unless that is negative.
func (s *session) manifest(ctx context.Context, id string, size int64) (*document, string, error) {
	data, contentType, err := s.get(ctx, "/manifests/", id, size, accepted)
	if err != nil {
		return nil, "", err
	}
	doc, err := parse(contentType, data)
	if err != nil {
		return nil, "", fault(Invalid, "%s of %s: %w", id, s.repository, err)
	}
	return doc, digestOf(data), nil
}

// get reads a manifest or a blob, and has it be what was asked for.
func (s *session) get(ctx context.Context, kind, id string, size int64, accept string) (data []byte, contentType string, err error) {
	resp, err := s.do(ctx, http.MethodGet, kind+id, accept)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	if data, err = io.ReadAll(resp.Body); err != nil {
		return nil, "", err
	}
	if digest := digestOf(data); strings.Contains(id, ":") && id != digest {
		return nil, "", fault(Invalid, "what %s serves as %s is %s", s.repository, id, digest)
	}
	if size >= 0 && size != int64(len(data)) {
		return nil, "", fault(Invalid, "%s has %d bytes, and %d by what names it", id, len(data), size)
	}
	return data, resp.Header.Get("Content-Type"), nil
}

// head asks what a tag stands for; empty if the registry does not say.
func (s *session) head(ctx context.Context, id string) (string, error) {
	resp, err := s.do(ctx, http.MethodHead, "/manifests/"+id, accepted)
	if err != nil {
		return "", err
	}
	resp.Body.Close()
	return resp.Header.Get("Docker-Content-Digest"), nil
}

// do sends a request. Redirects are followed without credentials.
func (s *session) do(ctx context.Context, method, path, accept string) (*http.Response, error) {
	at := s.base
	at.Path += path
	resp, err := send(ctx, s.client, method, &at, accept, nil)
	if err != nil {
		return nil, err
	}
	if location, e := resp.Location(); e == nil && resp.StatusCode/100 == 3 {
		resp.Body.Close()
		if resp, err = send(ctx, s.elsewhere, method, location, accept, resp); err != nil {
			return nil, err
		}
	}
	if err := statusError(resp.StatusCode, path); err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

func send(ctx context.Context, client *http.Client, method string, at *url.URL, accept string, redirect *http.Response) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, at.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Response = redirect
	req.Header.Set("Accept", accept)
	return client.Do(req)
}

// statusError is what an answer means besides its content; nil if it is one.
func statusError(status int, doing string) error {
	switch {
	case status == http.StatusOK:
		return nil
	case status == http.StatusNotFound || status == http.StatusGone:
		return fault(Missing, "%s: %s", doing, http.StatusText(status))
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fault(Denied, "%s: %s", doing, http.StatusText(status))
	case status >= http.StatusInternalServerError:
		return fault(Unavailable, "%s: status %d", doing, status)
	default:
		return fault(Invalid, "%s: status %d", doing, status)
	}
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return fmt.Sprint("sha256:", hex.EncodeToString(sum[:]))
}
