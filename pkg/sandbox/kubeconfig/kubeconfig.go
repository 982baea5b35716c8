// Package kubeconfig makes the sandbox's kubeconfigs. They hold all they need inline: each is one file that can be
// copied anywhere.
package kubeconfig

import (
	"errors"
	"os"
	"path/filepath"

	"k8s.io/client-go/tools/clientcmd"
	api "k8s.io/client-go/tools/clientcmd/api"
)

// Cluster is the name of the cluster and of the context in every kubeconfig of a sandbox.
const Cluster = "muster-sandbox"

// New returns a kubeconfig for one user with a bearer token.
func New(url string, ca []byte, user, token string) *api.Config {
	c := api.NewConfig()
	c.Clusters[Cluster] = &api.Cluster{Server: url, CertificateAuthorityData: ca}
	c.AuthInfos[user] = &api.AuthInfo{Token: token}
	c.Contexts[Cluster] = &api.Context{Cluster: Cluster, AuthInfo: user}
	c.CurrentContext = Cluster
	return c
}

// CheckPath returns an error if a kubeconfig must not be written to path: a user's own is never overwritten, and no
// directory is made that would be left behind.
func CheckPath(path string) error {
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return err
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	c, err := clientcmd.LoadFromFile(path)
	if err != nil {
		return errors.New("there is a file that is not a kubeconfig")
	}
	if _, ours := c.Clusters[Cluster]; !ours || len(c.Clusters) != 1 {
		return errors.New("there is a kubeconfig with other clusters")
	}
	return nil
}
