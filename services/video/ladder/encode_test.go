package ladder

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

const (
	portrait = "-f lavfi -i testsrc2=size=90x160:rate=30:duration=2.5 "
	tone     = "-f lavfi -i sine=frequency=440:sample_rate=44100:duration=2.5 "
)

// turned writes a rotation to the right into the first track's matrix
// (ISO/IEC 14496-12 section 8.3.2).
func turned(file []byte) []byte {
	at := bytes.Index(file, []byte("tkhd")) + 4 + 40
	for i, v := range []uint32{0, 1 << 16, 0, 0xffff0000, 0, 0, 90 << 16, 0, 1 << 30} {
		binary.BigEndian.PutUint32(file[at+4*i:], v)
	}
	return file
}

// shortened has the first track's edit list show one second (section 8.6.6): all
// its frames stay.
func shortened(file []byte) []byte {
	at := bytes.Index(file, []byte("elst")) + 4 + 8
	binary.BigEndian.PutUint32(file[at:], 1000)
	return file
}

// kind of video, as phones and editors make them.
type kind struct {
	name string
	// args make it, change afterwards.
	args   string
	file   string // mp4 unless it says otherwise
	change func([]byte) []byte
	cut    string // seconds at the beginning that an edit list leaves out
	// what Inspect must find
	width, height int
	rate          float64 // on average
	variable      bool
	seconds       float64
	silent        bool
	transfer      string
	// encodedRate is the rendition's when it differs.
	encodedRate float64
	long        bool // is left out of short runs
}

