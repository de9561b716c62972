package client

import "net/netip"

// siteBits is the part of an IPv6 address that one client keeps: a subscriber
// gets a /64 at least and may use any address in it.
const siteBits = 64

// Key identifies a client for counting: an IPv4 address, or the /64 of an IPv6
// address. The zero Key is that of clients without an address.
type Key struct{ addr netip.Addr }

// KeyOf returns the Key of an address. An IPv4 address mapped to IPv6 counts as
// IPv4.
func KeyOf(addr netip.Addr) Key {
	addr = addr.Unmap().WithZone("")
	if !addr.Is6() {
		return Key{addr}
	}
	site, err := addr.Prefix(siteBits)
	if err != nil { // an IPv6 address has 128 bits
		return Key{addr}
	}
	return Key{site.Addr()}
}

// String returns "192.0.2.1", "2001:db8::/64", or "unknown" for the zero Key.
func (k Key) String() string {
	switch {
	case !k.addr.IsValid():
		return "unknown"
	case k.addr.Is6():
		return k.addr.String() + "/64"
	default:
		return k.addr.String()
	}
}
