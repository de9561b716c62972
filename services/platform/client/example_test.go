package client_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"douyin.dev/services/platform/client"
)

// A client's address is taken from X-Forwarded-For only when a trusted proxy sent it.
func ExampleProxies() {
	proxies := client.Proxies{netip.MustParsePrefix("10.0.0.0/8")}
	r := httptest.NewRequest(http.MethodGet, "http://douyin.example/", nil)
	r.Header.Set("X-Forwarded-For", "203.0.113.9")

	r.RemoteAddr = "10.1.2.3:4711"
	fmt.Println(proxies.Origin(r).Addr)
	r.RemoteAddr = "198.51.100.7:4711" // a client who claims to be another
	fmt.Println(proxies.Origin(r).Addr)
	// Output:
	// 203.0.113.9
	// 198.51.100.7
}

// A client has a bounded number of calls under way; others are not in its way.
func ExampleBudget() {
	calls := client.NewBudget(1)
	one, other := client.KeyOf(netip.MustParseAddr("203.0.113.9")), client.KeyOf(netip.MustParseAddr("203.0.113.10"))
	fmt.Println(calls.Enter(one), calls.Enter(one), calls.Enter(other))
	calls.Leave(one)
	fmt.Println(calls.Enter(one))
	// Output:
	// true false true
	// true
}
