package media_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/Eyevinn/mp4ff/mp4"

	"douyin.dev/test/media"
)

func draw(t *testing.T) []byte {
	t.Helper()
	video, err := media.Draw()
	if err != nil {
		t.Fatal(err)
	}
	return video
}

func TestDrawnVideoHasAnIndexThatFitsItsSamples(t *testing.T) {
	t.Parallel()
	video := draw(t)
	file, err := mp4.DecodeFile(bytes.NewReader(video))
	if err != nil {
		t.Fatal(err)
	}
	trak := file.Moov.Trak
	avc := trak.Mdia.Minf.Stbl.Stsd.AvcX
	if avc.Width != 64 || avc.Height != 64 {
		t.Errorf("got %dx%d, want 64x64", avc.Width, avc.Height)
	}
	end := uint64(trak.Mdia.Minf.Stbl.Stco.ChunkOffset[0])
	for _, size := range trak.Mdia.Minf.Stbl.Stsz.SampleSize {
		end += uint64(size)
	}
	if end != uint64(len(video)) {
		t.Errorf("samples end at %d, the file at %d", end, len(video))
	}
}

func TestVideosDecodeWithoutAnError(t *testing.T) {
	t.Parallel()
	if !media.HasEncoder() {
		t.Skip("needs ffmpeg")
	}
	encoded, err := media.Encode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	drawn := draw(t)
	for name, video := range map[string][]byte{"Drawn": drawn, "Encoded": encoded, "Padded": media.Padded(drawn, len(drawn)+1000)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if out := decode(t, video); len(out) != 0 {
				t.Errorf("decoder says %s", out)
			}
		})
	}
}

func TestFakesDoNotDecode(t *testing.T) {
	t.Parallel()
	if !media.HasEncoder() {
		t.Skip("needs ffmpeg")
	}
	fakes, err := media.Fakes(draw(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, fake := range fakes {
		t.Run(fake.Name, func(t *testing.T) {
			t.Parallel()
			if out := decode(t, fake.Bytes); len(out) == 0 {
				t.Error("decodes without an error")
			}
		})
	}
}

func TestNoTwoDrawnVideosAreEqual(t *testing.T) {
	t.Parallel()
	if bytes.Equal(draw(t), draw(t)) {
		t.Error("two drawn videos have equal bytes")
	}
}

// decode answers what the decoder complains about.
func decode(t *testing.T, video []byte) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "video.mp4")
	if err := os.WriteFile(file, video, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-nostdin", "-v", "warning", "-protocol_whitelist", "file",
		"-f", "mov", "-i", file, "-f", "null", "-").CombinedOutput()
	if err != nil {
		out = append(out, err.Error()...)
	}
	return out
}
