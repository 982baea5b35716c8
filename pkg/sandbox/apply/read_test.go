package apply

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestReadFS(t *testing.T) {
	files := fstest.MapFS{
		"m/b.yaml": {Data: []byte("apiVersion: v1\nkind: Pod\nmetadata: {name: b}\n")},
		"m/a.yml": {Data: []byte(`# only a comment
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: a1}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: a2}}
---
---
apiVersion: v1
kind: Namespace
metadata: {name: a3}
`)},
		"m/c.json":             {Data: []byte(`{"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "c-"}}`)},
		"m/kustomization.yaml": {Data: []byte("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n")},
		"m/README.md":          {Data: []byte("# not a manifest")},
		"m/deeper/d.yaml":      {Data: []byte("not looked at")},
	}
	objects, err := ReadFS(files, "m")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range objects {
		got = append(got, o.GetKind()+" "+name(o))
	}
	want := []string{"ConfigMap a1", "ConfigMap a2", "Namespace a3", "Pod b", "Pod c-…"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestParseRejects(t *testing.T) {
	for _, test := range []struct{ yaml, want string }{
		{"kind: Pod", "apiVersion or kind is missing"},
		{"apiVersion: v1\nkind: Pod\n---\n- a list", "document 2"},
		{"a: [", "document 1"},
	} {
		if _, err := Parse([]byte(test.yaml)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Parse(%q) returned %v, want %q", test.yaml, err, test.want)
		}
	}
}
