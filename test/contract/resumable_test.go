package contract_test

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"douyin.dev/test/harness"
	"douyin.dev/test/media"
)

// tus makes a request of the tus protocol in a person's name.
func (p *person) tus(t *testing.T, method, url string, body []byte, pairs ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Tus-Resumable", "1.0.0")
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	if method == http.MethodPatch {
		r.Header.Set("Content-Type", "application/offset+octet-stream")
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		r.Header.Set(pairs[i], pairs[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return res
}

// beginUpload begins an upload of a size and returns its URL.
func (p *person) beginUpload(t *testing.T, size int) string {
	t.Helper()
	res := p.tus(t, http.MethodPost, platform.URL()+"/uploads/", nil, "Upload-Length", strconv.Itoa(size))
	location := res.Header.Get("Location")
	if res.StatusCode != http.StatusCreated || !strings.HasPrefix(location, platform.URL()+"/uploads/") {
		t.Fatalf("HTTP %d, Location %q", res.StatusCode, location)
	}
	return location
}

func uploadID(location string) string {
	_, id, _ := strings.Cut(location, "/uploads/")
	return id
}

func TestAnUploadInPiecesIsPublishedOnce(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	clip, err := media.Draw()
	if err != nil {
		t.Fatal(err)
	}
	location := p.beginUpload(t, len(clip))
	half := len(clip) / 2
	if res := p.tus(t, http.MethodPatch, location, clip[:half], "Upload-Offset", "0"); res.StatusCode != http.StatusNoContent {
		t.Fatalf("the first half: HTTP %d", res.StatusCode)
	}
	early := p.post(t, "/douyin/publish/action/", "upload_id", uploadID(location), "title", "half")
	if early.Code() != 40002 || !strings.Contains(string(early.Body), "upload_id") {
		t.Errorf("published in the middle: %s", early)
	}
	res := p.tus(t, http.MethodHead, location, nil)
	if got := res.Header.Get("Upload-Offset"); got != strconv.Itoa(half) {
		t.Fatalf("offset %q, want %d", got, half)
	}
	if res := p.tus(t, http.MethodPatch, location, clip[half:], "Upload-Offset", strconv.Itoa(half)); res.StatusCode != http.StatusNoContent {
		t.Fatalf("the second half: HTTP %d", res.StatusCode)
	}
	p.mustPost(t, "/douyin/publish/action/", "upload_id", uploadID(location), "title", "in pieces")
	p.mustPost(t, "/douyin/publish/action/", "upload_id", uploadID(location), "title", "in pieces")
	list := p.published(t)
	if len(list) != 1 || list[0].Title != "in pieces" {
		t.Fatalf("published %+v", list)
	}
	if got := fetch(t, get, list[0].PlayURL, nil); !bytes.Equal(got.Body, clip) {
		t.Errorf("%d bytes, want the %d that were sent", len(got.Body), len(clip))
	}
	if res := p.tus(t, http.MethodHead, location, nil); res.StatusCode != http.StatusNotFound {
		t.Errorf("after it was published: HTTP %d", res.StatusCode)
	}
}

func TestUploadsInPiecesBelongToTheirUser(t *testing.T) {
	t.Parallel()
	owner, other := newPerson(t), newPerson(t)
	location := owner.beginUpload(t, 10)
	for _, method := range []string{http.MethodHead, http.MethodPatch, http.MethodDelete} {
		if res := other.tus(t, method, location, []byte("0123456789"), "Upload-Offset", "0"); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s of another's: HTTP %d", method, res.StatusCode)
		}
		if res := anonymous().tus(t, method, location, []byte("0123456789"), "Upload-Offset", "0"); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s of nobody: HTTP %d", method, res.StatusCode)
		}
	}
	for name, id := range map[string]string{"another's": uploadID(location), "none": "nonsense"} {
		if got := other.post(t, "/douyin/publish/action/", "upload_id", id); got.Code() != 40002 || !strings.Contains(string(got.Body), "upload_id") {
			t.Errorf("publish %s: %s", name, got)
		}
	}
	if res := owner.tus(t, http.MethodDelete, location, nil); res.StatusCode != http.StatusNoContent {
		t.Errorf("delete: HTTP %d", res.StatusCode)
	}
}

func TestAnUploadInPiecesThatIsNoVideoIsRefusedAndGone(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	location := p.beginUpload(t, 10)
	p.tus(t, http.MethodPatch, location, []byte("0123456789"), "Upload-Offset", "0")
	both := p.do(t, harness.Call{Path: "/douyin/publish/action/", Parts: []harness.Part{
		{Name: "upload_id", Content: []byte(uploadID(location))}, {Name: "data", FileName: "a.mp4", Content: []byte("0123456789")},
	}})
	if both.Code() != 40002 || !strings.Contains(string(both.Body), "upload_id") {
		t.Errorf("beside a file: %s", both)
	}
	if got := p.post(t, "/douyin/publish/action/", "upload_id", uploadID(location)); got.Code() != 10015 {
		t.Errorf("no video: %s", got)
	}
	if res := p.tus(t, http.MethodHead, location, nil); res.StatusCode != http.StatusNotFound {
		t.Errorf("after it was refused: HTTP %d", res.StatusCode)
	}
}
