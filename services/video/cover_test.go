package video

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/sandbox"
	"douyin.dev/services/video/cliptest"
	"douyin.dev/services/video/mp4"
)

func realCovers(t *testing.T) *covers {
	t.Helper()
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("needs ffmpeg")
	}
	return newCovers(CoverOptions{FFmpeg: ffmpeg, Timeout: time.Minute}, quiet())
}

// stored writes a video where ffmpeg can read it.
func stored(t *testing.T, video []byte) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "video")
	if err := os.WriteFile(path, video, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func probed(t *testing.T, video []byte) mp4.Video {
	t.Helper()
	m, err := mp4.NewProber().Probe(t.Context(), bytes.NewReader(video), int64(len(video)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// cover has a real cover made.
func cover(t *testing.T, c *covers, video []byte) image.Image {
	t.Helper()
	picture, err := c.frame(t.Context(), stored(t, video), probed(t, video))
	if err != nil {
		t.Fatal(err)
	}
	img, err := jpeg.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// colour is the mean of a part, each of 0 to 255.
func colour(img image.Image, part image.Rectangle) (rgb [3]float64) {
	for y := part.Min.Y; y < part.Max.Y; y++ {
		for x := part.Min.X; x < part.Max.X; x++ {
			r, g, b, _ := img.At(x, y).RGBA()
			for i, v := range []uint32{r, g, b} {
				rgb[i] += float64(v>>8) / float64(part.Dx()*part.Dy())
			}
		}
	}
	return rgb
}

var x264 = []string{"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"}

func TestCoverIsTheFirstBrightFrame(t *testing.T) {
	t.Parallel()
	c := realCovers(t)
	for name, begin := range map[string]string{
		"black": "color=black:size=320x240:rate=25:duration=1",
		"white": "color=white:size=320x240:rate=25:duration=1",
	} {
		img := cover(t, c, cliptest.Make(t, begin+"[a];"+cliptest.Picture+"[b];[a][b]concat=n=2", x264...))
		if mean, deviation := brightness(img.(*image.YCbCr).Y); mean < bright || deviation < varied {
			t.Errorf("after a %s second: brightness %.0f ± %.0f", name, mean, deviation)
		}
	}
	// Where there is no such frame, the best is better than none.
	img := cover(t, c, cliptest.Make(t, "color=black:size=320x240:rate=25:duration=0.5", x264...))
	if size := img.Bounds().Size(); size != image.Pt(320, 240) {
		t.Errorf("a black video has a cover of %v", size)
	}
}

// The same bars in high and in standard dynamic range look alike.
func TestCoverOfHDRLooksLikeSDR(t *testing.T) {
	t.Parallel()
	c := realCovers(t)
	const bars = "smptebars=size=320x240:rate=25:duration=0.2,format=yuv420p,setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709"
	want := colour(cover(t, c, cliptest.Make(t, bars, x264...)), image.Rect(0, 0, 320, 240))
	for _, curve := range []mp4.Transfer{mp4.HybridLogGamma, mp4.PerceptualQuantizer} {
		// A display of 1000 cd/m² shows the bars as an SDR display does, but brighter.
		convert := ",zscale=t=linear:npl=1000,format=gbrpf32le,zscale=p=bt2020,zscale=m=bt2020nc:r=limited:npl=1000:t=" + string(curve) + ",format=yuv420p10le"
		hdr := cliptest.Make(t, bars+convert, "-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1",
			"-x265-params", "log-level=error:colorprim=bt2020:colormatrix=bt2020nc:transfer="+string(curve))
		got := colour(cover(t, c, hdr), image.Rect(0, 0, 320, 240))
		for i, channel := range []string{"red", "green", "blue"} {
			if math.Abs(got[i]-want[i]) > 20 {
				t.Errorf("%s: mean %s is %.0f, in SDR %.0f", curve, channel, got[i], want[i])
			}
		}
	}
}

func TestCoverWithoutToneMapping(t *testing.T) {
	t.Parallel()
	c := realCovers(t)
	c.options.FFmpeg = script(t, `case "$*" in *zscale*) echo "No such filter: 'zscale'" >&2; exit 1;; esac; exec `+c.options.FFmpeg+` "$@"`)
	video := cliptest.H264(t)
	m := probed(t, video)
	m.Transfer = mp4.HybridLogGamma
	if _, err := c.frame(t.Context(), stored(t, video), m); err != nil {
		t.Error(err)
	}
}

func TestCoverHasTheShownShape(t *testing.T) {
	t.Parallel()
	c := realCovers(t)
	wide := cover(t, c, cliptest.Make(t, "testsrc=size=96x64:rate=25:duration=0.2,setsar=4/3", x264...))
	if size := wide.Bounds().Size(); size != image.Pt(128, 64) {
		t.Errorf("96x64 of pixels 4:3 is %v", size)
	}
	large := cover(t, c, cliptest.Make(t, "testsrc=size=1080x1920:rate=25:duration=0.04", x264...))
	if size := large.Bounds().Size(); size != image.Pt(720, 1280) {
		t.Errorf("1080x1920 is %v", size)
	}
	halves := "color=white:size=320x240:rate=25:duration=0.2,drawbox=w=160:h=240:color=black:t=fill"
	turned := cover(t, c, cliptest.TurnedByAQuarter(cliptest.Make(t, halves, x264...)))
	if size := turned.Bounds().Size(); size != image.Pt(240, 320) {
		t.Fatalf("turned, it is %v", size)
	}
	top, bottom := colour(turned, image.Rect(0, 0, 240, 150)), colour(turned, image.Rect(0, 170, 240, 320))
	if math.Abs(top[0]-bottom[0]) < 200 {
		t.Errorf("left and right did not become top and bottom: %v, %v", top, bottom)
	}
}

// What ffmpeg decodes no frame of is refused, of every codec.
func TestWhatDecodesToNothingIsRefused(t *testing.T) {
	t.Parallel()
	c := realCovers(t)
	for name, options := range map[string][]string{
		"h264":  x264,
		"hevc":  {"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error", "-pix_fmt", "yuv420p"},
		"av1":   cliptest.AV1(),
		"vp9":   cliptest.VP9(),
		"mpeg4": {"-c:v", "mpeg4"},
	} {
		video := cliptest.Make(t, cliptest.Picture, append(options, "-frames:v", "3", "-movflags", "+faststart")...)
		m := probed(t, video)
		clear(video[bytes.Index(video, []byte("mdat"))+4:])
		if _, err := c.picture(t.Context(), stored(t, video), m); !refusedAsNotPlayable(err) {
			t.Errorf("%s: %v, want NOT_PLAYABLE", name, err)
		}
	}
}

// Whatever else goes wrong with ffmpeg costs the cover only.
func TestFFmpegsFailureIsNoRefusal(t *testing.T) {
	t.Parallel()
	for name, program := range map[string]string{
		"missing":       "/no/such/ffmpeg",
		"fails":         "/bin/false",
		"killed":        script(t, "echo 'Invalid data found when processing input' >&2; kill -9 $$"),
		"memory":        script(t, "echo 'Error while decoding: Cannot allocate memory' >&2; echo 'Cannot determine format of input stream' >&2; exit 1"),
		"no decoder":    script(t, "echo 'Decoder (codec av1) not found for input stream #0:0' >&2; exit 1"),
		"takes forever": script(t, "echo 'Invalid data found when processing input' >&2; sleep 60"),
	} {
		c := newCovers(CoverOptions{FFmpeg: program, Timeout: 300 * time.Millisecond}, quiet())
		picture, err := c.picture(context.Background(), tempFile(t), mp4.Video{Media: mp4.Media{DurationMS: 1000, Width: 64, Height: 64}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if _, err := jpeg.Decode(bytes.NewReader(picture)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUndecodableUploadLeavesNothing(t *testing.T) {
	t.Parallel()
	ffmpeg := realCovers(t).options.FFmpeg
	b := newBench(t, func(d *Deps) { d.Cover = CoverOptions{FFmpeg: ffmpeg} })
	video := cliptest.H264(t, "-movflags", "+faststart")
	// Whole NAL units, as the probe wants them, of nothing.
	at := bytes.Index(video, []byte("mdat")) + 4
	for at < len(video) {
		size := int(video[at])<<24 | int(video[at+1])<<16 | int(video[at+2])<<8 | int(video[at+3])
		clear(video[at+5 : at+4+size])
		at += 4 + size
	}
	if _, err := b.upload(t.Context(), &videov1.PublishVideoHeader{}, video); !refusedAsNotPlayable(err) {
		t.Errorf("%v, want NOT_PLAYABLE", err)
	}
	b.nothingLeft(t)
}

func TestChooserTakesTheFirstGoodFrame(t *testing.T) {
	t.Parallel()
	const width, height = 5, 3 // odd: planes of chroma are rounded up
	frameOf := func(shades ...byte) []byte {
		f := newFrame(width, height)
		for i := range f.bytes {
			f.bytes[i] = shades[i%len(shades)]
		}
		return f.bytes
	}
	dark, faint, flat, good := frameOf(0), frameOf(0, 9), frameOf(200), frameOf(50, 250)
	for name, c := range map[string]struct {
		frames [][]byte
		want   []byte
		enough bool
	}{
		"nothing":         {nil, nil, false},
		"half a frame":    {[][]byte{good[:9]}, nil, false},
		"good":            {[][]byte{dark, flat, good, frameOf(0, 255)}, good, true},
		"none good":       {[][]byte{dark, faint, flat}, faint, false},
		"all of the same": {[][]byte{dark, dark}, dark, false},
	} {
		enough := false
		chosen := newChooser(width, height, func() { enough = true })
		for part := range slices.Chunk(bytes.Join(c.frames, nil), 7) {
			if _, err := chosen.Write(part); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(chosen.best.bytes, c.want) || enough != c.enough || (chosen.jpeg() == nil) != (c.want == nil) {
			t.Errorf("%s: chose %v, enough %v", name, chosen.best.bytes, enough)
		}
	}
}

func TestFFmpegRunsWithEveryLayer(t *testing.T) {
	t.Parallel()
	c := realCovers(t)
	for _, off := range []sandbox.Layer{
		sandbox.Namespaces, sandbox.Landlock, sandbox.Seccomp, sandbox.Namespaces | sandbox.Landlock | sandbox.Seccomp, 0,
	} {
		c.sandbox = sandbox.New(quiet(), off)
		cover(t, c, cliptest.H264(t))
	}
	c.check(t.Context())
	if c.unusable.Load() {
		t.Error("ffmpeg was given up")
	}
	c = newCovers(CoverOptions{FFmpeg: "/bin/false"}, quiet())
	if c.check(t.Context()); !c.unusable.Load() {
		t.Error("an ffmpeg that does not run is kept")
	}
}
