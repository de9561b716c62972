// Command demo draws the clips that a fresh platform shows: vertical, a few
// seconds long, with sound, each made of a formula and a few notes. Nothing in
// them comes from elsewhere. It needs ffmpeg with libx264 and AAC.
//
//	go run . ../../services/standalone/demo
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
)

const (
	width, height = 432, 768
	frameRate     = 24
	sampleRate    = 44_100
)

// colour is linear red, green and blue, 0 to 1.
type colour [3]float64

// scene is a clip. Its picture at the end is the one at its beginning.
type scene struct {
	name    string
	seconds int
	// paint returns the colour of a point: x from -1 to 1 across, y from -16/9 at
	// the top to 16/9 at the bottom, phase from 0 to 1 over the clip.
	paint func(x, y, phase float64) colour
	// notes are what is heard: a slow chord of these frequencies, in Hz.
	notes []float64
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: demo DIRECTORY")
		os.Exit(2)
	}
	for _, s := range scenes {
		if err := render(s, filepath.Join(os.Args[1], s.name+".mp4")); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", s.name, err)
			os.Exit(1)
		}
		fmt.Println(s.name)
	}
}

// render draws a scene and lets ffmpeg encode it, the same bytes each time.
func render(s scene, path string) error {
	sound, err := os.CreateTemp("", "demo-*.pcm")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(sound.Name()) }()
	if _, err := sound.Write(music(s)); err != nil {
		return err
	}
	if err := sound.Close(); err != nil {
		return err
	}
	encode := exec.Command("ffmpeg", "-nostdin", "-v", "error", "-y",
		"-f", "rawvideo", "-pix_fmt", "rgb24", "-s", fmt.Sprintf("%dx%d", width, height), "-r", strconv.Itoa(frameRate), "-i", "pipe:0",
		"-f", "s16le", "-ar", strconv.Itoa(sampleRate), "-ac", "1", "-i", sound.Name(),
		"-c:v", "libx264", "-preset", "slow", "-crf", "25", "-maxrate", "700k", "-bufsize", "1400k", "-pix_fmt", "yuv420p",
		"-g", strconv.Itoa(2*frameRate), "-threads", "1", "-c:a", "aac", "-b:a", "64k", "-map_metadata", "-1", "-fflags", "+bitexact",
		"-flags:v", "+bitexact", "-flags:a", "+bitexact", "-movflags", "+faststart", "-shortest", path)
	encode.Stderr = os.Stderr
	frames, err := encode.StdinPipe()
	if err != nil {
		return err
	}
	if err := encode.Start(); err != nil {
		return err
	}
	count := s.seconds * frameRate
	for i := range count {
		if _, err := frames.Write(draw(s, float64(i)/float64(count))); err != nil {
			return err
		}
	}
	if err := frames.Close(); err != nil {
		return err
	}
	return encode.Wait()
}

// draw returns a frame as bytes of red, green and blue.
func draw(s scene, phase float64) []byte {
	frame := make([]byte, width*height*3)
	var rows sync.WaitGroup
	workers := runtime.NumCPU()
	for w := range workers {
		rows.Go(func() {
			for row := w; row < height; row += workers {
				for col := range width {
					x := (float64(col)+0.5)/width*2 - 1
					y := ((float64(row)+0.5)/height*2 - 1) * height / width
					c := s.paint(x, y, phase)
					at := (row*width + col) * 3
					for i, v := range c {
						frame[at+i] = byte(min(max(v, 0), 1)*255 + grain(col, row, i))
					}
				}
			}
		})
	}
	rows.Wait()
	return frame
}

// grain rounds up and down in turn, so that smooth skies show no bands.
func grain(col, row, i int) float64 {
	n := uint32(col)*2654435761 ^ uint32(row)*2246822519 ^ uint32(i)*3266489917
	n ^= n >> 15
	n *= 2246822519
	n ^= n >> 13
	return float64(n%1000) / 1000 * 0.999
}
