// Package page is the sizes and tokens of paged lists (AIP-158). A token is
// opaque to clients: the place where the next page starts, in base64.
package page

import (
	"encoding/base64"
	"encoding/binary"

	"douyin.dev/services/platform/fault"
)

// Size checks a requested page size: 0 gives the default, and a size outside
// 1 to limit is refused by the field's name.
func Size(field string, requested int32, def, limit int) (int, error) {
	switch {
	case requested == 0:
		return def, nil
	case requested < 0 || int(requested) > limit:
		return 0, fault.Invalid(field, "is out of range")
	default:
		return int(requested), nil
	}
}

// Cursor is a place in a list ordered by a time and, among equal times, an id.
type Cursor struct {
	// Time in the unit of the list, usually Unix microseconds.
	Time int64
	// ID breaks ties.
	ID int64
}

const cursorBytes = 17 // a version byte and two int64

// Token returns the opaque form of c.
func (c Cursor) Token() string {
	var b [cursorBytes]byte
	b[0] = 1
	binary.BigEndian.PutUint64(b[1:], uint64(c.Time))
	binary.BigEndian.PutUint64(b[9:], uint64(c.ID))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Parse reads a token. An empty one gives nil: the start of the list. What no
// Token answered is refused by the field's name.
func Parse(field, token string) (*Cursor, error) {
	if token == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) != cursorBytes || b[0] != 1 {
		return nil, fault.Invalid(field, "is not a page token of this list")
	}
	return &Cursor{
		Time: int64(binary.BigEndian.Uint64(b[1:])),
		ID:   int64(binary.BigEndian.Uint64(b[9:])),
	}, nil
}
