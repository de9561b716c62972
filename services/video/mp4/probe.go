package mp4

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"runtime"
	"slices"
	"time"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/video/ladder"
)

// What is accepted at most.
const (
	MaxDuration  = 10 * time.Minute
	maxSide      = ladder.MaxSide // pixels
	maxFrameRate = 120            // frames a second, on average
	// maxSamples is what the longest video has at the highest rate.
	maxSamples = int(MaxDuration/time.Second) * maxFrameRate
	// maxTracks of a file, of all kinds.
	maxTracks = ladder.MaxTracks
)

// probeTimeout bounds how long one file is read.
const probeTimeout = 5 * time.Second

var errProbeTime = fmt.Errorf("not read within %v", probeTimeout)

// Media is what a playable file says about itself.
type Media struct {
	DurationMS int64
	// Width and Height as shown, in pixels: after rotation, and of square pixels.
	Width, Height int32
}

// Video is a file that passed the probe, and what a decoder is told about it.
type Video struct {
	Media
	// Track is the id of the track that is shown.
	Track uint32
	// Transfer is the transfer function of the picture.
	Transfer Transfer
}

// Prober reads files, no more at a time than there are cores: it only computes.
type Prober struct{ slots chan struct{} }

// NewProber returns a Prober.
func NewProber() *Prober { return &Prober{slots: make(chan struct{}, runtime.GOMAXPROCS(0))} }

// Probe decides whether a file is an mp4 or mov that can be played: a video
// track of a codec players know, within the limits, all of whose samples lie in
// the file. It reads the bytes and nothing else. The answer for others is
// NOT_PLAYABLE; an error of another kind is ours or the caller's.
func (p *Prober) Probe(ctx context.Context, r io.ReaderAt, size int64) (Video, error) {
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return Video{}, fmt.Errorf("wait for a probe: %w", ctx.Err())
	}
	ctx, cancel := context.WithTimeoutCause(ctx, probeTimeout, errProbeTime)
	defer cancel()
	return readFile(&budget{ctx: ctx}, r, size)
}

func readFile(b *budget, r io.ReaderAt, size int64) (m Video, err error) {
	// A library's panic over hostile bytes says that they are no video.
	defer func() {
		if p := recover(); p != nil {
			m, err = Video{}, NotPlayable("is not a playable video", fmt.Errorf("probe panicked: %v", p))
		}
	}()
	t, err := videoTrack(b, r, size)
	var ours *fs.PathError
	switch {
	case errors.As(err, &ours):
		return Video{}, fault.Unavailable(err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Video{}, fmt.Errorf("probe: %w", err)
	case errors.Is(err, errTooManyTracks):
		return Video{}, NotPlayable(fmt.Sprintf("must have at most %d tracks", maxTracks), err)
	case errors.Is(err, errTooManyBoxes):
		return Video{}, NotPlayable(fmt.Sprintf("must have at most %d boxes", maxBoxes), err)
	case err != nil:
		return Video{}, NotPlayable("is not a playable video", err)
	}
	return t.video(), withinLimits(t)
}

// NotPlayable is the answer for a file that is no video we take: NOT_PLAYABLE, with
// what is wrong with the file, for the client, and the cause, for the log.
func NotPlayable(description string, cause error) error {
	return fault.Invalid("data", description).For(videov1.ErrorReason_ERROR_REASON_NOT_PLAYABLE).Because(cause)
}

func withinLimits(t *track) error {
	switch {
	case time.Duration(t.DurationMS)*time.Millisecond > MaxDuration:
		return NotPlayable("must be at most 10 minutes long", nil)
	case t.Width > maxSide || t.Height > maxSide || t.largest > maxSide:
		return NotPlayable("must have at most 4096 pixels a side", nil)
	// One frame has no rate. Half a frame is left for rounded durations.
	case t.samples > 1 && 2*int64(t.samples)*1000 > (2*maxFrameRate+1)*t.DurationMS:
		return NotPlayable("must have at most 120 frames a second", nil)
	}
	return nil
}

// shown returns the size of a picture as players show it, from its size in
// samples and the shape of a sample: never larger than the limit allows.
func shown(width, height int32, pixel ratio) (int32, int32) {
	w, h := float64(width), float64(height)
	if pixel.wide > 0 && pixel.high > 0 {
		w *= float64(pixel.wide) / float64(pixel.high)
	}
	// The other way around, a picture of 1 by 4096 would get a million pixels.
	if long := max(w, h); pixel.wide != pixel.high && long > maxSide {
		w, h = w*maxSide/long, h*maxSide/long
	}
	return int32(max(math.Round(w), 1)), int32(max(math.Round(h), 1))
}

// layout is where the parts of a file are.
type layout struct {
	moov  box
	moofs []box
	mdats []box
}

var errTooManyTracks = errors.New("too many tracks")

// videoTrack finds the first track that can be played.
func videoTrack(b *budget, r io.ReaderAt, size int64) (*track, error) {
	l, err := b.layout(r, size)
	if err != nil {
		return nil, err
	}
	moov, err := b.load(r, l.moov, maxMoov, nil)
	if err != nil {
		return nil, err
	}
	tracks, err := readTracks(l, moov)
	if err != nil {
		return nil, err
	}
	if err := tracks.locateFragments(r, l, moov); err != nil {
		return nil, err
	}
	reason := errors.New("no track")
	for _, t := range tracks {
		err := t.finish(b, r)
		if err == nil {
			return t, nil
		}
		if fatal(err) {
			return nil, err
		}
		reason = err
	}
	return nil, reason
}

// fatal reports whether an error is not about one track but about the file's
// budget, the caller or the disk.
func fatal(err error) bool {
	var ours *fs.PathError
	return errors.Is(err, errTooManyBoxes) || errors.Is(err, errProbeTime) || errors.As(err, &ours) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// layout reads the top level of a file and thereby what it is. A file cut short
// has a last box that reaches beyond its end; other bytes that are no box end
// the level, as they do for players.
func (b *budget) layout(r io.ReaderAt, size int64) (layout, error) {
	var l layout
	for at := int64(0); size-at >= 8; {
		found, err := b.header(r, at, size)
		needed := found.kind == "moov" || found.kind == "moof" || found.kind == "mdat"
		if errors.Is(err, errBoxes) && !needed {
			break
		}
		if err != nil {
			return layout{}, err
		}
		switch found.kind {
		case "moov":
			if l.moov.end == 0 { // players take the first
				l.moov = found
			}
		case "moof":
			l.moofs = append(l.moofs, found)
		case "mdat":
			l.mdats = append(l.mdats, found)
		}
		at = found.end
	}
	if l.moov.end == 0 || len(l.mdats) == 0 {
		return layout{}, errors.New("no moov or no mdat")
	}
	return l, nil
}

// holds reports whether a range lies inside one of the mdat boxes, which are
// in the order of the file.
func (l layout) holds(at, size int64) bool {
	i, _ := slices.BinarySearchFunc(l.mdats, at, func(m box, at int64) int { return cmp.Compare(m.end, at+1) })
	return i < len(l.mdats) && at >= l.mdats[i].body && size <= l.mdats[i].end-at
}
