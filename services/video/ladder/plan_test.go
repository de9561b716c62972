package ladder

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestPlan(t *testing.T) {
	t.Parallel()
	const plenty = 100_000_000
	k := func(kbits int64) int64 { return kbits * 1000 }
	for name, c := range map[string]struct {
		source Source
		want   []Rung
	}{
		"1080 upright": {Source{Width: 1080, Height: 1920, FrameRate: 30, Bitrate: plenty},
			[]Rung{{360, 640, 30, k(700)}, {540, 960, 30, k(1400)}, {720, 1280, 30, k(2800)}, {1080, 1920, 30, k(5500)}}},
		"720 landscape": {Source{Width: 1280, Height: 720, FrameRate: 25, Bitrate: plenty},
			[]Rung{{640, 360, 25, k(700)}, {960, 540, 25, k(1400)}, {1280, 720, 25, k(2800)}}},
		"2160 is not more than 1080": {Source{Width: 3840, Height: 2160, FrameRate: 24, Bitrate: plenty},
			[]Rung{{640, 360, 24, k(700)}, {960, 540, 24, k(1400)}, {1280, 720, 24, k(2800)}, {1920, 1080, 24, k(5500)}}},
		"just under a rung": {Source{Width: 539, Height: 539, FrameRate: 30, Bitrate: plenty}, []Rung{{360, 360, 30, k(700)}}},
		"just a rung":       {Source{Width: 540, Height: 540, FrameRate: 30, Bitrate: plenty}, []Rung{{360, 360, 30, k(700)}, {540, 540, 30, k(1400)}}},
		"just over a rung":  {Source{Width: 541, Height: 541, FrameRate: 30, Bitrate: plenty}, []Rung{{360, 360, 30, k(700)}, {540, 540, 30, k(1400)}}},
		"lowest rung":       {Source{Width: 360, Height: 641, FrameRate: 30, Bitrate: plenty}, []Rung{{360, 640, 30, k(700)}}},
		"under the lowest":  {Source{Width: 359, Height: 640, FrameRate: 30, Bitrate: plenty}, []Rung{{358, 640, 30, k(700)}}},
		"over the lowest":   {Source{Width: 361, Height: 640, FrameRate: 30, Bitrate: plenty}, []Rung{{360, 638, 30, k(700)}}},
		"odd and tiny":      {Source{Width: 1, Height: 3, FrameRate: 30, Bitrate: plenty}, []Rung{{2, 2, 30, k(700)}}},
		"fast": {Source{Width: 720, Height: 1280, FrameRate: 60, Bitrate: plenty},
			[]Rung{{360, 640, 60, k(1050)}, {540, 960, 60, k(2100)}, {720, 1280, 60, k(4200)}}},
		"few bits":                       {Source{Width: 1080, Height: 1920, FrameRate: 30, Bitrate: k(1000)}, []Rung{{360, 640, 30, k(700)}, {540, 960, 30, k(1100)}}},
		"a rung is 1.25 times the other": {Source{Width: 540, Height: 960, FrameRate: 30, Bitrate: 795_455}, []Rung{{360, 640, 30, k(700)}, {540, 960, 30, 875_000}}},
		"a rung is less than that":       {Source{Width: 540, Height: 960, FrameRate: 30, Bitrate: 795_454}, []Rung{{360, 640, 30, k(700)}}},
		"next to no bits":                {Source{Width: 1080, Height: 1920, FrameRate: 30, Bitrate: 1}, []Rung{{360, 640, 30, k(250)}}},
		"as few as every rung has":       {Source{Width: 360, Height: 640, FrameRate: 30, Bitrate: 227_273}, []Rung{{360, 640, 30, 250_000}}},
		"a little more":                  {Source{Width: 360, Height: 640, FrameRate: 30, Bitrate: 227_280}, []Rung{{360, 640, 30, 250_008}}},
		"bits are not known":             {Source{Width: 540, Height: 540, FrameRate: 30}, []Rung{{360, 360, 30, k(700)}, {540, 540, 30, k(1400)}}},
	} {
		if diff := cmp.Diff(c.want, Plan(c.source)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestFrameRates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rate     float64
		variable bool
		want     float64
	}{
		{0, false, 30}, {0, true, 30}, {0.5, false, 10}, {9.99, false, 10}, {10, false, 10}, {15, false, 15}, {17.3, false, 17.3}, {17.31749, false, 17.317},
		{23.976, false, 24000. / 1001}, {24, false, 24}, {25.2, false, 25}, {25.3, false, 25.3}, {29.97, false, 30000. / 1001}, {29.996, false, 30}, {30, false, 30},
		{47.99, false, 48}, {59.94, false, 60000. / 1001}, {60, false, 60}, {61, false, 60}, {120, false, 60},
		{17.3, true, 30}, {29.9, true, 30}, {40, true, 40}, {90, true, 60},
	} {
		if got := frameRate(Source{FrameRate: c.rate, VariableRate: c.variable}); got != c.want {
			t.Errorf("%g (variable: %t) becomes %g, want %g", c.rate, c.variable, got, c.want)
		}
	}
	for rate, most := range map[float64]int64{47.9: 700_000, 48: 1_050_000, 48.1: 1_050_000} {
		if got := bitrate(Source{}, 700_000, rate); got != most {
			t.Errorf("at %g frames per second %d bits per second, want %d", rate, got, most)
		}
	}
}

func TestFractions(t *testing.T) {
	t.Parallel()
	for rate, want := range map[float64]string{24000. / 1001: "24000/1001", 30000. / 1001: "30000/1001", 60000. / 1001: "60000/1001", 30: "30000/1000", 17.317: "17317/1000"} {
		if got := fraction(rate); got != want {
			t.Errorf("%g is %s, want %s", rate, got, want)
		}
	}
}

// What holds for the ladder of every source.
func TestEveryPlan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := Source{
			Width: rapid.IntRange(1, MaxSide).Draw(t, "width"), Height: rapid.IntRange(1, MaxSide).Draw(t, "height"),
			FrameRate: rapid.Float64Range(0, 240).Draw(t, "rate"), VariableRate: rapid.Bool().Draw(t, "variable"),
			Bitrate: rapid.Int64Range(0, 50_000_000).Draw(t, "bitrate"), Duration: time.Second,
		}
		rungs := Plan(s)
		if len(rungs) == 0 || len(rungs) > 4 {
			t.Fatalf("%d rungs", len(rungs))
		}
		for i, r := range rungs {
			if r.Width%2 != 0 || r.Height%2 != 0 || r.Width < 2 || r.Height < 2 {
				t.Errorf("odd: %+v", r)
			}
			if r.Width > max(s.Width, 2) || r.Height > max(s.Height, 2) {
				t.Errorf("enlarged: %+v", r)
			}
			if min(s.Width, s.Height) >= 360 {
				if shape := float64(s.Width) / float64(s.Height); math.Abs(float64(r.Width)-float64(r.Height)*shape) > 2*max(shape, 1) {
					t.Errorf("of another shape: %+v", r)
				}
			}
			if r.FrameRate < 10 || r.FrameRate > 60 || r.FrameRate != rungs[0].FrameRate {
				t.Errorf("frame rate: %+v", r)
			}
			if s.Bitrate > 0 && r.MaxBitrate > max(s.Bitrate*11/10, 250_000) || r.MaxBitrate < 250_000 {
				t.Errorf("bits: %+v", r)
			}
			if i > 0 && (r.MaxBitrate*4 < rungs[i-1].MaxBitrate*5 || r.edge() <= rungs[i-1].edge()) {
				t.Errorf("%+v is not enough more than %+v", r, rungs[i-1])
			}
		}
		if p := ProgressiveRung(rungs); p.edge() > 720 && p != rungs[0] {
			t.Errorf("progressive: %+v of %+v", p, rungs)
		}
	})
}

