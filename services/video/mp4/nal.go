package mp4

import (
	"errors"

	"github.com/Eyevinn/mp4ff/avc"
	"github.com/Eyevinn/mp4ff/bits"
	"github.com/Eyevinn/mp4ff/hevc"
)

// avcPictures reads an AVC decoder configuration record (ISO/IEC 14496-15
// section 5.3.3.1) and the first sample.
func avcPictures(configuration []byte, first sample) ([]picture, error) {
	if len(configuration) < 7 {
		return nil, errors.New("no avcC")
	}
	sets, rest, err := counted(configuration[6:], int(configuration[5]&0x1f))
	if err != nil {
		return nil, err
	}
	inBand, err := first.units(int(configuration[4]&3)+1, func(header byte) bool {
		return avc.GetNaluType(header) == avc.NALU_SPS
	})
	if err != nil {
		return nil, err
	}
	if len(inBand) == 0 && (len(sets) == 0 || len(rest) == 0 || rest[0] == 0) {
		return nil, errors.New("no parameter sets")
	}
	return readSets(append(sets, inBand...), readAVC)
}

// hevcPictures reads an HEVC decoder configuration record (ISO/IEC 14496-15
// section 8.3.2.1) and the first sample.
func hevcPictures(configuration []byte, first sample) ([]picture, error) {
	if len(configuration) < 23 {
		return nil, errors.New("no hvcC")
	}
	var sets [][]byte
	rest := configuration[23:]
	for range configuration[22] {
		if len(rest) < 3 {
			return nil, errConfiguration
		}
		kind := hevc.NaluType(rest[0] & 0x3f)
		units, after, err := counted(rest[1:][2:], int(rest[1])<<8|int(rest[2]))
		if err != nil {
			return nil, err
		}
		if rest = after; kind == hevc.NALU_SPS {
			sets = append(sets, units...)
		}
	}
	inBand, err := first.units(int(configuration[21]&3)+1, func(header byte) bool {
		return hevc.GetNaluType(header) == hevc.NALU_SPS
	})
	if err != nil {
		return nil, err
	}
	return readSets(append(sets, inBand...), readHEVC)
}

// readSets reads sequence parameter sets. One that is broken is passed over, as
// decoders do.
func readSets(sets [][]byte, read func(unit []byte) (picture, error)) ([]picture, error) {
	var found []picture
	for _, set := range sets {
		if p, err := read(set); err == nil {
			found = append(found, p)
		}
	}
	return found, nil
}

// readAVC reads a sequence parameter set (ITU-T H.264 section 7.3.2.1.1). mp4ff
// allocates as much as a hostile one says, so this is read here.
func readAVC(unit []byte) (picture, error) {
	r := escaped(unit)
	r.Read(8) // the NAL unit's header
	profile := r.Read(8)
	r.Read(16)
	r.ReadExpGolomb() // its id
	chroma := uint(1)
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
		chroma = readAVCFormat(r)
	}
	r.ReadExpGolomb()          // log2_max_frame_num_minus4
	switch r.ReadExpGolomb() { // pic_order_cnt_type
	case 0:
		r.ReadExpGolomb()
	case 1:
		r.Read(1)
		r.ReadExpGolomb()
		r.ReadExpGolomb()
		cycle := r.ReadExpGolomb()
		for i := uint(0); i < min(cycle, 255) && r.AccError() == nil; i++ {
			r.ReadExpGolomb()
		}
	}
	r.ReadExpGolomb() // max_num_ref_frames
	r.Read(1)
	columns, rows := r.ReadExpGolomb()+1, r.ReadExpGolomb()+1
	fields := uint(2)
	if r.ReadFlag() { // frame_mbs_only_flag
		fields = 1
	} else {
		r.Read(1)
	}
	r.Read(1)            // direct_8x8_inference_flag
	const most = 1 << 12 // macroblocks: what is larger is refused, and does not overflow
	p := picture{width: 16 * min(columns, most), height: 16 * fields * min(rows, most)}
	if r.ReadFlag() {
		left, right, top, bottom := r.ReadExpGolomb(), r.ReadExpGolomb(), r.ReadExpGolomb(), r.ReadExpGolomb()
		unitX, unitY := chromaUnits(chroma)
		p.width = less(p.width, unitX*clamped(left, right))
		p.height = less(p.height, unitY*fields*clamped(top, bottom))
	}
	if err := r.AccError(); err != nil {
		return picture{}, err
	}
	p.readUsability(r)
	return p, nil
}