var kinds = []kind{
	{name: "portrait", args: portrait + tone + "$X -c:a aac -movflags +faststart", width: 90, height: 160, rate: 30, seconds: 2.5},
	{name: "landscape", args: "-f lavfi -i testsrc2=size=160x90:rate=25:duration=2.4 " + tone + "$X -c:a aac -t 2.4", width: 160, height: 90, rate: 25, seconds: 2.4},
	{name: "rotated", args: "-f lavfi -i testsrc2=size=160x90:rate=30:duration=2.5 $X", change: turned, width: 90, height: 160, rate: 30, seconds: 2.5, silent: true},
	{name: "variable rate", args: portrait + "-vf select='lt(n,20)+not(mod(n,5))' -vsync vfr $X", width: 90, height: 160, rate: 12.86, variable: true, encodedRate: 30, seconds: 2.37, silent: true},
	{name: "60 a second", args: "-f lavfi -i testsrc2=size=90x160:rate=60:duration=2.5 $X", width: 90, height: 160, rate: 60, seconds: 2.5, silent: true},
	{name: "120 a second", args: "-f lavfi -i testsrc2=size=90x160:rate=120:duration=0.5 $X", width: 90, height: 160, rate: 120, encodedRate: 60, seconds: 0.5, silent: true},
	{name: "29.97 a second", args: "-f lavfi -i testsrc2=size=90x160:rate=30000/1001:duration=4.5 $X", width: 90, height: 160, rate: 29.97, encodedRate: 30000. / 1001, seconds: 4.5, silent: true},
	{name: "17.317 a second", args: "-f lavfi -i testsrc2=size=90x160:rate=17317/1000:duration=4.5 $X", width: 90, height: 160, rate: 17.317, encodedRate: 17.317, seconds: 4.5, silent: true, long: true},
	{name: "two a second", args: "-f lavfi -i testsrc2=size=90x160:rate=2:duration=5 $X", width: 90, height: 160, rate: 2, encodedRate: 10, seconds: 5, silent: true, long: true},
	{name: "mono", args: portrait + "-f lavfi -i sine=sample_rate=22050:duration=2.5 $X -c:a aac -ac 1", width: 90, height: 160, rate: 30, seconds: 2.5},
	{name: "six channels", args: portrait + "-f lavfi -i sine=duration=2.5 $X -c:a aac -ac 6", width: 90, height: 160, rate: 30, seconds: 2.5, long: true},
	{name: "hevc", args: portrait + "-c:v libx265 -preset ultrafast -x265-params log-level=none -tag:v hvc1 -pix_fmt yuv420p", width: 90, height: 160, rate: 30, seconds: 2.5, silent: true},
	{name: "vp9", args: portrait + tone + "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -pix_fmt yuv420p -c:a libopus -strict -2", width: 90, height: 160, rate: 30, seconds: 2.5},
	{name: "av1", args: "-f lavfi -i testsrc2=size=96x160:rate=10:duration=1 -c:v libaom-av1 -cpu-used 8 -usage realtime -pix_fmt yuv420p", width: 96, height: 160, rate: 10, seconds: 1, silent: true, long: true},
	{name: "mpeg-4 part 2", args: portrait + "-c:v mpeg4 -bf 2", width: 90, height: 160, rate: 30, seconds: 2.5, silent: true, long: true},
	{name: "10 bit", args: portrait + "-c:v libx265 -preset ultrafast -x265-params log-level=none -tag:v hvc1 -pix_fmt yuv420p10le", width: 90, height: 160, rate: 30, seconds: 2.5, silent: true},
	{name: "hlg", args: portrait + "-c:v libx265 -preset ultrafast -x265-params log-level=none:colorprim=bt2020:colormatrix=bt2020nc:transfer=arib-std-b67 -tag:v hvc1 -pix_fmt yuv420p10le",
		width: 90, height: 160, rate: 30, seconds: 2.5, silent: true, transfer: "arib-std-b67"},
	{name: "pq", args: portrait + "-c:v libx265 -preset ultrafast -x265-params log-level=none:colorprim=bt2020:colormatrix=bt2020nc:transfer=smpte2084 -tag:v hvc1 -pix_fmt yuv420p10le",
		width: 90, height: 160, rate: 30, seconds: 2.5, silent: true, transfer: "smpte2084", long: true},
	{name: "data stream", file: "clip.mov", args: portrait + tone + "$X -c:a pcm_s16le -timecode 01:00:00:00", width: 90, height: 160, rate: 30, seconds: 2.5},
	{name: "odd sizes", args: "-f lavfi -i testsrc2=size=182x322:rate=30:duration=1,format=yuv444p,scale=91:161 -c:v libx264 -preset ultrafast -pix_fmt yuv444p", width: 91, height: 161, rate: 30, seconds: 1, silent: true},
	{name: "one frame", args: portrait + "-frames:v 1 $X", width: 90, height: 160, rate: 30, seconds: 1. / 30, silent: true},
	{name: "one frame and sound", args: portrait + tone + "-vf select=eq(n\\,0) -vsync vfr $X -c:a aac", width: 90, height: 160, rate: 30, seconds: 2.5},
	{name: "two pixels", args: "-f lavfi -i testsrc2=size=2x2:rate=30:duration=0.2 $X", width: 2, height: 2, rate: 30, seconds: 0.2, silent: true, long: true},
	{name: "not square", args: portrait + "-vf setsar=4/3 $X", width: 120, height: 160, rate: 30, seconds: 2.5, silent: true},
	{name: "fragmented", args: portrait + tone + "$X -c:a aac -movflags +frag_keyframe+empty_moov", width: 90, height: 160, rate: 29.7, encodedRate: 30000. / 1001, seconds: 2.5, long: true},
	{name: "sound is longer", args: portrait + "-f lavfi -i sine=duration=4.5 $X -c:a aac", width: 90, height: 160, rate: 30, seconds: 4.5},
	{name: "sound is shorter", args: portrait + "-f lavfi -i sine=duration=0.5 $X -c:a aac", width: 90, height: 160, rate: 30, seconds: 2.5},
	{name: "sound begins later", args: portrait + "-itsoffset 1 " + tone + "$X -c:a aac", width: 90, height: 160, rate: 30, seconds: 3.5},
	{name: "edit list", args: portrait + tone + "$X -c:a aac", cut: "0.5", width: 90, height: 160, rate: 30, seconds: 2},
	{name: "picture begins later", args: "-itsoffset 0.5 " + portrait + tone + "$X -c:a aac", width: 90, height: 160, rate: 30, seconds: 3},
	{name: "edit list at the end", args: portrait + "$X", change: shortened, width: 90, height: 160, rate: 30, seconds: 1, silent: true},
	{name: "full range", args: portrait + "-pix_fmt yuvj420p -c:v libx264 -preset ultrafast", width: 90, height: 160, rate: 30, seconds: 2.5, silent: true, long: true},
}

