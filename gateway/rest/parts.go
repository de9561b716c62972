package rest

import (
	"bytes"
	"io"
	"mime/multipart"
)

// newParts reads the parts of a form. The names of files in their headers may
// hold any byte.
func newParts(body io.Reader, boundary string) *multipart.Reader {
	return multipart.NewReader(&partHeaders{body: body, delimiter: []byte("\n--" + boundary), matched: 1}, boundary)
}

// partHeaders replaces control characters in the headers of a form's parts,
// which mime/multipart refuses the whole form for: a phone may send a zero
// character in the name of a file. The contents of parts pass through as they
// are.
type partHeaders struct {
	body      io.Reader
	delimiter []byte // the end of a line, two dashes and the boundary
	state     partState
	matched   int  // bytes of the delimiter that were just read, in a content
	lineBegun bool // whether the line has a byte, in a header
}

type partState uint8

const (
	inContent      partState = iota
	afterDelimiter           // decides whether it was one: RFC 2046 lets a content hold a longer line
	afterDash
	inHeader
	afterForm
)

func (h *partHeaders) Read(p []byte) (int, error) {
	n, err := h.body.Read(p)
	for rest := p[:n]; len(rest) > 0; {
		rest = h.step(rest)
	}
	return n, err
}

// step looks at the first bytes of b and returns the others.
func (h *partHeaders) step(b []byte) []byte {
	c := b[0]
	switch h.state {
	case inContent:
		return h.content(b)
	case afterDelimiter:
		switch c {
		case '-':
			h.state = afterDash
		case ' ', '\t', '\r', '\n':
			h.state, h.lineBegun = inHeader, c != '\n'
		default:
			h.state, h.matched = inContent, 0
		}
	case afterDash:
		if h.state, h.matched = inContent, 0; c == '-' {
			h.state = afterForm
		}
	case inHeader:
		switch {
		case c == '\n' && !h.lineBegun:
			h.state, h.matched = inContent, 1
		case c == '\n':
			h.lineBegun = false
		case c == '\r':
		case (c < ' ' && c != '\t') || c == 0x7f:
			b[0] = '_'
			h.lineBegun = true
		default:
			h.lineBegun = true
		}
	case afterForm:
		return nil
	}
	return b[1:]
}

// content passes over bytes of a content up to the next delimiter. Only its
// first byte is the end of a line, so a match that fails begins anew at the
// earliest with the byte it failed at.
func (h *partHeaders) content(b []byte) []byte {
	if h.matched == 0 {
		begin := bytes.IndexByte(b, '\n')
		if begin < 0 {
			return nil
		}
		h.matched = 1
		return b[begin+1:]
	}
	switch b[0] {
	case h.delimiter[h.matched]:
		if h.matched++; h.matched == len(h.delimiter) {
			h.state = afterDelimiter
		}
	case '\n':
		h.matched = 1
	default:
		h.matched = 0
	}
	return b[1:]
}
