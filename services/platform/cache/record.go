package cache

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// kind says what an entry knows of its key. Of two entries of one version the
// later kind wins: a deletion beats the value it deleted.
type kind byte

const (
	unreadable kind = 'm' // a value of this version exists, but could not be written
	negative   kind = 'n' // Load did not find the key; always of version 0
	present    kind = 'v'
	deleted    kind = 'z'
)

// rank orders the entries of a key: no entry replaces one of a higher rank.
type rank struct {
	version int64
	kind    kind
}

func (r rank) compare(o rank) int {
	return cmp.Or(cmp.Compare(r.version, o.version), cmp.Compare(r.kind, o.kind))
}

// A record is an entry as Redis keeps it: the rank in 20 characters that sort
// like the rank does, so that a script compares text and never a rounded
// number, and then the value.
const rankLength = 20

func (r rank) String() string {
	text := [rankLength]byte{rankLength - 1: byte(r.kind)}
	for i, v := rankLength-2, r.version; i >= 0; i, v = i-1, v/10 {
		text[i] = '0' + byte(v%10)
	}
	return string(text[:])
}

func parseRank(s string) (rank, error) {
	if len(s) < rankLength {
		return rank{}, errors.New("cache record is too short")
	}
	version, err := strconv.ParseInt(s[:rankLength-1], 10, 64)
	if err != nil {
		return rank{}, fmt.Errorf("version of cache record: %w", err)
	}
	return rank{version: version, kind: kind(s[rankLength-1])}, nil
}

// notice says in an invalidation which key has which rank now.
type notice struct {
	key  string
	rank rank
}

// appendNotice writes the rank, the key's length, a colon and the key.
func appendNotice(b []byte, key, rank string) []byte {
	b = append(b, rank...)
	b = strconv.AppendInt(b, int64(len(key)), 10)
	b = append(b, ':')
	return append(b, key...)
}

func parseNotices(s string) ([]notice, error) {
	var all []notice
	for s != "" {
		r, err := parseRank(s)
		if err != nil {
			return nil, err
		}
		digits, rest, found := strings.Cut(s[rankLength:], ":")
		n, err := strconv.Atoi(digits)
		if err != nil || !found || n < 0 || n > len(rest) {
			return nil, errors.New("cache invalidation is malformed")
		}
		all = append(all, notice{key: rest[:n], rank: r})
		s = rest[n:]
	}
	return all, nil
}
