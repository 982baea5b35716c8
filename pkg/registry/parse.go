package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"regexp"
	"strings"
)

// MaxLayers is how many layers an image may have. A kernel's overlay file system
// stacks no more, so no container could run them; with digest and size they are 53
// kB in etcd, of the 1.5 MB that an object may have.
const MaxLayers = 500

const (
	maxEntries = 1000    // of an index
	maxLayer   = 1 << 40 // bytes; MaxLayers of them are still far from an int64's end
)

// The media types of what is read.
const (
	ociManifest    = "application/vnd.oci.image.manifest.v1+json"
	ociIndex       = "application/vnd.oci.image.index.v1+json"
	ociConfig      = "application/vnd.oci.image.config.v1+json"
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerIndex    = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerConfig   = "application/vnd.docker.container.image.v1+json"
)

// Platform is what an image runs on.
type Platform struct{ OS, Architecture string }

// String returns it as in "linux/amd64"; nothing if it is not known.
func (p Platform) String() string {
	if p == (Platform{}) {
		return ""
	}
	return p.OS + "/" + p.Architecture
}

var platformPart = regexp.MustCompile(`^[a-z0-9]{1,20}$`)

// platform returns what is said of the platform, if it can be true.
func platform(os, architecture string) Platform {
	if !platformPart.MatchString(os) || !platformPart.MatchString(architecture) {
		return Platform{}
	}
	return Platform{OS: os, Architecture: architecture}
}

// Layer is one blob of an image.
type Layer struct {
	Digest string
	Bytes  int64 // compressed; 0 <= Bytes <= 1 TiB
	// Foreign layers come from elsewhere than the registry, such as Windows'.
	Foreign bool
}

// Manifest is of which layers an image is made for one platform.
type Manifest struct {
	Digest    string
	MediaType string
	// Platform that the index names, or the image itself; zero if neither does.
	Platform Platform
	// Layers from the bottom up. Each is there once. At most 500.
	Layers []Layer
}

// descriptor is how manifests and indexes name what they are made of.
type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
	Platform  *struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
		Variant      string `json:"variant"`
	} `json:"platform"`
}

// limited is a list that is not decoded past its limit: in a few megabytes there
// is room for a million empty descriptors.
type limited[L interface{ max() int }] []descriptor

type (
	atMostLayers  struct{}
	atMostEntries struct{}
)

func (atMostLayers) max() int  { return MaxLayers }
func (atMostEntries) max() int { return maxEntries }

func (l *limited[L]) UnmarshalJSON(data []byte) error {
	*l = nil
	decoder := json.NewDecoder(bytes.NewReader(data))
	start, err := decoder.Token()
	if err != nil || start == nil {
		return err
	}
	if start != json.Delim('[') {
		return fmt.Errorf("%v where a list should be", start)
	}
	*l = limited[L]{} // there is one, be it empty
	limit := (*new(L)).max()
	for decoder.More() {
		if len(*l) == limit {
			return fmt.Errorf("a list of more than %d", limit)
		}
		var d descriptor
		if err := decoder.Decode(&d); err != nil {
			return err
		}
		*l = append(*l, d)
	}
	return nil
}

// document is a manifest or an index.
type document struct {
	MediaType string                 `json:"mediaType"`
	Config    *descriptor            `json:"config"`
	Layers    limited[atMostLayers]  `json:"layers"`
	Manifests limited[atMostEntries] `json:"manifests"`
}

// parse reads a manifest or an index of the media type under which it was served.
// A document that could be read as either is refused: whoever checks it and
// whoever uses it must not see different images.
func parse(contentType string, data []byte) (*document, error) {
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, fmt.Errorf("content type %q: %w", contentType, err)
	}
	var doc document
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	if doc.MediaType != "" && doc.MediaType != mediaType {
		return nil, fmt.Errorf("it is served as %s and calls itself %.100s", mediaType, doc.MediaType)
	}
	doc.MediaType = mediaType
	switch mediaType {
	case ociManifest, dockerManifest:
		if doc.Manifests != nil || doc.Config == nil {
			return nil, errors.New("an image with a list of images, or without a configuration")
		}
	case ociIndex, dockerIndex:
		if doc.Layers != nil || doc.Config != nil {
			return nil, errors.New("an index with layers or a configuration of its own")
		}
	default:
		return nil, fmt.Errorf("media type %.100s", mediaType)
	}
	return &doc, nil
}

func (d *document) isIndex() bool { return d.MediaType == ociIndex || d.MediaType == dockerIndex }

// layers returns the layers of an image. What else it carries, such as
// attestations, is never pulled to run it and left out.
func (d *document) layers() ([]Layer, error) {
	layers := make([]Layer, 0, len(d.Layers))
	sizes := make(map[string]int64, len(d.Layers))
	for i := range d.Layers {
		l := &d.Layers[i]
		if !isLayer(l.MediaType) {
			continue
		}
		if err := l.check(); err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
		if size, again := sizes[l.Digest]; again {
			if size != l.Size {
				return nil, fmt.Errorf("layer %d has %d bytes here and %d above", i, l.Size, size)
			}
			continue
		}
		sizes[l.Digest] = l.Size
		layers = append(layers, Layer{Digest: l.Digest, Bytes: l.Size, Foreign: isForeign(l.MediaType)})
	}
	if len(layers) == 0 && len(d.Layers) > 0 {
		return nil, errors.New("none of its parts is a layer of an image")
	}
	return layers, nil
}

func isLayer(mediaType string) bool {
	return strings.HasPrefix(mediaType, "application/vnd.oci.image.layer.") || strings.HasPrefix(mediaType, "application/vnd.docker.image.rootfs.")
}

func isForeign(mediaType string) bool {
	return strings.Contains(mediaType, ".nondistributable.") || strings.Contains(mediaType, ".foreign.")
}

var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func (d *descriptor) check() error {
	if !digestForm.MatchString(d.Digest) {
		return fmt.Errorf("digest %.100q is not a SHA-256", d.Digest)
	}
	if d.Size < 0 || d.Size > maxLayer {
		return fmt.Errorf("a size of %d bytes", d.Size)
	}
	return nil
}

// choose returns the entry of the index that a node of the platform takes, or nil.
// Entries without a platform are for those who find no other.
func (d *document) choose(want Platform) *descriptor {
	var best *descriptor
	rank := 0
	for i := range d.Manifests {
		entry := &d.Manifests[i]
		r := 1
		if p := entry.Platform; p != nil {
			if p.OS != want.OS || p.Architecture != want.Architecture {
				continue
			}
			r = variantRank(p.Architecture, p.Variant)
		}
		if r > rank {
			best, rank = entry, r
		}
	}
	return best
}

// variantRank is the higher, the more likely a node takes the variant: nodes do
// not tell theirs. The first of equals counts, as everywhere.
func variantRank(architecture, variant string) int {
	switch {
	case variant == "", architecture == "arm64" && variant == "v8", architecture == "arm" && variant == "v7":
		return 4
	case architecture == "arm" && variant == "v6":
		return 3
	default:
		return 2
	}
}
