package report

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	_ "gonum.org/v1/plot/vg/vgsvg" // the format in which plots are saved

	"github.com/muster-scheduler/muster/test/pulls/record"
)

// curve is a figure over the capacity of the registry.
type curve struct {
	name, label string
	of          func(r record.Record) float64
}

var curves = []curve{
	{"gangs", "mean start of gangs of 8 and more, s", func(r record.Record) float64 { return r.Large.Mean }},
	{"wait", "mean wait for images, s", func(r record.Record) float64 { return r.Wait.Mean }},
	{"bytes", "pulled per pod, MB", func(r record.Record) float64 { return r.Bytes / float64(r.Pods) / 1e6 }},
}

// plotCurves draws one line for each policy, the mean over its seeds. Both axes
// are logarithmic.
func plotCurves(path string, c curve, title string, records []record.Record) error {
	p := plot.New()
	p.Title.Text = title
	p.X.Label.Text = "capacity of the registry, GB/s"
	p.Y.Label.Text = c.label
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.TickerFunc(ticks), plot.TickerFunc(ticks)
	p.Legend.Top = true
	p.Add(plotter.NewGrid())
	for i, policy := range policies(records) {
		var points plotter.XYs
		for _, registry := range registries(records) {
			if y := average(of(at(records, registry), policy), c.of); y > 0 {
				points = append(points, plotter.XY{X: registry / 1e9, Y: y})
			}
		}
		if len(points) == 0 {
			continue
		}
		line, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return err
		}
		line.Color, line.Dashes = plotutil.Color(i), plotutil.Dashes(i)
		dots.Color, dots.Shape = plotutil.Color(i), plotutil.Shape(i)
		p.Add(line, dots)
		p.Legend.Add(policy, line, dots)
	}
	return p.Save(7*vg.Inch, 4*vg.Inch, path)
}

// ticks are 1, 2 and 5 times the powers of ten.
func ticks(least, most float64) []plot.Tick {
	var all []plot.Tick
	for power := math.Pow(10, math.Floor(math.Log10(least))); power <= most; power *= 10 {
		for _, times := range []float64{1, 2, 5} {
			if at := power * times; at >= least && at <= most {
				all = append(all, plot.Tick{Value: at, Label: strconv.FormatFloat(at, 'f', -1, 64)})
			}
		}
	}
	return all
}
