package rest

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http/httptest"
	"net/textproto"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"douyin.dev/services/platform/fault"
)

// multipartSeeds are forms with the boundary "b".
func multipartSeeds() []string {
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

// FuzzForm: an upload's form is read within its limits or refused for what the
// client sent, never as our failure.
func FuzzForm(f *testing.F) {
	for _, seed := range multipartSeeds() {
		f.Add([]byte(seed))
	}
	s := mustSurface(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		c := &Call{endpoint: s.paths[publishPath].endpoint, fields: gathering{known: s.paths[publishPath].names}}
		r := httptest.NewRequestWithContext(WithCall(t.Context(), c), "POST", publishPath, bytes.NewReader(body))
		r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		form := NewForm(r)
		var err error
		for err == nil {
			var file io.Reader
			if file, err = form.NextFile(nil, r); err == nil {
				_, err = io.Copy(io.Discard, file)
			}
		}
		if code := fault.CodeOf(err); !errors.Is(err, io.EOF) && code != connect.CodeInvalidArgument && code != connect.CodeResourceExhausted {
			t.Errorf("refused with %v: %v", code, err)
		}
		if errors.Is(err, io.EOF) {
			header, err := form.PublishHeader()
			if err != nil {
				checkRefusal(t, err)
			} else if len(header.GetTitle()) > maxFieldBytes {
				t.Errorf("took a title of %d bytes", len(header.GetTitle()))
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
