package mp4

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/Eyevinn/mp4ff/bits"
	"github.com/Eyevinn/mp4ff/mp4"
)

const (
	// maxBoxes of a file, of all levels that are read. Ten minutes in fragments
	// of a second, with sound, have some ten thousand.
	maxBoxes = 100_000
	// maxMoov in bytes; the tables of ten minutes at 120 frames a second need 2 MiB.
	maxMoov = 16 << 20
	// maxMoof in bytes: the tables of one fragment.
	maxMoof = 4 << 20
)

// errBoxes says that the bytes are not a tree of boxes (ISO/IEC 14496-12 section 4.2).
var errBoxes = errors.New("not a tree of boxes")

// errTooManyBoxes is an answer of its own: the boxes may be well-formed.
var errTooManyBoxes = fmt.Errorf("more than %d boxes", maxBoxes)

// budget bounds what reading one file costs: boxes by their number, time by the context.
type budget struct {
	ctx   context.Context // lives as long as one call of probe
	boxes int
}

// spend counts one box.
func (b *budget) spend() error {
	if b.boxes++; b.boxes > maxBoxes {
		return errTooManyBoxes
	}
	return b.check()
}

// check returns an error once the time is over or the caller has left.
func (b *budget) check() error {
	if b.ctx.Err() != nil {
		return context.Cause(b.ctx)
	}
	return nil
}

// box is a range of a file: its header begins at start, its payload at body.
type box struct {
	kind             string
	start, body, end int64
}

// boxes are the children of one box, in the order of the file.
type boxes []box

// first returns the first box of a kind.
func (bs boxes) first(kind string) (box, error) {
	for _, b := range bs {
		if b.kind == kind {
			return b, nil
		}
	}
	return box{}, fmt.Errorf("no %s", kind)
}

// header reads the header of the box at an offset. A box that reaches beyond
// to is errBoxes, and still has its kind.
func (b *budget) header(r io.ReaderAt, at, to int64) (box, error) {
	if err := b.spend(); err != nil {
		return box{}, err
	}
	var h [16]byte
	if to-at < 8 {
		return box{}, errBoxes
	}
	if _, err := r.ReadAt(h[:8], at); err != nil {
		return box{}, fmt.Errorf("read box: %w", err)
	}
	found := box{kind: string(h[4:8]), start: at, body: at + 8}
	size := int64(binary.BigEndian.Uint32(h[:4]))
	switch size {
	case 0: // reaches to the end
		size = to - at
	case 1: // 64 bits follow
		if to-at < 16 {
			return found, errBoxes
		}
		if _, err := r.ReadAt(h[8:], at+8); err != nil {
			return box{}, fmt.Errorf("read box: %w", err)
		}
		found.body = at + 16
		size = int64(binary.BigEndian.Uint64(h[8:])) // a size over 2^63 is negative, and refused below
	}
	if size < found.body-at || size > to-at {
		return found, errBoxes
	}
	found.end = at + size
	return found, nil
}

// tree is a part of the file that is held in memory: moov or one moof.
type tree struct {
	bytes  []byte
	budget *budget
}

// load reads a box, header included, into a buffer that is grown where it is too small.
func (b *budget) load(r io.ReaderAt, at box, limit int64, buffer []byte) (tree, error) {
	size := at.end - at.start
	if size > limit {
		return tree{}, errBoxes
	}
	if int64(cap(buffer)) < size {
		buffer = make([]byte, size)
	}
	t := tree{bytes: buffer[:size], budget: b}
	if _, err := r.ReadAt(t.bytes, at.start); err != nil {
		return tree{}, fmt.Errorf("read box: %w", err)
	}
	return t, nil
}

// ReadAt implements io.ReaderAt.
func (t tree) ReadAt(p []byte, at int64) (int, error) {
	if at < 0 || at > int64(len(t.bytes)) {
		return 0, io.EOF
	}
	n := copy(p, t.bytes[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// root returns the children of the loaded box itself.
func (t tree) root() (boxes, error) {
	b, err := t.budget.header(t, 0, int64(len(t.bytes)))
	if err != nil {
		return nil, err
	}
	return t.children(b.body, b.end)
}

// children returns the boxes in [from, to). What follows the last whole box is
// passed over: encoders leave zeros and garbage behind, which players ignore.
func (t tree) children(from, to int64) (boxes, error) {
	var found boxes
	for at := from; to-at >= 8; {
		b, err := t.budget.header(t, at, to)
		if errors.Is(err, errBoxes) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		found = append(found, b)
		at = b.end
	}
	return found, nil
}

// descend follows a path of kinds down from a level, always to the first of a
// kind, and returns the children of the last.
func (t tree) descend(level boxes, path ...string) (boxes, error) {
	for _, kind := range path {
		b, err := level.first(kind)
		if err != nil {
			return nil, err
		}
		if level, err = t.children(b.body, b.end); err != nil {
			return nil, err
		}
	}
	return level, nil
}

// payload returns the bytes of a box after its header.
func (t tree) payload(b box) []byte { return t.bytes[b.body:b.end] }

// leaf decodes the first box of a kind on a level.
func leaf[B mp4.Box](t tree, level boxes, kind string) (B, error) {
	b, err := level.first(kind)
	if err != nil {
		var none B
		return none, err
	}
	return decode[B](t, b)
}

// decode reads one box without containers in it. mp4ff follows nested boxes as
// deep as a file nests them, so it is given leaves only.
func decode[B mp4.Box](t tree, b box) (B, error) {
	var none B
	decoded, err := mp4.DecodeBoxSR(0, bits.NewFixedSliceReader(t.bytes[b.start:b.end]))
	if err != nil {
		return none, fmt.Errorf("decode %q: %w", b.kind, err)
	}
	found, ok := decoded.(B)
	if !ok {
		return none, fmt.Errorf("decode %q: %T", b.kind, decoded)
	}
	return found, nil
}
