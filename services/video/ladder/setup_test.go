package ladder

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Eyevinn/hls-m3u8/m3u8"

	"douyin.dev/services/platform/sandbox"
)

// newEncoder returns one of the programs on PATH; tests need both.
func newEncoder(t testing.TB) *Encoder {
	t.Helper()
	e := &Encoder{Sandbox: sandbox.New(slog.New(slog.DiscardHandler)), Log: slog.New(slog.DiscardHandler), Timeout: time.Minute}
	for name, path := range map[string]*string{"ffmpeg": &e.FFmpeg, "ffprobe": &e.FFprobe} {
		found, err := exec.LookPath(name)
		if err != nil {
			t.Skip("needs ffmpeg and ffprobe")
		}
		*path = found
	}
	return e
}

// output runs a program that may do what it likes.
func output(t testing.TB, name string, args ...string) string {
	t.Helper()
	var out, complaint bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil || complaint.Len() > 0 {
		t.Fatalf("%s %q: %v\n%s", name, args, err, &complaint)
	}
	return out.String()
}

// clip makes a video from a line for a shell: ffmpeg's arguments, where "$X" is
// how H.264 is encoded quickly.
func clip(t testing.TB, args, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	args = strings.ReplaceAll(args, "$X", "-c:v libx264 -preset ultrafast -pix_fmt yuv420p")
	output(t, "ffmpeg", append(append([]string{"-nostdin", "-v", "error"}, strings.Fields(args)...), path)...)
	return path
}