func TestEveryKindOfVideo(t *testing.T) {
	t.Parallel()
	for _, in := range kinds {
		t.Run(in.name, func(t *testing.T) {
			t.Parallel()
			if in.long && testing.Short() {
				t.Skip("takes longer")
			}
			e := newEncoder(t)
			path := clip(t, in.args, cmp.Or(in.file, "clip.mp4"))
			if in.change != nil {
				path = patched(t, path, in.change)
			}
			if in.cut != "" {
				path = cut(t, path, in.cut)
			}
			s, err := e.Inspect(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			if s.Width != in.width || s.Height != in.height || s.VariableRate != in.variable || s.HasAudio == in.silent || s.Transfer != in.transfer ||
				!near(s.FrameRate, in.rate, 0.1) || !near(s.Duration.Seconds(), in.seconds, 0.05) {
				t.Errorf("%+v, want %+v", s, in)
			}
			if s.Bitrate <= 0 {
				t.Errorf("%d bits per second", s.Bitrate)
			}
			plan := Plan(s)
			if want := max(in.encodedRate, 0); want == 0 && !near(plan[0].FrameRate, in.rate, 0.1) || want != 0 && plan[0].FrameRate != want {
				t.Errorf("%g frames per second", plan[0].FrameRate)
			}
			checkLadder(t, e, path, s, plan)
		})
	}
}

// checkLadder encodes the one rung of a small source and another, whose key
// frames must be at the same times.
func checkLadder(t *testing.T, e *Encoder, path string, s Source, plan []Rung) {
	t.Helper()
	rung := plan[0]
	rendition := encode(t, e, path, s, rung)
	keys := rendition.validate(t, s)
	rung.Width, rung.Height = max(rung.Width/4*2, 2), max(rung.Height/4*2, 2)
	smaller := encode(t, e, path, s, rung)
	others := smaller.checkFrames(t, frames(t, smaller.whole(t)), s)
	if !slices.EqualFunc(keys, others, func(a, b float64) bool { return near(a, b, 1e-3) }) {
		t.Errorf("key frames at %v and at %v", keys, others)
	}
	checkProgressive(t, e, rendition, s)
}

// checkProgressive makes an MP4 of a rendition and holds it against it.
func checkProgressive(t *testing.T, e *Encoder, r encoded, s Source) {
	t.Helper()
	dir := t.TempDir()
	out := filepath.Join(dir, "video.mp4")
	size, err := e.Progressive(t.Context(), r.Rendition, r.dir, out)
	if err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v", left, err)
	}
	if size <= 0 || size > r.Bytes+10_000 {
		t.Errorf("%d bytes, of HLS %d", size, r.Bytes)
	}
	checkFastStart(t, out)
	output(t, "ffmpeg", "-nostdin", "-v", "warning", "-xerror", "-i", out, "-f", "null", "-") // fails on every complaint
	video, audio := describe(t, out)
	if video.Width != r.Width || video.Height != r.Height || (audio.Codec == "aac") != s.HasAudio {
		t.Errorf("%+v, %+v", video, audio)
	}
	if want := r.Duration.Seconds() * r.FrameRate; !near(number(video.Frames), want, 0.1) {
		t.Errorf("%s frames instead of %g", video.Frames, want)
	}
	for what, got := range map[string]string{"picture": video.Start, "sound": audio.Start} {
		if !near(number(got), 0, 1e-3) {
			t.Errorf("the %s starts at %s s", what, got)
		}
	}
	if s.HasAudio && !near(number(audio.Duration), s.Duration.Seconds(), 0.05) {
		t.Errorf("the sound lasts %s s, the source %v", audio.Duration, s.Duration)
	}
	if one := 1 / r.FrameRate; !near(number(video.Duration), s.Duration.Seconds(), one+1e-3) {
		t.Errorf("the picture lasts %s s, the source %v", video.Duration, s.Duration)
	}
}

