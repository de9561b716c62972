package ladder

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"douyin.dev/services/platform/sandbox"
)

// progressiveEdge is the largest short edge of the progressive rendition, in pixels.
const progressiveEdge = 720

// ProgressiveRung returns the rung of a ladder that the progressive rendition is
// made of: the highest that any phone plays smoothly.
func ProgressiveRung(rungs []Rung) Rung {
	best := rungs[0]
	for _, r := range rungs {
		if r.edge() <= progressiveEdge {
			best = r
		}
	}
	return best
}

// Progressive writes an MP4 whose index comes first, for players without HLS,
// and returns its size in bytes. It has the same picture and sound as a rendition
// in dir, in another container: nothing is encoded, so it takes next to no time.
// The folder of out is this file's alone, and on the disk of dir at best.
func (e *Encoder) Progressive(ctx context.Context, r Rendition, dir, out string) (int64, error) {
	folder, name := filepath.Split(out)
	joined, err := join(dir, folder, r)
	if err != nil {
		return 0, fail(Internal, "join the segments: %w", err)
	}
	defer os.Remove(joined)
	args := append([]string{"-nostdin", "-hide_banner", "-loglevel", "error", "-nostats"}, input()...)
	args = append(args, "-map", "0", "-c", "copy", "-copyts", "-avoid_negative_ts", "disabled",
		"-movflags", "+faststart", "-f", "mp4", name)
	if err := e.run(ctx, joined, sandbox.Program{
		Path: e.FFmpeg, Args: args, Dir: filepath.Clean(folder), MaxFile: maxProgressive,
		Out: io.Discard, Timeout: cmp.Or(e.Timeout, defaultTimeout),
	}); err != nil {
		return 0, err
	}
	size, err := sizeOf(out)
	if err != nil {
		return 0, fail(Internal, "%w", err)
	}
	return size, nil
}

// join writes the init segment and all others into one file.
func join(dir, folder string, r Rendition) (path string, err error) {
	to, err := os.CreateTemp(folder, "joined-*")
	if err != nil {
		return "", err
	}
	defer func() {
		if err = errors.Join(err, to.Close()); err != nil {
			_ = os.Remove(to.Name())
		}
	}()
	for _, name := range r.Files[:len(r.Files)-1] { // the last is the playlist
		if err := appendFile(to, filepath.Join(dir, name)); err != nil {
			return "", err
		}
	}
	return to.Name(), nil
}

func appendFile(to *os.File, path string) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	_, err = io.Copy(to, from)
	return err
}
