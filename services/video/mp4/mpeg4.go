package mp4

import (
	"bytes"
	"errors"
	"math/bits"

	reading "github.com/Eyevinn/mp4ff/bits"
	"github.com/Eyevinn/mp4ff/mp4"
)

// mpeg4Visual is the object type of MPEG-4 part 2 (mp4ra.org). The sample entry
// may also hold pictures and MPEG-2.
const mpeg4Visual = 0x20

// mpeg4Pictures reads the video object layer in the configuration, or in the first sample.
func mpeg4Pictures(configuration []byte, first sample) ([]picture, error) {
	header := mp4.BoxHeader{Name: "esds", Size: uint64(len(configuration)) + 8, Hdrlen: 8}
	decoded, err := mp4.DecodeEsdsSR(header, 0, reading.NewFixedSliceReader(configuration))
	if err != nil {
		return nil, err
	}
	esds, ok := decoded.(*mp4.EsdsBox)
	if !ok || esds.DecConfigDescriptor == nil || esds.DecConfigDescriptor.ObjectType != mpeg4Visual {
		return nil, errors.New("not MPEG-4 part 2")
	}
	begin, err := first.begin(maxBegin)
	if err != nil {
		return nil, err
	}
	var found []picture
	for _, b := range [][]byte{configuration, begin} {
		if p, ok := videoObjectLayer(b); ok {
			found = append(found, p)
		}
	}
	return found, nil
}

// videoObjectLayer finds and reads ISO/IEC 14496-2 section 6.2.3.
func videoObjectLayer(b []byte) (picture, bool) {
	const prefix = "\x00\x00\x01"
	for {
		at := bytes.Index(b, []byte(prefix))
		if at < 0 || at+len(prefix) == len(b) {
			return picture{}, false
		}
		b = b[at+len(prefix):]
		if b[0]>>4 == 2 { // video_object_layer_start_code
			return readLayer(b[1:])
		}
	}
}

func readLayer(b []byte) (picture, bool) {
	r := reading.NewReader(bytes.NewReader(b[:min(len(b), maxSet)]))
	r.Read(9) // random_accessible_vol, video_object_type_indication
	if r.ReadFlag() {
		r.Read(7)
	}
	p := picture{}
	const extended = 15
	if aspect := r.Read(4); aspect == extended {
		p.pixel = ratio{r.Read(8), r.Read(8)}
	} else {
		p.pixel = [extended]ratio{2: {12, 11}, 3: {10, 11}, 4: {16, 11}, 5: {40, 33}}[aspect]
	}
	if r.ReadFlag() { // vol_control_parameters
		r.Read(3)
		if r.ReadFlag() {
			r.Read(32)
			r.Read(32)
			r.Read(15)
		}
	}
	if shape := r.Read(2); shape != 0 { // rectangular is all that mp4 players show
		return picture{}, false
	}
	r.Read(1)
	resolution := r.Read(16)
	r.Read(1)
	if r.ReadFlag() { // fixed_vop_rate
		r.Read(max(bits.Len(max(resolution, 1)-1), 1))
	}
	r.Read(1)
	p.width = r.Read(13)
	r.Read(1)
	p.height = r.Read(13)
	return p, r.AccError() == nil
}
