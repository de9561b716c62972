package video

import (
	"bytes"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"douyin.dev/services/platform/fault"

	v1 "douyin.dev/gen/douyin/video/v1"
)

func refusedAsNotPlayable(err error) bool {
	return fault.HasReason(err, v1.ErrorReason_ERROR_REASON_NOT_PLAYABLE)
}

func TestVideosAreAccepted(t *testing.T) {
	t.Parallel()
	want := media{durationMS: 1000, width: 320, height: 240}
	for name, file := range map[string][]byte{
		"h264":           h264(t),
		"faststart":      h264(t, "-movflags", "+faststart"),
		"fragmented":     h264(t, "-movflags", "frag_keyframe+empty_moov+default_base_moof", "-g", "5"),
		"old fragments":  h264(t, "-movflags", "frag_keyframe", "-g", "5"),
		"quicktime":      h264(t, "-f", "mov"),
		"mpeg4":          clip(t, "testsrc=size=320x240:rate=25:duration=1", "-c:v", "mpeg4"),
		"with audio":     clip(t, "testsrc=size=320x240:rate=25:duration=1[out0];sine=duration=1[out1]", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"),
		"with audio pcm": clip(t, "testsrc=size=320x240:rate=25:duration=1[out0];sine=duration=1[out1]", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "pcm_s16le", "-f", "mov"),
	} {
		got, err := probeBytes(file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(media{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestWhatIsNoVideoIsRefused(t *testing.T) {
	t.Parallel()
	good := h264(t, "-movflags", "+faststart")
	zeroed := bytes.Clone(good)
	clear(zeroed[bytes.Index(zeroed, []byte("mdat"))+4:])
	for name, file := range map[string][]byte{
		"empty":             {},
		"text":              []byte("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"),
		"header only":       good[:40],
		"one byte missing":  good[:len(good)-1],
		"half":              good[:len(good)/2],
		"zeros for samples": zeroed,
		"without moov":      bytes.ReplaceAll(good, []byte("moov"), []byte("free")),
		"sound":             clip(t, "sine=duration=1", "-c:a", "aac"),
		"matroska":          h264(t, "-f", "matroska"),
		"pictures":          clip(t, "testsrc=size=320x240:rate=25:duration=1", "-c:v", "mjpeg", "-f", "mov"),
	} {
		if _, err := probeBytes(file); !refusedAsNotPlayable(err) {
			t.Errorf("%s: %v, want NOT_PLAYABLE", name, err)
		}
	}
}

func TestLimitsOfAVideo(t *testing.T) {
	t.Parallel()
	fast := []string{"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"}
	for _, c := range []struct {
		name   string
		source string
		ok     bool
	}{
		{"10 minutes", source(32, 32, 1, 600), true},
		{"10 minutes and 1 second", source(32, 32, 1, 601), false},
		{"4096 wide", source(4096, 32, 1, 1), true},
		{"4098 wide", source(4098, 32, 1, 1), false},
		{"4096 high", source(32, 4096, 1, 1), true},
		{"4098 high", source(32, 4098, 1, 1), false},
		{"120 frames a second", source(32, 32, 120, 1), true},
		{"240 frames a second", source(32, 32, 240, 1), false},
	} {
		_, err := probeBytes(clip(t, c.source, fast...))
		if c.ok && err != nil || !c.ok && !refusedAsNotPlayable(err) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestFrameRateLimitIsExact(t *testing.T) {
	t.Parallel()
	for frames, ok := range map[int]bool{119 * 60: true, 120 * 60: true, 121 * 60: false} {
		err := withinLimits(&track{media: media{durationMS: 60_000, width: 1, height: 1}, samples: frames})
		if (err == nil) != ok {
			t.Errorf("%d frames in a minute: %v", frames, err)
		}
	}
}

func TestPhoneVideoHasItsShownShape(t *testing.T) {
	t.Parallel()
	upright := h264(t)
	// ffmpeg 5 writes no matrix on request: turn the track header by hand.
	at := bytes.Index(upright, []byte("tkhd")) + 4 + 40
	copy(upright[at:], []byte{0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0})
	got, err := probeBytes(upright)
	if err != nil || got.width != 240 || got.height != 320 {
		t.Errorf("a turned video: %+v, %v", got, err)
	}
}

// FuzzProbe: whatever the bytes, probe answers a playable video or NOT_PLAYABLE.
func FuzzProbe(f *testing.F) {
	for _, name := range []string{"testdata/tiny.mp4", "testdata/fragmented.mp4"} {
		seed, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		m, err := probeBytes(file)
		if err != nil && !refusedAsNotPlayable(err) {
			t.Errorf("probe: %v", err)
		}
		if err == nil && (m.width <= 0 || m.height <= 0 || m.durationMS <= 0) {
			t.Errorf("accepted %+v", m)
		}
	})
}
