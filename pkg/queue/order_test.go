package queue

import (
	"testing"

	"pgregory.net/rapid"
)

func key(t *rapid.T, label string) Key {
	return Key{
		Priority: rapid.Int32Range(0, 2).Draw(t, label+".priority"),
		Repair:   rapid.Bool().Draw(t, label+".repair"),
		Since:    rapid.Int64Range(0, 2).Draw(t, label+".since"),
		Gang:     rapid.SampledFrom([]string{"", "a/x", "b/x"}).Draw(t, label+".gang"),
		Index:    rapid.IntRange(0, 2).Draw(t, label+".index"),
		UID:      rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, label+".uid"),
	}
}

func TestCompareIsATotalOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := key(t, "a"), key(t, "b"), key(t, "c")
		if Compare(a, b) != -Compare(b, a) {
			t.Fatalf("not antisymmetric: %+v, %+v", a, b)
		}
		if (Compare(a, b) == 0) != (a == b) {
			t.Fatalf("different keys compare equal: %+v, %+v", a, b)
		}
		if Compare(a, b) <= 0 && Compare(b, c) <= 0 && Compare(a, c) > 0 {
			t.Fatalf("not transitive: %+v, %+v, %+v", a, b, c)
		}
	})
}

func TestCompare(t *testing.T) {
	tests := map[string]struct{ first, second Key }{
		"higher priority goes first, however young": {
			Key{Priority: 10, Since: 9, UID: "b"}, Key{Priority: 1, Since: 1, UID: "a"},
		},
		"a repair goes before older ones of its priority": {
			Key{Since: 9, Repair: true, UID: "b"}, Key{Since: 1, UID: "a"},
		},
		"a repair goes after a higher priority": {
			Key{Priority: 1, Since: 9, UID: "b"}, Key{Since: 1, Repair: true, UID: "a"},
		},
		"older goes first at equal priority": {
			Key{Since: 1, Gang: "z/z", UID: "b"}, Key{Since: 2, UID: "a"},
		},
		"gangs of one age do not interleave": {
			Key{Since: 1, Gang: "a/x", Index: 7, UID: "z"}, Key{Since: 1, Gang: "a/y", Index: 0, UID: "a"},
		},
		"members go by index": {
			Key{Gang: "a/x", Index: 2, UID: "z"}, Key{Gang: "a/x", Index: 10, UID: "a"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if Compare(tc.first, tc.second) >= 0 || Compare(tc.second, tc.first) <= 0 {
				t.Errorf("want %+v before %+v", tc.first, tc.second)
			}
		})
	}
}
