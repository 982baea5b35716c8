package fleet

import (
	"slices"
	"testing"
)

func TestSplitKeepsIndexes(t *testing.T) {
	f := Fleet{First: 3, Count: 5}
	var names []string
	for _, part := range f.Split(2) {
		if part.Count > 2 {
			t.Errorf("a part has %d nodes", part.Count)
		}
		names = append(names, part.Names()...)
	}
	if !slices.Equal(names, f.Names()) {
		t.Errorf("got %v, want %v", names, f.Names())
	}
}

func TestRackIsInOneZone(t *testing.T) {
	f := Fleet{Racks: 7, Zones: 3}
	zones := map[string]string{}
	for i := range 100 {
		l := f.Labels(i)
		rack, zone := l[LabelRack], l[LabelZone]
		if known, ok := zones[rack]; ok && known != zone {
			t.Errorf("%s is in %s and %s", rack, known, zone)
		}
		zones[rack] = zone
	}
	if len(zones) != 7 {
		t.Errorf("there are %d racks, want 7", len(zones))
	}
}

func TestAddressesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for i := range 16_000 {
		node, pods := IP(i)
		if seen[node] || seen[pods] {
			t.Fatalf("node %d shares %s or %s", i, node, pods)
		}
		seen[node], seen[pods] = true, true
	}
}
