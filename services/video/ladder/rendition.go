package ladder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/Eyevinn/hls-m3u8/m3u8"
	"github.com/Eyevinn/mp4ff/aac"
	"github.com/Eyevinn/mp4ff/mp4"
)

// The files of a rendition.
const (
	initName       = "init.mp4"
	segmentPattern = "%03d.m4s"
	playlistName   = "media.m3u8"
)

// Rendition is an encoded rung. It is plain data: what is stored of it now makes
// a master playlist later.
type Rendition struct {
	Rung
	// Codecs as RFC 6381 writes them.
	Codecs string
	// Duration of all segments.
	Duration time.Duration
	// Bandwidth is the peak and AverageBandwidth the average of picture and sound
	// together, in bits per second (RFC 8216 section 4.3.4.2).
	Bandwidth, AverageBandwidth int64
	// Bytes of all files.
	Bytes int64
	// Files by name, in the order in which they should be stored: the playlist last.
	Files []string
}

// readRendition reads what ffmpeg has written.
func readRendition(dir string, s Source, r Rung) (Rendition, error) {
	out := Rendition{Rung: r, Files: []string{initName}}
	lengths, err := readPlaylist(filepath.Join(dir, playlistName))
	if errors.Is(err, os.ErrNotExist) {
		return Rendition{}, fail(Malformed, "nothing was decoded")
	}
	if err != nil {
		return Rendition{}, fail(Internal, "%w", err)
	}
	if out.Codecs, err = readInit(filepath.Join(dir, initName), s, r); err != nil {
		return Rendition{}, err
	}
	var segments []segment
	for i, length := range lengths {
		name := fmt.Sprintf(segmentPattern, i)
		size, err := sizeOf(filepath.Join(dir, name))
		if err != nil {
			return Rendition{}, fail(Internal, "%w", err)
		}
		segments, out.Files = append(segments, segment{length, size}), append(out.Files, name)
	}
	out.Files = append(out.Files, playlistName)
	whole := total(segments)
	if whole.seconds <= 0 {
		return Rendition{}, fail(Malformed, "the rendition has no length")
	}
	out.Duration, out.AverageBandwidth, out.Bandwidth = seconds(whole.seconds), whole.rate(), peak(segments)
	for _, name := range out.Files {
		size, err := sizeOf(filepath.Join(dir, name))
		if err != nil {
			return Rendition{}, fail(Internal, "%w", err)
		}
		out.Bytes += size
	}
	return out, nil
}

// sizeOf returns the size of a file in bytes; what is no file has none, so that
// nothing else is stored for one.
func sizeOf(path string) (int64, error) {
	file, err := os.Lstat(path)
	if err != nil {
		return 0, err
	}
	if !file.Mode().IsRegular() {
		return 0, fmt.Errorf("%s is not a file", filepath.Base(path))
	}
	return file.Size(), nil
}

// readPlaylist returns the lengths of the segments in seconds.
func readPlaylist(path string) ([]float64, error) {
	if _, err := sizeOf(path); err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	playlist, _, err := m3u8.DecodeFrom(file, true)
	if err != nil {
		return nil, fmt.Errorf("read the playlist: %w", err)
	}
	media, ok := playlist.(*m3u8.MediaPlaylist)
	if !ok {
		return nil, errors.New("read the playlist: it has no segments")
	}
	var lengths []float64
	for _, s := range media.Segments[:media.Count()] {
		if want := fmt.Sprintf(segmentPattern, len(lengths)); s.URI != want {
			return nil, fmt.Errorf("read the playlist: %q instead of %q", s.URI, want)
		}
		lengths = append(lengths, s.Duration)
	}
	return lengths, nil
}

