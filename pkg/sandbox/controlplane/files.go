package controlplane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	certutil "k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

// files are the credentials the components read from disk.
type files struct {
	tokens, serviceAccountKey, cert, certKey, caCert string // paths
	kubeletCert, kubeletKey                          string // paths; what kubelets know the API server by
	ca                                               []byte // the content of caCert: who issued cert
}

// writeFiles makes fresh credentials: nothing in a sandbox outlives it.
func writeFiles(c Config) (files, error) {
	dir := filepath.Join(c.Dir, "credentials")
	if err := mkdir(dir); err != nil {
		return files{}, err
	}
	f := files{
		tokens:            filepath.Join(dir, "tokens.csv"),
		serviceAccountKey: filepath.Join(dir, "service-account.key"),
		cert:              filepath.Join(dir, "apiserver.crt"),
		certKey:           filepath.Join(dir, "apiserver.key"),
		caCert:            filepath.Join(dir, "ca.crt"),
		kubeletCert:       KubeletClientCert(c.Dir),
		kubeletKey:        filepath.Join(dir, "kubelet-client.key"),
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return files{}, err
	}
	saKey, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return files{}, err
	}
	cert, certKey, err := certutil.GenerateSelfSignedCertKey("127.0.0.1", []net.IP{net.IPv4(127, 0, 0, 1)}, []string{"localhost"})
	if err != nil {
		return files{}, fmt.Errorf("generate serving certificate: %w", err)
	}
	if f.ca, err = issuer(cert); err != nil {
		return files{}, err
	}
	kubeletCert, kubeletKey, err := clientCert("kube-apiserver")
	if err != nil {
		return files{}, fmt.Errorf("generate client certificate: %w", err)
	}
	for path, data := range map[string][]byte{
		f.tokens:            tokenFile(c.Tokens),
		f.serviceAccountKey: saKey,
		f.cert:              cert,
		f.certKey:           certKey,
		f.caCert:            f.ca,
		f.kubeletCert:       kubeletCert,
		f.kubeletKey:        kubeletKey,
	} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return files{}, err
		}
	}
	return f, nil
}

// issuer returns the authorities of a certificate chain.
func issuer(chain []byte) ([]byte, error) {
	certs, err := certutil.ParseCertsPEM(chain)
	if err != nil {
		return nil, err
	}
	return certutil.EncodeCertificates(slices.DeleteFunc(certs, func(c *x509.Certificate) bool { return !c.IsCA })...)
}

// tokenFile is the content of --token-auth-file: token,user,uid,"groups".
func tokenFile(tokens map[string]string) []byte {
	var b strings.Builder
	for _, user := range slices.Sorted(maps.Keys(tokens)) {
		group := ""
		if user == UserAdmin {
			group = "system:masters"
		}
		fmt.Fprintf(&b, "%s,%s,%s,%q\n", tokens[user], user, user, group)
	}
	return []byte(b.String())
}
