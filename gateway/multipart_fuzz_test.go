package gateway

import (
	"bytes"
	"mime"
	"net/http/httptest"
	"net/textproto"
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
	var publish *endpoint
	s := mustSurface(f)
	for _, e := range s.endpoints {
		if e.procedure == publishProcedure {
			publish = e
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/douyin/publish/action", bytes.NewReader(body))
		r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		known := call{endpoint: publish, fields: gathering{known: s.paths[publishPath].names}}
		u := g.newUpload(withCall(t.Context(), &known), r)
		defer u.close()
		// A token before the file would need a service.
		if bytes.Contains(body, []byte("token")) {
			t.Skip()
		}
		err := u.readForm(r)
		if err == nil && (u.spooled != nil && u.spooled.size > most || len(u.fields.found.value("title")) > maxFieldBytes) {
			t.Errorf("took %d bytes and a title of %d", u.spooled.size, len(u.fields.found.value("title")))
		}
		if code := fault.CodeOf(err); err != nil && code != connect.CodeInvalidArgument && code != connect.CodeResourceExhausted {
			t.Errorf("refused with %v: %v", code, err)
		}
		if err == nil {
			if _, err := u.publishHeader(); err != nil {
				checkRefusal(t, err)
			}
		}
	})
}

// FuzzDisposition: whatever a part says of itself, reading it agrees with mime
// where mime can read it, and a part that names itself first has that name.
func FuzzDisposition(f *testing.F) {
	for _, seed := range []string{
		`form-data; name="data"; filename="a.mp4"`, `form-data; name=data`, `form-data; name="data"; filename=""`, `form-data; filename="b"; name="data"`,
		"form-data; name=\"data\"; filename=\"a\x00\xff\"", `form-data; name="a;b=\"c"; filename*=UTF-8''%E7%8C%AB`, `form-data; name="`, `form-data; =; name=x; name=y`, "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		name, isFile := disposition(textproto.MIMEHeader{"Content-Disposition": {value}})
		if kind, attributes, err := mime.ParseMediaType(value); err == nil && kind == "form-data" && (name != attributes["name"] || isFile != (attributes["filename"] != "")) {
			t.Errorf("name %q, file %t; mime reads %v", name, isFile, attributes)
		}
		if !strings.ContainsAny(value, "\"\\") {
			named, _ := disposition(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="data"; filename="` + value + `"`}})
			if named != "data" {
				t.Errorf("a file called %q is the part %q", value, named)
			}
		}
	})
}
