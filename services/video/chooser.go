package video

import (
	"bytes"
	"image"
	"image/jpeg"
	"math"
)

const (
	// bright is the least mean brightness of a good cover, of 255.
	bright = 32
	// varied is the least standard deviation of its brightness: a title card
	// without a title has none.
	varied = 8
	// coverQuality of the JPEG.
	coverQuality = 88
)

// chooser reads frames as raw pictures (planes of Y, Cb, Cr; 4:2:0) and keeps
// the first that is bright and not flat, or until then the best.
type chooser struct {
	next   frame
	filled int
	best   frame
	score  float64
	good   bool
	enough func()
}

// frame is a raw picture, and the bytes it is made of.
type frame struct {
	picture *image.YCbCr
	bytes   []byte
}

func newFrame(width, height int) frame {
	chroma := (width + 1) / 2
	luma, size := width*height, chroma*((height+1)/2)
	b := make([]byte, luma+2*size)
	return frame{bytes: b, picture: &image.YCbCr{
		Y: b[:luma], Cb: b[luma : luma+size], Cr: b[luma+size:], YStride: width, CStride: chroma,
		SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: image.Rect(0, 0, width, height),
	}}
}

// newChooser returns one that calls enough when it has seen a good frame.
func newChooser(width, height int, enough func()) *chooser {
	return &chooser{next: newFrame(width, height), enough: enough}
}

// most is what ffmpeg writes at most, in bytes.
func (c *chooser) most() int64 {
	const frames = coverSpan/coverStep + 2
	return int64(frames * float64(len(c.next.bytes)))
}

// Write takes a part of the stream. It never fails.
func (c *chooser) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0 && !c.good; {
		n := copy(c.next.bytes[c.filled:], rest)
		rest = rest[n:]
		if c.filled += n; c.filled == len(c.next.bytes) {
			c.judge()
		}
	}
	return len(p), nil
}

// judge compares the frame that is complete now.
func (c *chooser) judge() {
	mean, deviation := brightness(c.next.picture.Y)
	c.filled = 0
	c.good = mean >= bright && deviation >= varied
	if !c.good && c.best.picture != nil && deviation <= c.score {
		return
	}
	c.best, c.score = c.next, deviation
	if c.good {
		c.enough()
		return
	}
	size := c.next.picture.Bounds()
	c.next = newFrame(size.Dx(), size.Dy())
}

// brightness returns the mean and the standard deviation.
func brightness(y []byte) (mean, deviation float64) {
	var sum, squares float64
	for _, v := range y {
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	mean = sum / float64(len(y))
	return mean, math.Sqrt(max(squares/float64(len(y))-mean*mean, 0))
}

// jpeg returns the chosen frame; nil when there was none.
func (c *chooser) jpeg() []byte {
	if c.best.picture == nil {
		return nil
	}
	var out bytes.Buffer
	_ = jpeg.Encode(&out, c.best.picture, &jpeg.Options{Quality: coverQuality}) // fails only when the writer does or a side is over 65535
	return out.Bytes()
}
