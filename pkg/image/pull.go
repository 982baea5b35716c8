package image

import "math"

// Pull is what a node has to fetch before a set of images is on it.
type Pull struct {
	// Bytes to fetch, as reported by nodes; saturates. 0 <= Bytes.
	Bytes int64
	// Images to fetch. 0 <= Images <= number of keys asked for.
	Images int
}

// Add returns the pull that fetches both.
func (p Pull) Add(q Pull) Pull {
	return Pull{Bytes: add(p.Bytes, q.Bytes), Images: p.Images + q.Images}
}

// Rate turns a Pull into time.
type Rate struct {
	// BytesPerSecond that a node downloads and unpacks; > 0.
	BytesPerSecond float64
	// SecondsPerImage is what every image costs whatever its size:
	// resolving, authorising, starting to unpack; >= 0.
	SecondsPerImage float64
}

// Seconds returns how long the pull takes, one image after the other, as a
// kubelet does for the images of one pod. It is 0 for nothing to pull, finite
// for every valid rate, and never negative.
func (r Rate) Seconds(p Pull) float64 {
	return float64(p.Bytes)/r.BytesPerSecond + float64(p.Images)*r.SecondsPerImage
}

// add returns a + b for a, b >= 0, or the largest int64 if that is less.
func add(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
