package ladder

import (
	"path/filepath"
	"testing"
)

// A clip as phones make it: 10 s of 720 by 1280 pixels with sound.
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
	var last encoded
	for _, r := range Plan(s) {
		b.Run(r.Name(), func(b *testing.B) {
			for b.Loop() {
				last = encode(b, e, path, s, r)
			}
			b.ReportMetric(float64(last.Bytes)/1e6, "MB")
		})
	}
	b.Run("progressive", func(b *testing.B) {
		for b.Loop() {
			if _, err := e.Progressive(b.Context(), last.Rendition, last.dir, filepath.Join(b.TempDir(), "video.mp4")); err != nil {
				b.Fatal(err)
			}
		}
	})
}
