// Package calibration compares the model of a pull with how long real kubelets
// took, and finds the constants with which it is least wrong.
//
// The data say which images a cluster pulled and how long each pull took, but
// not in which order: what was on a node before is unknown. A pull is sure if at
// least nine tenths of its image are layers that no other image of that cluster
// has; then order does not matter. Constants are fitted on sure pulls alone.
package calibration

import (
	"bytes"
	"compress/gzip"
	_ "embed" // for the data
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"github.com/muster-scheduler/muster/test/pulls/trace"
)

//go:embed data/pull-seconds.csv.gz
var pullSeconds []byte

// Pull is one pull of an image by one real node.
type Pull struct {
	Provider string
	Nodes    int // of the cluster, taken to pull at the same time
	Image    string
	Seconds  float64
	// Cold is what the node fetched if it had none of the cluster's other images,
	// Own if it had all of them.
	Cold, Own Load
}

// Load is layers and their bytes.
type Load struct {
	Layers int
	Bytes  float64
}

// Sure reports whether what the node fetched is known.
func (p Pull) Sure() bool { return p.Own.Bytes >= 0.9*p.Cold.Bytes }

// Pulls reads all real pulls.
func Pulls() ([]Pull, error) {
	images, err := trace.Images()
	if err != nil {
		return nil, err
	}
	rows, err := readRows(pullSeconds)
	if err != nil {
		return nil, fmt.Errorf("reading the table of pulls: %w", err)
	}
	byName := map[string]int{}
	for i, image := range images.Images {
		byName[image.Name] = i
	}
	inCluster := map[string]map[int]bool{} // images by cluster and its size
	for _, row := range rows {
		key := row[0] + "/" + row[1]
		if inCluster[key] == nil {
			inCluster[key] = map[int]bool{}
		}
		image, known := byName[row[2]]
		if !known {
			return nil, fmt.Errorf("no layers are known of image %s", row[2])
		}
		inCluster[key][image] = true
	}
	pulls := make([]Pull, 0, len(rows))
	for _, row := range rows {
		pull := Pull{Provider: row[0], Image: row[2]}
		if pull.Seconds, err = strconv.ParseFloat(row[3], 64); err != nil {
			return nil, fmt.Errorf("reading the seconds of a pull: %w", err)
		}
		// A suffix tells variants of clusters of one size apart, such as 32-placement.
		size, _, _ := strings.Cut(row[1], "-")
		if pull.Nodes, err = strconv.Atoi(size); err != nil {
			return nil, fmt.Errorf("reading the size of a cluster: %w", err)
		}
		pull.Cold, pull.Own = loads(images, byName[row[2]], inCluster[row[0]+"/"+row[1]])
		pulls = append(pulls, pull)
	}
	return pulls, nil
}

// loads returns all of an image, and what none of the other images has.
func loads(t *trace.Trace, image int, others map[int]bool) (cold, own Load) {
	elsewhere := map[int]bool{}
	for other := range others {
		if other != image {
			for _, l := range t.Images[other].Layers {
				elsewhere[l] = true
			}
		}
	}
	for _, l := range t.Images[image].Layers {
		bytes := float64(t.Layers[l].Bytes)
		cold.Layers++
		cold.Bytes += bytes
		if !elsewhere[l] {
			own.Layers++
			own.Bytes += bytes
		}
	}
	return cold, own
}

// readRows reads a compressed table without its first line.
func readRows(table []byte) ([][]string, error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(table))
	if err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(unzipped).ReadAll()
	if err != nil {
		return nil, err
	}
	return rows[1:], nil
}
