package pull

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/distribution/reference"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"
)

// UnknownImageSize is the size of the one layer of an image that the catalogue does not list.
const UnknownImageSize = 50 << 20

// notFoundDomain ends the registry host of images that do not exist; RFC 2606 reserves it for names that never resolve.
const notFoundDomain = ".invalid"

// Layer is one blob of an image. Two images that name the same digest share it.
type Layer struct {
	Digest string            `json:"digest"`
	Size   resource.Quantity `json:"size"`
}

// Image is what the registry serves under one name.
type Image struct {
	// Name is the reference pods use. Inside a Catalogue it is fully qualified: docker.io/library/nginx:latest.
	Name   string  `json:"name"`
	Layers []Layer `json:"layers"`
	// Preloaded are the nodes that hold the image from the start: names, or patterns as in path.Match ("node-*").
	Preloaded []string `json:"preloaded,omitempty"`
}

// ID is the image's content address. It is a function of the name: here a tag never moves.
func (i Image) ID() string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(i.Name))) }

// RepoDigest is the image's reference by digest, as a container runtime reports it.
func (i Image) RepoDigest() string { return repository(i.Name) + "@" + i.ID() }

// Size is the sum of the image's layers in bytes.
func (i Image) Size() int64 {
	var sum int64
	for _, l := range i.Layers {
		sum += l.Size.Value()
	}
	return sum
}

// Catalogue is everything the simulated registry serves. It is immutable.
type Catalogue struct {
	images map[string]Image // by fully qualified name
	names  []string         // in the order of the file
}

// ParseImages reads a catalogue file: YAML with one list, "images".
func ParseImages(data []byte) ([]Image, error) {
	var file struct {
		Images []Image `json:"images"`
	}
	if err := yaml.UnmarshalStrict(data, &file); err != nil {
		return nil, err
	}
	_, err := NewCatalogue(file.Images)
	return file.Images, err
}

// NewCatalogue checks the images and returns a catalogue of them.
func NewCatalogue(images []Image) (*Catalogue, error) {
	c := &Catalogue{images: make(map[string]Image, len(images))}
	sizes := map[string]int64{}
	for _, img := range images {
		name, err := Normalize(img.Name)
		if err == nil {
			err = img.check(sizes)
		}
		if err != nil {
			return nil, fmt.Errorf("image %q: %w", img.Name, err)
		}
		if _, ok := c.images[name]; ok {
			return nil, fmt.Errorf("image %q is listed twice", img.Name)
		}
		img.Name = name
		c.images[name] = img
		c.names = append(c.names, name)
	}
	return c, nil
}

// check looks at all but the name. The sizes of layers, by digest, are those seen so far; it adds its own.
func (i Image) check(sizes map[string]int64) error {
	if len(i.Layers) == 0 {
		return errors.New("no layers")
	}
	for _, l := range i.Layers {
		size := l.Size.Value()
		if l.Digest == "" || size <= 0 {
			return errors.New("each layer needs a digest and a size above zero")
		}
		if known, ok := sizes[l.Digest]; ok && known != size {
			return fmt.Errorf("layer %q is %d bytes here and %d elsewhere", l.Digest, size, known)
		}
		sizes[l.Digest] = size
	}
	for _, p := range i.Preloaded {
		if _, err := path.Match(p, ""); err != nil {
			return fmt.Errorf("preloaded %q: %w", p, err)
		}
	}
	return nil
}

// Find returns the image behind a reference. An image that is not listed gets one layer of its own of
// UnknownImageSize, so that any manifest runs; only hosts that end in ".invalid" serve nothing.
func (c *Catalogue) Find(ref string) (Image, error) {
	name, err := Normalize(ref)
	if err != nil {
		return Image{}, fmt.Errorf("invalid image reference %q: %w", ref, err)
	}
	if img, ok := c.images[name]; ok {
		return img, nil
	}
	if host, _, _ := strings.Cut(name, "/"); strings.HasSuffix(host, notFoundDomain) {
		return Image{}, fmt.Errorf("failed to resolve image: %s: not found", name)
	}
	size := *resource.NewQuantity(UnknownImageSize, resource.BinarySI)
	return Image{Name: name, Layers: []Layer{{Digest: "only-layer-of " + name, Size: size}}}, nil
}

// Preloaded returns the images that a node holds from the start, in the order of the catalogue.
func (c *Catalogue) Preloaded(node string) []Image {
	var found []Image
	for _, name := range c.names {
		for _, pattern := range c.images[name].Preloaded {
			if ok, _ := path.Match(pattern, node); ok { // the pattern was checked in NewCatalogue
				found = append(found, c.images[name])
				break
			}
		}
	}
	return found
}

// Normalize returns the fully qualified form of a reference, as containerd stores it.
func Normalize(ref string) (string, error) {
	named, err := reference.ParseDockerRef(ref)
	if err != nil {
		return "", err
	}
	return named.String(), nil
}

// repository cuts tag and digest off a fully qualified reference.
func repository(name string) string {
	name, _, _ = strings.Cut(name, "@")
	if i := strings.LastIndex(name, ":"); i > strings.LastIndex(name, "/") {
		name = name[:i]
	}
	return name
}
