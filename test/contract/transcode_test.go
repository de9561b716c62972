package contract_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"douyin.dev/test/harness"
	"douyin.dev/test/media"
)

// videoStatus is the contract's status of a video.
type videoStatus struct {
	State      string
	Playable   bool
	Percent    int
	Renditions []struct{ Name string }
	Reason     string
	Message    string
	VideoID    int64 `json:"video_id"`
}

func (p *person) videoStatus(t testing.TB, id int64) videoStatus {
	t.Helper()
	var answer struct{ Status videoStatus }
	decode(t, p.mustGet(t, "/douyin/publish/status/", "video_id", text(id)), &answer)
	return answer.Status
}

// tall makes a video of 4 s whose ladder has several rungs.
func tall(t *testing.T) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "tall.mp4")
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-nostdin", "-loglevel", "error",
		"-f", "lavfi", "-i", "testsrc2=size=720x1280:rate=30:duration=4,noise=alls=30:allf=t", "-f", "lavfi", "-i", "sine=duration=4",
		"-c:v", "libx264", "-preset", "ultrafast", "-b:v", "1700k", "-maxrate", "1700k", "-bufsize", "1700k", "-pix_fmt", "yuv420p",
		"-c:a", "aac", "-b:a", "64k", out)
	if message, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, message)
	}
	file, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// readyWithin bounds the wait for a transcode: other tests' videos, and those of a first
// start, are before it in the queue.
const readyWithin = 5 * time.Minute

// awaitReady polls a video's status until it is ready, and checks on the way that
// it only goes forward.
func (p *person) awaitReady(t *testing.T, id int64) videoStatus {
	t.Helper()
	order := []string{"queued", "processing", "ready"}
	last := videoStatus{State: "queued"}
	harness.Eventually(t, readyWithin, func() error {
		now := p.videoStatus(t, id)
		if slices.Index(order, now.State) < slices.Index(order, last.State) || now.Percent < last.Percent ||
			last.Playable && !now.Playable || len(now.Renditions) < len(last.Renditions) {
			t.Fatalf("status %+v after %+v", now, last)
		}
		if last = now; now.State != "ready" {
			return fmt.Errorf("status %+v", now)
		}
		return nil
	})
	return last
}

// An upload ends with renditions that play everywhere, or where there is no
// ffmpeg with the original alone, and says so.
func TestAnUploadBecomesReady(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	if !media.HasEncoder() {
		video := p.publish(t)
		if status := p.awaitReady(t, video.ID); !status.Playable || status.Message == "" || len(status.Renditions) > 0 {
			t.Errorf("without ffmpeg: %+v", status)
		}
		return
	}
	file := tall(t)
	answer := accepted(t, p.do(t, harness.Call{Path: "/douyin/publish/action/", Parts: []harness.Part{
		{Name: "title", Content: []byte("tall")}, {Name: "data", FileName: "tall.mp4", Content: file},
	}}))
	var published struct{ Video harness.Video }
	decode(t, answer, &published)
	if published.Video.HLSURL != "" || !bytes.Equal(fetch(t, get, published.Video.PlayURL, nil).Body, file) {
		t.Errorf("at once: hls_url %q, and play_url is not the upload", published.Video.HLSURL)
	}
	status := p.awaitReady(t, published.Video.ID)
	if len(status.Renditions) < 3 || status.Percent != 100 || !status.Playable || status.Reason != "" {
		t.Errorf("ready: %+v", status)
	}
	// A list may show what was playable a moment ago: the progressive file beside a
	// playlist that does not name the last renditions yet.
	dir := t.TempDir()
	var video harness.Video
	var playlists []string
	harness.Eventually(t, 10*time.Second, func() error {
		video = p.published(t)[0]
		if video.HLSURL == "" || !strings.HasSuffix(video.PlayURL, "/progressive.mp4") {
			return fmt.Errorf("play_url %s, hls_url %q", video.PlayURL, video.HLSURL)
		}
		if playlists = savePlaylist(t, dir, video.HLSURL); len(playlists) != len(status.Renditions)-1 {
			return fmt.Errorf("the master playlist names %v, the status has %+v", playlists, status.Renditions)
		}
		return nil
	})
	loads(t, video)
	progressive := filepath.Join(dir, "progressive.mp4")
	if err := os.WriteFile(progressive, fetch(t, get, video.PlayURL, nil).Body, 0o600); err != nil {
		t.Fatal(err)
	}
	plays(t, progressive)
	for _, playlist := range playlists {
		segments := savePlaylist(t, dir, playlist)
		if len(segments) < 2 {
			t.Errorf("%s names %v", playlist, segments)
		}
		for _, segment := range segments {
			save(t, dir, segment)
		}
		plays(t, local(dir, playlist))
	}
}

