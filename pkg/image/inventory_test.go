package image

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// naive is the Inventory as one would say it: the last reports, read anew for
// every question.
type naive map[string][]Report

func (nv naive) bytes(key string) int64 {
	var largest int64
	for node := range nv {
		largest = max(largest, nv.on(node, key))
	}
	return largest
}

// on returns the size that the node gives for the image: -1 if it does not
// have it, 0 if it does not say.
func (nv naive) on(node, key string) int64 {
	found := int64(-1)
	for _, r := range nv[node] {
		for _, name := range r.Names {
			if name == key {
				found = max(found, r.Bytes, 0)
			}
		}
	}
	return found
}

func (nv naive) missing(node string, keys []string) (pull Pull, known bool) {
	for _, key := range keys {
		bytes := nv.bytes(key)
		if bytes == 0 {
			continue
		}
		known = true
		cut := len(nv[node]) == ListCap
		for _, r := range nv[node] {
			cut = cut && bytes <= r.Bytes
		}
		if nv.on(node, key) >= 0 || cut {
			continue
		}
		pull.Images++
		if pull.Bytes > math.MaxInt64-bytes {
			pull.Bytes = math.MaxInt64
		} else {
			pull.Bytes += bytes
		}
	}
	return pull, known
}

func TestInventoryAgreesWithItsNaiveTwin(t *testing.T) {
	keys := []string{"a", "b", "c", "d", "e"}
	report := rapid.Custom(func(t *rapid.T) Report {
		return Report{
			Names: rapid.SliceOfN(rapid.SampledFrom(keys), 0, 3).Draw(t, "names"),
			Bytes: rapid.OneOf(rapid.Int64Range(-1, 5), rapid.Just(int64(math.MaxInt64))).Draw(t, "bytes"),
		}
	})
	reports := rapid.OneOf(rapid.SliceOfN(report, 0, 6), rapid.SliceOfN(report, ListCap-1, ListCap+1))
	node := rapid.SampledFrom([]string{"n1", "n2", "n3", "n4"})

	rapid.Check(t, func(t *rapid.T) {
		inv, twin := NewInventory(), naive{}
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				n, r := node.Draw(t, "node"), reports.Draw(t, "reports")
				inv.SetNode(n, r)
				twin[n] = r
			},
			"remove": func(t *rapid.T) {
				n := node.Draw(t, "node")
				inv.RemoveNode(n)
				delete(twin, n)
			},
			"": func(t *rapid.T) {
				if len(inv.nodes) != len(twin) {
					t.Fatalf("%d nodes, want %d", len(inv.nodes), len(twin))
				}
				ask := rapid.SliceOfDistinct(rapid.SampledFrom(keys), rapid.ID).Draw(t, "keys")
				var pulls []Pull
				for _, n := range []string{"n1", "n2", "n3", "n4"} {
					got, known := inv.Missing(n, ask)
					want, wantKnown := twin.missing(n, ask)
					if got != want || known != wantKnown {
						t.Fatalf("Missing(%s, %v) = %v, %v, want %v, %v", n, ask, got, known, want, wantKnown)
					}
					if _, reports := twin[n]; reports {
						pulls = append(pulls, got)
					}
				}
				for _, p := range pulls {
					if inv.Same(ask) && p != pulls[0] {
						t.Fatalf("Same(%v) = true, but nodes pull %v", ask, pulls)
					}
				}
			},
		})
	})
}

func TestInventoryForgetsWhatNoNodeHas(t *testing.T) {
	inv := NewInventory()
	for i := range 1000 {
		inv.SetNode(fmt.Sprintf("n%d", i%7), []Report{{Names: []string{fmt.Sprintf("image-%d", i)}, Bytes: 1}})
		if i%3 == 0 {
			inv.RemoveNode(fmt.Sprintf("n%d", i%5))
		}
	}
	for i := range 7 {
		inv.RemoveNode(fmt.Sprintf("n%d", i))
	}
	if len(inv.nodes) != 0 || len(inv.images) != 0 || len(inv.free) > 7 {
		t.Errorf("left over: %d nodes, %d images, %d slots", len(inv.nodes), len(inv.images), len(inv.free))
	}
}

func TestScoresLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seconds := rapid.SliceOfN(rapid.Float64Range(0, 1e12), 1, 20).Draw(t, "seconds")
		scores := Scores(seconds)
		for i := range seconds {
			if scores[i] < 0 || scores[i] > MaxScore {
				t.Fatalf("score %d of %v is out of range", scores[i], seconds)
			}
			for j := range seconds {
				if seconds[i] < seconds[j] && scores[i] < scores[j] {
					t.Fatalf("the faster node scores less: %v, %v", seconds, scores)
				}
			}
		}
		if slices.Max(scores) != MaxScore {
			t.Fatalf("no node scores %d: %v", MaxScore, scores)
		}
	})
}

func TestScores(t *testing.T) {
	tests := map[string]struct {
		seconds []float64
		want    []int64
	}{
		"no nodes, no scores":                         {nil, nil},
		"all equal are all best":                      {[]float64{7, 7, 7}, []int64{100, 100, 100}},
		"ten seconds are the whole range":             {[]float64{0, 5, 10}, []int64{100, 50, 0}},
		"below ten seconds the range is not used up":  {[]float64{3, 4}, []int64{100, 90}},
		"above, the slowest has nothing":              {[]float64{0, 10, 40}, []int64{100, 75, 0}},
		"what all nodes have to wait does not matter": {[]float64{1000, 1010, 1040}, []int64{100, 75, 0}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Scores(tc.seconds); fmt.Sprint(got) != fmt.Sprint(tc.want) {
				t.Errorf("Scores(%v) = %v, want %v", tc.seconds, got, tc.want)
			}
		})
	}
}

// cluster is 5,000 nodes with 50 images of three names each, out of 400; one
// image, "rare", is on ten nodes.
func cluster() (*Inventory, []string) {
	inv, nodes := NewInventory(), make([]string, 5000)
	for n := range nodes {
		nodes[n] = fmt.Sprintf("node-%04d", n)
		inv.SetNode(nodes[n], nodeReports(n))
	}
	return inv, nodes
}

func nodeReports(n int) []Report {
	images := make([]Report, 0, ListCap)
	for i := range ListCap {
		image := (n*31 + i*8) % 400
		if i == 0 && n%500 == 0 {
			images = append(images, Report{Names: []string{"rare"}, Bytes: 2e9})
			continue
		}
		images = append(images, Report{
			Names: []string{fmt.Sprintf("reg.io/team/image-%d:v1", image), fmt.Sprintf("reg.io/team/image-%d@sha256:aa", image), fmt.Sprintf("reg.io/team/image-%d:latest", image)},
			Bytes: int64(image+1) * 1e6,
		})
	}
	return images
}

func BenchmarkMissing(b *testing.B) {
	inv, nodes := cluster()
	keys := []string{"rare", "reg.io/team/image-7:v1"}
	b.Run("nodes=5000/keys=2", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for _, n := range nodes {
				inv.Missing(n, keys)
			}
		}
	})
}

func BenchmarkSetNode(b *testing.B) {
	inv, nodes := cluster()
	images := nodeReports(0)
	b.ReportAllocs()
	for b.Loop() {
		inv.SetNode(nodes[0], images)
	}
}

func BenchmarkScores(b *testing.B) {
	seconds := make([]float64, 5000)
	for i := range seconds {
		seconds[i] = float64(i % 97)
	}
	b.ReportAllocs()
	for b.Loop() {
		Scores(seconds)
	}
}
