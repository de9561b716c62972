package video

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/fault"
)

func refusedAsNotPlayable(err error) bool {
	return fault.HasReason(err, videov1.ErrorReason_ERROR_REASON_NOT_PLAYABLE)
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
		"hevc":           h265(t),
		"hev1":           h265(t, "-tag:v", "hev1"),
		"dolby vision":   renamed(h265(t, "-f", "mov"), "hvc1", "dvh1"),
		"dvhe":           renamed(h265(t, "-tag:v", "hev1"), "hev1", "dvhe"),
		"dvav":           renamed(h264(t), "avc1", "dvav"),
		"dva1":           renamed(h264(t), "avc1", "dva1"),
		"avc3":           renamed(h264(t), "avc1", "avc3"),
		"av1":            clip(t, testPicture, av1Options...),
		"vp9":            clip(t, testPicture, vp9Options...),
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
		"fragments cut":     cut(h264(t, "-movflags", "frag_keyframe+empty_moov", "-g", "5"), 5000),
		"index cut":         cut(h264(t), 10),
		"pictures as video": clip(t, testPicture, "-c:v", "mjpeg", "-f", "mp4"),
		"mpeg2":             clip(t, testPicture, "-c:v", "mpeg2video"),
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

func TestLimitsAreExact(t *testing.T) {
	t.Parallel()
	within := func(durationMS int64, width, height, coded int32) error {
		return withinLimits(&track{media: media{durationMS, width, height}, largest: coded, samples: 2})
	}
	for _, c := range []struct {
		name string
		err  error
		ok   bool
	}{
		{"10 minutes less 1 ms", within(599_999, 1, 1, 1), true},
		{"10 minutes", within(600_000, 1, 1, 1), true},
		{"10 minutes and 1 ms", within(600_001, 1, 1, 1), false},
		{"4095 wide", within(1000, 4095, 1, 1), true},
		{"4096 wide", within(1000, 4096, 1, 1), true},
		{"4097 wide", within(1000, 4097, 1, 1), false},
		{"4095 high", within(1000, 1, 4095, 1), true},
		{"4096 high", within(1000, 1, 4096, 1), true},
		{"4097 high", within(1000, 1, 4097, 1), false},
		{"4096 coded", within(1000, 1, 1, 4096), true},
		{"4097 coded", within(1000, 1, 1, 4097), false},
	} {
		if c.ok && c.err != nil || !c.ok && !refusedAsNotPlayable(c.err) {
			t.Errorf("%s: %v", c.name, c.err)
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
	upright := turnedByAQuarter(h264(t))
	got, err := probeBytes(upright)
	if err != nil || got.width != 240 || got.height != 320 {
		t.Errorf("a turned video: %+v, %v", got, err)
	}
}

// FuzzProbe: whatever the bytes, probe answers a playable video or NOT_PLAYABLE.
func FuzzProbe(f *testing.F) {
	names, err := filepath.Glob("testdata/*.m*")
	if err != nil || len(names) < 8 {
		f.Fatalf("seeds %v, %v", names, err)
	}
	for _, name := range names {
		seed, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	f.Add(manyTracks(3, 3))
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
