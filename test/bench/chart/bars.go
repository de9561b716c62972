package chart

import (
	"fmt"
	"io"
)

// Bar is one value with what it should reach.
type Bar struct {
	Name          string
	Value, Target float64 // Target 0 for none
}

const (
	barsWidth = 760
	barsLeft  = 150
	barsRight = 90
	barsTop   = 44
	barRow    = 24
)

// Bars draws values from 0 to the largest, each with a mark at its target.
func Bars(out io.Writer, title, format string, bars []Bar) error {
	most := 0.0
	for _, b := range bars {
		most = max(most, b.Value, b.Target)
	}
	if most == 0 {
		most = 1
	}
	d := newDrawing(barsWidth, barsTop+barRow*len(bars)+16, title)
	scale := (barsWidth - barsLeft - barsRight) / most
	for i, b := range bars {
		y := float64(barsTop + i*barRow)
		colour := palette(0)
		if b.Target > 0 && b.Value < b.Target {
			colour = palette(1)
		}
		d.text(barsLeft-8, y+14, "end", "#333333", b.Name, 12)
		d.rect(barsLeft, y+2, b.Value*scale, barRow-8, colour, "")
		label := fmt.Sprintf(format, b.Value)
		at := barsLeft + b.Value*scale
		if b.Target > 0 {
			x := barsLeft + b.Target*scale
			d.line(x, y, x, y+barRow-4, "#111111", 2)
			label += fmt.Sprintf(" of "+format, b.Target)
			at = max(at, x)
		}
		d.text(at+6, y+14, "start", "#333333", label, 12)
	}
	return d.write(out)
}
