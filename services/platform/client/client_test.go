package client_test

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"douyin.dev/services/platform/client"
)

func trusted(t testing.TB, networks ...string) client.Proxies {
	t.Helper()
	var all client.Proxies
	for _, text := range networks {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, network)
	}
	return all
}

func request(peer string, header http.Header) *http.Request {
	return &http.Request{RemoteAddr: peer, Host: "sent.example", Header: header}
}

func TestTheClientIsTheNearestHopThatIsNoTrustedProxy(t *testing.T) {
	t.Parallel()
	proxies := trusted(t, "10.0.0.0/8", "fd00::/8")
	const peer = "10.0.0.1:4711"
	for name, at := range map[string]struct {
		peer, want string
		header     http.Header
	}{
		"no proxy":              {"192.0.2.1:1", "192.0.2.1", http.Header{"X-Forwarded-For": {"203.0.113.9"}, "Forwarded": {"for=203.0.113.9"}}},
		"proxy without headers": {peer, "10.0.0.1", nil},
		"one hop":               {peer, "203.0.113.9", http.Header{"X-Forwarded-For": {"203.0.113.9"}}},
		"invented before it":    {peer, "203.0.113.9", http.Header{"X-Forwarded-For": {"198.51.100.1, 203.0.113.9"}}},
		"several proxies":       {peer, "203.0.113.9", http.Header{"X-Forwarded-For": {"198.51.100.1, 203.0.113.9, 10.2.3.4,fd00::2"}}},
		"several headers":       {peer, "203.0.113.9", http.Header{"X-Forwarded-For": {"198.51.100.1", "203.0.113.9", "10.2.3.4"}}},
		"only proxies":          {peer, "10.9.9.9", http.Header{"X-Forwarded-For": {"10.9.9.9, 10.2.3.4"}}},
		"malformed":             {peer, "10.2.3.4", http.Header{"X-Forwarded-For": {"203.0.113.9, nonsense, 10.2.3.4"}}},
		"unknown":               {peer, "10.0.0.1", http.Header{"X-Forwarded-For": {"203.0.113.9, unknown"}}},
		"empty element":         {peer, "10.2.3.4", http.Header{"X-Forwarded-For": {"203.0.113.9,,10.2.3.4"}}},
		"empty header":          {peer, "10.0.0.1", http.Header{"X-Forwarded-For": {""}}},
		"with a port":           {peer, "203.0.113.9", http.Header{"X-Forwarded-For": {"203.0.113.9:4711"}}},
		"IPv6":                  {peer, "2001:db8::1", http.Header{"X-Forwarded-For": {"2001:db8::1"}}},
		"IPv6 with a port":      {peer, "2001:db8::1", http.Header{"X-Forwarded-For": {"[2001:db8::1]:4711"}}},
		"IPv6 with a zone":      {peer, "10.0.0.1", http.Header{"X-Forwarded-For": {"fe80::1%eth0"}}},
		"mapped":                {"[::ffff:10.0.0.1]:1", "203.0.113.9", http.Header{"X-Forwarded-For": {"::ffff:203.0.113.9"}}},
		"Forwarded":             {peer, "203.0.113.9", http.Header{"Forwarded": {"for=198.51.100.1, For=203.0.113.9;proto=https, for=10.2.3.4"}}},
		"Forwarded quoted":      {peer, "2001:db8::1", http.Header{"Forwarded": {`for="[2001:db8::1]:4711";by="10.0.0.1"`}}},
		"Forwarded obfuscated":  {peer, "10.0.0.1", http.Header{"Forwarded": {"for=203.0.113.9, for=_hidden"}}},
		"Forwarded twice":       {peer, "10.0.0.1", http.Header{"Forwarded": {"for=203.0.113.9;for=203.0.113.8"}}},
		"an open quote":         {peer, "203.0.113.9", http.Header{"Forwarded": {`for="198.51.100.1, for=203.0.113.9`}}},
		"an escape":             {peer, "10.0.0.1", http.Header{"Forwarded": {`for="198.51.100.1\", for=203.0.113.9"`}}},
		"both, agreed":          {peer, "203.0.113.9", http.Header{"X-Forwarded-For": {"203.0.113.9"}, "Forwarded": {"for=203.0.113.9"}}},
		"both, one invented":    {peer, "10.0.0.1", http.Header{"X-Forwarded-For": {"203.0.113.9"}, "Forwarded": {"for=198.51.100.1"}}},
		"no address":            {"memory", "invalid IP", http.Header{"X-Forwarded-For": {"203.0.113.9"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := proxies.Origin(request(at.peer, at.header)).Addr.String(); got != at.want {
				t.Errorf("got %s, want %s", got, at.want)
			}
		})
	}
}

func TestSchemeAndHostAreThoseATrustedProxySays(t *testing.T) {
	t.Parallel()
	proxies := trusted(t, "10.0.0.0/8")
	for name, at := range map[string]struct {
		peer   string
		header http.Header
		want   string
	}{
		"no proxy":            {"192.0.2.1:1", http.Header{"X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"evil.example"}}, "http://sent.example"},
		"no proxy, Forwarded": {"192.0.2.1:1", http.Header{"Forwarded": {"for=192.0.2.1;proto=https;host=evil.example"}}, "http://sent.example"},
		"proxy":               {"10.0.0.1:1", http.Header{"X-Forwarded-Proto": {"HTTPS"}, "X-Forwarded-Host": {"app.example:8443"}}, "https://app.example:8443"},
		"nearest proxy":       {"10.0.0.1:1", http.Header{"X-Forwarded-Proto": {"http", "http, https"}}, "https://sent.example"},
		"other scheme":        {"10.0.0.1:1", http.Header{"X-Forwarded-Proto": {"javascript"}}, "http://sent.example"},
		"no host":             {"10.0.0.1:1", http.Header{"X-Forwarded-Host": {`a"><script>`}}, "http://sent.example"},
		"Forwarded": {"10.0.0.1:1", http.Header{"Forwarded": {
			`for=198.51.100.1;host=evil.example, for=203.0.113.9;proto=https;host="app.example:8443", for=10.0.0.2;proto=http;host=inner.example`}},
			"https://app.example:8443"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := proxies.Origin(request(at.peer, at.header))
			if got := o.Scheme + "://" + o.Host; got != at.want {
				t.Errorf("got %s, want %s", got, at.want)
			}
		})
	}
}

func TestOverTLSTheSchemeIsHTTPS(t *testing.T) {
	t.Parallel()
	r := request("192.0.2.1:1", nil)
	r.TLS = &tls.ConnectionState{}
	if got := client.Proxies(nil).Origin(r).Scheme; got != "https" {
		t.Errorf("got %s", got)
	}
}

func TestAClientIsAnIPv4AddressOrAnIPv6Site(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1",
		"2001:db8:0:1::1": "2001:db8:0:1::/64", "2001:db8:0:1:ffff::2": "2001:db8:0:1::/64", "2001:db8:0:2::1": "2001:db8:0:2::/64",
	}
	got := map[string]string{}
	for text := range want {
		got[text] = client.KeyOf(netip.MustParseAddr(text)).String()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if one, other := client.KeyOf(netip.MustParseAddr("192.0.2.1")), client.KeyOf(netip.MustParseAddr("::ffff:192.0.2.1")); one != other {
		t.Errorf("%v and %v are two clients", one, other)
	}
	if got := (client.Key{}).String(); got != "unknown" {
		t.Errorf("got %s", got)
	}
}

// FuzzForwarded: whatever a client writes before what its proxy appends, the
// client is the one that the proxy names.
func FuzzForwarded(f *testing.F) {
	for _, seed := range []string{"", "for=1.2.3.4", `for="`, `for="[2001:db8::1]:1";proto=https`, `,;="\`, "1.2.3.4, ", strings.Repeat(",", 1000)} {
		f.Add(seed, seed)
	}
	proxies := trusted(f, "10.0.0.0/8")
	f.Fuzz(func(t *testing.T, before, line string) {
		for name, appended := range map[string]string{"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9;proto=https;host=app.example"} {
			for _, lines := range [][]string{{line, before + ", " + appended}, {before, line, appended}} {
				o := proxies.Origin(request("10.0.0.1:1", http.Header{name: lines}))
				if o.Addr.String() != "203.0.113.9" {
					t.Errorf("%s %q names %s", name, lines, o.Addr)
				}
				if name == "Forwarded" && (o.Scheme != "https" || o.Host != "app.example") {
					t.Errorf("%s %q names %s://%s", name, lines, o.Scheme, o.Host)
				}
			}
			proxies.Origin(request("10.0.0.1:1", http.Header{name: {before, line}}))
		}
	})
}
