package gang

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestHoldersOf(t *testing.T) {
	v := Verdict{Gang: Key{Namespace: "ml", Name: "train"}, Short: []Shortage{{Resource: "cpu", Ask: 2000}, {Resource: "gpu", Ask: 8}}}
	of := func(name string) Key { return Key{Namespace: "ml", Name: name} }
	pod := func(namespace, name string, gang Key, cpu, gpu int64) Holding {
		return Holding{Namespace: namespace, Pod: name, Gang: gang, Amounts: []int64{cpu, gpu}}
	}
	tests := map[string]struct {
		holdings []Holding
		want     Holders
	}{
		"nobody": {nil, Holders{}},
		"who asks for none of it, and its own members, hold nothing": {
			[]Holding{pod("ml", "idle", Key{}, 0, 0), pod("ml", "train-0", of("train"), 1000, 0)}, Holders{},
		},
		"who holds most comes first, by the share of what one more member asks for": {
			[]Holding{pod("ml", "cpu", Key{}, 1000, 0), pod("ml", "b-1", of("b"), 0, 4), pod("ml", "b-0", of("b"), 0, 4), pod("ml", "a", Key{}, 1000, 0)},
			Holders{Own: []Holder{{"b", true, 2}, {"a", false, 1}, {"cpu", false, 1}}, Pods: []string{"b-0", "b-1", "a", "cpu"}},
		},
		"others are a number, whatever they are called": {
			[]Holding{pod("web", "train-0", Key{Namespace: "web", Name: "train"}, 1000, 0), pod("db", "b", Key{}, 1, 0)}, Holders{Others: 2},
		},
		"a gang and a pod of one name are two": {
			[]Holding{pod("ml", "b", Key{}, 1000, 0), pod("ml", "b-0", of("b"), 1000, 0)},
			Holders{Own: []Holder{{"b", true, 1}, {"b", false, 1}}, Pods: []string{"b-0", "b"}},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := HoldersOf(v, slices.Values(tc.holdings)); !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got  %+v\nwant %+v", got, tc.want)
			}
		})
	}
}

// TestHoldersDoNotDependOnTheOrderOfPods, are all counted, and named up to a number.
func TestHoldersDoNotDependOnTheOrderOfPods(t *testing.T) {
	v := Verdict{Gang: Key{Namespace: "ml", Name: "train"}, Short: []Shortage{{Resource: "cpu", Ask: 3}}}
	rapid.Check(t, func(t *rapid.T) {
		var pods []Holding
		own := 0
		for i := range rapid.IntRange(0, 30).Draw(t, "pods") {
			p := Holding{Namespace: rapid.SampledFrom([]string{"ml", "web"}).Draw(t, "namespace"), Pod: fmt.Sprint("p", i), Amounts: []int64{rapid.Int64Range(1, 3).Draw(t, "cpu")}}
			if name := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "gang"); name != "" {
				p.Gang = Key{Namespace: p.Namespace, Name: name}
			}
			if p.Namespace == "ml" {
				own++
			}
			pods = append(pods, p)
		}
		h := HoldersOf(v, slices.Values(pods))
		if len(h.Pods) != min(own, maxNamed) || len(h.Pods)+h.More != own || h.Others != len(pods)-own {
			t.Fatalf("of %d pods, %d of them its own: %+v", len(pods), own, h)
		}
		if again := HoldersOf(v, slices.Values(rapid.Permutation(pods).Draw(t, "order"))); !reflect.DeepEqual(h, again) {
			t.Fatalf("%+v in one order, %+v in another", h, again)
		}
	})
}

func TestNearest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		distances := rapid.SliceOfN(rapid.SampledFrom([]float64{0, 1, 2, 3}), 0, 80).Draw(t, "distances")
		var s nearest
		var want []int
		for n, d := range distances {
			s.add(n, d)
			want = append(want, n)
		}
		slices.SortStableFunc(want, func(a, b int) int { return cmp.Compare(distances[a], distances[b]) })
		if want = want[:min(len(want), maxContested)]; !slices.Equal(s.nodes, want) {
			t.Fatalf("%v, want %v", s.nodes, want)
		}
	})
}
