package media

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// ManyTracks returns an mp4 of so many video tracks without a picture, followed by
// so many empty fragments. No player plays it; a reader that looks at each track
// in each fragment is busy for a long time (2,000 and 10,000: 704 kB).
func ManyTracks(tracks, fragments int) []byte {
	const timescale, width, height = 1000, 640, 360
	matrix := make([]byte, 36)
	binary.BigEndian.PutUint32(matrix, 0x10000)
	binary.BigEndian.PutUint32(matrix[16:], 0x10000)
	head := full("tkhd", 3, slices.Concat(words(0, 0, 1), make([]byte, 28), matrix, words(0, 0)))
	entry := box("mp4v", slices.Concat(make([]byte, 6), []byte{0, 1}, make([]byte, 16), []byte{width >> 8, width & 0xff, height >> 8, height & 0xff}, make([]byte, 50)))
	samples := box("stbl", full("stsd", 0, words(1), entry), full("stsz", 0, words(1, 0)))
	track := box("trak", head, box("mdia",
		full("mdhd", 0, words(0, 0, timescale, 1000, 0)),
		full("hdlr", 0, words(0), []byte("vide"), make([]byte, 12), []byte("v\x00")),
		box("minf", samples)))
	return slices.Concat(
		box("ftyp", []byte("isom\x00\x00\x02\x00isomiso2mp41")),
		box("moov", full("mvhd", 0, make([]byte, 96)), bytes.Repeat(track, tracks), box("mvex", full("trex", 0, words(1, 1, 0, 0, 0)))),
		bytes.Repeat(box("moof"), fragments),
		box("mdat", bytes.Repeat([]byte("x"), 100)))
}

// box is a box of ISO/IEC 14496-12: its size, its kind and what is in it.
func box(kind string, content ...[]byte) []byte {
	inside := slices.Concat(content...)
	const header = 8
	return slices.Concat(words(uint32(header+len(inside))), []byte(kind), inside)
}

// full is a box with a version, 0, and flags.
func full(kind string, flags uint32, content ...[]byte) []byte {
	return box(kind, append([][]byte{words(flags)}, content...)...)
}

func words(values ...uint32) []byte {
	var out []byte
	for _, v := range values {
		out = binary.BigEndian.AppendUint32(out, v)
	}
	return out
}
