package video

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"

	"douyin.dev/services/video/mp4"
)

// placeholderSide is the longer side of a drawn cover, in pixels.
const placeholderSide = 640

// placeholder draws a cover in the shape of the video: a dark gradient with the
// sign for play in its middle.
func placeholder(m mp4.Media) []byte {
	w, h := fit(int(m.Width), int(m.Height), placeholderSide)
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	sign := min(w, h) / 6
	for y := range h {
		shade := uint8(24 + 40*y/h)
		for x := range w {
			c := color.RGBA{shade, shade, shade + 16, 255}
			if insidePlay(x-w/2, y-h/2, sign) {
				c = color.RGBA{230, 230, 235, 255}
			}
			img.SetRGBA(x, y, c)
		}
	}
	var out bytes.Buffer
	_ = jpeg.Encode(&out, img, nil) // fails only when the writer does or a side is over 65535
	return out.Bytes()
}

// insidePlay reports whether a point, measured from the middle, lies in a
// triangle that points to the right.
func insidePlay(x, y, size int) bool {
	return x > -size && x < size && 2*max(y, -y) < size-x
}

// fit scales w by h so that the longer side is side pixels, the shorter at least 16.
func fit(w, h, side int) (int, int) {
	if w <= 0 || h <= 0 {
		return side, side
	}
	if w >= h {
		return side, max(side*h/w, 16)
	}
	return max(side*w/h, 16), side
}
