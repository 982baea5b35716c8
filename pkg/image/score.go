package image

import "math"

const (
	// MaxScore is the score of the fastest node.
	MaxScore = 100

	// scoreFloor is the smallest difference, in seconds, that is worth the
	// whole range of scores. Without it two nodes a few milliseconds apart
	// would be rated 100 and 0.
	scoreFloor = 10.0
)

// Scores rates nodes by their seconds: MaxScore for the fastest, and for any
// other MaxScore * (1 - (f - min) / max(max - min, 10 s)), rounded to the
// nearest. Equal seconds get equal scores, and if all are equal all get
// MaxScore. Seconds must not be NaN or infinite.
func Scores(seconds []float64) []int64 {
	if len(seconds) == 0 {
		return nil
	}
	fastest, slowest := seconds[0], seconds[0]
	for _, f := range seconds[1:] {
		fastest, slowest = min(fastest, f), max(slowest, f)
	}
	spread := max(slowest-fastest, scoreFloor)
	scores := make([]int64, len(seconds))
	for i, f := range seconds {
		scores[i] = int64(math.Round(MaxScore * (1 - (f-fastest)/spread)))
	}
	return scores
}
