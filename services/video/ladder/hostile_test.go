package ladder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// reasonOf returns an error's reason by its name.
func reasonOf(err error) string {
	var known *Error
	if errors.As(err, &known) {
		return known.Reason.String()
	}
	return fmt.Sprintf("no reason: %v", err)
}

// attempt encodes a file at the lowest rung, or finds out why not.
func attempt(ctx context.Context, e *Encoder, path, dir string) error {
	s, err := e.Inspect(ctx, path)
	if err != nil {
		return err
	}
	_, err = e.HLS(ctx, path, s, Plan(s)[0], dir, nil)
	return err
}

func TestReasons(t *testing.T) {
	t.Parallel()
	e := newEncoder(t)
	const picture = "-f lavfi -i testsrc2=size=64x64:rate=10:duration=0.5 "
	written := func(content string) string {
		path := filepath.Join(t.TempDir(), "clip.mp4")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct{ path, want string }{
		"nothing":         {written(""), "not video"},
		"text":            {written(strings.Repeat("no video at all\n", 1000)), "not video"},
		"matroska":        {clip(t, picture+"$X -f matroska", "clip.mp4"), "not video"},
		"sound":           {clip(t, "-f lavfi -i sine=duration=0.5 -c:a aac", "clip.mp4"), "no picture"},
		"sound and cover": {clip(t, "-f lavfi -i sine=duration=0.5 "+picture+"-frames:v 1 -c:a aac -c:v mjpeg -disposition:v attached_pic", "clip.mp4"), "no picture"},
		"prores":          {clip(t, picture+"-c:v prores", "clip.mov"), "unsupported codec"},
		"pictures of nothing": {patched(t, clip(t, picture+"$X -movflags +faststart", "clip.mp4"), func(file []byte) []byte {
			clear(file[bytes.Index(file, []byte("mdat"))+4:])
			return file
		}), "malformed"},
		"too many pixels": {clip(t, "-f lavfi -i color=size=4112x4112:rate=10:duration=0.1 $X", "clip.mp4"), "malformed"},
		"too many tracks": {clip(t, picture+"-map 0"+strings.Repeat(" -map 0:0", 2*MaxTracks)+" -c:v mpeg4", "clip.mp4"), "malformed"},
		"not there":       {filepath.Join(t.TempDir(), "clip.mp4"), "internal"},
	} {
		if err := attempt(t.Context(), e, c.path, t.TempDir()); reasonOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func TestFailuresOfPrograms(t *testing.T) {
	t.Parallel()
	real := newEncoder(t)
	path := clip(t, "-f lavfi -i testsrc2=size=64x64:rate=10:duration=0.5 $X", "clip.mp4")
	script := func(body string) string {
		program := filepath.Join(t.TempDir(), "program")
		if err := os.WriteFile(program, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		return program
	}
	for name, c := range map[string]struct{ ffmpeg, want string }{
		"missing":        {"/no/such/ffmpeg", "internal"},
		"fails":          {script("exit 1"), "internal"},
		"is killed":      {script("echo 'Invalid data found when processing input' >&2; kill -9 $$"), "internal"},
		"has no memory":  {script("echo 'Invalid data found when processing input: Cannot allocate memory' >&2; exit 1"), "internal"},
		"has no disk":    {script("echo 'av_interleaved_write_frame(): No space left on device' >&2; exit 1"), "internal"},
		"has no decoder": {script("echo 'Decoder (codec av1) not found for input stream #0:0' >&2; exit 1"), "unsupported codec"},
		"hangs":          {script("sleep 600"), "timeout"},
		"writes nothing": {script("exit 0"), "malformed"},
		"writes a link":  {script("ln -s /etc/passwd media.m3u8"), "internal"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := *real
			e.FFmpeg, e.Timeout = c.ffmpeg, 20*time.Second
			if c.want == "timeout" {
				e.Timeout = 300 * time.Millisecond
			}
			if got := reasonOf(attempt(t.Context(), &e, path, t.TempDir())); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
	// A caller that leaves is no fault of the video; one whose time is over is a timeout.
	for name, c := range map[string]struct {
		end  func(context.Context) (context.Context, context.CancelFunc)
		want error
		text string
	}{
		"cancelled": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(200*time.Millisecond, cancel)
			return ctx, cancel
		}, context.Canceled, "no reason"},
		"deadline": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 200*time.Millisecond)
		}, context.DeadlineExceeded, "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := *real
			e.FFmpeg, e.FFprobe = script("sleep 600"), script("sleep 600")
			for what, call := range map[string]func(ctx context.Context) error{
				"inspect": func(ctx context.Context) error { _, err := e.Inspect(ctx, path); return err },
				"hls": func(ctx context.Context) error {
					_, err := e.HLS(ctx, path, Source{Width: 64, Height: 64, Duration: time.Second}, Rung{64, 64, 10, 250_000}, t.TempDir(), nil)
					return err
				},
			} {
				ctx, cancel := c.end(t.Context())
				err := call(ctx)
				cancel()
				if !errors.Is(err, c.want) || !strings.HasPrefix(reasonOf(err), c.text) {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
}

// A program that was taken over may leave links where files should be.
func TestOnlyFilesAreStored(t *testing.T) {
	t.Parallel()
	e := newEncoder(t)
	path := clip(t, "-f lavfi -i testsrc2=size=64x64:rate=10:duration=0.5 $X", "clip.mp4")
	s, err := e.Inspect(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	r := encode(t, e, path, s, Plan(s)[0])
	for _, name := range r.Files {
		file := filepath.Join(r.dir, name)
		if _, err := readRendition(r.dir, s, r.Rung); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Rename(file, file+".moved"), os.Symlink(file+".moved", file)); err != nil {
			t.Fatal(err)
		}
		if _, err := readRendition(r.dir, s, r.Rung); reasonOf(err) != "internal" {
			t.Errorf("%s is a link: %v", name, err)
		}
		if err := os.Rename(file+".moved", file); err != nil {
			t.Fatal(err)
		}
	}
}

// planted stands for what a stranger must not learn.
const planted = "planted-secret-0123456789abcdef "

// leaks reports whether any file below a folder has the planted secret in it.
func leaks(t *testing.T, dir string) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		found = found || bytes.Contains(content, []byte(strings.TrimSpace(planted)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A file that is called a video and tells its reader to open others makes it
// open nothing: no connection is made and no other file is read.
func TestPlaylistsThatPretendToBeVideosOpenNothing(t *testing.T) {
	t.Parallel()
	e := newEncoder(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var connections atomic.Int32
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			conn.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-accepting })
	address, folder := listener.Addr().String(), t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// A sound whose samples are the secret: ffmpeg copies them.
	samples := strings.Repeat(planted, 400)
	secret := write("secret.wav", "RIFF\xff\xff\xff\x7fWAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\x00\x32\x00\x00"+samples)
	hls := func(target string) string {
		return "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n" + target + "\n#EXT-X-ENDLIST\n"
	}
	hostile := map[string]string{
		"concat":            write("concat.mp4", "ffconcat version 1.0\nfile secret.wav\n"),
		"concat of a path":  write("path.mp4", "ffconcat version 1.0\nfile "+secret+"\n"),
		"concat of a url":   write("url.mp4", "ffconcat version 1.0\nfile http://"+address+"/a.ts\n"),
		"hls of a url":      write("hls.mp4", hls("http://"+address+"/a.ts")),
		"hls of tcp":        write("tcp.mp4", hls("tcp://"+address+"/a.ts")),
		"hls of a file":     write("file.mp4", hls("file://"+secret)),
		"hls of both":       write("both.mp4", hls("concat:http://"+address+"/a.ts?|file://"+secret)),
		"hls of data":       write("data.mp4", hls("data:text/plain,"+planted)),
		"dash":              write("dash.mp4", `<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S"><Period><AdaptationSet mimeType="audio/wav"><Representation id="1" bandwidth="1"><BaseURL>http://`+address+`/a</BaseURL></Representation></AdaptationSet></Period></MPD>`),
		"sdp":               write("sdp.mp4", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 TCP/RTP/AVP 0\na=control:rtsp://"+address+"/x\n"),
		"rtsp":              write("rtsp.mp4", "[Reference]\nRef1=rtsp://"+address+"/x\n"),
		"a name in another": write("-i secret.wav.mp4", "ffconcat version 1.0\nfile secret.wav\n"),
	}
	for name, path := range hostile {
		out := t.TempDir()
		if _, err := e.Inspect(t.Context(), path); reasonOf(err) != "not video" {
			t.Errorf("%s: %v", name, err)
		}
		// Also when it is not asked what the file is.
		for _, sound := range []bool{false, true} {
			s := Source{Width: 64, Height: 64, FrameRate: 10, Duration: time.Second, HasAudio: sound, audio: 1}
			if _, err := e.HLS(t.Context(), path, s, Plan(s)[0], out, nil); reasonOf(err) != "not video" {
				t.Errorf("%s: %v", name, err)
			}
		}
		if leaks(t, out) {
			t.Errorf("%s: the secret is in what was written", name)
		}
		if left, err := os.ReadDir(out); err != nil || len(left) > 0 {
			t.Errorf("%s: %v was written, %v", name, left, err)
		}
	}
	if n := connections.Load(); n > 0 {
		t.Errorf("%d connections were made", n)
	}
	// Ordinary calls do both: that is what all this keeps from happening.
	ordinary := func(out, path string, args ...string) {
		args = append(append([]string{"-nostdin", "-v", "quiet"}, args...), "-i", path, "-map", "0", "-c", "copy", filepath.Join(out, "out.mkv"))
		_ = exec.CommandContext(t.Context(), e.FFmpeg, args...).Run() // what the listener sends is no video
	}
	out := t.TempDir()
	if ordinary(out, hostile["concat"]); !leaks(t, out) {
		t.Error("an ordinary ffmpeg does not copy the secret either: this test cannot fail")
	}
	if ordinary(t.TempDir(), hostile["hls of a url"], "-protocol_whitelist", "file,http,tcp"); connections.Load() == 0 {
		t.Error("an ordinary ffmpeg makes no connection either: this test cannot fail")
	}
}

// What a camera writes beside the picture is for the one who holds it.
func TestMetadataIsStripped(t *testing.T) {
	t.Parallel()
	e := newEncoder(t)
	path := clip(t, "-f lavfi -i testsrc2=size=64x64:rate=10:duration=0.5 -f lavfi -i sine=duration=0.5 $X -c:a aac -movflags use_metadata_tags "+
		"-metadata title=planted-secret-0123456789abcdef -metadata location=+27.5916+086.5640/ -metadata com.apple.quicktime.location.ISO6709=+27.5916+086.5640+8850/ "+
		"-metadata:s:v handler_name=planted-secret-0123456789abcdef -metadata:s:a title=planted-secret-0123456789abcdef -metadata:s:a language=nep", "clip.mp4")
	s, err := e.Inspect(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	r := encode(t, e, path, s, Plan(s)[0])
	out := t.TempDir()
	if _, err := e.Progressive(t.Context(), r.Rendition, r.dir, filepath.Join(out, "video.mp4")); err != nil {
		t.Fatal(err)
	}
	kept := func(dir string) (found []string) {
		for _, name := range []string{"planted-secret", "27.5916", "ISO6709"} {
			err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				content, err := os.ReadFile(path)
				if bytes.Contains(content, []byte(name)) {
					found = append(found, name+" in "+d.Name())
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		return found
	}
	if found := append(kept(r.dir), kept(out)...); len(found) > 0 {
		t.Errorf("kept: %v", found)
	}
	video, audio := describe(t, filepath.Join(out, "video.mp4"))
	if video.Tags["language"] != "und" || audio.Tags["language"] != "und" {
		t.Errorf("languages: %v, %v", video.Tags, audio.Tags)
	}
	ordinary := t.TempDir()
	output(t, "ffmpeg", "-nostdin", "-v", "error", "-i", path, "-c", "copy", "-movflags", "use_metadata_tags", filepath.Join(ordinary, "out.mp4"))
	if len(kept(ordinary)) < 3 {
		t.Errorf("an ordinary ffmpeg keeps %v only: this test cannot fail", kept(ordinary))
	}
}
