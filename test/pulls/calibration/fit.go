package calibration

import (
	"math"
	"slices"
)

// Constants are those of the model of a pull: it takes
//
//	Resolve + Layer * layers + bytes / min(Unpack, Registry / nodes)
//
// seconds if so many nodes pull at once.
type Constants struct {
	Resolve, Layer   float64 // seconds
	Unpack, Registry float64 // bytes per second
}

// Seconds is what the model says of a pull that fetches so much.
func (c Constants) Seconds(nodes int, l Load) float64 {
	return c.Resolve + c.Layer*float64(l.Layers) + l.Bytes/min(c.Unpack, c.Registry/float64(nodes))
}

// loss is the mean distance of the logarithms of predicted and real seconds:
// twice as long and half as long are as bad, and a few wild pulls decide nothing.
func (c Constants) loss(pulls []Pull) float64 {
	sum := 0.0
	for _, p := range pulls {
		sum += math.Abs(math.Log(c.Seconds(p.Nodes, p.Cold) / p.Seconds))
	}
	return sum / float64(len(pulls))
}

// Fit finds the constants with which the model is least wrong about sure pulls.
// Resolve stays as it is: only pulls of next to nothing tell (see [Floor]). It
// tries steps up and down from where it begins, ever smaller ones.
func Fit(from Constants, pulls []Pull) Constants {
	best := from
	least := best.loss(pulls)
	for step := 1.5; step > 1.001; step = 1 + (step-1)/2 {
		for better := true; better; {
			better = false
			for _, try := range best.around(step) {
				if loss := try.loss(pulls); loss < least-1e-9 {
					best, least, better = try, loss, true
				}
			}
		}
	}
	return best
}

// around is the constants with one of them changed by the factor.
func (c Constants) around(factor float64) []Constants {
	all := []Constants{c, c, c, c, c, c}
	all[0].Unpack *= factor
	all[1].Unpack /= factor
	all[2].Registry *= factor
	all[3].Registry /= factor
	all[4].Layer *= factor
	all[5].Layer /= factor
	return all
}

// Floor is what a pull takes if next to nothing is missing: what the fastest
// twentieth of all pulls took at most.
func Floor(pulls []Pull) float64 {
	seconds := make([]float64, 0, len(pulls))
	for _, p := range pulls {
		seconds = append(seconds, p.Seconds)
	}
	return quantile(seconds, 0.05)
}

// Errors is how wrong the model is: |predicted - real| / real.
type Errors struct {
	Pulls               int
	Median, P75, P90    float64
	Bias                float64 // the median of (predicted - real) / real
	Predicted, Measured float64 // the medians, in seconds
}

// Wrong compares the model with pulls, of which load says what they fetched.
func (c Constants) Wrong(pulls []Pull, load func(Pull) Load) Errors {
	var off, signed, predicted, measured []float64
	for _, p := range pulls {
		seconds := c.Seconds(p.Nodes, load(p))
		predicted, measured = append(predicted, seconds), append(measured, p.Seconds)
		signed = append(signed, seconds/p.Seconds-1)
		off = append(off, math.Abs(seconds/p.Seconds-1))
	}
	return Errors{
		Pulls: len(pulls), Median: quantile(off, 0.5), P75: quantile(off, 0.75), P90: quantile(off, 0.9),
		Bias: quantile(signed, 0.5), Predicted: quantile(predicted, 0.5), Measured: quantile(measured, 0.5),
	}
}

// Cold takes the node to have had nothing.
func Cold(p Pull) Load { return p.Cold }

// Likelier takes the node to have had nothing or all of the cluster's other
// images, whichever the model fits better: at most as wrong as knowing, for
// those two cases, and blind to all between.
func (c Constants) Likelier(p Pull) Load {
	off := func(l Load) float64 { return math.Abs(math.Log(c.Seconds(p.Nodes, l) / p.Seconds)) }
	if off(p.Own) < off(p.Cold) {
		return p.Own
	}
	return p.Cold
}

func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	return values[int(q*float64(len(values)-1)+0.5)]
}
