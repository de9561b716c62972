// Package cliptest makes small videos for tests, with ffmpeg. A test is skipped
// where there is none.
package cliptest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// Picture describes a second of a test picture to ffmpeg.
const Picture = "testsrc=size=320x240:rate=25:duration=1"

// Make returns a video of a source that ffmpeg generates, with output options such
// as "-r 30".
func Make(t *testing.T, source string, options ...string) []byte {
	t.Helper()
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("needs ffmpeg to make test videos")
	}
	out := filepath.Join(t.TempDir(), "clip")
	args := append([]string{"-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", source}, options...)
	if !slices.Contains(options, "-f") {
		args = append(args, "-f", "mp4")
	}
	cmd := exec.CommandContext(t.Context(), ffmpeg, append(args, out)...)
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make clip: %v: %s", err, msg)
	}
	file, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// H264 returns Picture as H.264.
func H264(t *testing.T, options ...string) []byte {
	t.Helper()
	return Make(t, Picture, append([]string{"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"}, options...)...)
}

// AV1 returns the options of an AV1 video.
func AV1() []string {
	return []string{"-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-row-mt", "0", "-pix_fmt", "yuv420p"}
}

// VP9 returns the options of a VP9 video.
func VP9() []string {
	return []string{"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-pix_fmt", "yuv420p"}
}

// Plain describes a picture of one colour to ffmpeg; seconds is its length.
func Plain(width, height, rate, seconds int) string {
	return fmt.Sprintf("color=size=%dx%d:rate=%d:duration=%d", width, height, rate, seconds)
}

// TurnedByAQuarter writes the matrix of an upright phone into a file: ffmpeg 5
// writes none on request.
func TurnedByAQuarter(file []byte) []byte {
	at := bytes.Index(file, []byte("tkhd")) + 4 + 40
	copy(file[at:], []byte{0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0})
	return file
}
