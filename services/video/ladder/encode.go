package ladder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"douyin.dev/services/platform/sandbox"
)

// What is decoded at most, as the programs are told.
const (
	// MaxSide of a picture, in pixels.
	MaxSide = 4096
	// MaxTracks of a file, of all kinds.
	MaxTracks = 64
)

const (
	// keyInterval is the time between key frames, and the length of a segment.
	keyInterval = 2 * time.Second
	// audioRate in samples per second, the same everywhere: a player cannot
	// change between renditions that differ in it.
	audioRate = 48000
	// defaultTimeout of one run of ffmpeg.
	defaultTimeout = 15 * time.Minute
	// maxThreads of an encoder and its filters: each holds pictures of a rung.
	maxThreads = 8
	// decoderThreads hold several pictures of the source each. With eight of them,
	// HEVC of 4096 by 4096 pixels needs more memory than the sandbox gives.
	decoderThreads = 2
	// maxSegment and maxProgressive bound files, in bytes: several times what the
	// highest rung of the longest video takes.
	maxSegment     = 64 << 20
	maxProgressive = 2 << 30
	// maxOutput bounds what is read from a program's standard output, in bytes.
	maxOutput = 32 << 20
)

// Encoder runs ffmpeg and ffprobe.
type Encoder struct {
	// FFmpeg and FFprobe are the programs' paths.
	FFmpeg, FFprobe string
	// Sandbox is what they run in.
	Sandbox *sandbox.Sandbox
	Log     *slog.Logger
	// Timeout of one run of ffmpeg by the wall clock; 0 means 15 minutes.
	Timeout time.Duration
	// Nice is how much the programs yield the processor to others, 0 to 19.
	Nice int
	// Preset of x264, which trades time for size; empty means "veryfast". With
	// "ultrafast" it leaves out what makes the profile High.
	Preset string
}

// HLS encodes a source at one rung: into dir, which is empty and this rung's
// alone. From time to time progress hears how much of the source is done; it may
// be nil.
func (e *Encoder) HLS(ctx context.Context, path string, s Source, r Rung, dir string, progress func(done time.Duration)) (Rendition, error) {
	if progress == nil {
		progress = func(time.Duration) {}
	}
	err := e.encode(ctx, path, s, r, dir, progress)
	var program *sandbox.Error
	if s.Transfer != "" && errors.As(err, &program) && strings.Contains(program.Complaint, "No such filter") {
		e.Log.WarnContext(ctx, "HDR is not mapped to SDR, renditions are pale; it takes the filters zscale and tonemap", "error", err)
		s.Transfer = ""
		err = e.encode(ctx, path, s, r, dir, progress)
	}
	if err != nil {
		return Rendition{}, err
	}
	return readRendition(dir, s, r)
}

func (e *Encoder) encode(ctx context.Context, path string, s Source, r Rung, dir string, progress func(done time.Duration)) error {
	return e.run(ctx, path, sandbox.Program{
		Path: e.FFmpeg, Args: e.hlsArguments(s, r), Dir: dir, MaxFile: maxSegment,
		Out: &progressReader{report: progress}, Timeout: cmp.Or(e.Timeout, defaultTimeout), Threads: threads(),
	})
}

// probe has ffprobe read a source.
func (e *Encoder) probe(ctx context.Context, path string, out io.Writer, show ...string) error {
	args := append([]string{"-loglevel", "error"}, show...)
	return e.run(ctx, path, sandbox.Program{Path: e.FFprobe, Args: append(args, input()...), Out: out, Timeout: inspectTimeout})
}

// run gives a program the source as descriptor 3.
func (e *Encoder) run(ctx context.Context, path string, p sandbox.Program) error {
	file, err := os.Open(path)
	if err != nil {
		return fail(Internal, "open the source: %w", err)
	}
	defer file.Close()
	p.Files, p.MaxOutput, p.Nice = []*os.File{file}, maxOutput, e.Nice
	if err := e.Sandbox.Run(ctx, p); err != nil {
		return failed(ctx, filepath.Base(p.Path), err)
	}
	return nil
}

// input reads descriptor 3 as mp4 or mov and as nothing else: a playlist that
// pretends to be a video makes ffmpeg read other files and fetch URLs.
func input() []string {
	return []string{
		"-max_streams", strconv.Itoa(2 * MaxTracks), "-max_pixels", strconv.Itoa(MaxSide * MaxSide),
		"-protocol_whitelist", "file", "-f", "mov", "-i", "/dev/fd/3",
	}
}

// threads are as many as there are cores, up to maxThreads.
func threads() int { return min(runtime.GOMAXPROCS(0), maxThreads) }

