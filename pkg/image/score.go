package image

import "math"

// MaxScore is the score of the fastest node.
const MaxScore = 100

// Scores rates nodes by their seconds: MaxScore for the fastest, and for any
// other MaxScore * (1 - (f - min) / max(max - min, full)), rounded to the
// nearest. Equal seconds get equal scores, and if all are equal all get
// MaxScore. Seconds must not be NaN or infinite; full, the smallest difference
// that is worth the whole range of scores, is > 0.
func Scores(seconds []float64, full float64) []int64 {
	if len(seconds) == 0 {
		return nil
	}
	fastest, slowest := seconds[0], seconds[0]
	for _, f := range seconds[1:] {
		fastest, slowest = min(fastest, f), max(slowest, f)
	}
	spread := max(slowest-fastest, full)
	scores := make([]int64, len(seconds))
	for i, f := range seconds {
		scores[i] = int64(math.Round(MaxScore * (1 - (f-fastest)/spread)))
	}
	return scores
}
