package gateway

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"connectrpc.com/connect"

	"douyin.dev/gateway/rest"
	"douyin.dev/services/platform/fault"
)

// FuzzUpload: an upload is kept within its limits or refused for what the client
// sent, never as our failure.
func FuzzUpload(f *testing.F) {
	for _, seed := range []string{
		filePart("bytes") + field("title", "t") + "--b--\r\n", filePart("") + filePart("x") + "--b--", field("title", "t") + filePart("x"), "--b--", "",
	} {
		f.Add([]byte(seed))
	}
	const most = 100
	g := New(Deps{Settings: Settings{MaxUploadBytes: most}})
	f.Fuzz(func(t *testing.T, body []byte) {
		if bytes.Contains(body, []byte("token")) { // a token before the file would need a service
			t.Skip()
		}
		h, err := rest.New(rest.Servers{Publish: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			u := g.newUpload(r.Context(), r)
			defer u.close()
			err := u.read(w, r)
			if err == nil && u.spooled != nil && u.spooled.size > most {
				t.Errorf("took %d bytes", u.spooled.size)
			}
			if code := fault.CodeOf(err); err != nil && code != connect.CodeInvalidArgument && code != connect.CodeResourceExhausted {
				t.Errorf("refused with %v: %v", code, err)
			}
		})}, rest.Options{})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/douyin/publish/action", bytes.NewReader(body))
		r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		h.ServeHTTP(httptest.NewRecorder(), r)
	})
}
