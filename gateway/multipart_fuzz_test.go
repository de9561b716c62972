package gateway

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"testing"

	"douyin.dev/services/platform/fault"

	"connectrpc.com/connect"
)

// multipartSeeds are forms with the boundary "b".
func multipartSeeds() []string {
	part := func(disposition, content string) string {
		return "--b\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + content + "\r\n"
	}
	return []string{
		part(`name="video_id"`, "1") + part(`name="action_type"`, "1") + "--b--\r\n",
		part(`name="data"; filename="../../a.mp4"`, "bytes") + part(`name="title"`, "t") + "--b--\r\n",
		part(`name="data"; filename="a"`, "") + part(`name="data"; filename="b"`, "x") + "--b--",
		part(`name="title"`, strings.Repeat("x", 20<<10)) + "--b--\r\n",
		part(`name=`, "1") + "--b", "--b\r\n\r\n", "--b--", "", strings.Repeat(part(`name="x"`, ""), 70) + "--b--\r\n",
	}
}

// FuzzMultipart: whatever a form says, it is refused with a fault or becomes
// values the mux can read.
func FuzzMultipart(f *testing.F) {
	for _, seed := range multipartSeeds() {
		f.Add([]byte(seed))
	}
	s := mustSurface(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, p := range s.paths {
			g := gathering{known: p.names}
			if err := g.multipart(bytes.NewReader(body), "b"); err != nil {
				checkRefusal(t, err)
				continue
			}
			checkTranslation(t, p, g.found)
		}
	})
}

// FuzzUploadForm: an upload is read within its limits or refused for what the
// client sent, never as our failure.
func FuzzUploadForm(f *testing.F) {
	for _, seed := range multipartSeeds() {
		f.Add([]byte(seed))
	}
	const most = 100
	g := New(Deps{Settings: Settings{MaxUploadBytes: most}})
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/douyin/publish/action", bytes.NewReader(body))
		r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		u := &upload{}
		defer u.close()
		err := g.readForm(r, u)
		if err == nil && (u.size > most || len(u.title) > maxFieldBytes) {
			t.Errorf("took %d bytes and a title of %d", u.size, len(u.title))
		}
		if code := fault.CodeOf(err); err != nil && code != connect.CodeInvalidArgument && code != connect.CodeResourceExhausted {
			t.Errorf("refused with %v: %v", code, err)
		}
	})
}
