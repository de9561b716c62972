package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"time"
)

// Client speaks the /douyin dialect. It follows no redirects and asks for no
// compression by itself. Safe for concurrent use.
type Client struct {
	base   string
	token  string
	header http.Header
	http   *http.Client
}

// NewClient returns an anonymous client of the server at base.
func NewClient(base string) *Client {
	return &Client{base: base, http: &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{
			MaxIdleConnsPerHost: 128,
			DisableCompression:  true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// NewClientFrom is NewClient for a client at another loopback address, such as
// 127.0.0.66: for the server it is another client. fresh opens a connection for
// each call, as clients that have just come do.
func NewClientFrom(base, address string, fresh bool) *Client {
	c := NewClient(base)
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	transport, _ := c.http.Transport.(*http.Transport)
	transport.DialContext, transport.DisableKeepAlives = dialer.DialContext, fresh
	return c
}

// WithToken returns a client that sends a token in the query, as apps do. It shares the connections of c.
func (c *Client) WithToken(token string) *Client {
	return &Client{base: c.base, token: token, header: c.header, http: c.http}
}

// WithHeader returns a client that sends these fields with each call. It shares the connections of c.
func (c *Client) WithHeader(header http.Header) *Client {
	return &Client{base: c.base, token: c.token, header: header, http: c.http}
}

// CloseIdle closes the connections that are kept for later calls.
func (c *Client) CloseIdle() { c.http.CloseIdleConnections() }

// Base is the server's base URL.
func (c *Client) Base() string { return c.base }

// Call is one request. At most one of Form, Parts, JSON and Raw is set.
type Call struct {
	// Method is GET without a body and POST with one, when empty.
	Method string
	// Path begins with a slash.
	Path string
	// Query is sent encoded.
	Query url.Values
	// Form is an application/x-www-form-urlencoded body.
	Form url.Values
	// Parts are a multipart/form-data body, in this order.
	Parts []Part
	// JSON is an application/json body.
	JSON any
	// Raw is a body as it is; Header names its type.
	Raw []byte
	// Header is added.
	Header http.Header
}

// Part is a part of a multipart body: a field, or a file when it has a FileName.
type Part struct {
	// Name of the field.
	Name string
	// FileName as the client claims it.
	FileName string
	// ContentType as the client claims it; application/octet-stream for files when empty.
	ContentType string
	// Content is the value or the bytes.
	Content []byte
}

// Get calls a path with query parameters, given as name, value, name, value.
func (c *Client) Get(ctx context.Context, path string, pairs ...string) (*Answer, error) {
	return c.Do(ctx, Call{Path: path, Query: Values(pairs...)})
}

// Post calls a path with form parameters, given as name, value, name, value.
func (c *Client) Post(ctx context.Context, path string, pairs ...string) (*Answer, error) {
	return c.Do(ctx, Call{Path: path, Form: Values(pairs...)})
}

// Values makes parameters of name, value, name, value.
func Values(pairs ...string) url.Values {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return values
}

// Do sends a call. An error means that no whole answer came: the effect of the
// call is unknown, unless NotSent says otherwise.
func (c *Client) Do(ctx context.Context, call Call) (*Answer, error) {
	req, err := c.request(ctx, call)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", call.Path, err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("call: %w", err)
	}
	return ReadAnswer(call.Path, res)
}

// Open sends a call and returns the response as it begins, for streams. Close its body.
func (c *Client) Open(ctx context.Context, call Call) (*http.Response, error) {
	req, err := c.request(ctx, call)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", call.Path, err)
	}
	streaming := *c.http
	streaming.Timeout = 0 // ctx alone ends a stream
	return streaming.Do(req)
}

func (c *Client) request(ctx context.Context, call Call) (*http.Request, error) {
	body, contentType, err := call.body()
	if err != nil {
		return nil, err
	}
	query := url.Values{}
	for name, values := range call.Query {
		query[name] = values
	}
	if c.token != "" && !query.Has("token") {
		query.Set("token", c.token)
	}
	method := call.Method
	if method == "" {
		method = http.MethodGet
		if contentType != "" {
			method = http.MethodPost
		}
	}
	target := c.base + call.Path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, err
	}
	for name, values := range c.header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	for name, values := range call.Header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host // the one of the header is not sent
	}
	// With GetBody, net/http sends a request with an Idempotency-Key once more by
	// itself when its answer is lost. Its error is then that of the second try, and
	// NotSent would be wrong about the first.
	req.GetBody = nil
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return req, nil
}

func (call Call) body() (io.Reader, string, error) {
	switch {
	case call.JSON != nil:
		encoded, err := json.Marshal(call.JSON)
		return bytes.NewReader(encoded), "application/json", err
	case call.Parts != nil:
		return multipartBody(call.Parts)
	case call.Form != nil:
		return strings.NewReader(call.Form.Encode()), "application/x-www-form-urlencoded", nil
	case call.Raw != nil:
		return bytes.NewReader(call.Raw), call.Header.Get("Content-Type"), nil
	default:
		return nil, "", nil
	}
}

func multipartBody(parts []Part) (io.Reader, string, error) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for _, part := range parts {
		if err := part.write(w); err != nil {
			return nil, "", err
		}
	}
	if err := w.Close(); err != nil {
		return nil, "", err
	}
	return &body, w.FormDataContentType(), nil
}

func (p Part) write(w *multipart.Writer) error {
	if p.FileName == "" {
		return w.WriteField(p.Name, string(p.Content))
	}
	contentType := p.ContentType
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	out, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {fmt.Sprintf(`form-data; name="%s"; filename="%s"`, quote.Replace(p.Name), quote.Replace(p.FileName))},
		"Content-Type":        {contentType},
	})
	if err != nil {
		return err
	}
	_, err = out.Write(p.Content)
	return err
}

// NotSent reports whether err means that the call never reached a server: nobody listened.
func NotSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}
