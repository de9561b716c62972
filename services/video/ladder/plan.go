package ladder

import (
	"fmt"
	"math"
)

// Rung is one size a video is encoded at.
type Rung struct {
	// Width and Height in pixels: even, as 4:2:0 wants them.
	Width, Height int
	// FrameRate in frames per second.
	FrameRate float64
	// MaxBitrate of the picture, in bits per second.
	MaxBitrate int64
}

// Name is the rung's short edge, as in "720p": unique in a ladder.
func (r Rung) Name() string { return fmt.Sprintf("%dp", r.edge()) }

func (r Rung) edge() int { return min(r.Width, r.Height) }

// edges are the short edges of a ladder in pixels, and what a picture of that
// size gets at most, in bits per second.
var edges = []struct {
	pixels  int
	bitrate int64
}{
	{360, 700_000},
	{540, 1_400_000},
	{720, 2_800_000},
	{1080, 5_500_000},
}

const (
	// fastRate is the frame rate from which a picture gets fastShare times the bits.
	fastRate, fastShare = 48, 1.5
	// leastBitrate is given to every picture, however small its source is.
	leastBitrate = 250_000
)

// Plan returns the rungs of a ladder, lowest first: those that are not larger
// than the source and get enough more bits than the one below to look better. A
// source smaller than the lowest rung has one of its own size.
func Plan(s Source) []Rung {
	short, rate := min(s.Width, s.Height), frameRate(s)
	var rungs []Rung
	for _, edge := range edges {
		if edge.pixels > short && len(rungs) > 0 {
			break
		}
		r := Rung{FrameRate: rate, MaxBitrate: bitrate(s, edge.bitrate, rate)}
		r.Width, r.Height = scaled(s, min(edge.pixels, short))
		if n := len(rungs); n > 0 && r.MaxBitrate*4 < rungs[n-1].MaxBitrate*5 {
			continue
		}
		rungs = append(rungs, r)
	}
	return rungs
}

// bitrate bounds a rung's bits. More than the source has cannot make it better;
// a tenth more makes up for what is lost by encoding twice.
func bitrate(s Source, most int64, rate float64) int64 {
	if rate >= fastRate {
		most = int64(float64(most) * fastShare)
	}
	if s.Bitrate > 0 {
		most = min(most, s.Bitrate*11/10)
	}
	return max(most, leastBitrate)
}

// scaled shrinks a source to a short edge, and to even sides.
func scaled(s Source, edge int) (width, height int) {
	short := min(s.Width, s.Height)
	even := func(side int) int { return max(side*edge/short/2*2, 2) }
	return even(s.Width), even(s.Height)
}

// commonRates are the frame rates that cameras and editors use; those of NTSC
// are a thousandth slower.
var commonRates = []float64{24000. / 1001, 24, 25, 30000. / 1001, 30, 48, 50, 60000. / 1001, 60}

const (
	// maxFrameRate of a rung.
	maxFrameRate = 60
	// minFrameRate keeps key frames 2 s apart: a source with fewer frames has
	// them repeated, which costs next to no bits.
	minFrameRate = 10
	// smoothRate is the least for a source whose rate varies: its average is
	// too slow for its fast parts.
	smoothRate = 30
)

// frameRate returns the constant rate a source is encoded at.
func frameRate(s Source) float64 {
	rate := s.FrameRate
	switch {
	case rate <= 0:
		return smoothRate
	case s.VariableRate:
		rate = max(rate, smoothRate)
	}
	rate = min(max(rate, minFrameRate), maxFrameRate)
	rate = math.Round(rate*1000) / 1000 // what a playlist can say
	nearest := rate
	for _, common := range commonRates {
		// An average is a little off, and 30 is not taken for 29.97 when it is 30.
		if off := math.Abs(common - rate); off < rate/100 && (nearest == rate || off < math.Abs(nearest-rate)) {
			nearest = common
		}
	}
	return nearest
}
