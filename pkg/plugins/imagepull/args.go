package imagepull

import (
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/muster-scheduler/muster/pkg/image"
)

// Args of the plugin.
type Args struct {
	// NodeBandwidth is how many bytes a node downloads and unpacks in a
	// second, as a quantity: "40M" is 40,000,000. At least 1.
	NodeBandwidth string `json:"nodeBandwidth"`
	// PerImageSeconds is what every image costs besides its bytes.
	// 0 to 60.
	PerImageSeconds float64 `json:"perImageSeconds"`
}

// DefaultArgs returns the defaults: cold pulls of about 0.9 GB on three clouds
// ran at 37 to 45 MB/s on each node, download and unpacking together.
func DefaultArgs() Args {
	return Args{NodeBandwidth: "40M", PerImageSeconds: 0.2}
}

// Kind returns the kind that the arguments may state.
func (Args) Kind() string { return Name + "Args" }

// Validate returns what is wrong with the arguments.
func (a Args) Validate() field.ErrorList {
	var errs field.ErrorList
	path := field.NewPath("nodeBandwidth")
	if q, err := resource.ParseQuantity(a.NodeBandwidth); err != nil {
		errs = append(errs, field.Invalid(path, a.NodeBandwidth, "must be a quantity of bytes per second, such as 40M"))
	} else if q.AsApproximateFloat64() < 1 {
		errs = append(errs, field.Invalid(path, a.NodeBandwidth, "must be at least 1"))
	}
	if !(a.PerImageSeconds >= 0 && a.PerImageSeconds <= 60) {
		errs = append(errs, field.Invalid(field.NewPath("perImageSeconds"), a.PerImageSeconds, "must be between 0 and 60"))
	}
	return errs
}

// Rate returns the arguments, which must be valid, as what they mean.
func (a Args) Rate() image.Rate {
	q := resource.MustParse(a.NodeBandwidth)
	return image.Rate{BytesPerSecond: q.AsApproximateFloat64(), SecondsPerImage: a.PerImageSeconds}
}