// patched changes a file where it says so, after some other words.
func patched(t *testing.T, path string, change func(file []byte) []byte) string {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(file), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// encoded is one rendition and where its files are.
type encoded struct {
	Rendition
	dir string
}

// whole returns the rendition as one file that ffmpeg reads.
func (r encoded) whole(t *testing.T) string { return r.joined(t, r.Files[:len(r.Files)-1]...) }

func (r encoded) joined(t *testing.T, names ...string) string {
	t.Helper()
	path, err := join(r.dir, t.TempDir(), Rendition{Files: append(slices.Clone(names), "")})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func encode(t testing.TB, e *Encoder, path string, s Source, r Rung) encoded {
	t.Helper()
	dir := t.TempDir()
	rendition, err := e.HLS(t.Context(), path, s, r, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return encoded{rendition, dir}
}

// described is what ffprobe says about a stream.
type described struct {
	Type       string            `json:"codec_type"`
	Codec      string            `json:"codec_name"`
	Profile    string            `json:"profile"`
	Width      int               `json:"width"`
	Height     int               `json:"height"`
	Pixel      string            `json:"sample_aspect_ratio"`
	Format     string            `json:"pix_fmt"`
	Range      string            `json:"color_range"`
	Matrix     string            `json:"color_space"`
	Transfer   string            `json:"color_transfer"`
	Primaries  string            `json:"color_primaries"`
	SampleRate string            `json:"sample_rate"`
	Channels   int               `json:"channels"`
	Start      string            `json:"start_time"`
	Duration   string            `json:"duration"`
	Frames     string            `json:"nb_frames"`
	SideData   []any             `json:"side_data_list"`
	Tags       map[string]string `json:"tags"`
}

func describe(t *testing.T, path string) (video, audio described) {
	t.Helper()
	var all struct{ Streams []described }
	if err := json.Unmarshal([]byte(output(t, "ffprobe", "-v", "error", "-show_streams", "-of", "json", path)), &all); err != nil {
		t.Fatal(err)
	}
	for _, s := range all.Streams {
		switch s.Type {
		case "video":
			video = s
		case "audio":
			audio = s
		default:
			t.Errorf("a stream of %s", s.Type)
		}
	}
	return video, audio
}

// frame is a video packet.
type frame struct {
	at  float64 // in seconds
	key bool
}

func frames(t *testing.T, path string) []frame {
	t.Helper()
	var all []frame
	for line := range strings.Lines(output(t, "ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time,flags", "-of", "csv=p=0", path)) {
		at, flags, _ := strings.Cut(strings.TrimSpace(line), ",")
		all = append(all, frame{number(at), strings.Contains(flags, "K")})
	}
	if len(all) == 0 {
		t.Fatal("no frames")
	}
	slices.SortFunc(all, func(a, b frame) int { return int(math.Copysign(1, a.at-b.at)) })
	return all
}

// validate holds a rendition against its source and RFC 8216, and returns when
// its key frames are.
func (r encoded) validate(t *testing.T, s Source) []float64 {
	t.Helper()
	whole := r.whole(t)
	video, audio := describe(t, whole)
	want := described{
		Type: "video", Codec: "h264", Profile: "High", Width: r.Width, Height: r.Height, Pixel: "1:1", Format: "yuv420p",
		Range: "tv", Matrix: "bt709", Transfer: "bt709", Primaries: "bt709",
	}
	got := video
	got.Start, got.Duration, got.Frames, got.SideData, got.Tags = "", "", "", nil, nil
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("picture %+v, want %+v", got, want)
	}
	if s.HasAudio && (audio.Codec != "aac" || audio.Profile != "LC" || audio.SampleRate != "48000" || audio.Channels != 2) || !s.HasAudio && audio.Codec != "" {
		t.Errorf("sound %+v", audio)
	}
	if len(video.SideData) > 0 {
		t.Errorf("side data: %v", video.SideData)
	}
	r.checkCodecs(t, audio.Codec != "")
	r.checkPlaylist(t)
	r.checkSegments(t)
	return r.checkFrames(t, frames(t, whole), s)
}

// checkCodecs reads the bytes that RFC 6381 is about.
func (r encoded) checkCodecs(t *testing.T, sound bool) {
	t.Helper()
	init, err := os.ReadFile(filepath.Join(r.dir, initName))
	if err != nil {
		t.Fatal(err)
	}
	_, config, _ := bytes.Cut(init, []byte("avcC"))
	want := fmt.Sprintf("avc1.%X", config[1:4])
	if !strings.HasPrefix(want, "avc1.6400") {
		t.Errorf("%s is not the High profile", want)
	}
	if sound {
		want += ",mp4a.40.2"
	}
	if r.Codecs != want {
		t.Errorf("codecs %q, want %q", r.Codecs, want)
	}
	// Players of HLS know edit lists of one entry.
	for rest := init; ; {
		_, list, there := bytes.Cut(rest, []byte("elst"))
		if !there {
			break
		}
		if entries := binary.BigEndian.Uint32(list[4:]); entries != 1 {
			t.Errorf("an edit list of %d entries", entries)
		}
		rest = list
	}
}

func (r encoded) checkPlaylist(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, playlistName))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-INDEPENDENT-SEGMENTS", `#EXT-X-MAP:URI="init.mp4"`, "#EXT-X-MEDIA-SEQUENCE:0", "#EXT-X-ENDLIST",
	} {
		if !slices.Contains(strings.Split(string(text), "\n"), line) {
			t.Errorf("the playlist has no %s:\n%s", line, text)
		}
	}
	parsed, _, err := m3u8.DecodeFrom(bytes.NewReader(text), true)
	if err != nil {
		t.Fatal(err)
	}
	playlist := parsed.(*m3u8.MediaPlaylist)
	var listed []string
	var length float64
	for _, s := range playlist.Segments[:playlist.Count()] {
		listed = append(listed, s.URI)
		length += s.Duration
		if math.Round(s.Duration) > float64(playlist.TargetDuration) {
			t.Errorf("%s lasts %g s, longer than the target", s.URI, s.Duration)
		}
	}
	if math.Abs(length-r.Duration.Seconds()) > 1e-3 {
		t.Errorf("segments of %g s, rendition of %v", length, r.Duration)
	}
	there, err := os.ReadDir(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	var size int64
	for _, f := range there {
		stat, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		names, size = append(names, f.Name()), size+stat.Size()
	}
	files := append(append([]string{initName}, listed...), playlistName)
	if !slices.Equal(r.Files, files) || !slices.Equal(slices.Sorted(slices.Values(files)), names) || size != r.Bytes {
		t.Errorf("files %v of %d bytes; there are %v of %d; listed: %v", r.Files, r.Bytes, names, size, listed)
	}
	if average := float64(r.Bytes) * 8 / r.Duration.Seconds(); r.AverageBandwidth > r.Bandwidth || r.AverageBandwidth <= 0 || float64(r.AverageBandwidth) > average {
		t.Errorf("bandwidth %d, on average %d; all files: %g", r.Bandwidth, r.AverageBandwidth, average)
	}
}

