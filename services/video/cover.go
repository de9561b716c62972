package video

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/jpeg"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"syscall"
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
	log     *slog.Logger
}

func newCovers(o CoverOptions, log *slog.Logger) *covers {
	if o.Timeout <= 0 {
		o.Timeout = 15 * time.Second
	}
	return &covers{options: o, slots: make(chan struct{}, max(o.AtOnce, 1)), log: log}
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
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	out, complaint := &limited{max: maxCover}, &limited{max: 1 << 10}
	cmd := exec.CommandContext(ctx, c.options.FFmpeg, c.arguments()...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	cmd.ExtraFiles = []*os.File{file} // descriptor 3
	cmd.Stdout, cmd.Stderr = out, complaint
	// A group of its own, so that what it starts ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("ffmpeg: %w: %q", err, complaint.Bytes())
	}
	if out.cut {
		return nil, errors.New("ffmpeg: picture is too large")
	}
	if _, err := jpeg.DecodeConfig(bytes.NewReader(out.Bytes())); err != nil {
		return nil, fmt.Errorf("ffmpeg: picture: %w", err)
	}
	return out.Bytes(), nil
}

// arguments read nothing but local files, as nothing but mp4: a playlist that
// pretends to be a video makes ffmpeg read other files and fetch URLs.
func (c *covers) arguments() []string {
	return []string{
		"-nostdin", "-hide_banner", "-loglevel", "error",
		"-timelimit", strconv.Itoa(int(c.options.Timeout.Seconds()) + 1), // of CPU, should this process be killed
		"-threads", "1", "-max_streams", "32", "-max_pixels", strconv.Itoa(maxSide * maxSide),
		"-protocol_whitelist", "file", "-f", "mov", "-t", "5", "-i", "/dev/fd/3",
		"-map", "0:v:0", "-map_metadata", "-1", "-frames:v", "1", "-threads", "1",
		"-vf", "scale=w='min(720,iw)':h=-2", "-pix_fmt", "yuvj420p",
		"-c:v", "mjpeg", "-q:v", "4", "-f", "mjpeg", "pipe:1",
	}
}

// limited keeps the first max bytes written to it and drops the rest.
type limited struct {
	bytes.Buffer
	max int
	cut bool
}

// Write never fails: a program whose output is cut ends by itself.
func (l *limited) Write(p []byte) (int, error) {
	keep := p[:min(len(p), l.max-l.Len())]
	l.cut = l.cut || len(keep) < len(p)
	l.Buffer.Write(keep)
	return len(p), nil
}
