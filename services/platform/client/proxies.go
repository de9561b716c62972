package client

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the networks of trusted proxies.
type Proxies []netip.Prefix

// Trust reports whether an address is that of a trusted proxy.
func (p Proxies) Trust(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	for _, network := range p {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// Origin is how a client reached the platform.
type Origin struct {
	// Addr is the client's address; invalid for a transport without addresses.
	Addr netip.Addr
	// Scheme is "http" or "https", and Host what the client asked for, perhaps
	// with a port.
	Scheme, Host string
}

// Key returns what the client is counted by.
func (o Origin) Key() Key { return KeyOf(o.Addr) }

// Origin returns how the client of a request reached the platform.
//
// Of several hops the rightmost one that is no trusted proxy is the client; at
// an element that cannot be read the search stops, and the hop before it is the
// client. A trusted proxy may send X-Forwarded-For or Forwarded; where both are
// present they must name the same client, otherwise the proxy itself is the
// client: most proxies set one of the two and pass on the other as their client
// sent it.
func (p Proxies) Origin(r *http.Request) Origin {
	o := Origin{Addr: PeerAddr(r.RemoteAddr), Scheme: "http", Host: r.Host}
	if r.TLS != nil {
		o.Scheme = "https"
	}
	if len(p) == 0 || !o.Addr.IsValid() || !p.Trust(o.Addr) {
		return o
	}
	o.claim(last(r.Header["X-Forwarded-Proto"]), last(r.Header["X-Forwarded-Host"]))
	list, standard := r.Header["X-Forwarded-For"], r.Header["Forwarded"]
	byList, byStandard := o, o
	byList.Addr = p.client(o.Addr, list, forwardedForAddr)
	if len(standard) == 0 {
		return byList
	}
	byStandard.Addr = p.client(o.Addr, standard, func(element string) (netip.Addr, bool) {
		hop, ok := parseForwarded(element)
		if ok && hop.addr.IsValid() {
			byStandard.claim(hop.proto, hop.host)
		}
		return hop.addr, ok && hop.addr.IsValid()
	})
	if len(list) > 0 && byList.Addr != byStandard.Addr {
		return o
	}
	return byStandard
}

// claim takes the scheme and host that a trusted proxy says the client used.
func (o *Origin) claim(proto, host string) {
	switch {
	case strings.EqualFold(proto, "http"):
		o.Scheme = "http"
	case strings.EqualFold(proto, "https"):
		o.Scheme = "https"
	}
	if validHost(host) {
		o.Host = host
	}
}

// client walks the hops of a request from the nearest one on.
func (p Proxies) client(peer netip.Addr, lines []string, read func(element string) (netip.Addr, bool)) netip.Addr {
	hop := peer
	for i := len(lines) - 1; i >= 0; i-- {
		for rest, more := lines[i], true; more; {
			var element string
			rest, element, more = cutLast(rest)
			next, ok := read(element)
			if !ok {
				return hop
			}
			if hop = next; !p.Trust(hop) {
				return hop
			}
		}
	}
	return hop
}

// last returns the last element of a list in headers: the one that the nearest
// proxy wrote.
func last(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	line := lines[len(lines)-1]
	return strings.TrimSpace(line[strings.LastIndexByte(line, ',')+1:])
}

// PeerAddr returns the address in "host:port"; invalid when there is none.
func PeerAddr(hostport string) netip.Addr {
	peer, err := netip.ParseAddrPort(hostport)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap().WithZone("")
}

// connAddr returns the address of one end of a connection.
func connAddr(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap().WithZone("")
	}
	return PeerAddr(a.String())
}