// readInit returns the codecs that the decoder is set up with.
func readInit(path string, s Source, r Rung) (string, error) {
	if _, err := sizeOf(path); err != nil {
		return "", fail(Internal, "%w", err)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", fail(Internal, "%w", err)
	}
	defer file.Close()
	parsed, err := mp4.DecodeFile(file)
	if err != nil || parsed.Init == nil {
		return "", fail(Internal, "read the init segment: %w", errors.Join(err, errors.New("no moov")))
	}
	var video, audio string
	for _, track := range parsed.Init.Moov.Traks {
		stsd := track.Mdia.Minf.Stbl.Stsd
		switch {
		case stsd.AvcX != nil && stsd.AvcX.AvcC != nil:
			c := stsd.AvcX.AvcC
			video = fmt.Sprintf("%s.%02X%02X%02X", stsd.AvcX.Type(), c.AVCProfileIndication, c.ProfileCompatibility, c.AVCLevelIndication)
			if w, h := int(stsd.AvcX.Width), int(stsd.AvcX.Height); w != r.Width || h != r.Height {
				return "", fail(Internal, "the picture has %d x %d pixels instead of %d x %d", w, h, r.Width, r.Height)
			}
		case stsd.Mp4a != nil && stsd.Mp4a.Esds != nil:
			if audio, err = aacCodec(stsd.Mp4a.Esds); err != nil {
				return "", fail(Internal, "read the init segment: %w", err)
			}
		}
	}
	switch {
	case video == "":
		return "", fail(Malformed, "no picture was decoded")
	case s.HasAudio != (audio != ""):
		return "", fail(Internal, "sound in the source: %t, in the rendition: %q", s.HasAudio, audio)
	case audio == "":
		return video, nil
	default:
		return video + "," + audio, nil
	}
}

// aacCodec names what an AAC decoder is set up with.
func aacCodec(esds *mp4.EsdsBox) (string, error) {
	config := esds.DecConfigDescriptor
	if config == nil || config.DecSpecificInfo == nil {
		return "", errors.New("no configuration of the sound")
	}
	parsed, err := aac.DecodeAudioSpecificConfig(strings.NewReader(string(config.DecSpecificInfo.DecConfig)))
	if err != nil {
		return "", fmt.Errorf("configuration of the sound: %w", err)
	}
	return fmt.Sprintf("mp4a.%x.%d", config.ObjectType, parsed.ObjectType), nil
}

// segment has a length, and a size in bytes.
type segment struct {
	seconds float64
	bytes   int64
}

func (s segment) rate() int64 { return int64(float64(s.bytes) * 8 / s.seconds) }

func total(segments []segment) segment {
	var sum segment
	for _, s := range segments {
		sum = segment{sum.seconds + s.seconds, sum.bytes + s.bytes}
	}
	return sum
}

// peak returns the highest rate of neighbouring segments that together last
// between half and one and a half times what a segment does (RFC 8216 section
// 4.1); the rate of all when they are shorter.
func peak(segments []segment) int64 {
	least, most := keyInterval.Seconds()/2, keyInterval.Seconds()*3/2
	var highest int64
	for i := range segments {
		for n := i + 1; n <= len(segments); n++ {
			run := total(segments[i:n])
			if run.seconds > most {
				break
			}
			if run.seconds >= least {
				highest = max(highest, run.rate())
			}
		}
	}
	if highest == 0 {
		return total(segments).rate()
	}
	return highest
}

// Master returns the master playlist of some renditions of one source, in their
// order. playlist returns the URL of each one's media playlist.
func Master(renditions []Rendition, playlist func(Rendition) string) []byte {
	master := m3u8.NewMasterPlaylist()
	master.SetIndependentSegments(true)
	for _, r := range renditions {
		master.Append(playlist(r), nil, m3u8.VariantParams{
			Bandwidth: uint32(r.Bandwidth), AverageBandwidth: uint32(r.AverageBandwidth), Codecs: r.Codecs,
			Resolution: fmt.Sprintf("%dx%d", r.Width, r.Height), FrameRate: r.FrameRate,
		})
	}
	return master.Encode().Bytes()
}
