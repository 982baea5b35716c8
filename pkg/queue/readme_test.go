package queue

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// specification is where the tests are that README.md links rules to.
const specification = "../../test/integration/queue"

// TestReadmeNamesTheTests: each link leads to a file and, if it names a test, to one that
// is in there, and no test of the specification is left out.
func TestReadmeNamesTheTests(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, link := range regexp.MustCompile(`\[([^\]]+)\]\(([^)]+)\)`).FindAllStringSubmatch(string(text), -1) {
		name, path := link[1], link[2]
		if _, err := os.Stat(path); err != nil {
			t.Errorf("[%s]: %v", name, err)
		}
		if !strings.HasPrefix(name, "Test") {
			continue
		}
		named = append(named, name)
		if !slices.Contains(testsOf(t, path), name) {
			t.Errorf("README.md names %s, which is not in %s", name, path)
		}
	}
	files, err := filepath.Glob(specification + "/*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests in %s: %v", specification, err)
	}
	for _, file := range files {
		for _, name := range testsOf(t, file) {
			if !slices.Contains(named, name) {
				t.Errorf("README.md does not name %s of %s", name, file)
			}
		}
	}
}

// testsOf returns the tests in a file.
func testsOf(t *testing.T, path string) (names []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, decl := range file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && strings.HasPrefix(f.Name.Name, "Test") && f.Name.Name != "TestMain" {
			names = append(names, f.Name.Name)
		}
	}
	return names
}
