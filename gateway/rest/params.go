package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"douyin.dev/services/platform/fault"
)

// maxParams is how many parameters a request may have, all sources together
// and unknown ones included.
const maxParams = 64

// pair is a parameter as it was sent.
type pair struct{ name, value string }

// params are the parameters of one request that its path knows. There are a
// handful, so a slice is faster than a map.
type params []pair

func (p params) value(name string) string {
	for i := range p {
		if p[i].name == name {
			return p[i].value
		}
	}
	return ""
}

func (p params) has(name string) bool {
	for i := range p {
		if p[i].name == name {
			return true
		}
	}
	return false
}

// gathering collects parameters from the places they may come from. The first
// non-empty value of a name wins; the order of the places is the caller's.
type gathering struct {
	known map[string]bool
	// lists are the known parameters that are lists; nil for none.
	lists map[string]bool
	seen  int
	found params
}

// count counts one parameter, known or not.
func (g *gathering) count() error {
	if g.seen++; g.seen > maxParams {
		return fault.Invalid("request", "has more than 64 parameters")
	}
	return nil
}

func (g *gathering) wants(name string) bool { return g.known[name] || name == TokenParam }

func (g *gathering) add(name, value string) {
	for i := range g.found {
		if g.found[i].name == name {
			if g.found[i].value == "" {
				g.found[i].value = value
			}
			return
		}
	}
	g.found = append(g.found, pair{name, value})
}

// urlencoded reads a query or a form body. It differs from url.ParseQuery: a
// semicolon is a character like others, and a pair that is no correct encoding
// matters only when its parameter does.
func (g *gathering) urlencoded(s string) error {
	for s != "" {
		var segment string
		segment, s, _ = strings.Cut(s, "&")
		if segment == "" {
			continue
		}
		if err := g.count(); err != nil {
			return err
		}
		key, value, _ := strings.Cut(segment, "=")
		name, err := url.QueryUnescape(key)
		if err != nil || !g.wants(name) {
			continue
		}
		text, err := url.QueryUnescape(value)
		if err != nil {
			return fault.Invalid(name, "is not correctly encoded")
		}
		g.add(name, text)
	}
	return nil
}

// paramKind is how a parameter is checked.
type paramKind uint8

const (
	paramText paramKind = iota
	paramInteger
	paramLatestTime
	paramList
)

// param is a parameter of an endpoint: a field of its request.
type param struct {
	name      string
	kind      paramKind
	low, high int64 // of an integer
	// keepEmpty: the field knows presence, and being given empty means
	// something else than not being given.
	keepEmpty bool
	// exact: the text is taken byte by byte, line ends included.
	exact bool
	// entry is what a list has entries of.
	entry protoreflect.MessageDescriptor
}

// paramOf returns the parameter for a request's field. Plain fields can be
// parameters, and lists of messages; one message, plain lists and bytes cannot.
func paramOf(fd protoreflect.FieldDescriptor) (param, bool) {
	p := param{name: string(fd.Name())}
	if fd.IsList() {
		p.kind, p.entry = paramList, fd.Message()
		return p, p.entry != nil
	}
	switch fd.Kind() {
	case protoreflect.StringKind:
		p.keepEmpty = fd.HasOptionalKeyword()
		p.exact = strings.HasSuffix(p.name, "password")
	case protoreflect.Int32Kind:
		p.kind = paramInteger
		p.low, p.high = boundsOf(p.name, 32)
	case protoreflect.Int64Kind:
		p.kind = paramInteger
		p.low, p.high = boundsOf(p.name, 64)
	default:
		return p, false
	}
	if p.name == "latest_time" {
		p.kind = paramLatestTime
	}
	return p, true
}

// canonicalize returns the parameters the endpoint knows in the one form the
// mux reads. Unknown and empty ones are dropped.
func (e *endpoint) canonicalize(given params, now time.Time) (url.Values, error) {
	out := noValues
	for i := range e.params {
		p := &e.params[i]
		sent := given.value(p.name)
		if sent == "" && !(p.keepEmpty && given.has(p.name)) {
			continue
		}
		value, err := p.canonical(sent, now)
		if err != nil {
			return nil, err
		}
		if value == "" && !p.keepEmpty {
			continue
		}
		if len(out) == 0 {
			out = make(url.Values, len(given))
		}
		out[p.name] = []string{value}
	}
	return out, nil
}

func (p *param) canonical(sent string, now time.Time) (string, error) {
	switch p.kind {
	case paramLatestTime:
		return canonicalLatestTime(sent, now), nil
	case paramInteger:
		value, wrong := canonicalInteger(sent, p.low, p.high)
		if wrong != "" {
			return "", fault.Invalid(p.name, wrong)
		}
		return value, nil
	case paramList:
		return sent, p.checkList(sent)
	default:
		if !p.exact {
			sent = unixLines(sent)
		}
		return sent, checkText(p.name, sent)
	}
}

// checkList refuses what is no JSON array of the messages that a list has. Fields
// that these do not have are ignored, as parameters are.
func (p *param) checkList(sent string) error {
	d := json.NewDecoder(strings.NewReader(sent))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return fault.Invalid(p.name, "must be a JSON array")
	}
	for i := 0; d.More(); i++ {
		if i == maxParams {
			return fault.Invalid(p.name, "has more than 64 entries")
		}
		var entry json.RawMessage
		if err := d.Decode(&entry); err != nil {
			return fault.Invalid(p.name, "must be a JSON array").Because(err)
		}
		if err := readEntry.Unmarshal(entry, dynamicpb.NewMessage(p.entry)); err != nil {
			return fault.Invalid(fmt.Sprintf("%s[%d]", p.name, i), "is no "+string(p.entry.Name())).Because(err)
		}
	}
	if _, err := d.Token(); err != nil {
		return fault.Invalid(p.name, "must be a JSON array").Because(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fault.Invalid(p.name, "must be one JSON array")
	}
	return nil
}

// readEntry reads an entry of a list.
var readEntry = protojson.UnmarshalOptions{DiscardUnknown: true}

// unixLines turns the line ends that browsers send in forms into those that text
// is kept with.
func unixLines(s string) string {
	if strings.IndexByte(s, '\r') < 0 {
		return s
	}
	return strings.ReplaceAll(s, "\r\n", "\n")
}

// checkText refuses what neither protobuf nor Postgres can hold.
func checkText(name, s string) error {
	switch {
	case !utf8.ValidString(s):
		return fault.Invalid(name, "is not valid UTF-8")
	case strings.IndexByte(s, 0) >= 0:
		return fault.Invalid(name, "must not contain a zero character")
	default:
		return nil
	}
}
