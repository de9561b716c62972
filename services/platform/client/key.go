package client

import (
	"encoding/binary"
	"net/netip"
	"strconv"
)

// Key identifies a client for counting: an IPv4 address, the /64 of an IPv6
// address, of which a subscriber may use any, or a user. The zero Key is that of
// clients without an address. It holds no pointers: maps of many are cheap.
type Key struct {
	kind keyKind
	id   uint64
}

type keyKind uint8

const (
	unknown keyKind = iota
	ipv4
	ipv6
	user
)

// KeyOf returns the Key of an address. An IPv4 address mapped to IPv6 counts as
// IPv4.
func KeyOf(addr netip.Addr) Key {
	addr = addr.Unmap()
	switch {
	case addr.Is4():
		bytes := addr.As4()
		return Key{ipv4, uint64(binary.BigEndian.Uint32(bytes[:]))}
	case addr.Is6():
		bytes := addr.As16()
		return Key{ipv6, binary.BigEndian.Uint64(bytes[:8])}
	default:
		return Key{}
	}
}

// KeyOfUser returns the Key of a user, wherever they connect from.
func KeyOfUser(id int64) Key { return Key{user, uint64(id)} }

// String returns "192.0.2.1", "2001:db8::/64", "user 7", or "unknown" for the
// zero Key.
func (k Key) String() string {
	switch k.kind {
	case ipv4:
		return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(k.id)))).String()
	case ipv6:
		var bytes [16]byte
		binary.BigEndian.PutUint64(bytes[:], k.id)
		return netip.AddrFrom16(bytes).String() + "/64"
	case user:
		return "user " + strconv.FormatInt(int64(k.id), 10)
	default:
		return "unknown"
	}
}
