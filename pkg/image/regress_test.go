package image

import (
	"fmt"
	"testing"
	"time"
)

// t0 is when these tests begin.
var t0 = time.Unix(1e9, 0)

// puller is a node's that nothing limits but its own 40 MB/s.
func puller() Puller { return Puller{BytesPerSecond: 40e6, Parallel: 1, Eager: 1} }

func TestAgingOutlivesNodes(t *testing.T) {
	inv := NewInventory()
	for _, n := range []string{"gone", "a", "b"} {
		inv.SetNode(n, Node{Puller: puller()}, t0)
	}
	inv.RemoveNode("gone") // slot 0 is free
	for _, n := range []string{"a", "b"} {
		inv.Ran(n, []string{"x"}, t0)
		inv.Ended(n, []string{"x"}, t0)
	}
	inv.Advance(t0)
	inv.Advance(t0.Add(2 * time.Minute))
}

func TestAPullThatGoesOnIsNotOverdue(t *testing.T) {
	inv := NewInventory()
	inv.SetRegistry(400e6)
	inv.SetManifest(Manifest{Digest: "m", Keys: []string{"x"}, Layers: []Layer{{"l", 1e9}}})
	for i := range 100 {
		n := fmt.Sprint("n", i)
		inv.SetNode(n, Node{Puller: puller()}, t0)
		inv.Reserve(n, "", n, []Need{{Key: "x"}}, t0)
		inv.Bind(n, t0)
	}
	for s := range 141 {
		inv.Advance(t0.Add(time.Duration(s) * time.Second))
	}
	var done float64
	if p := inv.promises["n99"]; p != nil {
		done = p.done
	}
	if len(inv.promises) != 100 {
		t.Errorf("%d of 100 promises left; the model has moved %g of 1e9 bytes for the last", len(inv.promises), done)
	}
}

func TestAnUnknownNodeIsNotTheFastest(t *testing.T) {
	inv := NewInventory()
	inv.SetManifest(Manifest{Digest: "m", Keys: []string{"x"}, Layers: []Layer{{"l", 1e9}}})
	inv.SetNode("cold", Node{Puller: puller()}, t0)
	e := inv.Estimate(Ask{Needs: []Need{{Key: "x"}}})
	if got, want := e.Of("new").Seconds, e.Of("cold").Seconds; got < want {
		t.Errorf("unknown node %g s, cold node %g s", got, want)
	}
}

func TestABusyNodeIsNotWarmForIt(t *testing.T) {
	inv := NewInventory()
	inv.SetManifest(Manifest{Digest: "m", Keys: []string{"x"}, Layers: []Layer{{"l", 1e9}}})
	inv.SetManifest(Manifest{Digest: "o", Keys: []string{"other"}, Layers: []Layer{{"k", 9e9}}})
	for i := range 20 {
		inv.SetNode(fmt.Sprint("n", i), Node{Puller: puller()}, t0)
	}
	inv.Reserve("p", "", "n3", []Need{{Key: "other"}}, t0)
	inv.Bind("p", t0)
	if got := inv.Estimate(Ask{Needs: []Need{{Key: "x"}}}).Warm(); len(got) != 0 {
		t.Errorf("warm for an image that nobody has: %v", got)
	}
}

func TestAnImageThatIsListedBeforeItsPodRunsTeachesNothing(t *testing.T) {
	inv := NewInventory()
	p := puller()
	p.Pool = "pool"
	inv.SetManifest(Manifest{Digest: "m", Keys: []string{"x"}, Layers: []Layer{{"l", 1e9}}})
	for i := range 5 {
		n := fmt.Sprint("n", i)
		inv.SetNode(n, Node{Puller: p}, t0)
		inv.Reserve(n, "", n, []Need{{Key: "x"}}, t0)
		inv.Bind(n, t0)
		// 25 s of pull, as stated; the node lists it, and then the pod runs
		inv.SetNode(n, Node{Puller: p, Images: []Report{{Names: []string{"x"}, Bytes: 1e9}}}, t0.Add(26*time.Second))
		inv.Started(n, t0.Add(27*time.Second))
	}
	if l := inv.Learnt(); len(l) > 0 {
		t.Errorf("learnt %+v from what the lists said before", l)
	}
}

func TestLayersOfAMovedTagAreTakenOffOnce(t *testing.T) {
	inv := NewInventory()
	inv.SetManifest(Manifest{Digest: "m1", Keys: []string{"r/a:v1", "r/a@new"}, Layers: []Layer{{"base", 1e9}, {"a", 1e6}}})
	inv.SetManifest(Manifest{Digest: "m2", Keys: []string{"r/b:v1", "r/b@x"}, Layers: []Layer{{"base", 1e9}, {"b", 1e6}}})
	inv.SetNode("n", Node{Puller: puller(), Images: []Report{{Names: []string{"r/a:v1", "r/a@old"}, Bytes: 5e8}}}, t0)
	alone := inv.Estimate(Ask{Needs: []Need{{Key: "r/b:v1"}}}).Of("n").Bytes
	both := inv.Estimate(Ask{Needs: []Need{{Key: "r/a:v1"}, {Key: "r/b:v1"}}}).Of("n").Bytes
	if both < alone {
		t.Errorf("b alone costs %d, a and b %d", alone, both)
	}
}