// A whole ladder of a real size.
func TestWholeLadder(t *testing.T) {
	if testing.Short() {
		t.Skip("takes longer")
	}
	t.Parallel()
	e := newEncoder(t)
	path := clip(t, "-f lavfi -i testsrc2=size=720x1280:rate=30:duration=2.2 "+tone+"$X -c:a aac -t 2.2", "clip.mp4")
	s, err := e.Inspect(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	var renditions []Rendition
	var keys [][]float64
	for _, r := range Plan(s) {
		var heard []time.Duration
		dir := t.TempDir()
		rendition, err := e.HLS(t.Context(), path, s, r, dir, func(done time.Duration) { heard = append(heard, done) })
		if err != nil {
			t.Fatal(err)
		}
		if len(heard) == 0 || !slices.IsSorted(heard) || !near(heard[len(heard)-1].Seconds(), 2.2, 0.1) {
			t.Errorf("progress: %v", heard)
		}
		keys = append(keys, encoded{rendition, dir}.validate(t, s))
		renditions = append(renditions, rendition)
	}
	if len(renditions) != 3 || fmt.Sprint(keys[0]) != fmt.Sprint(keys[1]) || fmt.Sprint(keys[0]) != fmt.Sprint(keys[2]) {
		t.Errorf("key frames at %v", keys)
	}
	for i, r := range renditions {
		if i > 0 && r.AverageBandwidth <= renditions[i-1].AverageBandwidth {
			t.Errorf("%s has %d bits per second, the one below %d", r.Name(), r.AverageBandwidth, renditions[i-1].AverageBandwidth)
		}
		// The picture's bound, the sound, and what holds them together.
		if most := r.MaxBitrate*3/2 + 128_000 + 50_000; r.Bandwidth > most {
			t.Errorf("%s has a peak of %d bits per second, more than %d", r.Name(), r.Bandwidth, most)
		}
	}
}

// The picture is upright, and its colours are the source's.
func TestPictureIsTheSources(t *testing.T) {
	t.Parallel()
	e := newEncoder(t)
	// Red on the left, blue on the right; on its right side: red on top.
	const halves = "-f lavfi -i color=red:size=80x90:rate=10:duration=0.3 -f lavfi -i color=blue:size=80x90:rate=10:duration=0.3 -filter_complex hstack"
	const matrix = ",scale=out_color_matrix=bt709,setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709 "
	for name, c := range map[string]struct {
		args   string
		change func([]byte) []byte
		first  [4]string // the part that is red
		second [4]string // the part that is blue
	}{
		"bt709":         {halves + matrix + "$X", nil, [4]string{"0.4", "1", "0", "0"}, [4]string{"0.4", "1", "0.6", "0"}},
		"without a tag": {halves + " $X", nil, [4]string{"0.4", "1", "0", "0"}, [4]string{"0.4", "1", "0.6", "0"}},
		"full range":    {halves + " -c:v libx264 -pix_fmt yuvj420p", nil, [4]string{"0.4", "1", "0", "0"}, [4]string{"0.4", "1", "0.6", "0"}},
		"rotated":       {halves + " $X", turned, [4]string{"1", "0.4", "0", "0"}, [4]string{"1", "0.4", "0", "0.6"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := clip(t, c.args, "clip.mp4")
			if c.change != nil {
				path = patched(t, path, c.change)
			}
			s, err := e.Inspect(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			whole := encode(t, e, path, s, Plan(s)[0]).whole(t)
			if r, g, b := shade(t, whole, c.first[0], c.first[1], c.first[2], c.first[3]); r < 240 || g > 15 || b > 15 {
				t.Errorf("red is %d %d %d", r, g, b)
			}
			if r, g, b := shade(t, whole, c.second[0], c.second[1], c.second[2], c.second[3]); r > 15 || g > 15 || b < 240 {
				t.Errorf("blue is %d %d %d", r, g, b)
			}
		})
	}
}

// The same grey in high and in standard dynamic range looks alike.
func TestHighDynamicRangeIsMapped(t *testing.T) {
	t.Parallel()
	e := newEncoder(t)
	for _, curve := range transfers {
		t.Run(curve, func(t *testing.T) {
			t.Parallel()
			path := clip(t, "-f lavfi -i color=0x808080:size=64x64:rate=10:duration=0.3,format=yuv420p,setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709,"+
				"zscale=t=linear:npl=1000,format=gbrpf32le,zscale=p=bt2020,zscale=m=bt2020nc:r=limited:npl=1000:t="+curve+",format=yuv420p10le "+
				"-c:v libx265 -preset ultrafast -tag:v hvc1 -x265-params log-level=none:colorprim=bt2020:colormatrix=bt2020nc:transfer="+curve, "clip.mp4")
			s, err := e.Inspect(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			mapped := encode(t, e, path, s, Plan(s)[0]).whole(t)
			if r, g, b := shade(t, mapped, "1", "1", "0", "0"); !near(float64(r), 128, 30) || !near(float64(g), 128, 30) || !near(float64(b), 128, 30) {
				t.Errorf("grey of 128 is %d %d %d", r, g, b)
			}
		})
	}
}

// Sound and picture that happen together are heard and seen together: both
// begin in the middle.
func TestSoundAndPictureStayTogether(t *testing.T) {
	t.Parallel()
	e := newEncoder(t)
	for name, c := range map[string]struct {
		late float64 // picture, in seconds
		cut  string
		want float64 // seconds until both begin
	}{
		"plain":        {0, "", 1},
		"late picture": {0.4, "", 1.4},
		"edit list":    {0, "0.5", 0.5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := fmt.Sprintf("-itsoffset %g ", c.late) + "-f lavfi -i color=black:size=64x64:rate=50:duration=2,drawbox=color=white:t=fill:enable='gte(t,1)' " +
				fmt.Sprintf("-f lavfi -i sine=frequency=1000:duration=2,volume=volume='gte(t,%g)':eval=frame ", 1+c.late) + "$X -bf 2 -c:a aac"
			path := clip(t, args, "clip.mp4")
			if c.cut != "" {
				path = cut(t, path, c.cut)
			}
			s, err := e.Inspect(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			r := encode(t, e, path, s, Plan(s)[0])
			out := filepath.Join(t.TempDir(), "video.mp4")
			if _, err := e.Progressive(t.Context(), r.Rendition, r.dir, out); err != nil {
				t.Fatal(err)
			}
			seen, heard := seenAt(t, out), heardAt(t, out)
			if !near(seen, c.want, 0.021) || !near(heard, c.want, 0.045) {
				t.Errorf("seen at %g s, heard at %g s, want %g s", seen, heard, c.want)
			}
		})
	}
}
