package perf

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// table shows the records as Markdown: medians, with the least and the most of
// the throughput and the most that others used of the machine, and then how the
// last variant compares with the first.
func table(records []record) string {
	byCase := map[string]map[string][]record{} // by shape and mode, then variant
	var order []string
	for _, r := range records {
		name := r.Shape + " " + r.Mode
		if byCase[name] == nil {
			byCase[name] = map[string][]record{}
			order = append(order, name)
		}
		byCase[name][r.Variant] = append(byCase[name][r.Variant], r)
	}
	var b strings.Builder
	b.WriteString("| gangs x members | variant | runs | pods/s | least-most | pods/s alone | gang p50 s | gang p99 s | " +
		"process CPU ms/pod | etcd CPU ms/pod | scheduler CPU ms/pod | others' CPU % |\n" + strings.Repeat("|---", 12) + "|\n")
	for _, name := range order {
		for _, variant := range variants {
			runs := byCase[name][variant]
			if len(runs) == 0 {
				continue
			}
			speeds := values(runs, record.podsPerSecond)
			fmt.Fprintf(&b, "| %s | %s | %d | %.0f | %.0f-%.0f | %.0f | %.2f | %.2f | %.2f | %.2f | %.2f | %.0f |\n", name, variant, len(runs),
				median(speeds), slices.Min(speeds), slices.Max(speeds), median(values(runs, record.alone)),
				median(values(runs, gangP50)), median(values(runs, gangP99)),
				median(values(runs, processCPU)), median(values(runs, etcdCPU)), median(values(runs, schedulerCPUPerPod)),
				slices.Max(values(runs, foreignPercent)))
		}
	}
	b.WriteString("\n| gangs x members | throughput | throughput alone | process CPU per pod | scheduler CPU per pod | gang p99 |\n" + strings.Repeat("|---", 6) + "|\n")
	for _, name := range order {
		base, ours := byCase[name][variants[0]], byCase[name][variants[1]]
		if len(base) == 0 || len(ours) == 0 {
			continue
		}
		times := func(of func(record) float64) float64 { return median(values(ours, of)) / median(values(base, of)) }
		fmt.Fprintf(&b, "| %s | %.2fx | %.2fx | %.2fx | %.2fx | %.1fx lower |\n", name,
			times(record.podsPerSecond), times(record.alone), times(processCPU), times(schedulerCPUPerPod), 1/times(gangP99))
	}
	return b.String()
}

func gangP50(r record) float64            { return r.P50 }
func gangP99(r record) float64            { return r.P99 }
func processCPU(r record) float64         { return r.perPod(r.ProcessCPU) }
func etcdCPU(r record) float64            { return r.perPod(r.EtcdCPU) }
func schedulerCPUPerPod(r record) float64 { return r.perPod(r.SchedulerCPU) }
func foreignPercent(r record) float64     { return 100 * r.ForeignCPU }

// grouped returns the records by what they have in common, in the order of the first of each.
func grouped[R any, K comparable](records []R, key func(R) K) (groups [][]R) {
	at := map[K]int{}
	for _, r := range records {
		i, ok := at[key(r)]
		if !ok {
			i = len(groups)
			at[key(r)], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], r)
	}
	return groups
}

func values[R any](runs []R, of func(R) float64) []float64 {
	v := make([]float64, len(runs))
	for i, r := range runs {
		v[i] = of(r)
	}
	return v
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

func TestTableComparesMedians(t *testing.T) {
	one := func(variant string, wall, p99, cpu float64) record {
		return record{Variant: variant, Shape: "2x50", Mode: "held", Pods: 100, Gangs: 2, Wall: wall, P99: p99, ProcessCPU: cpu}
	}
	got := table([]record{one("native", 10, 8, 1), one("muster", 5, 2, 0.5), one("native", 40, 9, 3), one("native", 20, 10, 2)})
	for _, want := range []string{
		"| 2x50 held | native | 3 | 5 | 2-10 |", // pods/s: 10, 5 and 2.5
		"| 2x50 held | muster | 1 | 20 | 20-20 |",
		"| 2x50 held | 4.00x | 4.00x | 0.25x |",
		"| 4.5x lower |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestQuantileIsTheNearestRank(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(i + 1)
	}
	for _, tc := range []struct {
		of      []float64
		q, want float64
	}{{hundred, 0.5, 50}, {hundred, 0.99, 99}, {[]float64{1, 2, 3}, 0.5, 2}, {[]float64{1, 2, 3}, 0.99, 3}, {[]float64{7}, 0.5, 7}} {
		if got := quantile(tc.of, tc.q); got != tc.want {
			t.Errorf("quantile %g of %d values is %g, want %g", tc.q, len(tc.of), got, tc.want)
		}
	}
}
