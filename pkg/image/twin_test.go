package image

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// twin is the Inventory as one would say it: what was stated last, read anew for
// every question. Its lists are complete and its time stands still.
type twin struct {
	nodes     map[string]Node
	manifests map[string]Manifest
	promises  []twinPromise // firm ones first, in order
}

type twinPromise struct {
	pod, gang, node string
	needs           []Need
	firm            bool
}

// layers of an image on a platform, by name; the whole image counts as a layer of
// its own. known is false if nothing is known of it.
func (tw *twin) layers(key, platform string) (layers map[string]int64, known bool) {
	layers = map[string]int64{}
	found := false
	for _, digest := range slices.Sorted(maps.Keys(tw.manifests)) {
		m := tw.manifests[digest]
		if !slices.Contains(m.Keys, key) {
			continue
		}
		known = true
		if m.Platform == platform && !found {
			found = true
			for _, l := range m.Layers {
				layers[l.Digest] = tw.bytes(l.Digest)
			}
		}
	}
	whole, most := int64(0), 0
	by := map[int64]int{} // nodes, by the size that they report
	for _, n := range tw.nodes {
		reported := int64(0)
		for _, r := range n.Images {
			if slices.Contains(r.Names, key) {
				reported = max(reported, r.Bytes)
			}
		}
		by[reported]++
	}
	for bytes, nodes := range by {
		if bytes > 0 && (nodes > most || nodes == most && bytes > whole) {
			whole, most = bytes, nodes
		}
	}
	if !found && whole > 0 {
		layers["whole "+key] = whole
	}
	return layers, known || whole > 0
}

// bytes of a layer are a function of its digest here.
func (tw *twin) bytes(digest string) int64 { return int64(digest[0]-'a'+1) * 1e6 }

func (tw *twin) has(node, key string) bool {
	return slices.ContainsFunc(tw.nodes[node].Images, func(r Report) bool { return slices.Contains(r.Names, key) })
}

func (tw *twin) on(node string) map[string]bool {
	n, have := tw.nodes[node], map[string]bool{}
	for _, r := range n.Images {
		for _, key := range r.Names {
			layers, _ := tw.layers(key, n.Platform)
			for l := range layers {
				have[l] = true
			}
		}
	}
	return have
}

func (tw *twin) missing(node string, needs []Need) map[string]int64 {
	lacks, have := map[string]int64{}, tw.on(node)
	for _, need := range needs {
		if tw.has(node, need.Key) && !need.Always {
			continue
		}
		layers, _ := tw.layers(need.Key, tw.nodes[node].Platform)
		for l, bytes := range layers {
			if !have[l] {
				lacks[l] = bytes
			}
		}
	}
	return lacks
}

// cost is what a pod of the gang still has to fetch.
func (tw *twin) cost(node, gang string, needs []Need) (sum int64) {
	lacks := tw.missing(node, needs)
	for _, p := range tw.promises {
		if p.node == node && (p.firm || gang != "" && p.gang == gang) {
			for l := range tw.missing(node, p.needs) {
				delete(lacks, l)
			}
		}
	}
	for _, bytes := range lacks {
		sum += bytes
	}
	return sum
}

func (tw *twin) drop(pod string) {
	tw.promises = slices.DeleteFunc(tw.promises, func(p twinPromise) bool { return p.pod == pod })
}