func TestAnImageThatIsNoLongerListedKeepsItsLayers(t *testing.T) {
	inv := NewInventory()
	m := Manifest{Digest: "m", Keys: []string{"r/a:v1", "r/a@d"}, Layers: []Layer{{"base", 1e9}}}
	other := Manifest{Digest: "m2", Keys: []string{"r/b:v1"}, Layers: []Layer{{"base", 1e9}, {"b", 1e6}}}
	is := Node{Puller: puller(), Images: []Report{{Names: []string{"r/a:v1", "r/a@d"}, Bytes: 5e8}}}
	inv.SetNode("n", is, t0)
	inv.Ran("n", []string{"r/a:v1"}, t0)
	is.Images = nil // e.g. the kubelet restarts / the list is complete and the image is renamed: pod keeps the tag
	inv.SetNode("n", is, t0)
	inv.SetManifest(m)
	inv.SetManifest(other)
	if got := inv.Estimate(Ask{Needs: []Need{{Key: "r/b:v1"}}}).Of("n").Bytes; got != 1e6 {
		t.Errorf("b costs %d beside a running a", got)
	}
}

func TestAPressedNodeKeepsTheLayersOfWhatRuns(t *testing.T) {
	inv := NewInventory()
	inv.SetNode("n", Node{Puller: puller()}, t0)
	inv.Ran("n", []string{"r/a:v1"}, t0)
	inv.SetNode("n", Node{Pressed: true, Puller: puller(), Images: []Report{{Names: []string{"r/a:v1", "r/a@d"}, Bytes: 5e8}}}, t0)
	inv.SetManifest(Manifest{Digest: "m", Keys: []string{"r/a:v1", "r/a@d"}, Layers: []Layer{{"base", 1e9}}})
	inv.SetManifest(Manifest{Digest: "m2", Keys: []string{"r/b:v1"}, Layers: []Layer{{"base", 1e9}, {"b", 1e6}}})
	if got := inv.Estimate(Ask{Needs: []Need{{Key: "r/b:v1"}}}).Of("n").Bytes; got != 1e6 {
		t.Errorf("b costs %d beside a running a", got)
	}
}

func TestParallelPullsAreAQueueToo(t *testing.T) {
	inv := NewInventory()
	p := puller()
	p.Parallel = 2
	inv.SetNode("n", Node{Puller: p}, t0)
	for i := range 20 {
		k := fmt.Sprint("i", i)
		inv.SetManifest(Manifest{Digest: k, Keys: []string{k}, Layers: []Layer{{k, 400e6}}})
		inv.Reserve(k, "", "n", []Need{{Key: k}}, t0)
		inv.Bind(k, t0)
	}
	inv.SetManifest(Manifest{Digest: "x", Keys: []string{"x"}, Layers: []Layer{{"x", 400e6}}})
	if e := inv.Estimate(Ask{Needs: []Need{{Key: "x"}}}).Of("n"); e.Wait < 90 {
		t.Errorf("20 pulls of 10 s, two at a time, are waited for %g s", e.Wait)
	}
}

func TestPlatformsAndRacksThatNoNodeHasAreForgotten(t *testing.T) {
	inv := NewInventory()
	for i := range 1000 {
		inv.SetNode("n", Node{Platform: fmt.Sprint("linux/", i), Puller: Puller{BytesPerSecond: 1, Eager: 1, Rack: fmt.Sprint(i)}}, t0)
	}
	if len(inv.platforms) > 2 || len(inv.racks) > 2 {
		t.Errorf("%d platforms, %d racks of one node", len(inv.platforms), len(inv.racks))
	}
}

func TestPodsMayComeBeforeTheirNode(t *testing.T) {
	inv := NewInventory()
	inv.SetManifest(Manifest{Digest: "m", Keys: []string{"x"}, Layers: []Layer{{"l", 1e9}}})
	inv.Ran("n", []string{"x"}, t0) // the pods' informer is first
	inv.SetNode("n", Node{Pressed: true, Puller: puller(), Images: []Report{{Names: []string{"x"}, Bytes: 5e8}}}, t0)
	if e := inv.Estimate(Ask{Needs: []Need{{Key: "x"}}}).Of("n"); e.Bytes != 0 {
		t.Errorf("an image that runs there costs %d bytes", e.Bytes)
	}
}

