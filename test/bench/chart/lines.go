package chart

import (
	"fmt"
	"io"
	"math"
)

// Line is a series of points; X is drawn by its logarithm.
type Line struct {
	Name   string
	Points []Point
}

// Point of a line.
type Point struct{ X, Y float64 }

const (
	linesWidth  = 760
	linesHeight = 340
	linesLeft   = 60
	linesRight  = 230
	linesTop    = 48
	linesBottom = 40
)

// Lines draws series over sizes, with a dashed bound where it is not 0.
func Lines(out io.Writer, title string, bound float64, lines []Line) error {
	low, high, most := math.Inf(1), 1.0, bound*1.2
	for _, l := range lines {
		for _, p := range l.Points {
			low, high, most = min(low, p.X), max(high, p.X), max(most, p.Y*1.1)
		}
	}
	if math.IsInf(low, 1) || low <= 0 {
		low = 1
	}
	span := max(math.Log10(high)-math.Log10(low), 1e-9)
	x := func(v float64) float64 {
		return linesLeft + (math.Log10(v)-math.Log10(low))/span*(linesWidth-linesLeft-linesRight)
	}
	y := func(v float64) float64 {
		return linesHeight - linesBottom - v/max(most, 1e-9)*(linesHeight-linesTop-linesBottom)
	}
	d := newDrawing(linesWidth, linesHeight, title)
	d.line(linesLeft, y(0), linesWidth-linesRight, y(0), "#888888", 1)
	d.line(linesLeft, y(0), linesLeft, linesTop, "#888888", 1)
	for power := math.Ceil(math.Log10(low)); power <= math.Log10(high)+1e-9; power++ {
		d.text(x(math.Pow(10, power)), y(0)+18, "middle", "#333333", fmt.Sprintf("%.0f", math.Pow(10, power)), 11)
	}
	for i := range 5 {
		v := most * float64(i) / 4
		d.text(linesLeft-6, y(v)+4, "end", "#333333", fmt.Sprintf("%.3g", v), 11)
	}
	if bound > 0 {
		fmt.Fprintf(d, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#c23b3b" stroke-dasharray="6 4"/>`+"\n",
			linesLeft, y(bound), linesWidth-linesRight, y(bound))
	}
	for i, l := range lines {
		colour := palette(i)
		for j, p := range l.Points {
			if j > 0 {
				d.line(x(l.Points[j-1].X), y(l.Points[j-1].Y), x(p.X), y(p.Y), colour, 2)
			}
			d.circle(x(p.X), y(p.Y), 3, colour, fmt.Sprintf("%s: %g at %g", l.Name, p.Y, p.X))
		}
		d.rect(linesWidth-linesRight+16, float64(linesTop+18*i), 10, 10, colour, "")
		d.text(linesWidth-linesRight+32, float64(linesTop+18*i+10), "start", "#333333", l.Name, 12)
	}
	return d.write(out)
}
