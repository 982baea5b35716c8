package calibration

import (
	"math"
	"testing"
)

// TestFitFindsConstants makes pulls by the model and expects its constants back.
func TestFitFindsConstants(t *testing.T) {
	want := Constants{Resolve: 0.5, Layer: 0.3, Unpack: 55e6, Registry: 3e9}
	var pulls []Pull
	for _, nodes := range []int{1, 16, 64, 128, 256} {
		for _, load := range []Load{{2, 1e8}, {20, 1e8}, {5, 1e9}, {30, 5e9}} {
			pulls = append(pulls, Pull{Nodes: nodes, Seconds: want.Seconds(nodes, load), Cold: load, Own: load})
		}
	}
	got := Fit(Constants{Resolve: 0.5, Layer: 0.2, Unpack: 40e6, Registry: 4.4e9}, pulls)
	for name, pair := range map[string][2]float64{
		"layer": {got.Layer, want.Layer}, "unpack": {got.Unpack, want.Unpack}, "registry": {got.Registry, want.Registry},
	} {
		if math.Abs(pair[0]/pair[1]-1) > 0.02 {
			t.Errorf("%s is %g, want %g", name, pair[0], pair[1])
		}
	}
	if wrong := got.Wrong(pulls, Cold); wrong.P90 > 0.02 {
		t.Errorf("off by %g at the 90th in 100", wrong.P90)
	}
}

// TestPulls checks that every pull has its image, and that being sure means something.
func TestPulls(t *testing.T) {
	pulls, err := Pulls()
	if err != nil {
		t.Fatal(err)
	}
	if len(pulls) != 3774 {
		t.Errorf("%d pulls, want 3774", len(pulls))
	}
	for _, p := range pulls {
		if p.Seconds <= 0 || p.Nodes < 1 || p.Own.Bytes > p.Cold.Bytes || p.Own.Layers > p.Cold.Layers || p.Cold.Bytes <= 0 {
			t.Fatalf("impossible pull: %+v", p)
		}
	}
	sure := only(pulls, Pull.Sure)
	if len(sure) == 0 || len(sure) == len(pulls) {
		t.Errorf("%d of %d pulls are sure", len(sure), len(pulls))
	}
	// The model is not a bystander: on the pulls it was fitted to, it is closer
	// than any one number would be.
	start := Constants{Resolve: Floor(pulls), Layer: 0.2, Unpack: 40e6, Registry: 4.4e9}
	azure := only(sure, func(p Pull) bool { return p.Provider == "azure/aks" })
	if wrong := Fit(start, azure).Wrong(azure, Cold); wrong.Median > 0.1 {
		t.Errorf("fitted to one provider, the median error is %g", wrong.Median)
	}
}
