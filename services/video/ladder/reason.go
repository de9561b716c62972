package ladder

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"douyin.dev/services/platform/sandbox"
)

// Reason says why there is no rendition.
type Reason int

const (
	// Internal is everything that is not the video's fault.
	Internal Reason = iota
	// NotVideo is a file that is no mp4 or mov.
	NotVideo
	// NoPicture is a file without a video track, or with an empty one.
	NoPicture
	// UnsupportedCodec is a picture in a format that is not decoded.
	UnsupportedCodec
	// Malformed is a video of which nothing, or hardly anything, can be decoded, or
	// that is larger than MaxSide and MaxTracks allow.
	Malformed
	// Timeout is a video that takes too long.
	Timeout
)

// String returns the reason's name.
func (r Reason) String() string {
	return [...]string{"internal", "not video", "no picture", "unsupported codec", "malformed", "timeout"}[r]
}

// Error is a failure with its reason.
type Error struct {
	Reason Reason
	err    error
}

// Error has the words of ffmpeg in it: it is for logs, not for clients.
func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Reason, e.err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.err }

func fail(r Reason, format string, args ...any) error {
	return &Error{Reason: r, err: fmt.Errorf(format, args...)}
}

// failed gives the error of a program its reason.
func failed(ctx context.Context, what string, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("%s: %w", what, ctx.Err())
	case errors.Is(err, context.DeadlineExceeded):
		return fail(Timeout, "%s: %w", what, err)
	}
	var program *sandbox.Error
	if !errors.As(err, &program) || !program.Exited {
		return fail(Internal, "%s: %w", what, err)
	}
	return fail(verdict(program.Complaint), "%s: %w", what, err)
}

// verdicts are what ffmpeg says about a video, most telling first.
var verdicts = []struct {
	words  string
	reason Reason
}{
	{"exceeds specified max pixel count", Malformed},
	{"exceeds max_streams parameter", Malformed},
	{"Cannot allocate memory", Internal},
	{"No space left on device", Internal},
	{"moov atom not found", NotVideo},
	{"(codec none)", UnsupportedCodec},
	{"Decoder (codec", UnsupportedCodec}, // … not found
	{"matches no streams", NoPicture},
	{"Cannot determine format of input stream", Malformed},
	{"Invalid data found when processing input", Malformed},
	{"does not contain any stream", Malformed},
}

// verdict reads ffmpeg's words. Other words are not the video's fault.
func verdict(complaint string) Reason {
	for _, v := range verdicts {
		if strings.Contains(complaint, v.words) {
			return v.reason
		}
	}
	return Internal
}