// checkSegments decodes each segment by itself.
func (r encoded) checkSegments(t *testing.T) {
	t.Helper()
	args, outputs := []string{"-nostdin", "-v", "warning", "-xerror"}, []string{}
	for i, name := range r.Files[1 : len(r.Files)-1] {
		args = append(args, "-i", r.joined(t, initName, name))
		outputs = append(outputs, "-map", fmt.Sprint(i), "-f", "null", "-")
	}
	output(t, "ffmpeg", append(args, outputs...)...) // fails on every complaint
}

// checkFrames holds the frames against the source's duration and the segments.
func (r encoded) checkFrames(t *testing.T, all []frame, s Source) (keys []float64) {
	t.Helper()
	one := 1 / r.FrameRate
	last := 0.0
	for i, f := range all {
		if f.key {
			keys = append(keys, f.at)
		}
		if math.Abs(f.at-float64(i)*one) > 1e-3 {
			t.Fatalf("frame %d is at %g s", i, f.at)
		}
		last = f.at
	}
	for i, at := range keys {
		if at < 2*float64(i)-1e-3 || at > 2*float64(i)+one {
			t.Errorf("key frame %d is at %g s", i, at)
		}
	}
	if segments := len(r.Files) - 2; len(keys) != segments {
		t.Errorf("%d key frames in %d segments, each of which begins with one", len(keys), segments)
	}
	for what, length := range map[string]float64{"frames": last + one, "segments": r.Duration.Seconds()} {
		if math.Abs(length-s.Duration.Seconds()) > one+1e-3 {
			t.Errorf("%s last %g s, the source %v", what, length, s.Duration)
		}
	}
	return keys
}

// shade returns the mean of a part of the first frame, of 255 each: w, h, x and y
// are shares of the picture.
func shade(t *testing.T, path, w, h, x, y string) (red, green, blue int) {
	t.Helper()
	crop := fmt.Sprintf("crop=w=iw*%s:h=ih*%s:x=iw*%s:y=ih*%s,scale=1:1:flags=area,format=rgb24", w, h, x, y)
	pixel := output(t, "ffmpeg", "-nostdin", "-v", "error", "-i", path, "-frames:v", "1", "-vf", crop, "-f", "rawvideo", "-")
	if len(pixel) != 3 {
		t.Fatalf("%d bytes of a pixel", len(pixel))
	}
	return int(pixel[0]), int(pixel[1]), int(pixel[2])
}

func near(a, b, by float64) bool { return math.Abs(a-b) <= by }

// checkFastStart wants the index before the samples.
func checkFastStart(t *testing.T, path string) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if index, samples := bytes.Index(file, []byte("moov")), bytes.Index(file, []byte("mdat")); index < 0 || index > samples {
		t.Errorf("moov is at %d, mdat at %d", index, samples)
	}
}

// seenAt returns when a video of 50 frames a second turns from black to white.
func seenAt(t *testing.T, path string) float64 {
	t.Helper()
	for i, grey := range []byte(output(t, "ffmpeg", "-nostdin", "-v", "error", "-i", path, "-vf", "scale=1:1,format=gray", "-f", "rawvideo", "-")) {
		if grey > 128 {
			return float64(i) / 50
		}
	}
	return math.NaN()
}

// heardAt returns when silence ends.
func heardAt(t *testing.T, path string) float64 {
	t.Helper()
	samples := []byte(output(t, "ffmpeg", "-nostdin", "-v", "error", "-i", path, "-ac", "1", "-ar", "48000", "-f", "s16le", "-"))
	for i := 0; i+1 < len(samples); i += 2 {
		if v := int16(binary.LittleEndian.Uint16(samples[i:])); v > 1000 {
			return float64(i/2) / 48000
		}
	}
	return math.NaN()
}

// cut leaves out the beginning of a video by an edit list: its frames stay.
func cut(t *testing.T, path, seconds string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "cut.mp4")
	output(t, "ffmpeg", "-nostdin", "-v", "error", "-ss", seconds, "-i", path, "-c", "copy", out)
	return out
}
