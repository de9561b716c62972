package ladder

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Source is what a video really is, by its packets and not by its headers
// wherever the two may differ.
type Source struct {
	// Width and Height as shown, in pixels: after rotation, and of square pixels.
	Width, Height int
	// FrameRate is the average, in frames per second.
	FrameRate float64
	// VariableRate is set when more than one frame in twenty is not where it would
	// be at that rate.
	VariableRate bool
	// Duration until picture and sound have both ended.
	Duration time.Duration
	// Bitrate of the picture, in bits per second.
	Bitrate int64
	// HasAudio is whether there is sound that can be decoded.
	HasAudio bool
	// Transfer is the transfer function of a picture in high dynamic range, by
	// ffmpeg's name; empty for others.
	Transfer string

	// video and audio are the tracks that are used, by their index in the file.
	video, audio int
	// matrix is how colours are decoded, by ffmpeg's name.
	matrix string
}

// codecs are the formats of pictures that are decoded (docs/formats.md).
var codecs = []string{"h264", "hevc", "av1", "vp9", "vp8", "mpeg4"}

// transfers are those of high dynamic range: PQ and HLG.
var transfers = []string{"smpte2084", "arib-std-b67"}

// inspectTimeout bounds each of the two times the source is read.
const inspectTimeout = time.Minute

// Inspect reads a video. Its first video track in a known format counts, and its
// first audio track that can be decoded.
func (e *Encoder) Inspect(ctx context.Context, path string) (Source, error) {
	var out bytes.Buffer
	if err := e.probe(ctx, path, &out, "-show_streams", "-show_format", "-of", "json"); err != nil {
		return Source{}, err
	}
	var found probed
	if err := json.Unmarshal(out.Bytes(), &found); err != nil {
		return Source{}, fail(Internal, "read ffprobe's answer: %w", err)
	}
	s, err := found.source()
	if err != nil {
		return Source{}, err
	}
	frames := &packets{}
	if err := e.probe(ctx, path, frames, "-select_streams", strconv.Itoa(s.video),
		"-show_entries", "packet=pts_time,duration_time,size,flags", "-of", "csv=p=0"); err != nil {
		return Source{}, err
	}
	if len(frames.shown) == 0 {
		return Source{}, fail(NoPicture, "the video track is empty")
	}
	frames.describe(&s)
	s.Duration = max(seconds(frames.end), s.Duration) - seconds(number(found.Format.Start))
	if s.Duration <= 0 {
		s.Duration = time.Millisecond // one frame that lasts no time
	}
	return s, nil
}

// probed is what ffprobe says about a file.
type probed struct {
	Streams []stream `json:"streams"`
	Format  struct {
		Start string `json:"start_time"`
	} `json:"format"`
}

type stream struct {
	Index       int    `json:"index"`
	Type        string `json:"codec_type"`
	Codec       string `json:"codec_name"`
	Width       int    `json:"width"`
	Height      int    `json:"height"`
	Pixel       string `json:"sample_aspect_ratio"`
	Transfer    string `json:"color_transfer"`
	Matrix      string `json:"color_space"`
	SampleType  string `json:"sample_fmt"`
	Channels    int    `json:"channels"`
	Start       string `json:"start_time"`
	Duration    string `json:"duration"`
	Disposition struct {
		AttachedPicture int `json:"attached_pic"`
	} `json:"disposition"`
	SideData []struct {
		Rotation float64 `json:"rotation"`
	} `json:"side_data_list"`
}

func (p probed) source() (Source, error) {
	var s Source
	var pictures []stream
	for _, t := range p.Streams {
		switch {
		case t.Type == "video" && t.Disposition.AttachedPicture == 0:
			pictures = append(pictures, t)
		case t.Type == "audio" && t.SampleType != "" && t.Channels > 0 && !s.HasAudio:
			s.HasAudio, s.audio = true, t.Index
			s.Duration = seconds(number(t.Start) + number(t.Duration))
		}
	}
	if len(pictures) == 0 {
		return Source{}, fail(NoPicture, "no video track")
	}
	i := slices.IndexFunc(pictures, func(t stream) bool { return slices.Contains(codecs, t.Codec) })
	if i < 0 {
		return Source{}, fail(UnsupportedCodec, "the picture is in %q", pictures[0].Codec)
	}
	picture := pictures[i]
	if picture.Width <= 0 || picture.Height <= 0 {
		return Source{}, fail(Malformed, "the picture has no size")
	}
	s.video, s.matrix = picture.Index, picture.matrix()
	s.Width, s.Height = picture.shown()
	if slices.Contains(transfers, picture.Transfer) {
		s.Transfer = picture.Transfer
	}
	return s, nil
}

// shown returns the size as players show it.
func (t stream) shown() (width, height int) {
	w, h := float64(t.Width), float64(t.Height)
	wide, high, _ := strings.Cut(t.Pixel, ":")
	if a, b := number(wide), number(high); a > 0 && b > 0 {
		w *= a / b
	}
	// The other way around, a picture of 1 by 4096 would get a million pixels.
	if long := max(w, h); long > MaxSide {
		w, h = w*MaxSide/long, h*MaxSide/long
	}
	for _, side := range t.SideData {
		if math.Mod(math.Abs(side.Rotation), 180) == 90 {
			w, h = h, w
		}
	}
	return int(max(math.Round(w), 1)), int(max(math.Round(h), 1))
}

// matrix returns how colours are decoded. Where the video does not say, players
// go by its height.
func (t stream) matrix() string {
	switch {
	case t.Matrix != "" && t.Matrix != "unknown":
		return "auto"
	case t.Height >= 720:
		return "bt709"
	default:
		return "bt601"
	}
}

// packets collects the packets of a track that are shown: an edit list hides others.
type packets struct {
	line  []byte
	shown []float64 // when, in seconds
	end   float64   // of the last one, in seconds
	bytes int64
}

// Write takes a part of ffprobe's list. It never fails.
func (p *packets) Write(b []byte) (int, error) {
	p.line = append(p.line, b...)
	for {
		line, rest, whole := bytes.Cut(p.line, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		p.add(strings.Split(string(line), ","))
		p.line = rest
	}
}

func (p *packets) add(fields []string) {
	if len(fields) < 4 || strings.Contains(fields[3], "D") {
		return
	}
	at, err := strconv.ParseFloat(fields[0], 64)
	if err != nil {
		return // without a time, so never shown
	}
	p.shown = append(p.shown, at)
	p.end = max(p.end, at+number(fields[1]))
	p.bytes += int64(number(fields[2]))
}

// describe derives frame rate and bitrate.
func (p *packets) describe(s *Source) {
	slices.Sort(p.shown)
	first := p.shown[0]
	span := p.end - first
	if span <= 0 {
		return
	}
	// Between the first and the last: how long a file says the last one lasts is
	// often wrong.
	s.FrameRate = float64(len(p.shown)) / span
	if n := len(p.shown) - 1; n > 0 && p.shown[n] > first {
		s.FrameRate = float64(n) / (p.shown[n] - first)
	}
	s.Bitrate = int64(float64(p.bytes) * 8 / span)
	uneven, even := 0, 1/s.FrameRate
	for i, at := range p.shown[1:] {
		// Cameras are off by a few milliseconds, and files round times.
		if gap := at - p.shown[i]; math.Abs(gap-even) > even/2 {
			uneven++
		}
	}
	s.VariableRate = uneven > len(p.shown)/20 // some frames are lost in every recording
}

// number reads a number of ffprobe's; "N/A" and nothing are 0.
func number(s string) float64 {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return f
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