func TestTheEndOfOnePodIsNotThatOfAnother(t *testing.T) {
	inv := NewInventory()
	inv.Ran("n", []string{"x"}, t0) // A: lost
	inv.SetNode("n", Node{Puller: puller()}, t0)
	inv.Ran("n", []string{"x"}, t0)   // B
	inv.Ended("n", []string{"x"}, t0) // A ends; B runs on
	inv.Advance(t0)
	inv.Advance(t0.Add(time.Hour))
	if !inv.Same([]Need{{Key: "x"}}) || inv.images["x"] == nil {
		t.Errorf("the image of a running pod is believed gone")
	}
}

func TestANodeMayKnowAnImageByTwoDigests(t *testing.T) {
	inv := NewInventory()
	inv.SetManifest(Manifest{Digest: "m", Keys: []string{"r/a:v1", "r/a@new"}, Layers: []Layer{{"base", 1e9}}})
	inv.SetManifest(Manifest{Digest: "m2", Keys: []string{"r/b:v1"}, Layers: []Layer{{"base", 1e9}, {"b", 1e6}}})
	inv.SetNode("n", Node{Puller: puller(), Images: []Report{{Names: []string{"r/a@old", "r/a@new", "r/a:v1"}, Bytes: 5e8}}}, t0)
	if got := inv.Estimate(Ask{Needs: []Need{{Key: "r/b:v1"}}}).Of("n").Bytes; got != 1e6 {
		t.Errorf("b costs %d", got)
	}
}

func TestASlowPullIsNotOverdueAtOnce(t *testing.T) {
	inv := NewInventory()
	p := puller()
	p.Link = 0.001 // "1m", which is a thousandth
	inv.SetManifest(Manifest{Digest: "m", Keys: []string{"x"}, Layers: []Layer{{"l", 1e10}}})
	inv.SetNode("n", Node{Puller: p}, t0)
	inv.Reserve("p", "", "n", []Need{{Key: "x"}}, t0)
	inv.Bind("p", t0)
	inv.Advance(t0.Add(time.Second))
	if inv.promises["p"] == nil {
		t.Errorf("a promise is overdue after a second")
	}
}

func TestWhoLiesAboutALayerLiesOfItsOwn(t *testing.T) {
	inv := NewInventory()
	inv.SetManifest(Manifest{Digest: "evil", Keys: []string{"evil"}, Layers: []Layer{{"base", 1 << 50}}})
	inv.SetManifest(Manifest{Digest: "good", Keys: []string{"good"}, Layers: []Layer{{"base", 1e8}}})
	if b, _ := inv.Bytes("good"); b != 1e8 {
		t.Errorf("good has %d bytes", b)
	}
}

func TestTheSecondTakesOverTheSecondsOfTheFirst(t *testing.T) {
	inv := NewInventory()
	p := puller()
	p.SecondsPerLayer = 1
	m := Manifest{Digest: "m", Keys: []string{"x"}}
	for _, d := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
		m.Layers = append(m.Layers, Layer{d, 4e6})
	}
	inv.SetManifest(m)
	inv.SetNode("n", Node{Puller: p}, t0)
	inv.Reserve("1", "g", "n", []Need{{Key: "x"}}, t0)
	want := inv.Expect("1").Seconds
	inv.Reserve("2", "g", "n", []Need{{Key: "x"}}, t0)
	inv.Undo("1")
	if got := inv.Expect("2").Seconds; got != want {
		t.Errorf("the second, now the first, takes %g s, want %g", got, want)
	}
}

// TestASecondPodWaitsAgainLonger: what an estimate says of further pods is what
// their promises are then expected to take. Of a node that makes several pulls at once
// the latter is too late by the seconds that each pull takes besides its bytes.
func TestASecondPodWaitsAgainLonger(t *testing.T) {
	for parallel, again := range map[int]float64{1: 0.5, 4: 0} {
		inv := NewInventory()
		p := puller()
		p.Parallel, p.SecondsPerImage = parallel, 0.5
		inv.SetManifest(Manifest{Digest: "m", Keys: []string{"x"}, Layers: []Layer{{"l", 400e6}}})
		inv.SetNode("n", Node{Puller: p}, t0)
		if got := inv.Estimate(Ask{Needs: []Need{{Key: "x"}}}).Of("n").Again; got != again {
			t.Errorf("%d at once: a second pod is to wait %g s longer, want %g", parallel, got, again)
		}
		inv.Reserve("1", "g", "n", []Need{{Key: "x"}}, t0)
		inv.Reserve("2", "g", "n", []Need{{Key: "x"}}, t0)
		if first, second := inv.Expect("1").Seconds, inv.Expect("2").Seconds; second-first != 0.5 {
			t.Errorf("%d at once: the first is ready after %g s, the second after %g", parallel, first, second)
		}
	}
}
