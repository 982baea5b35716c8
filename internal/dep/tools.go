//go:build tools

package dep

import (
	_ "go.etcd.io/etcd/server/v3"
)
