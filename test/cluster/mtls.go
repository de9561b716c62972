package cluster

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// secretName is the pattern of the Secrets with the certificates.
const secretName = "mesh-{service}"

// secured gives every service a certificate.
var secured = []string{"mtls.enabled=true", "mtls.existingSecret=" + secretName}

// authority signs the certificates of one mesh.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// validFor outlasts a run.
const validFor = 24 * time.Hour

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("authority: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mesh"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(validFor),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("authority: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	return &authority{certificate, key}, err
}

// sign returns a certificate for names, and its key, as PEM.
func (a *authority) sign(names []string) (certificate, key []byte, err error) {
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("certificate: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, fmt.Errorf("certificate: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, DNSNames: names, NotBefore: a.certificate.NotBefore, NotAfter: a.certificate.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &own.PublicKey, a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("certificate: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		return nil, nil, fmt.Errorf("certificate: %w", err)
	}
	return encode("CERTIFICATE", der), encode("PRIVATE KEY", secret), nil
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// names are those by which a service is called: of its addresses, too.
func names(namespace, service string) []string {
	var all []string
	for _, suffix := range []string{"", "-headless"} {
		host := release + "-" + service + suffix
		all = append(all, host, host+"."+namespace, host+"."+namespace+".svc", host+"."+namespace+".svc.cluster.local")
	}
	return all
}

// giveCertificates makes the Secrets.
func (k *kube) giveCertificates(ctx context.Context, a *authority) error {
	var list struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Items      []any  `json:"items"`
	}
	list.APIVersion, list.Kind = "v1", "List"
	all, _, err := chartServices()
	if err != nil {
		return err
	}
	for _, service := range all {
		certificate, key, err := a.sign(names(k.namespace, service))
		if err != nil {
			return err
		}
		list.Items = append(list.Items, map[string]any{
			"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
			"metadata": map[string]string{"name": "mesh-" + service, "namespace": k.namespace},
			"data":     map[string][]byte{"tls.crt": certificate, "tls.key": key, "ca.crt": encode("CERTIFICATE", a.certificate.Raw)},
		})
	}
	manifests, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("secrets: %w", err)
	}
	return k.apply(ctx, string(manifests))
}

// answers reports whether a service at an address takes calls from who shows a
// certificate of from; nil shows none. The service must have one of a.
func (a *authority) answers(ctx context.Context, at, service string, from *authority) (bool, error) {
	config := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: release + "-" + service + "-headless", MinVersion: tls.VersionTLS13}
	config.RootCAs.AddCert(a.certificate)
	if from != nil {
		certificate, key, err := from.sign([]string{"caller"})
		if err != nil {
			return false, err
		}
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			return false, fmt.Errorf("pair: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	// The name is checked: an error here is the service's.
	conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", at)
	if err != nil {
		return false, fmt.Errorf("%s: %w", service, err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return false, fmt.Errorf("%s: %w", service, err)
	}
	// With TLS 1.3 a refusal comes after the handshake, with the first answer.
	if _, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", service); err != nil {
		return false, nil
	}
	answer := make([]byte, len("HTTP/1.1"))
	n, _ := conn.Read(answer) // a refusal is an error, an answer may be followed by one
	return bytes.Equal(answer[:n], []byte("HTTP/1.1")), nil
}
