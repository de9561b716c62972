package media

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/Eyevinn/mp4ff/mp4"
)

const (
	columns = 4 // macroblocks: 64 samples
	rows    = 4

	framesPerSecond = 5
	frames          = 5

	timescale = 1000 // units of a second
)

// Draw returns a playable mp4 of one second, 64 by 64, without sound, about
// 31 kB. Every call draws another one, so two uploads never have equal bytes.
func Draw() ([]byte, error) {
	seed := make([]byte, columns*rows)
	if _, err := rand.Read(seed); err != nil {
		return nil, fmt.Errorf("draw video: %w", err)
	}
	var samples [][]byte
	for i := range frames {
		nal := picture(i, columns*rows, func(block int) byte { return seed[block] + byte(8*i) })
		sample := binary.BigEndian.AppendUint32(nil, uint32(len(nal)))
		samples = append(samples, append(sample, nal...))
	}
	return mux(samples)
}

// mux puts samples into a progressive mp4, index first.
func mux(samples [][]byte) ([]byte, error) {
	init := mp4.NewMP4Init()
	init.AddChild(mp4.NewFtyp("isom", 0x200, []string{"isom", "iso2", "avc1", "mp41"}))
	moov := mp4.NewMoovBox()
	init.AddChild(moov)
	moov.AddChild(mp4.CreateMvhd())
	trak := mp4.CreateEmptyTrak(1, timescale, "video", "und")
	moov.AddChild(trak)
	if err := trak.SetAVCDescriptor("avc1", [][]byte{sps(columns, rows)}, [][]byte{pps()}, true); err != nil {
		return nil, fmt.Errorf("describe video: %w", err)
	}

	stbl := trak.Mdia.Minf.Stbl
	for _, s := range samples {
		stbl.Stsz.SampleSize = append(stbl.Stsz.SampleSize, uint32(len(s)))
	}
	stbl.Stsz.SampleNumber = uint32(len(samples))
	stbl.Stts.SampleCount = []uint32{uint32(len(samples))}
	stbl.Stts.SampleTimeDelta = []uint32{timescale / framesPerSecond}
	if err := stbl.Stsc.AddEntry(1, uint32(len(samples)), 1); err != nil {
		return nil, fmt.Errorf("index video: %w", err)
	}
	stbl.Stco.ChunkOffset = []uint32{0}
	duration := uint64(len(samples) * timescale / framesPerSecond)
	moov.Mvhd.Timescale, moov.Mvhd.Duration, moov.Mvhd.NextTrackID = timescale, duration, 2
	trak.Tkhd.Duration, trak.Mdia.Mdhd.Duration = duration, duration

	const boxHeader = 8
	stbl.Stco.ChunkOffset[0] = uint32(init.Size()) + boxHeader // the size does not depend on the value
	var out bytes.Buffer
	if err := init.Encode(&out); err != nil {
		return nil, fmt.Errorf("encode video: %w", err)
	}
	mdat := bytes.Join(samples, nil)
	out.Write(binary.BigEndian.AppendUint32(nil, uint32(len(mdat)+boxHeader)))
	out.WriteString("mdat")
	out.Write(mdat)
	return out.Bytes(), nil
}

// HasEncoder reports whether Encode can work on this machine.
func HasEncoder() bool {
	_, err := exec.LookPath("ffmpeg")
	return err == nil
}

// Encode returns what a phone would send: one second of H.264 and AAC, 128 by
// 96, the index at the end as cameras write it. It needs ffmpeg.
func Encode(ctx context.Context) ([]byte, error) {
	dir, err := os.MkdirTemp("", "douyin-media-")
	if err != nil {
		return nil, fmt.Errorf("encode video: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "video.mp4")
	cmd := exec.CommandContext(ctx, "ffmpeg", "-nostdin", "-v", "error",
		"-f", "lavfi", "-i", "testsrc=size=128x96:rate=10:duration=1",
		"-f", "lavfi", "-i", "sine=frequency=440:duration=1",
		"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p",
		"-c:a", "aac", "-b:a", "32k", "-shortest", "-threads", "1", file)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("encode video: %w: %s", err, bytes.TrimSpace(out))
	}
	return os.ReadFile(file)
}
