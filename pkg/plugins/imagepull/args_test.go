package imagepull

import (
	"math"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/muster-scheduler/muster/pkg/image"
	"github.com/muster-scheduler/muster/pkg/plugins/args"
)

func TestArgs(t *testing.T) {
	tests := map[string]struct {
		raw     string
		want    image.Rate
		wantErr string
	}{
		"the defaults are 40 MB/s and a fifth of a second": {`{}`, image.Rate{BytesPerSecond: 40e6, SecondsPerImage: 0.2}, ""},
		"binary units are understood":                      {`{"nodeBandwidth":"1Gi"}`, image.Rate{BytesPerSecond: 1 << 30, SecondsPerImage: 0.2}, ""},
		"images may cost nothing besides their bytes":      {`{"perImageSeconds":0}`, image.Rate{BytesPerSecond: 40e6}, ""},
		"a bandwidth is a quantity":                        {`{"nodeBandwidth":"fast"}`, image.Rate{}, `args.nodeBandwidth: Invalid value: "fast": must be a quantity of bytes per second, such as 40M`},
		"and more than nothing":                            {`{"nodeBandwidth":"0"}`, image.Rate{}, `args.nodeBandwidth: Invalid value: "0": must be at least 1`},
		"seconds are not negative":                         {`{"perImageSeconds":-1}`, image.Rate{}, `args.perImageSeconds: Invalid value: -1: must be between 0 and 60`},
		"unknown arguments are refused":                    {`{"bandwidth":"40M"}`, image.Rate{}, `args.bandwidth: unknown field`},
		"the kind is the plugin's":                         {`{"kind":"ImageLocalityArgs"}`, image.Rate{}, `args.kind: want ImagePullArgs, got "ImageLocalityArgs"`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := args.Load(field.NewPath("args"), &runtime.Unknown{Raw: []byte(tc.raw)}, DefaultArgs())
			if tc.wantErr != "" {
				if err == nil || err.Error() != tc.wantErr {
					t.Fatalf("error = %v, want %s", err, tc.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Rate() != tc.want {
				t.Errorf("Rate() = %+v, want %+v", got.Rate(), tc.want)
			}
		})
	}
	if errs := (Args{NodeBandwidth: "1", PerImageSeconds: math.NaN()}).Validate(); len(errs) != 1 {
		t.Errorf("NaN is accepted: %v", errs)
	}
}
