package mp4

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"douyin.dev/services/platform/fault"
	"douyin.dev/services/video/cliptest"
)

// manyTracks has video tracks without samples of their own, and fragments that
// each track's samples may be in.
func manyTracks(tracks, fragments int) []byte {
	number := func(n ...uint32) []byte {
		var out []byte
		for _, v := range n {
			out = binary.BigEndian.AppendUint32(out, v)
		}
		return out
	}
	entry := mp4Box("mp4v", make([]byte, entryHeader-8))
	stbl := mp4Box("stbl", mp4Box("stsd", number(0, 1), entry), mp4Box("stsz", number(0, 1, 0)))
	var traks, defaults []byte
	for id := range uint32(tracks) {
		traks = append(traks, mp4Box("trak",
			mp4Box("tkhd", number(0, 0, 0, id+1), make([]byte, 68)),
			mp4Box("mdia", mp4Box("mdhd", number(0, 0, 0, 1000, 1000, 0)),
				mp4Box("hdlr", number(0, 0), []byte("vide"), make([]byte, 13)), mp4Box("minf", stbl)))...)
		defaults = append(defaults, mp4Box("trex", number(0, id+1, 1, 0, 0, 0))...)
	}
	file := mp4Box("moov", traks, mp4Box("mvex", defaults))
	file = append(file, bytes.Repeat(mp4Box("moof", mp4Box("mfhd", number(0, 1))), fragments)...)
	return append(file, mp4Box("mdat", make([]byte, 100))...)
}

// counting counts the bytes that are read.
type counting struct {
	io.ReaderAt
	bytes int
}

func (c *counting) ReadAt(p []byte, at int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, at)
	c.bytes += n
	return n, err
}

func TestEachFragmentIsReadOnce(t *testing.T) {
	t.Parallel()
	file := manyTracks(maxTracks, 10000)
	r := &counting{ReaderAt: bytes.NewReader(file)}
	if _, err := NewProber().Probe(t.Context(), r, int64(len(file))); !refusedAsNotPlayable(err) {
		t.Errorf("tracks without samples: %v", err)
	}
	if r.bytes > 2*len(file) {
		t.Errorf("%d bytes were read of a file of %d", r.bytes, len(file))
	}
}

func TestLimitOfTracks(t *testing.T) {
	t.Parallel()
	file := cliptest.H264(t)
	at := bytes.LastIndex(file, []byte("trak")) - 4
	trak := file[at : at+int(binary.BigEndian.Uint32(file[at:]))]
	for tracks, ok := range map[int]bool{maxTracks - 1: true, maxTracks: true, maxTracks + 1: false} {
		_, err := probeBytes(grown(file, bytes.Repeat(trak, tracks-1)))
		if refused := refusedAsNotPlayable(err) && strings.Contains(err.Error(), "at most 64 tracks"); refused == ok || ok && err != nil {
			t.Errorf("%d tracks: %v", tracks, err)
		}
	}
}

func TestLimitOfBoxes(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("testdata/fragmented.mp4")
	if err != nil {
		t.Fatal(err)
	}
	spent := &budget{ctx: t.Context()}
	if _, err := readFile(spent, bytes.NewReader(file), int64(len(file))); err != nil {
		t.Fatal(err)
	}
	for boxes, ok := range map[int]bool{maxBoxes - 1: true, maxBoxes: true, maxBoxes + 1: false} {
		_, err := probeBytes(append(bytes.Clone(file), bytes.Repeat(mp4Box("free"), boxes-spent.boxes)...))
		if refused := refusedAsNotPlayable(err) && strings.Contains(err.Error(), "at most 100000 boxes"); refused == ok || ok && err != nil {
			t.Errorf("%d boxes: %v", boxes, err)
		}
	}
}

// A file that takes too long is refused; a caller that leaves is no reason to.
func TestProbeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	file := manyTracks(1, 1)
	over, cancel := context.WithCancelCause(t.Context())
	cancel(errProbeTime)
	if _, err := readFile(&budget{ctx: over}, bytes.NewReader(file), int64(len(file))); !refusedAsNotPlayable(err) {
		t.Errorf("out of time: %v", err)
	}
	left, leave := context.WithCancel(t.Context())
	leave()
	_, err := readFile(&budget{ctx: left}, bytes.NewReader(file), int64(len(file)))
	if known, _ := fault.As(err); known != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("the caller left: %v", err)
	}
}

func TestProbesTakeNoMoreThanTheCores(t *testing.T) {
	t.Parallel()
	p := NewProber()
	for range cap(p.slots) {
		p.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Probe(ctx, bytes.NewReader(nil), 0); !errors.Is(err, context.Canceled) {
		t.Errorf("without a slot: %v", err)
	}
	<-p.slots
	if _, err := p.Probe(t.Context(), bytes.NewReader(nil), 0); !refusedAsNotPlayable(err) {
		t.Errorf("with a slot: %v", err)
	}
	if len(p.slots) != cap(p.slots)-1 {
		t.Error("the slot was not given back")
	}
}