func (e *Encoder) hlsArguments(s Source, r Rung) []string {
	threads := strconv.Itoa(threads())
	bitrate := strconv.FormatInt(r.MaxBitrate, 10)
	args := append([]string{
		"-nostdin", "-hide_banner", "-loglevel", "error", "-nostats", "-progress", "pipe:1", "-stats_period", "0.25",
		"-filter_threads", threads, "-threads", strconv.Itoa(decoderThreads),
	}, input()...)
	args = append(args,
		"-map", fmt.Sprintf("0:%d", s.video), "-vf", videoFilter(s, r),
		"-c:v", "libx264", "-preset", cmp.Or(e.Preset, "veryfast"), "-profile:v", "high", "-threads", threads,
		"-crf", "23", "-maxrate", bitrate, "-bufsize", bitrate,
		// Key frames by time alone, whatever the scene does. x264 closes every GOP.
		"-sc_threshold", "0", "-g", strconv.Itoa(int(math.Ceil(r.FrameRate*keyInterval.Seconds()))+1),
		"-force_key_frames", fmt.Sprintf("expr:gte(t,n_forced*%g)", keyInterval.Seconds()),
	)
	if s.HasAudio {
		args = append(args, "-map", fmt.Sprintf("0:%d", s.audio), "-af", audioFilter,
			"-c:a", "aac", "-b:a", "128k", "-ac", "2", "-ar", strconv.Itoa(audioRate))
	}
	return append(args,
		"-t", fmt.Sprintf("%f", s.Duration.Seconds()), "-map_metadata", "-1", "-map_chapters", "-1",
		"-f", "hls", "-hls_time", fmt.Sprint(keyInterval.Seconds()), "-hls_playlist_type", "vod", "-hls_list_size", "0",
		"-hls_flags", "independent_segments", "-hls_segment_type", "fmp4",
		// Frames and sound that a decoder needs before time 0 are left out by an edit
		// list of one entry, which players of HLS must know (W3C, ISO BMFF byte stream
		// format). Otherwise ffmpeg would put a gap before each track.
		"-avoid_negative_ts", "disabled",
		"-hls_fmp4_init_filename", initName, "-hls_segment_filename", segmentPattern, playlistName)
}

// audioFilter makes sound that begins with the video and has no gaps. It would
// go on for ever: the duration ends it.
const audioFilter = "aresample=async=1:first_pts=0,apad"

// videoFilter makes a picture that stays until the duration ends it, of one that
// is upright: ffmpeg turns it before.
func videoFilter(s Source, r Rung) string {
	frames := "fps=fps=" + fraction(r.FrameRate) + ","
	// The range is said because newer ffmpeg keeps the source's; so is the shape of
	// a pixel, which even sides change a little.
	const end = ",setsar=1,tpad=stop=-1:stop_mode=clone"
	if s.Transfer == "" {
		return frames + fmt.Sprintf("scale=w=%d:h=%d:in_color_matrix=%s:out_color_matrix=bt709:out_range=tv,format=yuv420p,%s",
			r.Width, r.Height, s.matrix, standard) + end
	}
	// npl is the white of SDR in cd/m² (ITU-R BT.2408 table 1); what is brighter is compressed.
	return frames + fmt.Sprintf("scale=w=%d:h=%d,zscale=tin=%s:pin=bt2020:min=bt2020nc:t=linear:npl=203,format=gbrpf32le,"+
		"zscale=p=bt709,tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=limited,format=yuv420p,%s",
		r.Width, r.Height, s.Transfer, standard) + end
}

// fraction writes a frame rate exactly: ffmpeg would take a decimal of 29.97 for
// a fraction that no clock of a file can keep.
func fraction(rate float64) string {
	if slow := rate * 1001; rate != math.Trunc(rate) && math.Abs(slow-math.Round(slow)) < 1e-6 {
		return fmt.Sprintf("%.0f/1001", slow)
	}
	return fmt.Sprintf("%.0f/1000", rate*1000)
}

// standard marks the picture as what it has become.
const standard = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"

// progressReader reads what ffmpeg reports with -progress: lines of key=value.
type progressReader struct {
	line   []byte
	report func(done time.Duration)
}

// Write takes a part of the report. It never fails.
func (p *progressReader) Write(b []byte) (int, error) {
	p.line = append(p.line, b...)
	for {
		i := strings.IndexByte(string(p.line), '\n')
		if i < 0 {
			return len(b), nil
		}
		key, value, _ := strings.Cut(string(p.line[:i]), "=")
		p.line = p.line[i+1:]
		if us, err := strconv.ParseInt(value, 10, 64); key == "out_time_us" && err == nil && us >= 0 {
			p.report(time.Duration(us) * time.Microsecond)
		}
	}
}
