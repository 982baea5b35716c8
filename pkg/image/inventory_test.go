package image

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

func TestInventoryForgetsWhatNoNodeHas(t *testing.T) {
	inv, now := NewInventory(), time.Unix(1e9, 0)
	for i := range 1000 {
		name := fmt.Sprintf("n%d", i%7)
		inv.SetNode(name, Node{Images: []Report{{Names: []string{fmt.Sprintf("image-%d", i)}, Bytes: 1}}}, now)
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

// The cluster of the benchmarks: 5,000 nodes with 50 images each out of 9,000, of
// 10 layers each, half of which the image shares with nine others: 49,500 layers.
const (
	manyNodes  = 5000
	manyImages = 9000
)

func cluster() (*Inventory, []string) {
	inv, now := NewInventory(), time.Unix(1e9, 0)
	for i := range manyImages {
		m := Manifest{Digest: fmt.Sprintf("sha256:%064d", i), Keys: []string{imageKey(i), digestKey(i)}, Platform: "linux/amd64"}
		for l := range 5 {
			m.Layers = append(m.Layers, Layer{Digest: fmt.Sprintf("sha256:base-%056d-%03d", i/10, l), Bytes: 90e6}, Layer{Digest: fmt.Sprintf("sha256:own-%057d-%03d", i, l), Bytes: 10e6})
		}
		inv.SetManifest(m)
	}
	nodes := make([]string, manyNodes)
	for n := range nodes {
		nodes[n] = fmt.Sprintf("node-%04d", n)
		inv.SetNode(nodes[n], nodeWith(n), now)
	}
	return inv, nodes
}

func imageKey(i int) string { return fmt.Sprintf("registry.example.org/team/image-%d:v1", i) }
func digestKey(i int) string {
	return fmt.Sprintf("registry.example.org/team/image-%d@sha256:%064d", i, i)
}

func nodeWith(n int) Node {
	images := make([]Report, 0, ListCap)
	for i := range ListCap {
		image := (n*31 + i*i*8) % manyImages
		images = append(images, Report{Names: []string{imageKey(image), digestKey(image)}, Bytes: int64(image+1) * 1e6})
	}
	return Node{Platform: "linux/amd64", Images: images, Puller: Puller{BytesPerSecond: 40e6, Parallel: 1, Eager: 1}}
}

func BenchmarkInventory(b *testing.B) {
	now := time.Unix(1e9, 0)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	inv, nodes := cluster()
	runtime.GC()
	runtime.ReadMemStats(&after)
	needs := []Need{{Key: imageKey(7)}, {Key: imageKey(4000)}}
	b.Run("estimate/nodes=5000", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			inv.Estimate(Ask{Needs: needs})
		}
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB")
		b.ReportMetric(float64(len(inv.layers)), "layers")
	})
	b.Run("of/nodes=5000", func(b *testing.B) {
		e := inv.Estimate(Ask{Needs: needs})
		b.ReportAllocs()
		for b.Loop() {
			for _, n := range nodes {
				e.Of(n)
			}
		}
	})
	b.Run("setNode", func(b *testing.B) {
		is := nodeWith(0)
		b.ReportAllocs()
		for b.Loop() {
			inv.SetNode(nodes[0], is, now)
		}
	})
	at := now
	for _, busy := range []int{1, 1000} { // nodes with a pull under way
		b.Run(fmt.Sprintf("promise/busy=%d", busy), func(b *testing.B) {
			for i := range busy {
				inv.Reserve(fmt.Sprint("busy-", i), "", nodes[i], []Need{{Key: imageKey(1000 + i)}}, now)
				inv.Bind(fmt.Sprint("busy-", i), now)
			}
			b.ReportAllocs()
			for b.Loop() {
				inv.Reserve("pod", "", nodes[0], needs, now)
				inv.Bind("pod", now)
				inv.Undo("pod")
			}
		})
		b.Run(fmt.Sprintf("expect/busy=%d", busy), func(b *testing.B) {
			inv.Reserve("pod", "", nodes[0], needs, now)
			b.ReportAllocs()
			for b.Loop() {
				inv.Expect("pod")
			}
			inv.Undo("pod")
		})
		b.Run(fmt.Sprintf("advance/busy=%d", busy), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				at = at.Add(time.Millisecond)
				inv.Advance(at)
			}
		})
	}
}