// plays decodes a file to its end, without a complaint.
func plays(t *testing.T, file string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-nostdin", "-v", "error", "-xerror", "-allowed_extensions", "ALL",
		"-i", file, "-f", "null", "-").CombinedOutput()
	if strings.Contains(string(out), "Option allowed_extensions") { // it is of playlists alone
		out, err = exec.CommandContext(t.Context(), "ffmpeg", "-nostdin", "-v", "error", "-xerror", "-i", file, "-f", "null", "-").CombinedOutput()
	}
	if err != nil || len(out) > 0 {
		t.Errorf("%s does not play: %v %s", file, err, out)
	}
}

// local is the file in which an object of the media route is saved.
func local(dir, address string) string {
	_, key, _ := strings.Cut(address, "/media/")
	return filepath.Join(dir, filepath.FromSlash(key))
}

// save fetches an object, checks how it is served, and writes it below dir.
func save(t *testing.T, dir, address string) []byte {
	t.Helper()
	answer := fetch(t, get, address, http.Header{"Origin": {"https://player.example"}})
	types := map[string]string{".m3u8": "application/vnd.apple.mpegurl", ".m4s": "video/iso.segment", ".mp4": "video/mp4"}
	want := map[string]string{
		"Content-Type": types[path.Ext(address)], "Cache-Control": "public, max-age=31536000, immutable",
		"X-Content-Type-Options": "nosniff", "Access-Control-Allow-Origin": "https://player.example", "Accept-Ranges": "bytes",
	}
	for name, value := range want {
		if got := answer.Header.Get(name); got != value {
			t.Errorf("%s: %s is %q, want %q", address, name, got, value)
		}
	}
	if answer.HTTP != http.StatusOK || len(answer.Body) < 10 {
		t.Errorf("%s: HTTP %d, %d bytes", address, answer.HTTP, len(answer.Body))
		return nil
	}
	part := fetch(t, get, address, http.Header{"Range": {"bytes=2-5"}})
	if part.HTTP != http.StatusPartialContent || !bytes.Equal(part.Body, answer.Body[2:6]) {
		t.Errorf("%s: a range answers HTTP %d, %d bytes", address, part.HTTP, len(part.Body))
	}
	file := local(dir, address)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, answer.Body, 0o600)); err != nil {
		t.Fatal(err)
	}
	return answer.Body
}

// savePlaylist saves a playlist and returns the absolute URLs of what it names.
func savePlaylist(t *testing.T, dir, address string) []string {
	t.Helper()
	base, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for line := range strings.Lines(string(save(t, dir, address))) {
		name := strings.TrimSpace(line)
		if _, rest, ok := strings.Cut(name, `#EXT-X-MAP:URI="`); ok {
			name, _, _ = strings.Cut(rest, `"`)
		}
		if name == "" || strings.HasPrefix(name, "#") {
			continue
		}
		if strings.Contains(name, "://") || strings.HasPrefix(name, "/") {
			t.Errorf("%s names %s, which is not relative", address, name)
		}
		to, err := base.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		all[to.String()] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// The status is the author's alone.
func TestTheStatusOfAVideoIsItsAuthors(t *testing.T) {
	t.Parallel()
	author, other := newPerson(t), newPerson(t)
	id := text(author.publish(t).ID)
	for _, path := range []string{"/douyin/publish/status/", "/douyin/publish/retry/"} {
		refused(t, other.post(t, path, "video_id", id), 10016)
		refused(t, author.post(t, path, "video_id", "987654321"), 10016)
		refused(t, author.post(t, path), 40002)
		refused(t, anonymous().post(t, path, "video_id", id), 10004)
	}
	author.mustPost(t, "/douyin/publish/retry/", "video_id", id)
}
