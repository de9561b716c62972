package ladder

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A clip as phones make it: 10 s of 720 by 1280 pixels with sound. Beside each
// rung is what the same call of ffmpeg takes alone.
func BenchmarkLadder(b *testing.B) {
	e := newEncoder(b)
	// A fractal under noise: about as hard to encode as a camera's picture.
	path := clip(b, "-f lavfi -i mandelbrot=size=720x1280:rate=30:start_scale=0.5:end_scale=0.05,noise=alls=6:allf=t "+
		"-f lavfi -i sine=frequency=440:duration=10 -t 10 -c:v libx264 -preset veryfast -b:v 6M -pix_fmt yuv420p -c:a aac -movflags +faststart", "clip.mp4")
	s, err := e.Inspect(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("inspect", func(b *testing.B) {
		for b.Loop() {
			if _, err := e.Inspect(b.Context(), path); err != nil {
				b.Fatal(err)
			}
		}
	})
	last := encoded{dir: b.TempDir()}
	for _, r := range Plan(s) {
		b.Run(r.Name(), func(b *testing.B) {
			for b.Loop() {
				if last.Rendition, err = e.HLS(b.Context(), path, s, r, last.dir, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(last.Bytes)/1e6, "MB")
		})
		b.Run(r.Name()+" alone", func(b *testing.B) {
			for b.Loop() {
				alone(b, path, b.TempDir(), e.hlsArguments(s, r)...)
			}
		})
	}
	b.Run("progressive", func(b *testing.B) {
		out := filepath.Join(b.TempDir(), "video.mp4")
		for b.Loop() {
			if _, err := e.Progressive(b.Context(), last.Rendition, last.dir, out); err != nil {
				b.Fatal(err)
			}
			if err := os.Remove(out); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// alone runs ffmpeg without a sandbox.
func alone(b *testing.B, path, dir string, args ...string) {
	b.Helper()
	file, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	cmd := exec.CommandContext(b.Context(), "ffmpeg", args...)
	cmd.Dir, cmd.ExtraFiles = dir, []*os.File{file}
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
}

// corpus are pictures of many kinds, from still to noise.
var corpus = []string{
	"testsrc2=size=%s:rate=30", "testsrc=size=%s:rate=30", "smptehdbars=size=%s:rate=30", "color=0x406080:size=%s:rate=30", "rgbtestsrc=size=%s:rate=30",
	"mandelbrot=size=%s:rate=30", "mandelbrot=size=%s:rate=30:start_scale=0.5:end_scale=0.05,noise=alls=6:allf=t", "mandelbrot=size=%s:rate=30,noise=alls=12:allf=t",
	"gradients=size=%s:rate=30:speed=0.02", "gradients=size=%s:rate=30:speed=0.2:nb_colors=8", "gradients=size=%s:rate=30:speed=0.05,noise=alls=4:allf=t",
	"sierpinski=size=%s:rate=30", "life=size=%s:rate=30:mold=10:life_color=#C83232:death_color=#323296", "cellauto=size=%s:rate=30",
	"testsrc2=size=%s:rate=30,noise=alls=8:allf=t", "testsrc2=size=%s:rate=30,gblur=sigma=4", "testsrc2=size=%s:rate=30,rotate=t/2",
	"smptehdbars=size=%s:rate=30,scroll=horizontal=0.01", "testsrc=size=%s:rate=30,scroll=vertical=0.02,noise=alls=3:allf=t", "color=black:size=%s:rate=30,noise=alls=20:allf=t",
}

// What bounding the quality saves against always spending a rung's bits, over
// whole ladders, and what it costs in similarity to the source (SSIM).
func BenchmarkSizeAgainstFixedBitrate(b *testing.B) {
	e := newEncoder(b)
	for b.Loop() {
		var capped, fixed ladderSum
		for _, picture := range corpus {
			path := clip(b, "-f lavfi -i "+fmt.Sprintf(picture, "720x1280")+" -t 2 -c:v libx264 -preset ultrafast -crf 12 -pix_fmt yuv420p", "clip.mp4")
			s, err := e.Inspect(b.Context(), path)
			if err != nil {
				b.Fatal(err)
			}
			for _, r := range Plan(s) {
				args := e.hlsArguments(s, r)
				capped.encode(b, path, r, args)
				at := slices.Index(args, "-crf")
				fixed.encode(b, path, r, slices.Concat(args[:at], []string{"-b:v", strconv.FormatInt(r.MaxBitrate, 10)}, args[at+2:]))
			}
		}
		b.ReportMetric(capped.bytes/1e6, "MB")
		b.ReportMetric(fixed.bytes/1e6, "MB-fixed")
		b.ReportMetric(100-100*capped.bytes/fixed.bytes, "%saved")
		b.ReportMetric(capped.similarity/capped.renditions, "SSIM")
		b.ReportMetric(fixed.similarity/fixed.renditions, "SSIM-fixed")
	}
}

// ladderSum adds up renditions.
type ladderSum struct{ bytes, similarity, renditions float64 }

func (sum *ladderSum) encode(b *testing.B, path string, r Rung, args []string) {
	b.Helper()
	dir := b.TempDir()
	alone(b, path, dir, args...)
	segments, err := filepath.Glob(filepath.Join(dir, "*.m4s"))
	if err != nil {
		b.Fatal(err)
	}
	for _, segment := range segments {
		size, err := sizeOf(segment)
		if err != nil {
			b.Fatal(err)
		}
		sum.bytes += float64(size)
	}
	cmd := exec.CommandContext(b.Context(), "ffmpeg", "-nostdin", "-hide_banner", "-i", filepath.Join(dir, playlistName), "-i", path,
		"-lavfi", fmt.Sprintf("[1:v]scale=%d:%d[source];[0:v][source]ssim", r.Width, r.Height), "-f", "null", "-")
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	_, after, _ := strings.Cut(string(out), "All:")
	sum.similarity += number(strings.Fields(after + " ")[0])
	sum.renditions++
}
