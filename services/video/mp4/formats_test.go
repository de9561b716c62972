package mp4

import (
	"bytes"
	"encoding/binary"
	"testing"

	"douyin.dev/services/video/cliptest"
)

func h265(t *testing.T, options ...string) []byte {
	t.Helper()
	return cliptest.Make(t, cliptest.Picture, append([]string{
		"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error", "-tag:v", "hvc1", "-pix_fmt", "yuv420p",
	}, options...)...)
}

// renamed gives the sample description another kind.
func renamed(file []byte, from, to string) []byte {
	at := bytes.Index(file, []byte("stsd"))
	return append(file[:at:at], bytes.Replace(file[at:], []byte(from), []byte(to), 1)...)
}

// sized writes a size into the sample description, where players do not look.
func sized(file []byte, kind string, width, height uint16) []byte {
	at := bytes.Index(file, []byte("stsd"))
	entry := at + bytes.Index(file[at:], []byte(kind)) - 4
	file = bytes.Clone(file)
	binary.BigEndian.PutUint16(file[entry+32:], width)
	binary.BigEndian.PutUint16(file[entry+34:], height)
	return file
}

func cut(file []byte, bytes int) []byte { return file[:len(file)-bytes] }

// mp4Box makes a box.
func mp4Box(kind string, payload ...[]byte) []byte {
	body := bytes.Join(payload, nil)
	out := binary.BigEndian.AppendUint32(nil, uint32(len(body)+8))
	return append(append(out, kind...), body...)
}

// grown adds bytes to the end of a file's last box, which is moov.
func grown(file []byte, more ...[]byte) []byte {
	at := bytes.LastIndex(file, []byte("moov")) - 4
	return append(file[:at:at], mp4Box("moov", append([][]byte{file[at+8:]}, more...)...)...)
}

// What encoders leave between and behind boxes does not matter to players.
func TestWhatEncodersLeaveIsPassedOver(t *testing.T) {
	t.Parallel()
	file := cliptest.H264(t) // moov at the end
	moov := bytes.LastIndex(file, []byte("moov")) - 4
	between := func(boxes ...[]byte) []byte {
		return bytes.Join([][]byte{file[:moov], bytes.Join(boxes, nil), file[moov:]}, nil)
	}
	toTheEnd := cliptest.H264(t, "-movflags", "+faststart")
	copy(toTheEnd[bytes.Index(toTheEnd, []byte("mdat"))-4:], make([]byte, 4))
	for name, file := range map[string][]byte{
		"zeros behind":          append(bytes.Clone(file), make([]byte, 5000)...),
		"garbage behind":        append(bytes.Clone(file), "\xff\xff\xff\xffgarbage that is no box"...),
		"three bytes behind":    append(bytes.Clone(file), 1, 2, 3),
		"a cut free box behind": append(bytes.Clone(file), 0, 0, 1, 0, 'f', 'r', 'e', 'e', 0),
		"free between":          between(mp4Box("free", make([]byte, 100))),
		"skip, wide, uuid":      between(mp4Box("skip"), mp4Box("wide"), mp4Box("uuid", make([]byte, 100))),
		"zeros in moov":         grown(file, make([]byte, 8)),
		"four zeros in moov":    grown(file, make([]byte, 4)),
		"garbage in moov":       grown(file, []byte("\xff\xff\xff\xffudta...")),
		"mdat to the end":       toTheEnd,
	} {
		if got, err := probeBytes(file); err != nil || got != (Media{1000, 320, 240}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestSingleFrameMayHaveNoDuration(t *testing.T) {
	t.Parallel()
	lasting := func(frames string) []byte {
		file := cliptest.H264(t, "-frames:v", frames)
		delta := bytes.Index(file, []byte("stts")) + 4 + 12
		copy(file[delta:], make([]byte, 4))
		return file
	}
	if got, err := probeBytes(lasting("1")); err != nil || got != (Media{1, 320, 240}) {
		t.Errorf("one frame: %+v, %v", got, err)
	}
	if _, err := probeBytes(lasting("2")); !refusedAsNotPlayable(err) {
		t.Errorf("two frames at the same time: %v", err)
	}
}

// The size that counts is the decoder's, whatever the file says beside it.
func TestSizeComesFromTheBitstream(t *testing.T) {
	t.Parallel()
	const picture = "testsrc=size=322x242:rate=25:duration=1"
	one := func(options []string) []byte { return cliptest.Make(t, picture, append(options, "-frames:v", "1")...) }
	for kind, options := range map[string][]string{
		"avc1": {"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"},
		"hvc1": {"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error", "-tag:v", "hvc1", "-pix_fmt", "yuv420p"},
		"av01": cliptest.AV1(),
		"vp09": cliptest.VP9(),
		"mp4v": {"-c:v", "mpeg4"},
	} {
		got, err := probeBytes(sized(one(options), kind, 16, 16))
		if err != nil || got.Width != 322 || got.Height != 242 {
			t.Errorf("%s: %+v, %v", kind, got, err)
		}
	}
	large := cliptest.Make(t, cliptest.Plain(4098, 32, 1, 1), "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
	if got, err := probeBytes(sized(large, "avc1", 64, 64)); !refusedAsNotPlayable(err) {
		t.Errorf("4098 pixels called 64: %+v, %v", got, err)
	}
}

// A frame header of VP8: 176 by 144 (RFC 6386 section 9.1).
func TestSizeOfVP8(t *testing.T) {
	t.Parallel()
	key := []byte{0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 176, 0x40, 144, 0x00}
	read := func(b []byte) ([]picture, error) {
		return vp8Pictures(nil, sample{r: bytes.NewReader(b), size: int64(len(b))})
	}
	got, err := read(key)
	if err != nil || len(got) != 1 || got[0].width != 176 || got[0].height != 144 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := read(key[:9]); err == nil {
		t.Error("a cut header was taken")
	}
}

func TestPixelsAreShownSquare(t *testing.T) {
	t.Parallel()
	const quarter = "transpose=clock"
	wide := cliptest.Make(t, "testsrc=size=96x64:rate=25:duration=1,setsar=4/3", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
	high := cliptest.Make(t, "testsrc=size=96x64:rate=25:duration=1,"+quarter+",setsar=3/4", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
	for name, c := range map[string]struct {
		file          []byte
		width, height int32
	}{
		"wide":                 {wide, 128, 64},
		"high":                 {high, 48, 96},
		"wide, without a pasp": {bytes.Replace(wide, []byte("pasp"), []byte("free"), 1), 128, 64},
	} {
		if got, err := probeBytes(c.file); err != nil || got.Width != c.width || got.Height != c.height {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for _, c := range []struct {
		width, height int32
		pixel         ratio
		w, h          int32
	}{
		{96, 64, ratio{}, 96, 64},
		{96, 64, ratio{1 << 31, 1}, 4096, 1},
		{96, 64, ratio{1, 1 << 31}, 1, 64},
		{4096, 2048, ratio{2, 1}, 4096, 1024},
		{5000, 10, ratio{1, 1}, 5000, 10},
	} {
		if w, h := shown(c.width, c.height, c.pixel); w != c.w || h != c.h {
			t.Errorf("%dx%d of pixels %v is shown as %dx%d", c.width, c.height, c.pixel, w, h)
		}
	}
}
