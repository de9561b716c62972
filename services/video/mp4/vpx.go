package mp4

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/Eyevinn/mp4ff/bits"
)

var errKeyFrame = errors.New("does not begin with a key frame")

// vp8Pictures reads the frame header of the first sample (RFC 6386 section 9.1).
func vp8Pictures(_ []byte, first sample) ([]picture, error) {
	b, err := first.begin(10)
	if err != nil {
		return nil, err
	}
	if len(b) < 10 || b[0]&1 != 0 || b[3] != 0x9d || b[4] != 0x01 || b[5] != 0x2a {
		return nil, errKeyFrame
	}
	const size = 0x3fff
	return []picture{{
		width:  uint(binary.LittleEndian.Uint16(b[6:]) & size),
		height: uint(binary.LittleEndian.Uint16(b[8:]) & size),
	}}, nil
}

// vp9Pictures reads the frame header of the first sample (VP9 bitstream section
// 6.2). The transfer function stands in the configuration alone.
func vp9Pictures(configuration []byte, first sample) ([]picture, error) {
	b, err := first.begin(32)
	if err != nil {
		return nil, err
	}
	r := bits.NewReader(bytes.NewReader(b))
	marker := r.Read(2)
	profile := r.Read(1) | r.Read(1)<<1
	if profile == 3 {
		r.Read(1)
	}
	existing, interFrame := r.ReadFlag(), r.ReadFlag()
	r.Read(2) // show_frame, error_resilient_mode
	if marker != 2 || existing || interFrame || r.Read(24) != 0x498342 {
		return nil, errKeyFrame
	}
	if profile >= 2 {
		r.Read(1) // ten_or_twelve_bit
	}
	const rgb = 7
	switch space := r.Read(3); {
	case space != rgb:
		r.Read(1)
		if profile == 1 || profile == 3 {
			r.Read(3)
		}
	case profile == 1 || profile == 3:
		r.Read(1)
	}
	p := picture{width: r.Read(16) + 1, height: r.Read(16) + 1}
	if len(configuration) >= 9 { // VP codec ISO media file format binding
		p.transfer = transferOf(uint(configuration[8]))
	}
	return []picture{p}, r.AccError()
}
