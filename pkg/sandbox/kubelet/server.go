package kubelet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	certutil "k8s.io/client-go/util/cert"
	"k8s.io/component-base/configz"
	"k8s.io/klog/v2"
	kubeletconfigv1beta1 "k8s.io/kubelet/config/v1beta1"
	"k8s.io/kubernetes/pkg/kubelet"
	"k8s.io/kubernetes/pkg/kubelet/apis/config"
	kubeletscheme "k8s.io/kubernetes/pkg/kubelet/apis/config/scheme"
	"k8s.io/kubernetes/pkg/kubelet/server"
	"k8s.io/kubernetes/pkg/kubelet/server/stats"
)

// serving is what the servers of all kubelets of this process have in common.
type serving struct {
	tls *tls.Config

	// configz is a list for the whole process, in which each kubelet puts its configuration when it is asked for it.
	configz sync.Mutex
}

// newServing makes a certificate for all kubelets. They answer to nobody but the API server, which shows the
// certificate that is in the given file.
func newServing(clientCert string) (*serving, error) {
	authority, err := os.ReadFile(clientCert)
	if err != nil {
		return nil, err
	}
	clients := x509.NewCertPool()
	if !clients.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("%s: no certificate", clientCert)
	}
	cert, key, err := certutil.GenerateSelfSignedCertKey("kubelet", nil, nil)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	return &serving{tls: &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{pair},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    clients,
	}}, nil
}

// listen takes a port of this machine. Nodes have addresses at which nobody listens, so that each has a port of its own
// instead, which it reports in its status; the API server of the sandbox knows to look for it here.
func listen() (net.Listener, int32, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, 0, err
	}
	return listener, int32(listener.Addr().(*net.TCPAddr).Port), nil
}

// serve runs the kubelet's own server until the process ends.
func (n node) serve(ctx context.Context, listener net.Listener, k *kubelet.Kubelet, c *config.KubeletConfiguration) error {
	configuration, err := versioned(c)
	if err != nil {
		return err
	}
	configuration.SetGroupVersionKind(kubeletconfigv1beta1.SchemeGroupVersion.WithKind("KubeletConfiguration"))
	analyzer := stats.NewResourceAnalyzer(ctx, k, c.VolumeStatsAggPeriod.Duration, nil) // not started: no volumes to measure
	handler := server.NewServer(ctx, k, analyzer, nil, nil, nil, c)
	s := &http.Server{
		TLSConfig:         n.serving.tls,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0), // of handshakes
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if n.link.isCut() {
				panic(http.ErrAbortHandler) // without an answer
			}
			if r.URL.Path != configz.DefaultConfigzPath {
				handler.ServeHTTP(w, r)
				return
			}
			n.serving.configz.Lock()
			defer n.serving.configz.Unlock()
			configz.Delete("kubeletconfig")
			entry, err := configz.New("kubeletconfig")
			if err == nil {
				err = entry.Set(configuration)
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			handler.ServeHTTP(w, r)
		}),
	}
	go func() {
		if err := s.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
			klog.FromContext(ctx).Error(err, "The kubelet's server ended")
		}
	}()
	return nil
}

// versioned is a configuration as it is written in files, and served.
func versioned(c *config.KubeletConfiguration) (*kubeletconfigv1beta1.KubeletConfiguration, error) {
	scheme, _, err := kubeletscheme.NewSchemeAndCodecs()
	if err != nil {
		return nil, err
	}
	out := &kubeletconfigv1beta1.KubeletConfiguration{}
	return out, scheme.Convert(c, out, nil)
}

// override sets what the fields of a KubeletConfiguration say, which are JSON.
func override(c *config.KubeletConfiguration, fields string) error {
	if fields == "" {
		return nil
	}
	out, err := versioned(c)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(fields), out); err != nil {
		return fmt.Errorf("configuration of kubelets: %w", err)
	}
	scheme, _, err := kubeletscheme.NewSchemeAndCodecs()
	if err != nil {
		return err
	}
	return scheme.Convert(out, c, nil)
}