// readAVCFormat reads what high profiles say about samples, and returns chroma_format_idc.
func readAVCFormat(r *bits.EBSPReader) uint {
	chroma := r.ReadExpGolomb()
	lists := 8
	if chroma == 3 {
		r.Read(1)
		lists = 12
	}
	r.ReadExpGolomb()
	r.ReadExpGolomb()
	r.Read(1)
	if !r.ReadFlag() {
		return chroma
	}
	for i := range lists {
		if !r.ReadFlag() {
			continue
		}
		size := 16
		if i >= 6 {
			size = 64
		}
		last, next := 8, 8
		for range size {
			if next != 0 {
				next = (last + r.ReadSignedGolomb() + 256) & 0xff
			}
			if next != 0 {
				last = next
			}
		}
	}
	return chroma
}

// readUsability reads how pictures are shown (ITU-T H.264 annex E.1.1), where it says so.
func (p *picture) readUsability(r *bits.EBSPReader) {
	const extended = 255
	var pixel ratio
	if !r.ReadFlag() {
		return
	}
	if r.ReadFlag() {
		if index := r.Read(8); index == extended {
			pixel = ratio{r.Read(16), r.Read(16)}
		} else if wide, high, err := avc.GetSARfromIDC(index); err == nil {
			pixel = ratio{wide, high}
		}
	}
	if r.ReadFlag() {
		r.Read(1)
	}
	var code uint
	if r.ReadFlag() {
		r.Read(4)
		if r.ReadFlag() {
			r.Read(8)
			code = r.Read(8)
		}
	}
	if r.AccError() == nil {
		p.pixel, p.transfer = pixel, transferOf(code)
	}
}

// readHEVC reads a sequence parameter set up to the size of the picture (ITU-T
// H.265 section 7.3.2.2.1). mp4ff refuses one with bytes behind it, so it is asked
// only for what is of use but not needed.
func readHEVC(unit []byte) (picture, error) {
	r := escaped(unit)
	r.Read(16) // the NAL unit's header
	r.Read(4)
	layers := int(r.Read(3))
	r.Read(1)
	readProfile(r, layers)
	r.ReadExpGolomb() // its id
	chroma := r.ReadExpGolomb()
	if chroma == 3 {
		r.Read(1)
	}
	const most = 1 << 16 // samples: what is larger is refused, and does not overflow
	p := picture{width: min(r.ReadExpGolomb(), most), height: min(r.ReadExpGolomb(), most)}
	if r.ReadFlag() {
		left, right, top, bottom := r.ReadExpGolomb(), r.ReadExpGolomb(), r.ReadExpGolomb(), r.ReadExpGolomb()
		unitX, unitY := chromaUnits(chroma)
		p.width = less(p.width, unitX*clamped(left, right))
		p.height = less(p.height, unitY*clamped(top, bottom))
	}
	if err := r.AccError(); err != nil {
		return picture{}, err
	}
	p.pixel, p.transfer = hevcUsability(unit)
	return p, nil
}

// readProfile passes over the profiles and levels (ITU-T H.265 section 7.3.3).
func readProfile(r *bits.EBSPReader, layers int) {
	const profile, level = 88, 8 // bits
	skip(r, profile+level)
	if layers == 0 {
		return
	}
	var present [8]uint
	for i := range present {
		present[i] = r.Read(2)
	}
	for i := range layers {
		if present[i]&2 != 0 {
			skip(r, profile)
		}
		if present[i]&1 != 0 {
			skip(r, level)
		}
	}
}

func skip(r *bits.EBSPReader, n int) {
	for ; n > 0; n -= 8 {
		r.Read(8)
	}
}

func hevcUsability(unit []byte) (pixel ratio, t Transfer) {
	// The library may panic over hostile bytes.
	defer func() { _ = recover() }()
	sps, err := hevc.ParseSPSNALUnit(unit)
	if err != nil || sps.VUI == nil {
		return ratio{}, ""
	}
	return ratio{sps.VUI.SampleAspectRatioWidth, sps.VUI.SampleAspectRatioHeight}, transferOf(uint(sps.VUI.TransferCharacteristics))
}

// chromaUnits is what a crop is counted in (SubWidthC and SubHeightC).
func chromaUnits(chroma uint) (x, y uint) {
	switch chroma {
	case 1: // 4:2:0
		return 2, 2
	case 2: // 4:2:2
		return 2, 1
	}
	return 1, 1
}

// clamped adds two crops without an overflow.
func clamped(a, b uint) uint {
	const most = 1 << 16
	return min(a, most) + min(b, most)
}
