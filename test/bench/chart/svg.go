package chart

import (
	"fmt"
	"html"
	"io"
	"strings"
)

// drawing collects the elements of a picture.
type drawing struct {
	strings.Builder
	width, height int
}

func newDrawing(width, height int, title string) *drawing {
	d := &drawing{width: width, height: height}
	fmt.Fprintf(d, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n",
		width, height, width, height)
	fmt.Fprintf(d, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	d.text(16, 24, "start", "#111111", title, 15)
	return d
}

func (d *drawing) rect(x, y, width, height float64, fill, title string) {
	fmt.Fprintf(d, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s">`, x, y, width, height, fill)
	if title != "" {
		fmt.Fprintf(d, `<title>%s</title>`, html.EscapeString(title))
	}
	d.WriteString("</rect>\n")
}

func (d *drawing) text(x, y float64, anchor, fill, text string, size int) {
	fmt.Fprintf(d, `<text x="%.1f" y="%.1f" text-anchor="%s" fill="%s" font-size="%d">%s</text>`+"\n", x, y, anchor, fill, size, html.EscapeString(text))
}

func (d *drawing) line(x1, y1, x2, y2 float64, stroke string, width float64) {
	fmt.Fprintf(d, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="%.1f"/>`+"\n", x1, y1, x2, y2, stroke, width)
}

func (d *drawing) circle(x, y, radius float64, fill, title string) {
	fmt.Fprintf(d, `<circle cx="%.1f" cy="%.1f" r="%.1f" fill="%s"><title>%s</title></circle>`+"\n", x, y, radius, fill, html.EscapeString(title))
}

func (d *drawing) write(out io.Writer) error {
	d.WriteString("</svg>\n")
	if _, err := io.WriteString(out, d.String()); err != nil {
		return fmt.Errorf("write picture: %w", err)
	}
	return nil
}

// palette has a colour for each of a few things side by side.
func palette(i int) string {
	colours := []string{"#2f6fb0", "#d9822b", "#3f9142", "#a1478b", "#7a6a53", "#c23b3b"}
	return colours[i%len(colours)]
}
