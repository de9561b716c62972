package mp4

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/Eyevinn/mp4ff/mp4"
)

// track is a video track.
type track struct {
	Media
	id        uint32
	timescale int64
	rotated   bool // by a quarter, as phones that are held upright record
	entry     entry
	stbl      boxes
	trex      *mp4.TrexBox // defaults of its fragments; nil for none
	transfer  Transfer
	largest   int32 // the longest side of a picture that the first sample or its description announces

	// failed is why the track cannot be played, once that is known.
	failed error

	samples   int
	ticks     int64 // of all samples, in the track's timescale
	firstAt   int64 // where the first sample lies in the file
	firstSize int64
}

// tracks are the video tracks of a file, in its order.
type tracks []*track

// readTracks reads the tracks that moov describes, and the samples it lists.
func readTracks(l layout, moov tree) (tracks, error) {
	root, err := moov.root()
	if err != nil {
		return nil, err
	}
	trexs, err := readDefaults(moov, root)
	if err != nil {
		return nil, err
	}
	var found tracks
	traks := 0
	for _, b := range root {
		if b.kind != "trak" {
			continue
		}
		if traks++; traks > maxTracks {
			return nil, errTooManyTracks
		}
		t := &track{}
		if t.failed = t.read(l, moov, b); fatal(t.failed) {
			return nil, t.failed
		}
		t.trex = trexs[t.id]
		found = append(found, t)
	}
	return found, nil
}

func (t *track) video() Video {
	return Video{Media: t.Media, Track: t.id, Transfer: t.transfer}
}

// read reads what a track is. It answers an error for a track that is no video,
// or none that players know.
func (t *track) read(l layout, moov tree, trak box) error {
	level, err := moov.children(trak.body, trak.end)
	if err != nil {
		return err
	}
	mdia, err := moov.descend(level, "mdia")
	if err != nil {
		return err
	}
	hdlr, err := mdia.first("hdlr")
	if err != nil {
		return err
	}
	if p := moov.payload(hdlr); len(p) < 12 || string(p[8:12]) != "vide" {
		return errors.New("no video track")
	}
	if err := t.readHeader(moov, level); err != nil {
		return err
	}
	mdhd, err := leaf[*mp4.MdhdBox](moov, mdia, "mdhd")
	if err != nil {
		return err
	}
	if t.timescale = int64(mdhd.Timescale); t.timescale == 0 {
		return errors.New("no timescale")
	}
	if t.stbl, err = moov.descend(mdia, "minf", "stbl"); err != nil {
		return err
	}
	if t.entry, err = readEntry(moov, t.stbl); err != nil {
		return err
	}
	return t.locateTable(l, moov)
}

// readHeader reads tkhd: the id and the rotation.
func (t *track) readHeader(moov tree, level boxes) error {
	tkhd, err := level.first("tkhd")
	if err != nil {
		return err
	}
	p := moov.payload(tkhd)
	id, matrix := 12, 40
	if len(p) > 0 && p[0] == 1 { // 64-bit times
		id, matrix = 20, 52
	}
	if len(p) < matrix+36 {
		return errBoxes
	}
	t.id = binary.BigEndian.Uint32(p[id:])
	a, d := binary.BigEndian.Uint32(p[matrix:]), binary.BigEndian.Uint32(p[matrix+16:])
	t.rotated = a == 0 && d == 0
	return nil
}

// entry is a sample description: what a decoder is told.
type entry struct {
	codec codec
	// configuration is the payload of the codec's box; empty where there is none.
	configuration []byte
	// pixel is the shape of a sample, zero where nothing says it.
	pixel    ratio
	transfer Transfer
}

// ratio of width to height; zero when unknown.
type ratio struct{ wide, high uint }

// entryHeader is the size of a visual sample entry before its boxes
// (ISO/IEC 14496-12 section 12.1.3), with the box header.
const entryHeader = 86

// readEntry reads the first sample description. The size of the picture that
// stands there is not read: the decoder does not use it either.
func readEntry(moov tree, stbl boxes) (entry, error) {
	stsd, err := stbl.first("stsd")
	if err != nil {
		return entry{}, err
	}
	b, err := moov.budget.header(moov, stsd.body+8, stsd.end) // after version, flags and count
	if err != nil {
		return entry{}, err
	}
	if b.end-b.start < entryHeader || b.body-b.start != 8 {
		return entry{}, errBoxes
	}
	e := entry{}
	var known bool
	if e.codec, known = codecs[b.kind]; !known { // pictures, encrypted tracks, formats no player knows
		return entry{}, fmt.Errorf("codec %q", b.kind)
	}
	level, err := moov.children(b.start+entryHeader, b.end)
	if err != nil {
		return entry{}, err
	}
	if c, err := level.first(e.codec.configuration); err == nil {
		e.configuration = moov.payload(c)
	}
	if pasp, err := leaf[*mp4.PaspBox](moov, level, "pasp"); err == nil {
		e.pixel = ratio{uint(pasp.HSpacing), uint(pasp.VSpacing)}
	}
	if colr, err := leaf[*mp4.ColrBox](moov, level, "colr"); err == nil {
		e.transfer = transferOf(uint(colr.TransferCharacteristics))
	}
	return e, nil
}

// finish checks that a track has samples, and reads the first one's picture.
func (t *track) finish(b *budget, r io.ReaderAt) error {
	if t.failed != nil {
		return t.failed
	}
	if t.samples == 0 || t.firstSize == 0 {
		return errors.New("no samples")
	}
	t.DurationMS = t.ticks * 1000 / t.timescale
	if t.samples == 1 { // cameras give a single frame no duration
		t.DurationMS = max(t.DurationMS, 1)
	}
	if t.DurationMS == 0 {
		return errors.New("no duration")
	}
	pictures, err := t.entry.codec.pictures(t.entry.configuration, sample{r: r, at: t.firstAt, size: t.firstSize, budget: b})
	if err != nil {
		return err
	}
	return t.show(pictures)
}

// show takes the size from the last of the pictures: a decoder follows the first
// sample where it differs from its description.
func (t *track) show(pictures []picture) error {
	if len(pictures) == 0 {
		return errors.New("no picture size")
	}
	for _, p := range pictures {
		if p.width == 0 || p.height == 0 || p.width > math.MaxInt32 || p.height > math.MaxInt32 {
			return errors.New("no picture size")
		}
		t.largest = max(t.largest, int32(p.width), int32(p.height))
	}
	p := pictures[len(pictures)-1]
	pixel := t.entry.pixel
	if pixel.wide == 0 || pixel.high == 0 {
		pixel = p.pixel
	}
	if t.transfer = p.transfer; t.transfer == "" {
		t.transfer = t.entry.transfer
	}
	t.Width, t.Height = shown(int32(p.width), int32(p.height), pixel)
	if t.rotated {
		t.Width, t.Height = t.Height, t.Width
	}
	return nil
}

// add counts samples that lie together.
func (t *track) add(l layout, at int64, sizes []int64) error {
	var total int64
	for _, s := range sizes {
		total += s
	}
	if total > 0 && !l.holds(at, total) {
		return errors.New("samples outside of the file")
	}
	if t.samples += len(sizes); t.samples > maxSamples {
		return errors.New("too many samples")
	}
	for _, s := range sizes {
		if t.firstSize == 0 && s > 0 {
			t.firstAt, t.firstSize = at, s
		}
		at += s
	}
	return nil
}
