package video

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/Eyevinn/mp4ff/mp4"
)

// track is a video track.
type track struct {
	media
	id        uint32
	codec     string
	timescale int64
	stbl      box
	nalLength int // bytes before each NAL unit; 0 for codecs without

	samples   int
	ticks     int64 // of all samples, in the track's timescale
	firstAt   int64 // where the first sample lies in the file
	firstSize int64
}

// readTrack reads what a track is. It answers an error for a track that is no
// video, or none that players know.
func readTrack(moov tree, root, trak box) (*track, error) {
	hdlr, err := moov.find(trak, "mdia", "hdlr")
	if err != nil {
		return nil, err
	}
	if p := moov.payload(hdlr); len(p) < 12 || string(p[8:12]) != "vide" {
		return nil, errors.New("no video track")
	}
	t := &track{}
	rotated, err := t.readHeader(moov, trak)
	if err != nil {
		return nil, err
	}
	mdhdBox, err := moov.find(trak, "mdia", "mdhd")
	if err != nil {
		return nil, err
	}
	mdhd, err := decode[*mp4.MdhdBox](moov, mdhdBox)
	if err != nil {
		return nil, err
	}
	if t.timescale = int64(mdhd.Timescale); t.timescale == 0 {
		return nil, errors.New("no timescale")
	}
	if t.stbl, err = moov.find(trak, "mdia", "minf", "stbl"); err != nil {
		return nil, err
	}
	if err := t.readEntry(moov); err != nil {
		return nil, err
	}
	if rotated {
		t.width, t.height = t.height, t.width
	}
	return t, nil
}

// readHeader reads tkhd: the id, and whether the picture is turned by a
// quarter, as phones that are held upright record it.
func (t *track) readHeader(moov tree, trak box) (rotated bool, err error) {
	tkhd, err := moov.find(trak, "tkhd")
	if err != nil {
		return false, err
	}
	p := moov.payload(tkhd)
	id, matrix := 12, 40
	if len(p) > 0 && p[0] == 1 { // 64-bit times
		id, matrix = 20, 52
	}
	if len(p) < matrix+36 {
		return false, errBoxes
	}
	t.id = binary.BigEndian.Uint32(p[id:])
	a, d := binary.BigEndian.Uint32(p[matrix:]), binary.BigEndian.Uint32(p[matrix+16:])
	return a == 0 && d == 0, nil
}

// entryHeader is the size of a visual sample entry before its boxes
// (ISO/IEC 14496-12 section 12.1.3), with the box header.
const entryHeader = 86

// readEntry reads the sample description: the codec and the size of the picture.
func (t *track) readEntry(moov tree) error {
	stsd, err := moov.find(t.stbl, "stsd")
	if err != nil {
		return err
	}
	entry, err := header(moov, stsd.body+8, stsd.end) // after version, flags and count
	if err != nil {
		return err
	}
	if entry.end-entry.start < entryHeader || entry.body-entry.start != 8 {
		return errBoxes
	}
	t.codec = entry.kind
	p := moov[entry.start:entry.end]
	t.width, t.height = int32(binary.BigEndian.Uint16(p[32:])), int32(binary.BigEndian.Uint16(p[34:]))
	if t.width == 0 || t.height == 0 {
		return errors.New("no picture size")
	}
	return t.readConfiguration(moov, entry)
}

// readConfiguration checks that the decoder is told what it needs.
func (t *track) readConfiguration(moov tree, entry box) error {
	switch t.codec {
	case "avc1", "avc3":
		c, err := configuration[*mp4.AvcCBox](moov, entry, "avcC")
		if err != nil {
			return err
		}
		if t.codec == "avc1" && (len(c.SPSnalus) == 0 || len(c.PPSnalus) == 0) {
			return errors.New("no parameter sets")
		}
		t.nalLength = 4 // mp4ff refuses any other
	case "hvc1", "hev1":
		c, err := configuration[*mp4.HvcCBox](moov, entry, "hvcC")
		if err != nil {
			return err
		}
		t.nalLength = int(c.LengthSizeMinusOne) + 1
	case "av01", "vp08", "vp09", "mp4v":
	default: // pictures, encrypted tracks, formats no player knows
		return fmt.Errorf("codec %q", t.codec)
	}
	return nil
}

func configuration[B mp4.Box](moov tree, entry box, kind string) (B, error) {
	var none B
	// QuickTime ends some entries with four zero bytes: look no further than needed.
	for at := entry.start + entryHeader; at < entry.end; {
		b, err := header(moov, at, entry.end)
		if err != nil {
			return none, err
		}
		if b.kind == kind {
			return decode[B](moov, b)
		}
		at = b.end
	}
	return none, fmt.Errorf("no %s", kind)
}

// locate finds the samples and checks that they are in the file.
func (t *track) locate(r io.ReaderAt, l layout, moov tree) error {
	if err := t.locateTable(l, moov); err != nil {
		return err
	}
	if len(l.moofs) > 0 {
		if err := t.locateFragments(r, l, moov); err != nil {
			return err
		}
	}
	if t.samples == 0 || t.firstSize == 0 {
		return errors.New("no samples")
	}
	t.durationMS = t.ticks * 1000 / t.timescale
	if t.durationMS == 0 {
		return errors.New("no duration")
	}
	return nil
}

// add counts samples that lie together.
func (t *track) add(l layout, at int64, sizes []int64) error {
	var total int64
	for _, s := range sizes {
		total += s
	}
	if !l.holds(at, total) {
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

// firstSampleFits checks that the first sample is made of whole NAL units: an
// mdat of arbitrary bytes is not.
func firstSampleFits(r io.ReaderAt, t *track) error {
	if t.nalLength == 0 {
		return nil
	}
	var length [4]byte
	at, end := t.firstAt, t.firstAt+t.firstSize
	for units := 0; at < end; units++ {
		if units == maxUnits || end-at < int64(t.nalLength) {
			return errors.New("first sample is no sequence of NAL units")
		}
		clear(length[:])
		if _, err := r.ReadAt(length[4-t.nalLength:], at); err != nil {
			return fmt.Errorf("read sample: %w", err)
		}
		size := int64(binary.BigEndian.Uint32(length[:]))
		at += int64(t.nalLength) + size
		if size == 0 || at > end {
			return errors.New("first sample is no sequence of NAL units")
		}
	}
	return nil
}

// maxUnits bounds the NAL units of one sample.
const maxUnits = 4096
