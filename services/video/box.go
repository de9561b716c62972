package video

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/Eyevinn/mp4ff/bits"
	"github.com/Eyevinn/mp4ff/mp4"
)

const (
	// maxBoxes bounds how many boxes one level may have: a fragmented video of
	// ten minutes has some thousands.
	maxBoxes = 20000
	// maxMoov in bytes; the tables of ten minutes at 120 frames a second need 2 MiB.
	maxMoov = 16 << 20
	// maxMoof in bytes: the tables of one fragment.
	maxMoof = 4 << 20
)

// errBoxes says that the bytes are not a tree of boxes (ISO/IEC 14496-12 section 4.2).
var errBoxes = errors.New("not a tree of boxes")

// box is a place in a file: its header begins at start, its payload at body.
type box struct {
	kind             string
	start, body, end int64
}

// boxesOf reads the headers of the boxes that fill [from, to). A box that
// reaches beyond its parent is an error: so is every truncated file. Only
// headers are read, so it costs nothing to ask this of a large file.
func boxesOf(r io.ReaderAt, from, to int64) ([]box, error) {
	var boxes []box
	for at := from; at < to; {
		b, err := header(r, at, to)
		if err != nil {
			return nil, err
		}
		if len(boxes) == maxBoxes {
			return nil, errBoxes
		}
		boxes = append(boxes, b)
		at = b.end
	}
	return boxes, nil
}

func header(r io.ReaderAt, at, to int64) (box, error) {
	var h [16]byte
	if to-at < 8 {
		return box{}, errBoxes
	}
	if _, err := r.ReadAt(h[:8], at); err != nil {
		return box{}, fmt.Errorf("read box: %w", err)
	}
	b := box{kind: string(h[4:8]), start: at, body: at + 8}
	size := int64(binary.BigEndian.Uint32(h[:4]))
	switch size {
	case 0: // reaches to the end
		size = to - at
	case 1: // 64 bits follow
		if to-at < 16 {
			return box{}, errBoxes
		}
		if _, err := r.ReadAt(h[8:], at+8); err != nil {
			return box{}, fmt.Errorf("read box: %w", err)
		}
		b.body = at + 16
		size = int64(binary.BigEndian.Uint64(h[8:])) // a size over 2^63 is negative, and refused below
	}
	if size < b.body-at || size > to-at {
		return box{}, errBoxes
	}
	b.end = at + size
	return b, nil
}

// tree is a part of the file that is held in memory: moov or one moof.
type tree []byte

// load reads a box, header included, into memory.
func load(r io.ReaderAt, b box, limit int64) (tree, error) {
	if b.end-b.start > limit {
		return nil, errBoxes
	}
	t := make(tree, b.end-b.start)
	if _, err := r.ReadAt(t, b.start); err != nil {
		return nil, fmt.Errorf("read box: %w", err)
	}
	return t, nil
}

// ReadAt implements io.ReaderAt.
func (t tree) ReadAt(p []byte, at int64) (int, error) {
	if at < 0 || at > int64(len(t)) {
		return 0, io.EOF
	}
	n := copy(p, t[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// root returns the loaded box itself.
func (t tree) root() (box, error) { return header(t, 0, int64(len(t))) }

// children returns the boxes of a kind inside of b.
func (t tree) children(b box, kind string) ([]box, error) {
	all, err := boxesOf(t, b.body, b.end)
	if err != nil {
		return nil, err
	}
	var found []box
	for _, c := range all {
		if c.kind == kind {
			found = append(found, c)
		}
	}
	return found, nil
}

// find follows a path of kinds down from b, always to the first of a kind.
func (t tree) find(b box, path ...string) (box, error) {
	for _, kind := range path {
		found, err := t.children(b, kind)
		if err != nil {
			return box{}, err
		}
		if len(found) == 0 {
			return box{}, fmt.Errorf("no %s in %s", kind, b.kind)
		}
		b = found[0]
	}
	return b, nil
}

// payload returns the bytes of a box after its header.
func (t tree) payload(b box) []byte { return t[b.body:b.end] }

// decode reads one box without containers in it. mp4ff follows nested boxes as
// deep as a file nests them, so it is given leaves only.
func decode[B mp4.Box](t tree, b box) (B, error) {
	var none B
	decoded, err := mp4.DecodeBoxSR(0, bits.NewFixedSliceReader(t[b.start:b.end]))
	if err != nil {
		return none, fmt.Errorf("decode %q: %w", b.kind, err)
	}
	leaf, ok := decoded.(B)
	if !ok {
		return none, fmt.Errorf("decode %q: %T", b.kind, decoded)
	}
	return leaf, nil
}
