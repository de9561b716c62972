package mp4

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/video/cliptest"
)

func refusedAsNotPlayable(err error) bool {
	return fault.HasReason(err, videov1.ErrorReason_ERROR_REASON_NOT_PLAYABLE)
}

func TestVideosAreAccepted(t *testing.T) {
	t.Parallel()
	want := Media{DurationMS: 1000, Width: 320, Height: 240}
	for name, file := range map[string][]byte{
		"h264":           cliptest.H264(t),
		"faststart":      cliptest.H264(t, "-movflags", "+faststart"),
		"fragmented":     cliptest.H264(t, "-movflags", "frag_keyframe+empty_moov+default_base_moof", "-g", "5"),
		"old fragments":  cliptest.H264(t, "-movflags", "frag_keyframe", "-g", "5"),
		"quicktime":      cliptest.H264(t, "-f", "mov"),
		"mpeg4":          cliptest.Make(t, cliptest.Picture, "-c:v", "mpeg4"),
		"with audio":     cliptest.Make(t, "testsrc=size=320x240:rate=25:duration=1[out0];sine=duration=1[out1]", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"),
		"hevc":           h265(t),
		"hev1":           h265(t, "-tag:v", "hev1"),
		"dolby vision":   renamed(h265(t, "-f", "mov"), "hvc1", "dvh1"),
		"dvhe":           renamed(h265(t, "-tag:v", "hev1"), "hev1", "dvhe"),
		"dvav":           renamed(cliptest.H264(t), "avc1", "dvav"),
		"dva1":           renamed(cliptest.H264(t), "avc1", "dva1"),
		"avc3":           renamed(cliptest.H264(t), "avc1", "avc3"),
		"av1":            cliptest.Make(t, cliptest.Picture, cliptest.AV1()...),
		"vp9":            cliptest.Make(t, cliptest.Picture, cliptest.VP9()...),
		"with audio pcm": cliptest.Make(t, "testsrc=size=320x240:rate=25:duration=1[out0];sine=duration=1[out1]", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "pcm_s16le", "-f", "mov"),
	} {
		got, err := probeBytes(file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestWhatIsNoVideoIsRefused(t *testing.T) {
	t.Parallel()
	good := cliptest.H264(t, "-movflags", "+faststart")
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
		"sound":             cliptest.Make(t, "sine=duration=1", "-c:a", "aac"),
		"matroska":          cliptest.H264(t, "-f", "matroska"),
		"fragments cut":     cut(cliptest.H264(t, "-movflags", "frag_keyframe+empty_moov", "-g", "5"), 5000),
		"index cut":         cut(cliptest.H264(t), 10),
		"pictures as video": cliptest.Make(t, cliptest.Picture, "-c:v", "mjpeg", "-f", "mp4"),
		"mpeg2":             cliptest.Make(t, cliptest.Picture, "-c:v", "mpeg2video"),
		"pictures":          cliptest.Make(t, cliptest.Picture, "-c:v", "mjpeg", "-f", "mov"),
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
		{"10 minutes", cliptest.Plain(32, 32, 1, 600), true},
		{"10 minutes and 1 second", cliptest.Plain(32, 32, 1, 601), false},
		{"4096 wide", cliptest.Plain(4096, 32, 1, 1), true},
		{"4098 wide", cliptest.Plain(4098, 32, 1, 1), false},
		{"4096 high", cliptest.Plain(32, 4096, 1, 1), true},
		{"4098 high", cliptest.Plain(32, 4098, 1, 1), false},
		{"120 frames a second", cliptest.Plain(32, 32, 120, 1), true},
		{"240 frames a second", cliptest.Plain(32, 32, 240, 1), false},
	} {
		_, err := probeBytes(cliptest.Make(t, c.source, fast...))
		if c.ok && err != nil || !c.ok && !refusedAsNotPlayable(err) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestLimitsAreExact(t *testing.T) {
	t.Parallel()
	within := func(durationMS int64, width, height, coded int32) error {
		return withinLimits(&track{Media: Media{durationMS, width, height}, largest: coded, samples: 2})
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
		err := withinLimits(&track{Media: Media{DurationMS: 60_000, Width: 1, Height: 1}, samples: frames})
		if (err == nil) != ok {
			t.Errorf("%d frames in a minute: %v", frames, err)
		}
	}
}

func TestPhoneVideoHasItsShownShape(t *testing.T) {
	t.Parallel()
	upright := cliptest.TurnedByAQuarter(cliptest.H264(t))
	got, err := probeBytes(upright)
	if err != nil || got.Width != 240 || got.Height != 320 {
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
		if err == nil && (m.Width <= 0 || m.Height <= 0 || m.DurationMS <= 0) {
			t.Errorf("accepted %+v", m)
		}
	})
}

func probeBytes(file []byte) (Media, error) {
	m, err := NewProber().Probe(context.Background(), bytes.NewReader(file), int64(len(file)))
	return m.Media, err
}
