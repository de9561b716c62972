package video

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"douyin.dev/services/platform/fault"

	v1 "douyin.dev/gen/douyin/video/v1"
)

// What is accepted at most.
const (
	maxDuration  = 10 * time.Minute
	maxSide      = 4096 // pixels
	maxFrameRate = 120  // frames a second, on average
	// maxSamples is what the longest video has at the highest rate.
	maxSamples = int(maxDuration/time.Second) * maxFrameRate
)

// media is what a playable file says about itself.
type media struct {
	durationMS int64
	// width and height as shown, after rotation, in pixels.
	width, height int32
}

// probe decides whether a file is an mp4 or mov that can be played: a video
// track of a codec players know, within the limits, all of whose samples lie in
// the file. It reads the bytes and nothing else. The answer for others is
// NOT_PLAYABLE; an error of another kind is ours.
func probe(r io.ReaderAt, size int64) (m media, err error) {
	// A library's panic over hostile bytes says that they are no video.
	defer func() {
		if p := recover(); p != nil {
			m, err = media{}, notPlayable("is not a playable video", fmt.Errorf("probe panicked: %v", p))
		}
	}()
	t, err := videoTrack(r, size)
	if err == nil {
		err = firstSampleFits(r, t)
	}
	var ours *fs.PathError
	switch {
	case errors.As(err, &ours):
		return media{}, fault.Unavailable(err)
	case err != nil:
		return media{}, notPlayable("is not a playable video", err)
	}
	return t.media, withinLimits(t)
}

func notPlayable(description string, cause error) error {
	return fault.Invalid("data", description).For(v1.ErrorReason_ERROR_REASON_NOT_PLAYABLE).Because(cause)
}

func withinLimits(t *track) error {
	switch {
	case time.Duration(t.durationMS)*time.Millisecond > maxDuration:
		return notPlayable("must be at most 10 minutes long", nil)
	case t.width > maxSide || t.height > maxSide:
		return notPlayable("must have at most 4096 pixels a side", nil)
	// One frame has no rate. Half a frame is left for rounded durations.
	case t.samples > 1 && 2*int64(t.samples)*1000 > (2*maxFrameRate+1)*t.durationMS:
		return notPlayable("must have at most 120 frames a second", nil)
	}
	return nil
}

// layout is where the parts of a file are.
type layout struct {
	moov  box
	moofs []box
	mdats []box
}

// videoTrack finds the first track that can be played.
func videoTrack(r io.ReaderAt, size int64) (*track, error) {
	l, err := layoutOf(r, size)
	if err != nil {
		return nil, err
	}
	moov, err := load(r, l.moov, maxMoov)
	if err != nil {
		return nil, err
	}
	root, err := moov.root()
	if err != nil {
		return nil, err
	}
	traks, err := moov.children(root, "trak")
	if err != nil {
		return nil, err
	}
	reason := errors.New("no track")
	for _, trak := range traks {
		t, err := readTrack(moov, root, trak)
		if err == nil {
			err = t.locate(r, l, moov)
		}
		if err == nil {
			return t, nil
		}
		reason = err
	}
	return nil, reason
}

// layoutOf reads the top level of a file and thereby what it is. A file cut
// short has a last box that reaches beyond its end.
func layoutOf(r io.ReaderAt, size int64) (layout, error) {
	boxes, err := boxesOf(r, 0, size)
	if err != nil {
		return layout{}, err
	}
	var l layout
	for _, b := range boxes {
		switch b.kind {
		case "moov":
			l.moov = b
		case "moof":
			l.moofs = append(l.moofs, b)
		case "mdat":
			l.mdats = append(l.mdats, b)
		}
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
