package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// credentials are those of a docker configuration, as in a Secret of the type
// kubernetes.io/dockerconfigjson. Nothing but its field auths is read: no helper
// is ever run.
type credentials map[string]authn.AuthConfig

// readCredentials reads the file, or returns none if there is no such file.
func readCredentials(path string) (credentials, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading credentials: %w", err)
	}
	var file struct {
		Auths map[string]authn.AuthConfig `json:"auths"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("reading credentials from %s: it is not a docker configuration", path) // the cause may quote them
	}
	all := credentials{}
	for where, auth := range file.Auths {
		all[normalHost(where)] = auth
	}
	return all, nil
}

// normalHost turns the ways to write a registry in a docker configuration, such
// as "https://index.docker.io/v1/", into a host and the path below it.
func normalHost(where string) string {
	where = strings.TrimPrefix(strings.TrimPrefix(where, "https://"), "http://")
	where = strings.TrimRight(where, "/")
	host, path, _ := strings.Cut(where, "/")
	if path == "v1" || path == "v2" {
		path = ""
	}
	if host == "docker.io" || host == "registry-1.docker.io" {
		host = name.DefaultRegistry
	}
	if path == "" {
		return host
	}
	return host + "/" + path
}

// of returns what is stated for the longest path above the repository.
func (c credentials) of(repository name.Repository) authn.Authenticator {
	for at := repository.Name(); ; {
		if auth, ok := c[at]; ok {
			return authn.FromConfig(auth)
		}
		slash := strings.LastIndexByte(at, '/')
		if slash < 0 {
			return authn.Anonymous
		}
		at = at[:slash]
	}
}