func TestProgressiveRung(t *testing.T) {
	t.Parallel()
	for short, want := range map[int]string{100: "100p", 360: "360p", 719: "540p", 720: "720p", 1079: "720p", 1080: "720p", 2160: "720p"} {
		if got := ProgressiveRung(Plan(Source{Width: short, Height: 2 * short, FrameRate: 30})).Name(); got != want {
			t.Errorf("of %d pixels: %s, want %s", short, got, want)
		}
	}
}

func TestPeakBandwidth(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		segments []segment
		want     int64
	}{
		"one":                          {[]segment{{2, 1000}}, 4000},
		"highest":                      {[]segment{{2, 1000}, {2, 3000}, {2, 2000}}, 12000},
		"a short one alone is no peak": {[]segment{{2, 1000}, {0.1, 1000}}, 2000 * 8 * 10 / 21},
		"half a segment is":            {[]segment{{2, 1000}, {1, 1000}}, 8000},
		"just under half is not":       {[]segment{{2, 1000}, {0.5, 1000}}, 6400},
		"nothing is as long as needed": {[]segment{{0.5, 1000}}, 16000},
	} {
		if got := peak(c.segments); math.Abs(float64(got-c.want)) > 1 {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestMaster(t *testing.T) {
	t.Parallel()
	got := string(Master([]Rendition{
		{Rung: Rung{360, 640, 30000. / 1001, 700_000}, Codecs: "avc1.64001E,mp4a.40.2", Bandwidth: 812345, AverageBandwidth: 640001},
		{Rung: Rung{720, 1280, 30000. / 1001, 2_800_000}, Codecs: "avc1.64001F", Bandwidth: 3012345, AverageBandwidth: 2640001},
	}, func(r Rendition) string { return "../" + r.Name() + "/media.m3u8" }))
	want := `#EXTM3U
#EXT-X-VERSION:3
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-STREAM-INF:BANDWIDTH=812345,AVERAGE-BANDWIDTH=640001,CODECS="avc1.64001E,mp4a.40.2",RESOLUTION=360x640,FRAME-RATE=29.970
../360p/media.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=3012345,AVERAGE-BANDWIDTH=2640001,CODECS="avc1.64001F",RESOLUTION=720x1280,FRAME-RATE=29.970
../720p/media.m3u8
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestProgressIsReadInParts(t *testing.T) {
	t.Parallel()
	var got []time.Duration
	p := &progressReader{report: func(done time.Duration) { got = append(got, done) }}
	for _, part := range []string{"frame=1\nout_ti", "me_us=N/A\nout_time_us=-5\nprogress=continue\nout_time", "_us=1500000\n", "out_time_us=2000000\nprogress=end\n"} {
		if n, err := fmt.Fprint(p, part); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	if diff := cmp.Diff([]time.Duration{1500 * time.Millisecond, 2 * time.Second}, got); diff != "" {
		t.Error(diff)
	}
}
