package kubeconfig

import (
	"path/filepath"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
)

func TestCheckPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := CheckPath(path); err != nil {
		t.Errorf("no file: %v", err)
	}
	if CheckPath(filepath.Join(path, "deeper")) == nil {
		t.Error("a directory would be made")
	}
	c := New("https://127.0.0.1:1", []byte("ca"), "admin", "token")
	if err := clientcmd.WriteToFile(*c, path); err != nil {
		t.Fatal(err)
	}
	if err := CheckPath(path); err != nil {
		t.Errorf("a sandbox's kubeconfig: %v", err)
	}
	c.Clusters["production"] = c.Clusters[Cluster]
	if err := clientcmd.WriteToFile(*c, path); err != nil {
		t.Fatal(err)
	}
	if CheckPath(path) == nil {
		t.Error("a kubeconfig with another cluster would be replaced")
	}
}
