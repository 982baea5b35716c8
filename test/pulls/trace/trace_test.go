package trace

import (
	"math"
	"reflect"
	"testing"
)

func size() Size { return Size{Nodes: 300, Slots: 16, Seconds: 14400, Load: 0.6} }

func makers(t *testing.T) map[string]func(seed uint64) *Trace {
	return map[string]func(uint64) *Trace{
		"catalog": func(seed uint64) *Trace {
			made, err := Catalog(seed, size())
			if err != nil {
				t.Fatal(err)
			}
			return made
		},
		"shop": func(seed uint64) *Trace { return Shop(seed, size()) },
	}
}

func TestTracesAreWhatTheySay(t *testing.T) {
	for name, make := range makers(t) {
		t.Run(name, func(t *testing.T) {
			one := make(1)
			if !reflect.DeepEqual(one, make(1)) {
				t.Error("the same seed gives two traces")
			}
			if reflect.DeepEqual(one.Gangs, make(2).Gangs) {
				t.Error("two seeds give the same trace")
			}
			before, busy := 0.0, 0.0
			for i, g := range one.Gangs {
				if g.At < before || g.Members < 1 || g.Members > largestGang || len(g.Images) == 0 || g.Seconds < shortest {
					t.Fatalf("impossible gang %d: %+v", i, g)
				}
				if g.CPU < 1 || g.CPU > SlotCPU || g.Memory < 1 || g.Memory > SlotMemory {
					t.Fatalf("gang %d asks for more than a slot: %+v", i, g)
				}
				before = g.At
				busy += float64(g.Members) * g.Seconds
			}
			slots := float64(one.Size.Nodes * one.Size.Slots)
			if load := busy / slots / one.Size.Seconds; math.Abs(load-one.Size.Load) > 0.09 {
				t.Errorf("the load is %.2f, want %.2f", load, one.Size.Load)
			}
			for _, image := range one.Images {
				sum, seen := int64(0), map[int]bool{}
				for _, l := range image.Layers {
					if seen[l] {
						t.Errorf("%s has a layer twice", image.Name)
					}
					seen[l] = true
					sum += one.Layers[l].Bytes
				}
				if sum != image.Bytes || sum == 0 {
					t.Errorf("%s has %d bytes, its layers %d", image.Name, image.Bytes, sum)
				}
			}
		})
	}
}

// TestImages compares the data with what is known of it.
func TestImages(t *testing.T) {
	images, err := Images()
	if err != nil {
		t.Fatal(err)
	}
	var unique, sum int64
	for _, l := range images.Layers {
		unique += l.Bytes
	}
	for _, i := range images.Images {
		sum += i.Bytes
	}
	if len(images.Images) != 113 || len(images.Layers) != 782 {
		t.Errorf("%d images with %d layers, want 113 with 782", len(images.Images), len(images.Layers))
	}
	if ratio := float64(sum) / float64(unique); math.Abs(ratio-5.23) > 0.05 {
		t.Errorf("images share %.2f times, want 5.23", ratio)
	}
}

// TestShop compares the shop with its story.
func TestShop(t *testing.T) {
	shop := Shop(1, size())
	first, total := map[int]bool{}, 0.0
	for _, g := range shop.Gangs {
		first[g.Images[0]] = true
		total += float64(shop.Images[g.Images[0]].Bytes)
	}
	if mean := total / float64(len(shop.Gangs)) / 1e9; mean < 1.1 || mean > 1.5 {
		t.Errorf("images have %.2f GB, want about 1.3", mean)
	}
	released := len(shop.Images) - shopBases - 1 - shopServices
	if part := float64(released) / float64(len(shop.Gangs)); math.Abs(part-newVersion) > 0.02 {
		t.Errorf("%.3f of submissions are new versions, want %.2f", part, newVersion)
	}
}
