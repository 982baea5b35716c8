package policy

import (
	"math"
	"math/rand/v2"

	"github.com/muster-scheduler/muster/test/pulls/trace"
)

// upstream is kube-scheduler 1.37.1 with its default profile: the sampling of
// nodes (schedule_one.go, numFeasibleNodesToFind) and the sum of the scores that
// can differ between nodes here: NodeResourcesFit, BalancedAllocation and
// ImageLocality with weight 1, PodTopologySpread with weight 2. The other score
// plugins give all these nodes the same. A test compares the scores with those
// of the real plugins.
//
// It places the members of a gang one after the other, as it does without gangs.
type upstream struct {
	c      *Cluster
	rng    *rand.Rand
	status *statuses
	start  int // where the next search for nodes begins
	// placed is the pods of a service by node, by first image.
	placed map[int]*spread

	feasible []int
	scores   []int64
}

// spread is where the pods of one ReplicaSet are.
type spread struct {
	node []int
	zone [zones]int
	pods int
}

// zones is how many zones the nodes are in, in turns.
const zones = 3

const (
	maxScore         = 100
	spreadWeight     = 2
	leastPercentage  = 5
	leastFeasible    = 100
	megabyte         = 1 << 20
	leastImageBytes  = 23 * megabyte
	mostPerContainer = 1000 * megabyte
	hostSkew         = 3
	zoneSkew         = 5
)

func newUpstream(c *Cluster, rng *rand.Rand) *upstream {
	return &upstream{c: c, rng: rng, status: newStatuses(c), placed: map[int]*spread{}}
}

func (u *upstream) Report(node int, images []int, _ float64) { u.status.report(node, images) }
func (u *upstream) Started(int, int, float64)                {}

func (u *upstream) Bound(gang *trace.Gang, _, node int, _ float64)    { u.count(gang, node, 1) }
func (u *upstream) Finished(gang *trace.Gang, _, node int, _ float64) { u.count(gang, node, -1) }

// count keeps where the pods of services are. Those of one version of one
// service are one ReplicaSet, which its image identifies.
func (u *upstream) count(gang *trace.Gang, node, n int) {
	if !gang.Service {
		return
	}
	s := u.placed[gang.Images[0]]
	if s == nil {
		s = &spread{node: make([]int, len(u.c.Nodes))}
		u.placed[gang.Images[0]] = s
	}
	s.node[node] += n
	s.zone[node%zones] += n
	if s.pods += n; s.pods == 0 {
		delete(u.placed, gang.Images[0])
	}
}

func (u *upstream) Place(gang *trace.Gang, _ int, _ float64) Placement {
	placement := oneByOne(u.c, gang, func() int {
		n := u.choose(gang)
		u.count(gang, n, 1)
		return n
	})
	for _, n := range placement.Nodes {
		u.count(gang, n, -1)
	}
	return placement
}

// choose finds feasible nodes, scores them, and takes one of the best by chance.
func (u *upstream) choose(gang *trace.Gang) int {
	u.find()
	u.score(gang)
	return u.best()
}

// best is one of the nodes with the highest score.
func (u *upstream) best() int {
	best, ties := 0, 0
	for at, score := range u.scores {
		switch {
		case ties == 0 || score > u.scores[best]:
			best, ties = at, 1
		case score == u.scores[best]:
			if ties++; u.rng.IntN(ties) == 0 {
				best = at
			}
		}
	}
	return u.feasible[best]
}

// find fills feasible with as many nodes as the scheduler looks for, from where
// the last search ended.
func (u *upstream) find() {
	want, nodes := sampleSize(len(u.c.Nodes)), len(u.c.Nodes)
	u.feasible = u.feasible[:0]
	looked := 0
	for ; looked < nodes && len(u.feasible) < want; looked++ {
		if n := (u.start + looked) % nodes; u.c.Fits(n) {
			u.feasible = append(u.feasible, n)
		}
	}
	u.start = (u.start + looked) % nodes
}

