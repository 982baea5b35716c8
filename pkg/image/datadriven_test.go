package image

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestStories runs testdata/*.txt. The language:
//
//	node n1            replace what n1 reports; one image a line: [xREPEAT] BYTES NAME...
//	remove n1          forget n1
//	missing KEY...     what each node has to pull
//	same KEY...        whether all nodes certainly have to pull the same
//	scores KEY... [rate=BYTES/s] [each=SECONDS]
//	                   seconds and score of each node; default rate=40000000 each=0.2
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		inv, nodes := NewInventory(), []string{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			args, options := split(d)
			switch d.Cmd {
			case "node":
				inv.SetNode(args[0], reports(t, d))
				nodes = append(without(nodes, args[0]), args[0])
				return fmt.Sprintf("%d nodes", len(inv.nodes))
			case "remove":
				inv.RemoveNode(args[0])
				nodes = without(nodes, args[0])
				return fmt.Sprintf("%d nodes", len(inv.nodes))
			case "missing":
				return each(nodes, func(_ int, node string) string {
					pull, known := inv.Missing(node, args)
					if !known {
						return "unknown"
					}
					return fmt.Sprintf("%d bytes in %d images", pull.Bytes, pull.Images)
				})
			case "same":
				return strconv.FormatBool(inv.Same(args))
			case "scores":
				rate := Rate{BytesPerSecond: options["rate"], SecondsPerImage: options["each"]}
				seconds := make([]float64, len(nodes))
				for i, node := range nodes {
					pull, _ := inv.Missing(node, args)
					seconds[i] = rate.Seconds(pull)
				}
				scores := Scores(seconds)
				return each(nodes, func(i int, _ string) string {
					return fmt.Sprintf("%.1f s  %d", seconds[i], scores[i])
				})
			default:
				d.Fatalf(t, "unknown command %q", d.Cmd)
				return ""
			}
		})
	})
}

func split(d *datadriven.TestData) (args []string, options map[string]float64) {
	options = map[string]float64{"rate": 40e6, "each": 0.2}
	for _, a := range d.CmdArgs {
		if len(a.Vals) == 0 {
			args = append(args, a.Key)
			continue
		}
		options[a.Key], _ = strconv.ParseFloat(a.Vals[0], 64)
	}
	return args, options
}

func reports(t *testing.T, d *datadriven.TestData) []Report {
	var out []Report
	for line := range strings.Lines(d.Input) {
		words := strings.Fields(line)
		repeat := 1
		if after, ok := strings.CutPrefix(words[0], "x"); ok {
			repeat, _ = strconv.Atoi(after)
			words = words[1:]
		}
		bytes, err := strconv.ParseInt(words[0], 10, 64)
		if err != nil {
			d.Fatalf(t, "reading %q: %v", line, err)
		}
		for i := range repeat {
			names := append([]string(nil), words[1:]...)
			if repeat > 1 {
				names[0] = fmt.Sprintf("%s-%d", names[0], i)
			}
			out = append(out, Report{Names: names, Bytes: bytes})
		}
	}
	return out
}

func without(nodes []string, name string) []string {
	var kept []string
	for _, n := range nodes {
		if n != name {
			kept = append(kept, n)
		}
	}
	return kept
}

func each(nodes []string, line func(int, string) string) string {
	var b strings.Builder
	for i, n := range nodes {
		fmt.Fprintf(&b, "%s: %s\n", n, line(i, n))
	}
	return b.String()
}
