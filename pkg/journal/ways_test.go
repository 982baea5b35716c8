package journal

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestTheWayOfAGang that gathers, is refused twice, and runs.
func TestTheWayOfAGang(t *testing.T) {
	w := NewWays[string](100)
	w.Is(after(0), "train", "Gathering", "1 of 2 members exist")
	w.Is(after(1), "train", "Queued", "")
	w.Is(after(2), "train", "Waiting", "0 of 2 members fit")
	w.Is(after(9), "train", "Waiting", "1 of 2 members fit") // the same stay, of which more is known
	w.Is(after(10), "train", "Running", "")
	want := []Stay{
		{after(0), "Gathering", "1 of 2 members exist"},
		{after(1), "Queued", ""},
		{after(2), "Waiting", "1 of 2 members fit"},
		{after(10), "Running", ""},
	}
	got, before := w.Of("train")
	if diff := cmp.Diff(want, got); before != 0 || diff != "" {
		t.Errorf("Of(train) has %d before (-want +got):\n%s", before, diff)
	}
	w.Forget("train")
	if got, before := w.Of("train"); len(got) != 0 || before != 0 || w.kept != 0 {
		t.Errorf("Of(train) = %v, %d, want nothing of a gang that is no more", got, before)
	}
}

// TestWaysAreShort: the last stays of each thing, and of all together no more than so
// many beside one of each.
func TestWaysAreShort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const most = 40
		w, all := NewWays[int](most), map[int][]Stay{}
		for i := range rapid.IntRange(0, 300).Draw(t, "steps") {
			key := rapid.IntRange(0, 5).Draw(t, "key")
			if rapid.IntRange(0, 19).Draw(t, "gone") == 0 {
				w.Forget(key)
				delete(all, key)
				continue
			}
			next := Stay{after(i), fmt.Sprint(rapid.IntRange(0, 2).Draw(t, "state")), fmt.Sprint(i)}
			w.Is(next.Since, key, next.State, next.Said)
			if last := len(all[key]) - 1; last >= 0 && all[key][last].State == next.State {
				all[key][last].Said = next.Said
			} else {
				all[key] = append(all[key], next)
			}
		}
		sum := 0
		for key, stays := range all {
			got, before := w.Of(key)
			sum += len(got)
			if len(got) == 0 || len(got) > keepStays || before != len(stays)-len(got) {
				t.Fatalf("Of(%d) = %d and %d before, of %d", key, len(got), before, len(stays))
			}
			if diff := cmp.Diff(stays[before:], got); diff != "" {
				t.Fatalf("Of(%d) (-want +got):\n%s", key, diff)
			}
		}
		if sum != w.kept || sum > most+len(all) {
			t.Fatalf("%d are kept, and %d counted, of %d things; want at most %d beside one of each", sum, w.kept, len(all), most)
		}
	})
}

func TestWhatIsSaidIsCut(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		strings.Repeat("a", 512):       strings.Repeat("a", 512),
		strings.Repeat("a", 513):       strings.Repeat("a", 512) + "…",
		"a" + strings.Repeat("ä", 300): "a" + strings.Repeat("ä", 255) + "…",
	} {
		if got := short(text); got != want || !utf8.ValidString(got) {
			t.Errorf("short(%q) = %q, want %q", text, got, want)
		}
	}
}
