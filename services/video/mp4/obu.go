package mp4

import (
	"bytes"
	"errors"

	"github.com/Eyevinn/mp4ff/av1"
	"github.com/Eyevinn/mp4ff/bits"
)

const (
	sequenceHeader = 1 // obu_type
	// maxBegin is how much of a first sample is searched for its header.
	maxBegin = 64 << 10
)

// av1Pictures reads the sequence headers in the configuration record (AV1 in
// ISOBMFF section 2.3) and at the beginning of the first sample.
func av1Pictures(configuration []byte, first sample) ([]picture, error) {
	var obus []byte
	if record, err := av1.DecodeAV1CodecConfRec(configuration); err == nil {
		obus = record.ConfigOBUs
	}
	begin, err := first.begin(maxBegin)
	if err != nil {
		return nil, err
	}
	return append(sequenceHeaders(obus), sequenceHeaders(begin)...), nil
}

// sequenceHeaders walks open bitstream units (AV1 section 5.3).
func sequenceHeaders(b []byte) []picture {
	var found []picture
	for len(b) > 0 && len(found) < maxSets {
		head, kind := 1, b[0]>>3&15
		if b[0]&4 != 0 { // obu_extension_flag
			head = 2
		}
		if len(b) < head {
			break
		}
		size, length := len(b)-head, 0
		if b[0]&2 != 0 { // obu_has_size_field
			if size, length = leb128(b[head:]); length == 0 {
				break
			}
		}
		body := b[head+length:]
		if kind == sequenceHeader {
			if p, err := readSequenceHeader(body[:min(size, len(body))]); err == nil {
				found = append(found, p)
			}
		}
		b = body[min(size, len(body)):]
	}
	return found
}

// leb128 reads a number of at most 32 bits (AV1 section 4.10.5); a length of 0 says that it is none.
func leb128(b []byte) (value, length int) {
	for i := 0; i < min(len(b), 5); i++ {
		value |= int(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			return value, i + 1
		}
	}
	return 0, 0
}

// readSequenceHeader reads AV1 section 5.5.1.
func readSequenceHeader(b []byte) (picture, error) {
	r := bits.NewReader(bytes.NewReader(b[:min(len(b), maxSet)]))
	profile := r.Read(3)
	r.Read(1) // still_picture
	reduced := r.ReadFlag()
	if reduced {
		r.Read(5)
	} else if err := readOperatingPoints(r); err != nil {
		return picture{}, err
	}
	wide, high := int(r.Read(4))+1, int(r.Read(4))+1
	p := picture{width: r.Read(wide) + 1, height: r.Read(high) + 1}
	if err := r.AccError(); err != nil {
		return picture{}, err
	}
	readTools(r, reduced)
	code := readColour(r, profile)
	if r.AccError() == nil {
		p.transfer = transferOf(code)
	}
	return p, nil
}

func readOperatingPoints(r *bits.Reader) error {
	decoderModel, delayBits := false, 0
	if r.ReadFlag() { // timing_info_present_flag
		r.Read(32)
		r.Read(32)
		if r.ReadFlag() { // equal_picture_interval
			if err := readUVLC(r); err != nil {
				return err
			}
		}
		if decoderModel = r.ReadFlag(); decoderModel {
			delayBits = int(r.Read(5)) + 1
			r.Read(32)
			r.Read(10)
		}
	}
	initialDelay := r.ReadFlag()
	for range r.Read(5) + 1 {
		r.Read(12)
		if r.Read(5) > 7 { // seq_level_idx
			r.Read(1)
		}
		if decoderModel && r.ReadFlag() {
			r.Read(delayBits)
			r.Read(delayBits)
			r.Read(1)
		}
		if initialDelay && r.ReadFlag() {
			r.Read(4)
		}
	}
	return r.AccError()
}

// readUVLC passes over a number of variable length (AV1 section 4.10.3).
func readUVLC(r *bits.Reader) error {
	zeros := 0
	for !r.ReadFlag() {
		if zeros++; zeros == 32 || r.AccError() != nil {
			return errors.New("no number")
		}
	}
	r.Read(zeros)
	return nil
}

// readTools passes over what stands between the size and the colours.
func readTools(r *bits.Reader, reduced bool) {
	if !reduced && r.ReadFlag() { // frame_id_numbers_present_flag
		r.Read(7)
	}
	r.Read(3) // superblocks, filter_intra, intra_edge_filter
	if !reduced {
		r.Read(4) // interintra, masked, warped, dual_filter
		order := r.ReadFlag()
		if order {
			r.Read(2)
		}
		force := uint(2)
		if !r.ReadFlag() { // seq_choose_screen_content_tools
			force = r.Read(1)
		}
		if force > 0 && !r.ReadFlag() { // seq_choose_integer_mv
			r.Read(1)
		}
		if order {
			r.Read(3)
		}
	}
	r.Read(3) // superres, cdef, restoration
}

// readColour returns the transfer characteristics (AV1 section 5.5.2); 2 when it does not say.
func readColour(r *bits.Reader, profile uint) uint {
	high := r.ReadFlag()
	if profile == 2 && high {
		r.Read(1)
	}
	if profile != 1 {
		r.Read(1) // mono_chrome
	}
	if !r.ReadFlag() {
		return 2
	}
	r.Read(8)
	return r.Read(8)
}