func TestInventoryAgreesWithItsTwin(t *testing.T) {
	now := time.Unix(1e9, 0)
	nodes := []string{"n1", "n2", "n3"}
	// One digest each, so that no tag moves: tags.txt has those.
	images := []string{"a", "b", "c", "d"}
	platform := rapid.SampledFrom([]string{"linux/amd64", "linux/arm64"})
	node, pod, gang := rapid.SampledFrom(nodes), rapid.SampledFrom([]string{"p1", "p2", "p3", "p4"}), rapid.SampledFrom([]string{"", "g", "h"})
	needs := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) Need {
		return Need{Key: rapid.SampledFrom(images).Draw(t, "image"), Always: rapid.Bool().Draw(t, "always")}
	}), 1, 3, func(n Need) string { return n.Key })
	report := rapid.Custom(func(t *rapid.T) Report {
		return Report{
			Names: rapid.SliceOfNDistinct(rapid.SampledFrom(images), 0, 2, rapid.ID).Draw(t, "names"),
			Bytes: rapid.Int64Range(0, 5).Draw(t, "MB") * 1e6,
		}
	})
	layer := rapid.Custom(func(t *rapid.T) Layer {
		digest := rapid.StringMatching("[a-f]").Draw(t, "digest")
		return Layer{Digest: digest, Bytes: (&twin{}).bytes(digest)}
	})

	rapid.Check(t, func(t *rapid.T) {
		inv, tw := NewInventory(), &twin{nodes: map[string]Node{}, manifests: map[string]Manifest{}}
		var last *Estimates
		t.Repeat(map[string]func(*rapid.T){
			"node": func(t *rapid.T) {
				name, is := node.Draw(t, "node"), Node{
					Platform: platform.Draw(t, "platform"), Images: rapid.SliceOfN(report, 0, 4).Draw(t, "reports"),
					Puller: Puller{BytesPerSecond: 40e6, Eager: 1, Parallel: 1},
				}
				said := is
				if was, known := tw.nodes[name]; known && rapid.Bool().Draw(t, "same images") {
					is.Images, said.Images, said.SameImages = was.Images, nil, true
				}
				inv.SetNode(name, said, now)
				tw.nodes[name] = is
			},
			"remove node": func(t *rapid.T) {
				name := node.Draw(t, "node")
				inv.RemoveNode(name)
				delete(tw.nodes, name)
				tw.promises = slices.DeleteFunc(tw.promises, func(p twinPromise) bool { return p.node == name })
			},
			"manifest": func(t *rapid.T) {
				m := Manifest{
					Digest: rapid.SampledFrom([]string{"m1", "m2", "m3"}).Draw(t, "digest"), Platform: platform.Draw(t, "platform"),
					Keys: rapid.SliceOfN(rapid.SampledFrom(images), 1, 2).Draw(t, "keys"), Layers: rapid.SliceOfN(layer, 0, 5).Draw(t, "layers"),
				}
				inv.SetManifest(m)
				tw.manifests[m.Digest] = m
			},
			"remove manifest": func(t *rapid.T) {
				digest := rapid.SampledFrom([]string{"m1", "m2", "m3"}).Draw(t, "digest")
				inv.RemoveManifest(digest)
				delete(tw.manifests, digest)
			},
			"reserve": func(t *rapid.T) {
				p := twinPromise{pod: pod.Draw(t, "pod"), gang: gang.Draw(t, "gang"), node: node.Draw(t, "node"), needs: needs.Draw(t, "needs")}
				inv.Reserve(p.pod, p.gang, p.node, p.needs, now)
				tw.drop(p.pod)
				if _, known := inv.nodes[p.node]; !known {
					inv.Undo(p.pod) // early.txt has those
				} else if _, ok := inv.Promised(p.pod); ok {
					tw.promises = append(tw.promises, p)
				}
			},
			"bind": func(t *rapid.T) {
				name := pod.Draw(t, "pod")
				inv.Bind(name, now)
				for i := range tw.promises {
					if tw.promises[i].pod == name {
						tw.promises[i].firm = true
					}
				}
			},
			"undo": func(t *rapid.T) {
				name := pod.Draw(t, "pod")
				inv.Undo(name)
				tw.drop(name)
			},
			"": func(t *rapid.T) {
				ask, of := needs.Draw(t, "ask"), gang.Draw(t, "of")
				got := inv.Estimate(Ask{Needs: ask, Gang: of})
				if last != nil {
					last = last.Again(Ask{Needs: last.ask.Needs, Gang: of})
					fresh := inv.Estimate(last.ask)
					for name := range tw.nodes {
						if again, want := last.Of(name), fresh.Of(name); again != want || last.Known != fresh.Known {
							t.Fatalf("what was worked out before says %+v of %s, anew %+v", again, name, want)
						}
					}
				}
				if last == nil || rapid.Bool().Draw(t, "ask anew") {
					last = got
				}
				known := false
				for _, need := range ask {
					_, ok := tw.layers(need.Key, "")
					known = known || ok
				}
				if got.Known != known {
					t.Fatalf("known = %v, want %v", got.Known, known)
				}
				for _, name := range slices.Sorted(maps.Keys(tw.nodes)) {
					e, want := got.Of(name), tw.cost(name, of, ask)
					if e.Bytes != want || e.Wait < 0 || e.Seconds < e.Wait {
						t.Fatalf("cost of %v for gang %q on %s = %+v, want %d bytes", ask, of, name, e, want)
					}
				}
			},
		})
		left := func() string {
			return fmt.Sprint(len(inv.nodes), len(inv.images), len(inv.manifests), len(inv.layers), len(inv.promises), inv.pulling.n, inv.registry.active)
		}
		for _, p := range []string{"p1", "p2", "p3", "p4"} {
			inv.Undo(p)
		}
		for _, digest := range []string{"m1", "m2", "m3"} {
			inv.RemoveManifest(digest)
		}
		for _, name := range nodes {
			inv.RemoveNode(name)
		}
		if got, want := left(), "0 0 0 0 0 0 0"; got != want {
			t.Fatalf("left over: %s", got)
		}
	})
}
