package trace

import (
	"math"
	"math/rand/v2"
	"slices"
)

const (
	// largestGang is the most members that a gang has.
	largestGang = 64
	// Pods run for a time with a logarithm of this standard deviation, at least
	// half a minute and at most two hours: many short ones, few long ones.
	durationSpread = 1.0
	shortest       = 30.0
	longest        = 7200.0
)

// random returns the source of all chance in one trace. Each use has a stream of
// its own, so that drawing more for one does not change another.
func random(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }

// submit fills the trace with gangs that arrive as a Poisson process, as many
// as keep the cluster at its load if pods run for mean seconds on average.
// pick draws what they run.
func (t *Trace) submit(rng *rand.Rand, mean float64, pick func() Gang) {
	slots := float64(t.Size.Nodes * t.Size.Slots)
	gap := meanMembers() * mean / (slots * t.Size.Load)
	for at := gap * rng.ExpFloat64(); at < t.Size.Seconds; at += gap * rng.ExpFloat64() {
		gang := pick()
		gang.At = at
		gang.Members = members(rng)
		gang.Seconds = duration(rng, mean)
		t.Gangs = append(t.Gangs, gang)
	}
}

// members draws the size of a gang: half are single pods, the others 2 to 64
// with each doubling as likely as the next.
func members(rng *rand.Rand) int {
	if rng.IntN(2) == 0 {
		return 1
	}
	return int(math.Round(math.Exp2(1 + rng.Float64()*(math.Log2(largestGang)-1))))
}

// meanMembers is the mean of members.
func meanMembers() float64 {
	integral := (largestGang - 2) / math.Ln2 / (math.Log2(largestGang) - 1)
	return (1 + integral) / 2
}

func duration(rng *rand.Rand, mean float64) float64 {
	median := mean * math.Exp(-durationSpread*durationSpread/2)
	return min(max(median*math.Exp(durationSpread*rng.NormFloat64()), shortest), longest)
}

// shape draws what a pod asks for, between a quarter of a slot and all of it.
func shape(rng *rand.Rand) (cpu, memory int64) {
	quarters := func() int64 { return 1 + rng.Int64N(4) }
	return SlotCPU / 4 * quarters(), SlotMemory / 4 * quarters()
}

// zipf draws positions, the first with weight 1, the second with 1/2^exponent,
// the third with 1/3^exponent.
type zipf struct{ upTo []float64 }

func newZipf(n int, exponent float64) zipf {
	z := zipf{upTo: make([]float64, n)}
	sum := 0.0
	for i := range z.upTo {
		sum += math.Pow(float64(i+1), -exponent)
		z.upTo[i] = sum
	}
	return z
}

func (z zipf) draw(rng *rand.Rand) int {
	at, _ := slices.BinarySearch(z.upTo, rng.Float64()*z.upTo[len(z.upTo)-1])
	return min(at, len(z.upTo)-1)
}
