package pull

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// fetch runs a transfer in the background and returns where its duration will arrive.
func fetch(l *Link, size int64) <-chan time.Duration { return fetchAfter(0, l, size) }

// fetchAfter begins a while later.
func fetchAfter(after time.Duration, l *Link, size int64) <-chan time.Duration {
	took := make(chan time.Duration, 1)
	time.AfterFunc(after, func() {
		began := time.Now()
		if l.Fetch(context.Background(), size) == nil {
			took <- time.Since(began)
		}
	})
	return took
}

func TestFetchDurations(t *testing.T) {
	const unlimited = 0
	type transfer struct {
		node  int
		size  int64
		after time.Duration // the one before
		want  time.Duration
	}
	for _, test := range []struct {
		name       string
		registry   int64
		bandwidths []int64
		transfers  []transfer
	}{
		{"alone", unlimited, []int64{100}, []transfer{{0, 1000, 0, 10 * time.Second}}},
		{"no limit", unlimited, []int64{unlimited}, []transfer{{0, 1 << 50, 0, 0}}},
		{"two share a node", unlimited, []int64{100}, []transfer{
			{0, 1000, 0, 20 * time.Second},
			{0, 1000, 0, 20 * time.Second},
		}},
		{"the shorter leaves its share", unlimited, []int64{100}, []transfer{
			{0, 1000, 0, 15 * time.Second},
			{0, 500, 0, 10 * time.Second},
		}},
		{"the later takes its share", unlimited, []int64{100}, []transfer{
			{0, 1000, 0, 15 * time.Second},
			{0, 1000, 5 * time.Second, 15 * time.Second},
		}},
		{"nodes do not share without registry limit", unlimited, []int64{100, 100}, []transfer{
			{0, 1000, 0, 10 * time.Second},
			{1, 1000, 0, 10 * time.Second},
		}},
		{"nodes share a registry", 100, []int64{100, 100}, []transfer{
			{0, 1000, 0, 20 * time.Second},
			{1, 1000, 0, 20 * time.Second},
		}},
		{"what a slow node leaves goes to the fast one", 100, []int64{20, 1000}, []transfer{
			{0, 200, 0, 10 * time.Second},
			{1, 800, 0, 10 * time.Second},
		}},
		{"a registry is shared by nodes, not by transfers", 100, []int64{100, 100}, []transfer{
			{0, 500, 0, 20 * time.Second},
			{0, 500, 0, 20 * time.Second},
			{1, 1000, 0, 20 * time.Second},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := NewNetwork(test.registry)
				var links []*Link
				for _, b := range test.bandwidths {
					links = append(links, network.NewLink(b))
				}
				var took []<-chan time.Duration
				begins := time.Duration(0)
				for _, f := range test.transfers {
					begins += f.after
					took = append(took, fetchAfter(begins, links[f.node], f.size))
				}
				for i, f := range test.transfers {
					if got := (<-took[i]).Round(time.Millisecond); got != f.want {
						t.Errorf("transfer %d took %v, want %v", i, got, f.want)
					}
				}
			})
		})
	}
}

func TestCancelledFetchLeavesItsShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link := NewNetwork(0).NewLink(100)
		took := fetch(link, 1000)
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		if err := link.Fetch(ctx, 1<<40); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Fetch returned %v", err)
		}
		if got, want := (<-took).Round(time.Millisecond), 12*time.Second; got != want {
			t.Errorf("the other transfer took %v, want %v", got, want)
		}
	})
}

func TestSetCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := NewNetwork(0)
		took := fetch(network.NewLink(100), 1000)
		time.AfterFunc(5*time.Second, func() { network.SetCapacity(10) }) // when it is half done
		if got, want := (<-took).Round(time.Millisecond), 55*time.Second; got != want {
			t.Errorf("the transfer took %v, want %v", got, want)
		}
	})
}

// The network is work-conserving and keeps its limits, so that a node busy from 0 on needs exactly its bytes over its
// bandwidth, in whatever pieces they come.
func TestBusyNodeWastesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		sizes := rapid.SliceOfN(rapid.Int64Range(1, 1_000_000), 1, 20).Draw(rt, "sizes")
		bandwidth := rapid.Int64Range(1, 100_000).Draw(rt, "bandwidth")
		synctest.Test(t, func(*testing.T) {
			link := NewNetwork(0).NewLink(bandwidth)
			var sum int64
			var took []<-chan time.Duration
			for _, size := range sizes {
				sum += size
				took = append(took, fetch(link, size))
			}
			var last time.Duration
			for _, d := range took {
				last = max(last, <-d)
			}
			want := float64(sum) / float64(bandwidth)
			if math.Abs(last.Seconds()-want) > 1e-6*want+1e-6 {
				rt.Fatalf("took %v, want %vs", last, want)
			}
		})
	})
}

func TestShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		demands := rapid.SliceOfN(rapid.Float64Range(0.1, 1000), 1, 30).Draw(t, "demands")
		capacity := rapid.Float64Range(0.1, 20_000).Draw(t, "capacity")
		got := shares(capacity, demands)
		var sum, asked float64
		for i := range got {
			if got[i] > demands[i] {
				t.Fatalf("%v of %v: %d got more than it asked", got, demands, i)
			}
			sum += got[i]
			asked += demands[i]
		}
		if want := min(asked, capacity); math.Abs(sum-want) > 1e-6*want {
			t.Fatalf("%v of %v: the sum is %v, want %v", got, demands, sum, want)
		}
		most := slices.Max(got)
		for i := range got {
			if got[i] < demands[i]*(1-1e-9) && got[i] < most*(1-1e-9) {
				t.Fatalf("%v of %v: %d is short while another has more", got, demands, i)
			}
		}
	})
}
