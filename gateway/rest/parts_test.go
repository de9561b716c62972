package rest

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// readParts reads a form: the names and the contents of its parts.
func readParts(r *multipart.Reader) (all []string, err error) {
	for {
		part, err := r.NextPart()
		if err != nil {
			return all, err
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return all, err
		}
		name, _ := disposition(part.Header)
		all = append(all, name+"="+string(content))
	}
}

func TestControlCharactersAreReplacedInHeadersAlone(t *testing.T) {
	t.Parallel()
	content := "\x00\x01\n--b\x00\r\n--bb\r\nx: \x02\r\n\r\n\x03\r\n--b-\x04\r\n--\x05\n\n--"
	form := "\x00preamble\r\n" + part("name=\"data\"; filename=\"a\x00\x7f\"", content) + part("name=\"\x01\"", "") + field("title", "\x06") + "--b--\r\n\x07"
	for name, body := range map[string]io.Reader{"at once": strings.NewReader(form), "byte by byte": iotest.OneByteReader(strings.NewReader(form))} {
		got, err := readParts(newParts(body, "b"))
		if diff := cmp.Diff([]string{"data=" + content, "_=", "title=\x06"}, got); !errors.Is(err, io.EOF) || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// FuzzParts: what mime/multipart reads of a form by itself, it reads the same
// behind partHeaders, whatever pieces the form comes in.
func FuzzParts(f *testing.F) {
	for _, seed := range multipartSeeds() {
		f.Add([]byte(seed))
	}
	f.Add([]byte("--b\nContent-Disposition: form-data; name=a\n\n\x00\n--bc\n\x00\n--b--"))
	f.Fuzz(func(t *testing.T, form []byte) {
		want, wantErr := readParts(multipart.NewReader(bytes.NewReader(form), "b"))
		for _, body := range []io.Reader{bytes.NewReader(form), iotest.OneByteReader(bytes.NewReader(form)), iotest.HalfReader(bytes.NewReader(form))} {
			got, err := readParts(newParts(body, "b"))
			if wantErr != nil && !errors.Is(wantErr, io.EOF) { // it may go on where mime stopped
				got = got[:min(len(want), len(got))]
			} else if !errors.Is(err, io.EOF) {
				t.Errorf("ended with %v, not %v", err, wantErr)
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
	})
}

// part is one part of a form, as it is sent.
func part(disposition, content string) string {
	return "--b\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + content + "\r\n"
}

func field(name, value string) string { return part(`name="`+name+`"`, value) }
