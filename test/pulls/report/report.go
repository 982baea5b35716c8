// Package report turns records into tables, plots, and a comparison with what
// was aimed at. It computes nothing but means and ratios.
package report

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/muster-scheduler/muster/test/pulls/record"
)

// The files of an evaluation.
const (
	SweepRecords   = "sweep.jsonl"
	VariantRecords = "variants.jsonl"
	tables         = "tables.md"
)

// group is the records of one shape and one kind of world.
type group struct {
	shape   record.Case // without policy, seed and registry
	records []record.Record
}

// Write reads the records of the folder and writes the report beside them.
func Write(dir string) error {
	sweep, err := record.Read(filepath.Join(dir, SweepRecords))
	if err != nil {
		return err
	}
	variants, err := record.Read(filepath.Join(dir, VariantRecords))
	if err != nil {
		return err
	}
	var out bytes.Buffer
	out.WriteString("Made by `go run ./test/pulls report` from the records beside it; `make pulls` makes those as well.\n")
	groups := split(sweep)
	targets(&out, groups)
	for _, g := range groups {
		fmt.Fprintf(&out, "\n## %s\n", title(g.shape))
		for _, registry := range registries(g.records) {
			fmt.Fprintf(&out, "\n### Registry %s GB/s\n\n", digits(registry/1e9))
			table(&out, at(g.records, registry))
		}
		name := fmt.Sprintf("%s-%d", g.shape.Trace, g.shape.Nodes)
		for _, c := range curves {
			path := fmt.Sprintf("%s-%s.svg", name, c.name)
			if err := plotCurves(filepath.Join(dir, path), c, title(g.shape), g.records); err != nil {
				return err
			}
			fmt.Fprintf(&out, "\n![%s](%s)\n", c.label, path)
		}
	}
	for _, g := range split(variants) {
		fmt.Fprintf(&out, "\n## %s: %s\n\nRegistry %s GB/s.\n\n", title(g.shape), variant(g.shape), digits(g.records[0].Registry/1e9))
		table(&out, g.records)
	}
	return os.WriteFile(filepath.Join(dir, tables), out.Bytes(), 0o644)
}

// split groups records that differ in policy, seed and registry alone, in the
// order in which they come.
func split(records []record.Record) []group {
	var groups []group
	for _, r := range records {
		shape := r.Case
		shape.Policy, shape.Seed, shape.Registry = "", 0, 0
		i := slices.IndexFunc(groups, func(g group) bool { return g.shape == shape })
		if i < 0 {
			i = len(groups)
			groups = append(groups, group{shape: shape})
		}
		groups[i].records = append(groups[i].records, r)
	}
	return groups
}

// at is the records with that registry.
func at(records []record.Record, registry float64) []record.Record {
	return slices.DeleteFunc(slices.Clone(records), func(r record.Record) bool { return r.Registry != registry })
}

// of is the records of that policy, by seed.
func of(records []record.Record, policy string) []record.Record {
	own := slices.DeleteFunc(slices.Clone(records), func(r record.Record) bool { return r.Policy != policy })
	slices.SortFunc(own, func(a, b record.Record) int { return cmp.Compare(a.Seed, b.Seed) })
	return own
}

func registries(records []record.Record) []float64 {
	var all []float64
	for _, r := range records {
		if !slices.Contains(all, r.Registry) {
			all = append(all, r.Registry)
		}
	}
	return all
}

func policies(records []record.Record) []string {
	var all []string
	for _, r := range records {
		if !slices.Contains(all, r.Policy) {
			all = append(all, r.Policy)
		}
	}
	return all
}

func title(c record.Case) string {
	return fmt.Sprintf("%s, %d nodes x %d slots, %.1f h, load %.1f", c.Trace, c.Nodes, c.Slots, c.Seconds/3600, c.Load)
}

func variant(c record.Case) string {
	if c.Parallel > 1 {
		return fmt.Sprintf("kubelets with %d pulls at a time", c.Parallel)
	}
	return fmt.Sprintf("image stores of %.0f GB", float64(c.Store)/1e9)
}
