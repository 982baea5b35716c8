package controlplane

import (
	"errors"
	"net/url"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

const (
	etcdStartTimeout = 30 * time.Second
	etcdQuotaBytes   = 8 << 30
)

// startEtcd runs a single etcd member and returns its client URL.
func startEtcd(dir string) (string, error) {
	// The kernel picks both ports. What etcd advertises is then wrong, but its one client is told the truth, and it
	// has no peers.
	anyPort := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	c := embed.NewConfig()
	c.Dir = dir
	c.LogLevel = "error"
	c.UnsafeNoFsync = true
	c.QuotaBackendBytes = etcdQuotaBytes
	c.ListenClientUrls, c.AdvertiseClientUrls = anyPort, anyPort
	c.ListenPeerUrls, c.AdvertisePeerUrls = anyPort, anyPort
	c.InitialCluster = c.InitialClusterFromName(c.Name)
	server, err := embed.StartEtcd(c)
	if err != nil {
		return "", err
	}
	select {
	case <-server.Server.ReadyNotify():
		return "http://" + server.Clients[0].Addr().String(), nil
	case err := <-server.Err():
		return "", err
	case <-time.After(etcdStartTimeout):
		return "", errors.New("not ready in time")
	}
}
