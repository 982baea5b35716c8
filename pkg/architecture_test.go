// Package pkg holds no code of its own: its test keeps architecture.md true.
package pkg

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/muster-scheduler/muster/"

// TestImports checks what every package imports, tests left out, against the table of architecture.md.
func TestImports(t *testing.T) {
	rows := readTable(t, "architecture.md")
	for _, p := range ourPackages(t) {
		i := slices.IndexFunc(rows, func(r row) bool { return matches(r.name, p.path()) })
		if i < 0 {
			t.Errorf("%s has no row in architecture.md", p.path())
			continue
		}
		rows[i].used = true
		for _, path := range p.Imports {
			if !rows[i].allows(path) {
				t.Errorf("%s must not import %s", p.path(), path)
			}
		}
	}
	for _, r := range rows {
		if !r.used {
			t.Errorf("architecture.md has a row for %s, which no package needs", r.name)
		}
	}
}

// TestPackageComments checks that every package says what it is.
func TestPackageComments(t *testing.T) {
	for _, p := range ourPackages(t) {
		if p.Doc == "" {
			t.Errorf("%s has no package comment", p.path())
		}
	}
}

// TestLinks checks what ends up in the shipped binaries, however indirectly.
func TestLinks(t *testing.T) {
	unwanted := map[string]map[string]string{
		"cmd/muster-scheduler": {
			"testing":                       "it registers flags, and says that test code is shipped",
			module + "pkg/sandbox/...":      "it is for trying out",
			module + "pkg/registry":         "the scheduler connects to nothing but the API server",
			"go.etcd.io/etcd/server/v3/...": "the scheduler talks to an API server",
		},
		"cmd/muster-images": {
			"testing":                  "it registers flags, and says that test code is shipped",
			module + "pkg/sandbox/...": "it is for trying out",
			module + "pkg/snapshot":    "it schedules nothing",
			"k8s.io/kubernetes/...":    "it schedules nothing",
		},
	}
	for command, patterns := range unwanted {
		for _, p := range list(t, "-deps", module+command) {
			for pattern, why := range patterns {
				if matches(pattern, p.ImportPath) {
					t.Errorf("%s links %s: %s", command, p.ImportPath, why)
				}
			}
		}
	}
}

// TestAllows checks the reading of the table, without which the other tests could pass by accident.
func TestAllows(t *testing.T) {
	r := row{name: "pkg/a", ours: []string{"pkg/b", "pkg/c/..."}, others: []string{"k8s.io/api/..."}}
	for path, want := range map[string]bool{
		"time":                  true,
		"encoding/json":         true,
		module + "pkg/b":        true,
		module + "pkg/b/deep":   false,
		module + "pkg/c":        true,
		module + "pkg/c/deep":   true,
		module + "pkg/cd":       false,
		"k8s.io/api/core/v1":    true,
		"k8s.io/apimachinery":   false,
		"github.com/x/y":        false,
		"pkg.example.org/pkg/b": false,
	} {
		if got := r.allows(path); got != want {
			t.Errorf("allows(%q) = %t, want %t", path, got, want)
		}
	}
}

// A row of the table says what the packages it names may import.
type row struct {
	name         string
	ours, others []string
	used         bool
}

func (r row) allows(path string) bool {
	if own, ok := strings.CutPrefix(path, module); ok {
		return matchesAny(r.ours, own)
	}
	if first, _, _ := strings.Cut(path, "/"); !strings.Contains(first, ".") {
		return true // the standard library
	}
	return matchesAny(r.others, path)
}

func matchesAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, path) })
}

// matches reports whether path is pattern, or lies below a pattern that ends in "/...".
func matches(pattern, path string) bool {
	if pattern == "*" || pattern == path {
		return true
	}
	tree, ok := strings.CutSuffix(pattern, "/...")
	return ok && (path == tree || strings.HasPrefix(path, tree+"/"))
}

// readTable reads the lines between ```imports and ```.
func readTable(t *testing.T, name string) []row {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(data), "```imports\n")
	table, _, closed := strings.Cut(table, "```")
	if !found || !closed {
		t.Fatalf("%s has no imports table", name)
	}
	var rows []row
	for line := range strings.Lines(table) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		columns := strings.Split(line, "|")
		if len(columns) != 3 {
			t.Fatalf("%s: want three columns: %q", name, line)
		}
		rows = append(rows, row{
			name:   strings.TrimSpace(columns[0]),
			ours:   strings.Fields(columns[1]),
			others: strings.Fields(columns[2]),
		})
	}
	return rows
}

// listed is what go list says about a package.
type listed struct {
	ImportPath string
	Doc        string
	Imports    []string
	GoFiles    []string
}

func (p listed) path() string { return strings.TrimPrefix(p.ImportPath, module) }

// ourPackages lists all packages of the module that have code besides tests.
func ourPackages(t *testing.T) []listed {
	t.Helper()
	packages := slices.DeleteFunc(list(t, module+"..."), func(p listed) bool { return len(p.GoFiles) == 0 })
	if len(packages) == 0 {
		t.Fatal("go list found no packages")
	}
	return packages
}

func list(t *testing.T, args ...string) []listed {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Doc,Imports,GoFiles"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []listed
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
