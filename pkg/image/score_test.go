package image

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestScoresLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seconds := rapid.SliceOfN(rapid.Float64Range(0, 1e12), 1, 20).Draw(t, "seconds")
		scores := Scores(seconds, 10)
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
			if got := Scores(tc.seconds, 10); fmt.Sprint(got) != fmt.Sprint(tc.want) {
				t.Errorf("Scores(%v) = %v, want %v", tc.seconds, got, tc.want)
			}
		})
	}
}

func BenchmarkScores(b *testing.B) {
	seconds := make([]float64, 5000)
	for i := range seconds {
		seconds[i] = float64(i % 97)
	}
	b.ReportAllocs()
	for b.Loop() {
		Scores(seconds, 10)
	}
}
