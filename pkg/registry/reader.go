package registry

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"net/netip"
	"slices"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"k8s.io/utils/clock"
)

// Options of a Reader.
type Options struct {
	// Allowed registries; no others are asked.
	Allowed []Allowed
	// Private are the address ranges that may be dialled besides the public ones.
	Private []netip.Prefix
	// Credentials is the path of a docker configuration; it need not exist, and is
	// read again for every image, since Secrets change. Empty for none.
	Credentials string
	// Roots that certificates are checked against; nil for those of the system.
	Roots *x509.CertPool
	// Timeout of all requests for one image together. 0 < Timeout.
	Timeout time.Duration
	// UserAgent is how registries' logs name us.
	UserAgent string
}

// Reader reads images. It is safe for concurrent use.
type Reader struct {
	options Options
	guard   *guard
}

// NewReader returns a reader with these options.
func NewReader(options Options, clock clock.PassiveClock) *Reader {
	return &Reader{options: options, guard: newGuard(options.Allowed, options.Private, options.Roots, clock)}
}

// Image is what a name stands for.
type Image struct {
	// Digest of what the registry has under the name: an index or a manifest.
	Digest string
	// Manifests for the platforms that were asked for, as far as there are any; nil
	// if the name stands for the digest that is known.
	Manifests []Manifest
}

// Read returns what the registry has under the key (see imagename.Key). An image
// that comes for several platforms is read for the given ones. If the name still
// stands for the known digest, nothing more is read.
func (r *Reader) Read(ctx context.Context, key string, platforms []Platform, known string) (Image, *Error) {
	i := slices.IndexFunc(r.options.Allowed, func(a Allowed) bool { return a.Covers(key) })
	if i < 0 {
		return Image{}, fault(Barred, "%s is in no registry that is allowed", key)
	}
	options := []name.Option{name.StrictValidation}
	if r.options.Allowed[i].insecure {
		options = append(options, name.Insecure)
	}
	ref, err := name.ParseReference(key, options...)
	if err != nil {
		return Image{}, fault(Missing, "%w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	s, err := r.open(ctx, ref.Context())
	if err != nil {
		return Image{}, classify(err)
	}
	image, err := s.image(ctx, ref.Identifier(), platforms, known)
	if err != nil {
		return Image{}, classify(err)
	}
	return image, nil
}

// image reads what the registry has under a tag or digest.
func (s *session) image(ctx context.Context, id string, platforms []Platform, known string) (Image, error) {
	if known != "" {
		if digest, err := s.head(ctx, id); err != nil || digest == known {
			return Image{Digest: digest}, err
		}
	}
	doc, digest, err := s.manifest(ctx, id, -1)
	if err != nil {
		return Image{}, err
	}
	if !doc.isIndex() {
		m, err := s.single(ctx, doc, digest)
		return Image{Digest: digest, Manifests: []Manifest{m}}, err
	}
	manifests, err := s.index(ctx, doc, platforms)
	return Image{Digest: digest, Manifests: manifests}, err
}

// index reads the image of each platform.
func (s *session) index(ctx context.Context, index *document, platforms []Platform) ([]Manifest, error) {
	var manifests []Manifest
	for _, platform := range platforms {
		entry := index.choose(platform)
		if entry == nil {
			continue
		}
		m, err := s.listed(ctx, entry, platform)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(manifests, func(o Manifest) bool { return o.Digest == m.Digest && o.Platform == m.Platform }) {
			manifests = append(manifests, m)
		}
	}
	if len(manifests) == 0 {
		return nil, fault(Missing, "the index has no image for any of %v", platforms)
	}
	return manifests, nil
}

// listed is the image that an index lists for the platform, or for none.
func (s *session) listed(ctx context.Context, entry *descriptor, platform Platform) (Manifest, error) {
	if err := entry.check(); err != nil {
		return Manifest{}, fault(Invalid, "the index's image for %s: %w", platform, err)
	}
	doc, digest, err := s.manifest(ctx, entry.Digest, entry.Size)
	if err != nil {
		return Manifest{}, err
	}
	if doc.isIndex() {
		return Manifest{}, fault(Invalid, "the index's image for %s is an index again", platform)
	}
	if entry.Platform == nil {
		return s.single(ctx, doc, digest)
	}
	m, err := manifestOf(doc, digest)
	m.Platform = platform
	return m, err
}

// single is an image that no index tells the platform of: its configuration does.
func (s *session) single(ctx context.Context, doc *document, digest string) (Manifest, error) {
	m, err := manifestOf(doc, digest)
	if err != nil {
		return m, err
	}
	if t := doc.Config.MediaType; t != ociConfig && t != dockerConfig {
		return m, nil // an artifact: it is for every platform
	}
	if err := doc.Config.check(); err != nil {
		return m, fault(Invalid, "configuration: %w", err)
	}
	data, _, err := s.get(ctx, "/blobs/", doc.Config.Digest, doc.Config.Size, "*/*")
	if err != nil {
		return m, err
	}
	var config struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
	}
	if err := json.Unmarshal(data, &config); err != nil {
		return m, fault(Invalid, "configuration: %w", err)
	}
	m.Platform = platform(config.OS, config.Architecture)
	return m, nil
}

func manifestOf(doc *document, digest string) (Manifest, error) {
	layers, err := doc.layers()
	if err != nil {
		return Manifest{}, fault(Invalid, "%s: %w", digest, err)
	}
	return Manifest{Digest: digest, MediaType: doc.MediaType, Layers: layers}, nil
}
