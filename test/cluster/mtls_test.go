package cluster

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"
)

// mtls switches mutual TLS on, with certificates of an authority made here.
func (l *life) mtls(t *testing.T) {
	ctx := t.Context()
	ours, err := newAuthority()
	check(t, err)
	theirs, err := newAuthority()
	check(t, err)
	check(t, l.giveCertificates(ctx, ours))
	began := time.Now()
	// The operator goes, and may have sized workers otherwise than the chart does.
	check(t, l.deploy(ctx, l.deployed(t, deployment{tag: firstTag, set: secured, taking: true})))
	check(t, l.settle(ctx))
	took := time.Since(began)
	tested := l.tested(t)
	suite := l.suite(t)
	_, services, err := chartServices()
	check(t, err)
	for _, service := range services {
		l.onlyMembers(t, service, ours, theirs)
	}
	l.report.add("mutual TLS between the services", "green", "switched on in %.0f s; helm test green in %.0f s, contract suite in %.0f s; who shows no certificate, or another's, is refused by %d services",
		took.Seconds(), tested.Seconds(), suite.Seconds(), len(services))
}

// onlyMembers checks that a service takes calls from who has a certificate of its
// authority, and from nobody else.
func (l *life) onlyMembers(t *testing.T, service string, ours, theirs *authority) {
	t.Helper()
	at, err := l.ctl(t.Context(), "get", "service", release+"-"+service, "-o", "jsonpath={.spec.clusterIP}:{.spec.ports[0].port}")
	check(t, err)
	for caller, c := range map[string]struct {
		from *authority
		want bool
	}{"a member": {ours, true}, "a stranger": {theirs, false}, "nobody": {nil, false}} {
		got, err := ours.answers(t.Context(), strings.TrimSpace(at), service, c.from)
		check(t, err)
		if got != c.want {
			t.Errorf("%s answers %s: %v, want %v", service, caller, got, c.want)
		}
	}
}

func TestCertificatesAreForTheNamesServicesAreCalledBy(t *testing.T) {
	t.Parallel()
	a, err := newAuthority()
	check(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	text, _, err := a.sign(names("ns", "user"))
	check(t, err)
	block, _ := pem.Decode(text)
	leaf, err := x509.ParseCertificate(block.Bytes)
	check(t, err)
	for _, name := range []string{"douyin-user", "douyin-user-headless", "douyin-user-headless.ns.svc.cluster.local"} {
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: name, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: "douyin-video"}); err == nil {
		t.Error("it is another's, too")
	}
}
