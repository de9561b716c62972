package gateway

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"douyin.dev/services/platform/fault"
)

// maxBody is the largest body of parameters, in bytes. Files go another way.
const maxBody = 1 << 20

const bodyField = "body"

// body gathers what the body of a request says, whatever its form.
func (g *gathering) body(w http.ResponseWriter, r *http.Request) error {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	limited := http.MaxBytesReader(w, r.Body, maxBody)
	contentType, attributes, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		contentType = "" // read as what it looks like
	}
	if strings.HasPrefix(contentType, "multipart/") {
		return g.multipart(limited, attributes["boundary"])
	}
	content, err := io.ReadAll(limited)
	if err != nil {
		return unreadable(err)
	}
	return g.content(contentType, content)
}

// content reads a whole body. Clients that post JSON do not always say so; a
// form never starts with a brace.
func (g *gathering) content(contentType string, content []byte) error {
	text := strings.TrimSpace(string(content))
	switch {
	case text == "":
		return nil
	case contentType == "application/json", strings.HasSuffix(contentType, "+json"), strings.HasPrefix(text, "{"):
		return g.json(text)
	default:
		return g.urlencoded(text)
	}
}

// multipart reads the fields of a form and passes over its files.
func (g *gathering) multipart(body io.Reader, boundary string) error {
	if boundary == "" {
		return fault.Invalid(bodyField, "is multipart without a boundary")
	}
	parts := multipart.NewReader(body, boundary)
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return unreadable(err)
		}
		if err := g.part(part); err != nil {
			return err
		}
	}
}

func (g *gathering) part(part *multipart.Part) error {
	if err := g.count(); err != nil {
		return err
	}
	name := part.FormName()
	if part.FileName() != "" || !g.wants(name) {
		return nil
	}
	value, err := io.ReadAll(part)
	if err != nil {
		return unreadable(err)
	}
	g.add(name, string(value))
	return nil
}

// json reads a JSON object: strings, numbers and booleans are parameters, null
// is none.
func (g *gathering) json(text string) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber() // a float64 would change large ids
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fault.Invalid(bodyField, "must be a JSON object")
	}
	for d.More() {
		if err := g.member(d); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return unreadable(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fault.Invalid(bodyField, "must be one JSON object")
	}
	return nil
}

// member reads one name and its value.
func (g *gathering) member(d *json.Decoder) error {
	if err := g.count(); err != nil {
		return err
	}
	t, err := d.Token()
	if err != nil {
		return unreadable(err)
	}
	name, _ := t.(string)
	value, plain, err := scalar(d)
	if err != nil {
		return unreadable(err)
	}
	if !g.wants(name) {
		return nil
	}
	if !plain {
		return fault.Invalid(name, "must be a string or a number")
	}
	g.add(name, value)
	return nil
}

// scalar reads one value as text. Objects and lists are read over, whatever
// their depth, and are not plain.
func scalar(d *json.Decoder) (text string, plain bool, err error) {
	t, err := d.Token()
	if err != nil {
		return "", false, err
	}
	switch v := t.(type) {
	case string:
		return v, true, nil
	case json.Number:
		return v.String(), true, nil
	case bool:
		if v {
			return "true", true, nil
		}
		return "false", true, nil
	case nil:
		return "", true, nil
	}
	for depth := 1; depth > 0; {
		t, err := d.Token()
		if err != nil {
			return "", false, err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
	return "", false, nil
}

// unreadable says what is wrong with a body that could not be read.
func unreadable(err error) error {
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return fault.Invalid(bodyField, "is larger than 1 MiB").Because(err)
	}
	return fault.Invalid(bodyField, "cannot be read").Because(err)
}
