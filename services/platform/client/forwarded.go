package client

import (
	"net/netip"
	"strings"
)

// cutLast cuts the last element of a comma-separated list, in which a comma
// between quotes is text. The list is read from its end, because its beginning
// comes from the client: a quote that the client leaves open must not swallow
// what proxies appended.
func cutLast(list string) (rest, element string, more bool) {
	quoted := false
	for i := len(list) - 1; i >= 0; i-- {
		switch list[i] {
		case '"':
			quoted = !quoted
		case ',':
			if !quoted {
				return list[:i], strings.TrimSpace(list[i+1:]), true
			}
		}
	}
	return "", strings.TrimSpace(list), false
}

// forwardedForAddr reads an element of X-Forwarded-For: an address, perhaps
// with a port, as some proxies write it.
func forwardedForAddr(element string) (netip.Addr, bool) {
	text := element
	switch {
	case strings.HasPrefix(text, "["):
		end := strings.IndexByte(text, ']')
		if end < 0 || !validPort(text[end+1:]) {
			return netip.Addr{}, false
		}
		text = text[1:end]
		if !strings.Contains(text, ":") { // brackets are for IPv6
			return netip.Addr{}, false
		}
	case strings.Count(text, ":") == 1:
		colon := strings.IndexByte(text, ':')
		if !validPort(text[colon:]) {
			return netip.Addr{}, false
		}
		text = text[:colon]
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, false
	}
	return addr.Unmap(), true
}

// validPort accepts nothing, or a colon with digits.
func validPort(text string) bool {
	if text == "" {
		return true
	}
	if text[0] != ':' || len(text) < 2 || len(text) > 6 {
		return false
	}
	for _, c := range []byte(text[1:]) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// forwardedHop is an element of Forwarded, RFC 7239.
type forwardedHop struct {
	addr        netip.Addr // invalid for "unknown" and obfuscated names
	proto, host string
}

// parseForwarded reads one element; false when it is malformed or says a
// parameter twice.
func parseForwarded(element string) (hop forwardedHop, ok bool) {
	var node string
	for rest, more := element, true; more; {
		var pair string
		if pair, rest, more = cutPair(rest); pair == "" {
			continue
		}
		name, value, found := strings.Cut(pair, "=")
		value, ok := unquote(value)
		if !found || !ok {
			return forwardedHop{}, false
		}
		var field *string
		switch strings.ToLower(name) {
		case "for":
			field = &node
		case "proto":
			field = &hop.proto
		case "host":
			field = &hop.host
		default:
			continue
		}
		if *field != "" {
			return forwardedHop{}, false
		}
		*field = value
	}
	hop.addr, _ = forwardedForAddr(node)
	return hop, true
}

// cutPair cuts the first pair of an element at a semicolon outside quotes.
func cutPair(element string) (pair, rest string, more bool) {
	quoted := false
	for i := range len(element) {
		switch element[i] {
		case '"':
			quoted = !quoted
		case ';':
			if !quoted {
				return strings.TrimSpace(element[:i]), element[i+1:], true
			}
		}
	}
	return strings.TrimSpace(element), "", false
}

// unquote returns a value without its quotes. No address, scheme or host needs
// an escape, so that a backslash is malformed.
func unquote(value string) (string, bool) {
	if strings.HasPrefix(value, `"`) {
		if len(value) < 2 || !strings.HasSuffix(value, `"`) {
			return "", false
		}
		value = value[1 : len(value)-1]
	}
	return value, value != "" && !strings.ContainsAny(value, `"\`)
}

// maxHost is the longest host name there is, with a port.
const maxHost = 255 + len(":65535")

// validHost accepts what may stand between "//" and the path of a URL: a name
// or an address, perhaps with a port.
func validHost(host string) bool {
	if host == "" || len(host) > maxHost {
		return false
	}
	for _, c := range []byte(host) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '.', c == '-', c == '_', c == ':', c == '[', c == ']':
		default:
			return false
		}
	}
	return true
}
