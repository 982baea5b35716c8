package trace

import (
	"bytes"
	"compress/gzip"
	_ "embed" // for the data
	"encoding/csv"
	"fmt"
	"strconv"
)

// imageLayers is the layers of 113 images: see data/README.md.
//
//go:embed data/image-layers.csv.gz
var imageLayers []byte

// catalogSeconds is how long a pod of the catalogue runs on average. Real jobs
// run for hours; the time is compressed so that four hours see as many starts
// as a real cluster of this size sees in one or two days.
const catalogSeconds = 1200

// Catalog is a trace of Jobs that use real images, on nodes that have none at
// first. How popular an image is follows Zipf's law with exponent 1, in an
// order that the seed draws.
func Catalog(seed uint64, size Size) (*Trace, error) {
	t, err := Images()
	if err != nil {
		return nil, err
	}
	t.Size = size
	rank := random(seed, 1).Perm(len(t.Images))
	shapes := random(seed, 2)
	asks := make([]Gang, len(t.Images))
	for i := range asks {
		asks[i].Images = []int{i}
		asks[i].CPU, asks[i].Memory = shape(shapes)
	}
	rng, popular := random(seed, 3), newZipf(len(t.Images), 1)
	t.submit(rng, catalogSeconds, func() Gang { return asks[rank[popular.draw(rng)]] })
	return t, nil
}

// Images is the real images, with nothing submitted.
func Images() (*Trace, error) {
	t := &Trace{Name: "catalog"}
	return t, t.readImages(imageLayers)
}

// readImages adds the images of a compressed table with the columns image,
// layer and bytes. Rows of one image follow one another, the lowest layer first.
func (t *Trace) readImages(table []byte) error {
	unzipped, err := gzip.NewReader(bytes.NewReader(table))
	if err != nil {
		return fmt.Errorf("reading the table of images: %w", err)
	}
	rows, err := csv.NewReader(unzipped).ReadAll()
	if err != nil {
		return fmt.Errorf("reading the table of images: %w", err)
	}
	layers := map[string]int{}
	for first, next := 1, 1; first < len(rows); first = next {
		var of []int
		in := map[int]bool{}
		for ; next < len(rows) && rows[next][0] == rows[first][0]; next++ {
			digest := rows[next][1]
			l, known := layers[digest]
			if !known {
				size, err := strconv.ParseInt(rows[next][2], 10, 64)
				if err != nil {
					return fmt.Errorf("reading the size of layer %s: %w", digest, err)
				}
				l = t.addLayer(digest, size)
				layers[digest] = l
			}
			if !in[l] {
				in[l] = true
				of = append(of, l)
			}
		}
		t.addImage(rows[first][0], of)
	}
	return nil
}