// sampleSize is how many feasible nodes the scheduler looks for.
func sampleSize(nodes int) int {
	if nodes < leastFeasible {
		return nodes
	}
	percentage := max(50-nodes/125, leastPercentage)
	return max(nodes*percentage/100, leastFeasible)
}

// score sets the sum of the weighted scores of each feasible node.
func (u *upstream) score(gang *trace.Gang) {
	u.scores = u.scores[:0]
	images := u.imageScores(gang)
	for _, n := range u.feasible {
		u.scores = append(u.scores, u.leastAllocated(gang, n)+u.balanced(gang, n)+images(n))
	}
	if gang.Service {
		for at, score := range u.spreadScores(gang) {
			u.scores[at] += spreadWeight * score
		}
	}
}

// capacity of a node.
func (u *upstream) capacity() (cpu, memory int64) {
	slots := int64(u.c.Trace.Size.Slots)
	return slots * trace.SlotCPU, slots * trace.SlotMemory
}

// leastAllocated is NodeResourcesFit's score.
func (u *upstream) leastAllocated(gang *trace.Gang, n int) int64 {
	cpu, memory := u.capacity()
	node := u.c.Nodes[n]
	return (maxScore*(cpu-node.CPU-gang.CPU)/cpu + maxScore*(memory-node.Memory-gang.Memory)/memory) / 2
}

// balanced is NodeResourcesBalancedAllocation's score.
func (u *upstream) balanced(gang *trace.Gang, n int) int64 {
	cpu, memory := u.capacity()
	balance := func(usedCPU, usedMemory int64) int64 {
		std := math.Abs(float64(usedCPU)/float64(cpu)-float64(usedMemory)/float64(memory)) / 2
		return int64((1 - std) * maxScore)
	}
	node := u.c.Nodes[n]
	with, without := balance(node.CPU+gang.CPU, node.Memory+gang.Memory), balance(node.CPU, node.Memory)
	return maxScore/2 + (maxScore/2+with-without)/2
}

// imageScores returns ImageLocality's score as a function of the node.
func (u *upstream) imageScores(gang *trace.Gang) func(node int) int64 {
	scaled := make([]int64, len(gang.Images))
	for at, i := range gang.Images {
		part := float64(u.status.holders[i]) / float64(len(u.c.Nodes))
		scaled[at] = int64(float64(u.c.Trace.Images[i].Bytes) * part)
	}
	most := int64(mostPerContainer * len(gang.Images))
	return func(node int) int64 {
		var sum int64
		for at, i := range gang.Images {
			if scaled[at] > 0 && u.status.lists(node, i) {
				sum += scaled[at]
			}
		}
		sum = min(max(sum, leastImageBytes), most)
		return maxScore * (sum - leastImageBytes) / (most - leastImageBytes)
	}
}

// spreadScores is PodTopologySpread's scores of the feasible nodes, with the
// system's default constraints.
func (u *upstream) spreadScores(gang *trace.Gang) []int64 {
	scores := make([]int64, len(u.feasible))
	s := u.placed[gang.Images[0]]
	if s == nil {
		s = &spread{node: make([]int, len(u.c.Nodes))}
	}
	inZone := map[int]bool{}
	for _, n := range u.feasible {
		inZone[n%zones] = true
	}
	hostWeight, zoneWeight := math.Log(float64(len(u.feasible)+2)), math.Log(float64(len(inZone)+2))
	least, most := int64(math.MaxInt64), int64(0)
	for at, n := range u.feasible {
		score := float64(s.node[n])*hostWeight + hostSkew - 1
		score += float64(s.zone[n%zones])*zoneWeight + zoneSkew - 1
		scores[at] = int64(math.Round(score))
		least, most = min(least, scores[at]), max(most, scores[at])
	}
	for at, score := range scores {
		scores[at] = maxScore * (most + least - score) / most
	}
	return scores
}
