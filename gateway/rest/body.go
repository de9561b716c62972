package rest

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"unicode/utf8"

	"douyin.dev/services/platform/fault"
)

const bodyField = "body"

// body gathers what the body of a request says, whatever its form.
func (g *gathering) body(w http.ResponseWriter, r *http.Request) error {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	limited := http.MaxBytesReader(w, r.Body, MaxBody)
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
	parts := newParts(body, boundary)
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
	name, isFile := disposition(part.Header)
	if isFile || !g.wants(name) {
		return nil
	}
	value, err := io.ReadAll(part)
	if err != nil {
		return unreadable(err)
	}
	g.add(name, string(value))
	return nil
}

// disposition reads the name of a form's part and whether it is a file: whether
// it has a file's name that is not empty. What clients write as a file's name
// may be anything, so what mime cannot read is read part by part.
func disposition(h textproto.MIMEHeader) (name string, isFile bool) {
	value := h.Get("Content-Disposition")
	kind, attributes, err := mime.ParseMediaType(value)
	if err != nil {
		kind, attributes = looseAttributes(value)
	}
	if kind != "form-data" {
		return "", false
	}
	return attributes["name"], attributes["filename"] != ""
}

// looseAttributes reads `form-data; name="a"; filename="b"`, whatever is in the
// quotes. The first of several attributes of one name counts.
func looseAttributes(value string) (kind string, attributes map[string]string) {
	kind, rest, _ := strings.Cut(value, ";")
	attributes = map[string]string{}
	for rest != "" {
		var name, content string
		name, rest, _ = strings.Cut(rest, "=")
		content, rest = attributeValue(rest)
		name, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(name)), "*") // filename*=UTF-8''…
		if _, known := attributes[name]; !known {
			attributes[name] = content
		}
	}
	return strings.ToLower(strings.TrimSpace(kind)), attributes
}

// attributeValue reads a value, quoted or not, and the semicolon behind it.
func attributeValue(s string) (content, rest string) {
	s = strings.TrimLeft(s, " \t")
	if !strings.HasPrefix(s, `"`) {
		content, rest, _ = strings.Cut(s, ";")
		return strings.TrimSpace(content), rest
	}
	var out strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			_, rest, _ = strings.Cut(s[i:], ";")
			return out.String(), rest
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
		}
		out.WriteByte(s[i])
	}
	return out.String(), "" // a quote that nothing closes
}

// json reads a JSON object: strings, numbers and booleans are parameters, null
// is none. An array is one where a list is known by its name.
func (g *gathering) json(text string) error {
	d := json.NewDecoder(strings.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fault.Invalid(bodyField, "must be a JSON object")
	}
	for d.More() {
		if err := g.member(d, text); err != nil {
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

// member reads one name and its value from a decoder of text.
func (g *gathering) member(d *json.Decoder, text string) error {
	if err := g.count(); err != nil {
		return err
	}
	t, err := d.Token()
	if err != nil {
		return unreadable(err)
	}
	name, _ := t.(string)
	begin := d.InputOffset()
	value, plain, err := scalar(d)
	if err != nil {
		return unreadable(err)
	}
	if !g.wants(name) {
		return nil
	}
	if !plain && !g.lists[name] {
		return fault.Invalid(name, "must be a string or a number")
	}
	// The decoder replaces what is not UTF-8; here it stays, to be refused by name.
	if raw := text[begin:d.InputOffset()]; !utf8.ValidString(raw) {
		value = raw
	}
	g.add(name, value)
	return nil
}

// scalar reads one value as text. Objects and lists stay as they were written,
// and are not plain. The decoder takes a value in one go: token by token, a megabyte of
// brackets costs a core 50 ms.
func scalar(d *json.Decoder) (text string, plain bool, err error) {
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return "", false, err
	}
	switch raw[0] {
	case '{', '[':
		return string(raw), false, nil
	case '"':
		err := json.Unmarshal(raw, &text)
		return text, true, err
	case 'n': // null
		return "", true, nil
	default: // a number, as it was written: a float64 would change large ids; true and false
		return string(raw), true, nil
	}
}

// unreadable says what is wrong with a body that could not be read.
func unreadable(err error) error {
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return fault.Invalid(bodyField, "is larger than 1 MiB").Because(err)
	}
	return fault.Invalid(bodyField, "cannot be read").Because(err)
}
