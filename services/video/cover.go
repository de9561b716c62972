package video

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"douyin.dev/services/platform/sandbox"
	"douyin.dev/services/video/ladder"
	"douyin.dev/services/video/mp4"
)

const (
	// coverWidth and coverHeight bound a cover, in pixels.
	coverWidth, coverHeight = 720, 1280
	// coverSpan is how far into the video a cover is looked for, in seconds.
	coverSpan = 10
	// coverStep is the least time between two frames that are looked at, in seconds.
	coverStep = 0.2
)

// CoverOptions say how covers are made.
type CoverOptions struct {
	// FFmpeg is the program's path; empty draws every cover.
	FFmpeg string
	// Timeout by the wall clock; 0 means 15 s.
	Timeout time.Duration
	// AtOnce is how many may run; 0 means 1.
	AtOnce int
}

// covers makes the picture shown before a video plays.
type covers struct {
	options CoverOptions
	slots   chan struct{}
	sandbox *sandbox.Sandbox
	log     *slog.Logger
	// unusable is set when ffmpeg does not run in its sandbox.
	unusable atomic.Bool
}

func newCovers(o CoverOptions, log *slog.Logger) *covers {
	if o.Timeout <= 0 {
		o.Timeout = 15 * time.Second
	}
	return &covers{options: o, slots: make(chan struct{}, max(o.AtOnce, 1)), sandbox: sandbox.New(log), log: log}
}

// check finds out how ffmpeg can be confined here, and logs it.
func (c *covers) check(ctx context.Context) {
	if c.options.FFmpeg == "" {
		return
	}
	if err := c.sandbox.Check(ctx, c.options.FFmpeg, "-version"); err != nil && ctx.Err() == nil {
		c.log.WarnContext(ctx, "ffmpeg does not run in its sandbox, covers are drawn instead of taken from the video", "error", err)
		c.unusable.Store(true)
	}
}

// errNoFrame says that ffmpeg read the whole beginning of a video, and that
// there was no picture in it.
var errNoFrame = errors.New("no frame can be decoded")

// picture returns a JPEG: a frame of the video, or a drawn one where ffmpeg is
// missing, fails or takes too long. NOT_PLAYABLE is the answer for a video of
// which ffmpeg decodes nothing.
func (c *covers) picture(ctx context.Context, file *os.File, m mp4.Video) ([]byte, error) {
	if c.options.FFmpeg == "" || c.unusable.Load() {
		return placeholder(m.Media), nil
	}
	frame, err := c.frame(ctx, file, m)
	switch {
	case errors.Is(err, errNoFrame):
		return nil, mp4.NotPlayable("is not a playable video", err)
	case err != nil:
		c.log.WarnContext(ctx, "no cover from the video, a drawn one is used", "error", err)
		return placeholder(m.Media), nil
	}
	return frame, nil
}

func (c *covers) frame(ctx context.Context, file *os.File, m mp4.Video) ([]byte, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	picture, err := c.decode(ctx, file, m)
	var failed *sandbox.Error
	if m.Transfer != "" && errors.As(err, &failed) && failed.Exited && !errors.Is(err, errNoFrame) {
		c.log.WarnContext(ctx, "HDR is not mapped to SDR, the cover is pale; it takes the filters zscale and tonemap", "error", err)
		m.Transfer = ""
		picture, err = c.decode(ctx, file, m)
	}
	return picture, err
}

// decode has ffmpeg show frames until one makes a good cover.
func (c *covers) decode(ctx context.Context, file *os.File, m mp4.Video) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	width, height := coverSize(m.Media)
	found := newChooser(width, height, cancel)
	err := c.sandbox.Run(ctx, sandbox.Program{
		Path: c.options.FFmpeg, Args: coverArguments(m, width, height), Files: []*os.File{file},
		Out: found, MaxOutput: found.most(), Timeout: c.options.Timeout,
	})
	if picture := found.jpeg(); picture != nil {
		return picture, nil // also when ffmpeg was stopped by then
	}
	if decodedNothing(err) {
		return nil, fmt.Errorf("%w: %w", errNoFrame, err)
	}
	return nil, fmt.Errorf("ffmpeg: %w", err)
}

// coverSize fits a video into the largest cover; it is never enlarged.
func coverSize(m mp4.Media) (width, height int) {
	w, h := int(m.Width), int(m.Height)
	if w > coverWidth {
		w, h = coverWidth, h*coverWidth/w
	}
	if h > coverHeight {
		w, h = w*coverHeight/h, coverHeight
	}
	return max(w, 1), max(h, 1)
}

// coverArguments read nothing but local files, as nothing but mp4: a playlist that
// pretends to be a video makes ffmpeg read other files and fetch URLs.
func coverArguments(m mp4.Video, width, height int) []string {
	return []string{
		"-nostdin", "-hide_banner", "-loglevel", "error", "-nostats", "-progress", "pipe:2",
		"-threads", "1", "-max_streams", strconv.Itoa(2 * ladder.MaxTracks), "-max_pixels", strconv.Itoa(ladder.MaxSide * ladder.MaxSide),
		"-protocol_whitelist", "file", "-f", "mov", "-t", strconv.Itoa(coverSpan), "-i", "/dev/fd/3",
		"-map", fmt.Sprintf("0:i:%d", m.Track), "-map_metadata", "-1", "-vsync", "passthrough", "-threads", "1",
		"-vf", coverFilter(m.Transfer, width, height), "-f", "rawvideo", "pipe:1",
	}
}

// coverFilter turns frames into pictures as JPEG has them: full range, BT.601,
// of square pixels.
func coverFilter(t mp4.Transfer, width, height int) string {
	frames := fmt.Sprintf(`select=isnan(prev_selected_t)+gte(t-prev_selected_t\,%g),`, coverStep)
	if t == "" {
		return frames + fmt.Sprintf("scale=w=%d:h=%d:out_color_matrix=bt601:out_range=full,format=yuvj420p", width, height)
	}
	// npl is the white of SDR in cd/m² (ITU-R BT.2408 table 1); what is brighter is compressed.
	return frames + fmt.Sprintf("zscale=w=%d:h=%d:tin=%s:pin=bt2020:min=bt2020nc:t=linear:npl=203,format=gbrpf32le,"+
		"zscale=p=bt709,tonemap=hable:desat=0,zscale=t=bt709:m=170m:r=full,format=yuvj420p", width, height, t)
}

// decodedNothing reports whether ffmpeg's own words say that there is no frame.
// Whatever else goes wrong is not the video's fault.
func decodedNothing(err error) bool {
	if err == nil {
		return true // it came to the end
	}
	var failed *sandbox.Error
	if !errors.As(err, &failed) || !failed.Exited || strings.Contains(failed.Complaint, "Cannot allocate memory") {
		return false
	}
	for _, verdict := range []string{
		"Cannot determine format of input stream", "Invalid data found when processing input", "matches no streams", "(codec none)",
	} {
		if strings.Contains(failed.Complaint, verdict) {
			return true
		}
	}
	return false
}
