package video

import (
	"bytes"
	"context"
	"fmt"
	"image/jpeg"
	"log/slog"
	"os"
	"strconv"
	"time"
)

// maxCover in bytes; a picture of 720 pixels has some 100 KiB.
const maxCover = 4 << 20

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
	sandbox *sandbox
	log     *slog.Logger
}

func newCovers(o CoverOptions, log *slog.Logger) *covers {
	if o.Timeout <= 0 {
		o.Timeout = 15 * time.Second
	}
	return &covers{options: o, slots: make(chan struct{}, max(o.AtOnce, 1)), sandbox: &sandbox{log: log}, log: log}
}

// check finds out how ffmpeg can be confined here, and logs it.
func (c *covers) check(ctx context.Context) {
	if c.options.FFmpeg == "" {
		return
	}
	if err := c.sandbox.check(ctx, c.options.FFmpeg, "-version"); err != nil {
		c.log.WarnContext(ctx, "ffmpeg does not run in its sandbox, covers are drawn instead of taken from the video", "error", err)
		c.options.FFmpeg = ""
	}
}

// picture returns a JPEG: the first frame, or a drawn one where that fails. A
// video is never refused for its cover.
func (c *covers) picture(ctx context.Context, file *os.File, m media) []byte {
	if c.options.FFmpeg == "" {
		return placeholder(m)
	}
	frame, err := c.firstFrame(ctx, file)
	if err != nil {
		c.log.WarnContext(ctx, "no cover from the video, a drawn one is used", "error", err)
		return placeholder(m)
	}
	return frame
}

func (c *covers) firstFrame(ctx context.Context, file *os.File) ([]byte, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	var picture bytes.Buffer
	if err := c.sandbox.run(ctx, c.options.Timeout, maxCover, &picture, file, c.options.FFmpeg, c.arguments()...); err != nil {
		return nil, fmt.Errorf("ffmpeg: %w", err)
	}
	if _, err := jpeg.DecodeConfig(bytes.NewReader(picture.Bytes())); err != nil {
		return nil, fmt.Errorf("ffmpeg: picture: %w", err)
	}
	return picture.Bytes(), nil
}

// arguments read nothing but local files, as nothing but mp4: a playlist that
// pretends to be a video makes ffmpeg read other files and fetch URLs.
func (c *covers) arguments() []string {
	return []string{
		"-nostdin", "-hide_banner", "-loglevel", "error",
		"-threads", "1", "-max_streams", "32", "-max_pixels", strconv.Itoa(maxSide * maxSide),
		"-protocol_whitelist", "file", "-f", "mov", "-t", "5", "-i", "/dev/fd/3",
		"-map", "0:v:0", "-map_metadata", "-1", "-frames:v", "1", "-threads", "1",
		"-vf", "scale=w='min(720,iw)':h=-2", "-pix_fmt", "yuvj420p",
		"-c:v", "mjpeg", "-q:v", "4", "-f", "mjpeg", "pipe:1",
	}
}
