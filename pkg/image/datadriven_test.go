package image

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestStories runs testdata/*.txt. Sizes are in MB. The language:
//
//	puller [key=value...]  how nodes pull that are set from now on: rate link parallel eager peers in MB/s,
//	                       layer= and image= seconds, rack= pool=; default rate=40 parallel=1, nothing beside bytes
//	disk GB [certain=yes] [reserved=GB] [evict=SHARE]
//	                       the disk of nodes that are set from now on: twice the bytes of layers, images of which
//	                       these are not known as they are; images are collected from .85 on until .8 is left
//	fits KEY...            the nodes that may have room for all of them
//	registry MB/s | racks MB/s
//	node n1 [platform=P] [pressed]   replace what n1 says; one image a line: [xREPEAT] MB NAME...
//	remove n1
//	manifest DIGEST [platform=P] KEY...   one layer a line: MB DIGEST
//	no-manifest DIGEST
//	cost KEY... [gang=G]   what each node costs; KEY! is always asked for
//	warm KEY...            the nodes that stand out
//	same KEY... | bytes KEY
//	reserve POD NODE KEY... [gang=G] | bind POD | undo POD | started POD
//	ran NODE KEY... | ended NODE KEY...
//	seeds KEY... pods=N [near=N] [sure=yes] [bytes=MB] [count=N]   one place a line: NODE ROOM [busy]
//	at SECONDS             what is still under way then
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &story{inv: NewInventory(), now: time.Unix(1e9, 0), puller: Puller{BytesPerSecond: 40e6, Parallel: 1, Eager: 1}}
		datadriven.RunTest(t, path, s.run)
	})
}

type story struct {
	inv    *Inventory
	now    time.Time
	puller Puller
	disk   Disk
}

func (s *story) run(t *testing.T, d *datadriven.TestData) string {
	words, options := split(d)
	inv := s.inv
	switch d.Cmd {
	case "puller":
		s.setPuller(t, options)
	case "disk":
		s.disk = Disk{
			Bytes: int64(number(t, words[0]) * 1e9), Certain: options["certain"] != "", LayerExpansion: 2, ImageExpansion: 1,
			Collect: 0.85, Keep: 0.8, Evict: 0.85,
		}
		if text, ok := options["reserved"]; ok {
			s.disk.Reserved = int64(number(t, text) * 1e9)
		}
		if text, ok := options["evict"]; ok {
			s.disk.Evict = number(t, text)
		}
	case "fits":
		if inv.FitEverywhere(needs(words)) {
			return "everywhere"
		}
		return s.each(func(n *node) string { return strconv.FormatBool(n.disk.Fits(inv.Totals(needs(words))(n.platform))) })
	case "registry":
		inv.SetRegistry(number(t, words[0]) * 1e6)
	case "racks":
		inv.SetRacks(number(t, words[0]) * 1e6)
	case "node":
		inv.SetNode(words[0], Node{
			Platform: options["platform"], Pressed: slices.Contains(words, "pressed"), Images: reports(t, d), Puller: s.puller, Disk: s.disk,
		}, s.now)
	case "remove":
		inv.RemoveNode(words[0])
	case "manifest":
		m := Manifest{Digest: words[0], Keys: words[1:], Platform: options["platform"]}
		for line := range strings.Lines(d.Input) {
			fields := strings.Fields(line)
			m.Layers = append(m.Layers, Layer{Digest: fields[1], Bytes: int64(number(t, fields[0]) * 1e6)})
		}
		inv.SetManifest(m)
	case "no-manifest":
		inv.RemoveManifest(words[0])
	case "cost":
		e := inv.Estimate(Ask{Needs: needs(words), Gang: options["gang"]})
		if !e.Known {
			return "unknown"
		}
		return s.each(func(n *node) string {
			of := e.Of(n.name)
			text := fmt.Sprintf("%g MB, %.1f s", float64(of.Bytes)/1e6, of.Seconds)
			if of.Wait > 0 {
				text += fmt.Sprintf(", %.1f s of it waiting", of.Wait)
			}
			if of.Evicts > 0 {
				text += fmt.Sprintf(", %.0f MB lost, price %.2f", float64(of.Evicts)/1e6, of.Price)
			}
			if of.Full {
				text += ", no room"
			}
			return text
		})
	case "find":
		var lines []string
		for _, f := range inv.Find() {
			line := fmt.Sprintf("%s: %g MB, on %d, pulled by %d", f.Key, float64(f.Bytes)/1e6, f.Nodes, f.Pulls)
			if f.Layered {
				line += ", layers known"
			}
			again, have, pull, ok := inv.Where(f.Key)
			if !ok || again != f {
				t.Errorf("Where(%s) = %+v, want %+v", f.Key, again, f)
			}
			lines = append(lines, fmt.Sprintf("%s: %v, then %v", line, have, pull))
		}
		return strings.Join(lines, "\n")
	case "survey":
		s, ok := inv.Survey(words[0])
		if !ok {
			return "unknown"
		}
		lines := []string{fmt.Sprintf("%.0f MB/s, cut %v, pressed %v, %.0f MB used", s.BytesPerSecond/1e6, s.Cut, s.Pressed, s.Used/1e6)}
		for _, h := range s.Images {
			lines = append(lines, fmt.Sprintf("has %s: %g MB, %d pods, unlisted %v", h.Key, float64(h.Bytes)/1e6, h.Pods, h.Unlisted))
		}
		for _, p := range s.Pulls {
			lines = append(lines, fmt.Sprintf("pulls %v for %s: %.0f of %g MB, soft %v", p.Images, p.Pod, float64(p.Arrived)/1e6, float64(p.Bytes)/1e6, p.Soft))
		}
		if l := inv.Loads()[words[0]]; l != (Load{}) {
			lines = append(lines, fmt.Sprintf("%d images of %g MB, cut %v; %d pulls, %.0f MB to come", l.Images, float64(l.Bytes)/1e6, l.Cut, l.Pulls, float64(l.Coming)/1e6))
		}
		return strings.Join(lines, "\n")
	case "warm":
		return strings.Join(inv.Estimate(Ask{Needs: needs(words)}).Warm(), " ")
	case "started":
		inv.Started(words[0], s.now)
		told := "nothing learnt"
		for _, l := range inv.Learnt() {
			told = fmt.Sprintf("%s pulls %.1f MB/s, by %d pulls", l.Pool, l.BytesPerSecond/1e6, l.Pulls)
		}
		return told
	case "same":
		return strconv.FormatBool(inv.Same(needs(words)))
	case "bytes":
		bytes, known := inv.Bytes(words[0])
		return fmt.Sprintf("%g MB %v", float64(bytes)/1e6, known)
	case "reserve":
		inv.Reserve(words[0], options["gang"], words[1], needs(words[2:]), s.now)
		return s.queues()
	case "bind":
		inv.Bind(words[0], s.now)
		return s.queues()
	case "expect":
		return s.expect(words)
	case "undo":
		inv.Undo(words[0])
		return s.queues()
	case "ran":
		inv.Ran(words[0], words[1:], s.now)
	case "ended":
		inv.Ended(words[0], words[1:], s.now)
	case "seeds":
		return s.seeds(t, d, words, options)
	case "at":
		s.now = time.Unix(1e9, 0).Add(time.Duration(number(t, words[0]) * float64(time.Second)))
		inv.Advance(s.now)
		return s.queues()
	default:
		d.Fatalf(t, "unknown command %q", d.Cmd)
	}
	return ""
}

func (s *story) expect(pods []string) string {
	var b strings.Builder
	for _, pod := range pods {
		of := s.inv.Expect(pod)
		fmt.Fprintf(&b, "%s: %g MB, %.1f s, %.1f s of it waiting\n", pod, float64(of.Bytes)/1e6, of.Seconds, of.Wait)
	}
	return b.String()
}

func (s *story) seeds(t *testing.T, d *datadriven.TestData, keys []string, options map[string]string) string {
	count := func(option string, otherwise int) int {
		if text, ok := options[option]; ok {
			return int(number(t, text))
		}
		return otherwise
	}
	demand := Demand{Needs: needs(keys), Pods: count("pods", 0), Near: count("near", 0), Sure: options["sure"] != "", Busy: map[string]bool{}}
	for line := range strings.Lines(d.Input) {
		fields := strings.Fields(line)
		demand.Places = append(demand.Places, Place{Node: fields[0], Room: int(number(t, fields[1]))})
		demand.Busy[fields[0]] = len(fields) > 2
	}
	budget := SeedBudget{Bytes: int64(count("bytes", 1e6)) * 1e6, Seeds: count("count", 100)}
	var b strings.Builder
	for _, seed := range s.inv.Seeds(demand, &budget) {
		var keys []string
		for _, need := range seed.Needs {
			keys = append(keys, need.Key)
		}
		fmt.Fprintf(&b, "%s pulls %s, %g MB in %.1f s\n", seed.Node, strings.Join(keys, " "), float64(seed.Bytes)/1e6, seed.Seconds)
	}
	return b.String()
}

func (s *story) setPuller(t *testing.T, options map[string]string) {
	fields := map[string]*float64{
		"layer": &s.puller.SecondsPerLayer, "image": &s.puller.SecondsPerImage, "eager": &s.puller.Eager,
		"rate": &s.puller.BytesPerSecond, "link": &s.puller.Link, "peers": &s.puller.Peers,
	}
	for key, value := range options {
		switch key {
		case "parallel":
			s.puller.Parallel = int(number(t, value))
		case "rack":
			s.puller.Rack = value
		case "pool":
			s.puller.Pool = value
		case "rate", "link", "peers":
			*fields[key] = number(t, value) * 1e6
		default:
			*fields[key] = number(t, value)
		}
	}
}

// queues tells of every promise: what it is the first to bring, and how much of
// it has arrived.
func (s *story) queues() string {
	return s.each(func(n *node) string {
		var told []string
		for _, p := range n.queue {
			text := fmt.Sprintf("%s brings %g MB", p.pod, float64(p.bytes)/1e6)
			if !p.firm {
				text = fmt.Sprintf("%s would bring %g MB", p.pod, float64(p.bytes)/1e6)
			}
			if p.done > 0 {
				text += fmt.Sprintf(", has %.0f", p.done/1e6)
			}
			told = append(told, text)
		}
		return strings.Join(told, "; ")
	})
}

func (s *story) each(line func(*node) string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.inv.nodes)) {
		fmt.Fprintf(&b, "%s\n", strings.TrimSpace(name+": "+line(s.inv.nodes[name])))
	}
	return b.String()
}

func split(d *datadriven.TestData) (words []string, options map[string]string) {
	options = map[string]string{}
	for _, a := range d.CmdArgs {
		if len(a.Vals) == 0 {
			words = append(words, a.Key)
		} else {
			options[a.Key] = a.Vals[0]
		}
	}
	return words, options
}

func needs(keys []string) []Need {
	var needs []Need
	for _, key := range keys {
		plain, always := strings.CutSuffix(key, "!")
		needs = append(needs, Need{Key: plain, Always: always})
	}
	return needs
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func reports(t *testing.T, d *datadriven.TestData) []Report {
	var out []Report
	for line := range strings.Lines(d.Input) {
		words := strings.Fields(line)
		repeat := 1
		if after, ok := strings.CutPrefix(words[0], "x"); ok {
			repeat = int(number(t, after))
			words = words[1:]
		}
		bytes := int64(number(t, words[0]) * 1e6)
		for i := range repeat {
			names := slices.Clone(words[1:])
			if repeat > 1 {
				names[0] = fmt.Sprintf("%s-%d", names[0], i)
			}
			out = append(out, Report{Names: names, Bytes: bytes})
		}
	}
	return out
}
