package mp4

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/Eyevinn/mp4ff/bits"
)

// picture is what a bitstream says about its pictures.
type picture struct {
	width, height uint // in samples, as cropped
	pixel         ratio
	transfer      Transfer
}

// Transfer is a transfer function of high dynamic range, by ffmpeg's name; ""
// stands for all others.
type Transfer string

// The transfer functions of HDR10 and of HLG (ITU-R BT.2100).
const (
	PerceptualQuantizer Transfer = "smpte2084"
	HybridLogGamma      Transfer = "arib-std-b67"
)

// transferOf reads a code point of ITU-T H.273 section 8.2.
func transferOf(code uint) Transfer {
	switch code {
	case 16:
		return PerceptualQuantizer
	case 18:
		return HybridLogGamma
	}
	return ""
}

// codec is a format of video that players know.
type codec struct {
	// configuration is the box that has what the decoder needs before the first sample.
	configuration string
	// pictures reads the sizes that the configuration and then the first sample announce.
	pictures func(configuration []byte, first sample) ([]picture, error)
}

// codecs by the kind of the sample entry. Those of Dolby Vision are HEVC and AVC
// with a layer that other decoders pass over.
var codecs = map[string]codec{
	"avc1": {"avcC", avcPictures}, "avc3": {"avcC", avcPictures}, "dva1": {"avcC", avcPictures}, "dvav": {"avcC", avcPictures},
	"hvc1": {"hvcC", hevcPictures}, "hev1": {"hvcC", hevcPictures}, "dvh1": {"hvcC", hevcPictures}, "dvhe": {"hvcC", hevcPictures},
	"av01": {"av1C", av1Pictures},
	"vp08": {"vpcC", vp8Pictures}, "vp09": {"vpcC", vp9Pictures},
	"mp4v": {"esds", mpeg4Pictures},
}

// sample is a range of the file.
type sample struct {
	r        io.ReaderAt
	at, size int64
	budget   *budget
}

// begin reads at most the first limit bytes.
func (s sample) begin(limit int64) ([]byte, error) {
	b := make([]byte, min(limit, s.size))
	if _, err := s.r.ReadAt(b, s.at); err != nil {
		return nil, fmt.Errorf("read sample: %w", err)
	}
	return b, nil
}

const (
	// maxUnits bounds the NAL units of one sample.
	maxUnits = 4096
	// maxSets bounds the parameter sets of one kind: both standards allow 16 or 32.
	maxSets = 32
	// maxSet in bytes; real ones have under a hundred.
	maxSet = 4 << 10
)

var (
	errUnits = errors.New("first sample is no sequence of NAL units")
	errSets  = fmt.Errorf("more than %d parameter sets", maxSets)
)

// units walks the NAL units of a sample and returns those that are parameter
// sets of a kind. All must be whole: an mdat of arbitrary bytes has none.
func (s sample) units(lengthSize int, isSet func(header byte) bool) ([][]byte, error) {
	var sets [][]byte
	at, end := s.at, s.at+s.size
	for units := 0; at < end; units++ {
		if units == maxUnits || end-at <= int64(lengthSize) {
			return nil, errUnits
		}
		var head [5]byte // the length, and the first byte of the unit
		if _, err := s.r.ReadAt(head[4-lengthSize:], at); err != nil {
			return nil, fmt.Errorf("read sample: %w", err)
		}
		size := int64(binary.BigEndian.Uint32(head[:4]))
		at += int64(lengthSize)
		if size == 0 || size > end-at {
			return nil, errUnits
		}
		if isSet(head[4]) {
			if len(sets) == maxSets {
				return nil, errSets
			}
			set, err := sample{r: s.r, at: at, size: size}.begin(maxSet)
			if err != nil {
				return nil, err
			}
			sets = append(sets, set)
		}
		at += size
		if err := s.budget.check(); err != nil {
			return nil, err
		}
	}
	return sets, nil
}

// counted reads a number of parameter sets, each after its length in 16 bits.
func counted(p []byte, count int) (sets [][]byte, rest []byte, err error) {
	if count > maxSets {
		return nil, nil, errSets
	}
	for range count {
		if len(p) < 2 {
			return nil, nil, errConfiguration
		}
		size := int(binary.BigEndian.Uint16(p))
		if len(p)-2 < size {
			return nil, nil, errConfiguration
		}
		sets, p = append(sets, p[2:2+size]), p[2+size:]
	}
	return sets, p, nil
}

var errConfiguration = errors.New("decoder configuration is cut")

// escaped reads the bits of a NAL unit.
func escaped(unit []byte) *bits.EBSPReader {
	return bits.NewEBSPReader(bytes.NewReader(unit[:min(len(unit), maxSet)]))
}

// less subtracts a crop; 0, which is no size, when nothing would be left.
func less(whole, crop uint) uint {
	if crop >= whole {
		return 0
	}
	return whole - crop
}
