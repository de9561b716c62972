package rest

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"

	apiv1 "douyin.dev/gen/douyin/api/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/fault"
)

const (
	// FileField is the part of an upload's form that is the file.
	FileField = "data"
	// UploadIDParam names a resumable upload in place of the file.
	UploadIDParam = "upload_id"
	// MaxBody is the largest body of parameters, in bytes. Files go another way.
	MaxBody = 1 << 20
	// maxFieldBytes bounds a field beside the file.
	maxFieldBytes = 16 << 10
)

// Form is the form of an upload while it is read: parameters and a file, in any
// order. It is for one goroutine.
type Form struct {
	// fields are the parameters so far: of the query, then of the parts.
	fields   gathering
	header   http.Header
	endpoint *endpoint
	parts    *multipart.Reader // nil until the first part is asked for
}

// NewForm returns the form of a request that the dialect passed on with its body
// unread.
func NewForm(r *http.Request) *Form {
	c := CallFrom(r.Context())
	return &Form{fields: c.fields, header: r.Header, endpoint: c.endpoint}
}

// QueryToken is the token of the query, or "". It counts before all others.
func (f *Form) QueryToken() string { return f.fields.found.value(TokenParam) }

// Token is the one that counts so far.
func (f *Form) Token() string { return tokenOf(f.fields.found, f.header) }

// UploadID is that of a resumable upload in place of the file, or "".
func (f *Form) UploadID() string { return f.fields.found.value(UploadIDParam) }

// PublishHeader is what the parameters so far say of the file.
func (f *Form) PublishHeader() (*apiv1.PublishVideoHeader, error) {
	values, err := f.endpoint.canonicalize(withIdempotencyKey(f.fields.found, f.header), time.Time{})
	if err != nil {
		return nil, err
	}
	return &apiv1.PublishVideoHeader{
		Title: values.Get("title"), IdempotencyKey: values.Get(idempotencyParam), Visibility: values.Get("visibility"),
	}, nil
}

// NextFile reads parameters until a file begins, and returns the file; io.EOF
// says that the form is over. A body that is no form has parameters and no file.
// The next call passes over what was not read of the file. Errors of the form
// and of reading a file are faults.
func (f *Form) NextFile(w http.ResponseWriter, r *http.Request) (io.Reader, error) {
	contentType, attributes, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if !strings.HasPrefix(contentType, "multipart/") {
		if err := f.fields.body(w, r); err != nil {
			return nil, err
		}
		if f.UploadID() == "" {
			return nil, fault.Invalid(FileField, "must be sent as multipart/form-data, or as a resumable upload that upload_id names")
		}
		return nil, io.EOF
	}
	if err != nil || attributes["boundary"] == "" {
		return nil, fault.Invalid(FileField, "must be sent as multipart/form-data")
	}
	if f.parts == nil {
		f.parts = newParts(r.Body, attributes["boundary"])
	}
	for {
		part, err := f.parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		if err != nil {
			return nil, cutOff(FileField, err)
		}
		if err := f.fields.count(); err != nil {
			return nil, err
		}
		name, _ := disposition(part.Header)
		if name == FileField {
			return formFile{part}, nil
		}
		if err := f.readField(name, part); err != nil {
			return nil, err
		}
	}
}

// readField reads one parameter, whether or not its part names a file; the next
// part is found without reading this one.
func (f *Form) readField(name string, part io.Reader) error {
	if !f.fields.wants(name) {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(part, maxFieldBytes+1))
	if err != nil {
		return cutOff(name, err)
	}
	if len(b) > maxFieldBytes {
		return fault.Invalid(name, "is too long")
	}
	f.fields.add(name, string(b))
	return nil
}

// formFile is the file of a form. Its errors are faults.
type formFile struct{ part io.Reader }

// Read implements io.Reader.
func (f formFile) Read(p []byte) (int, error) {
	n, err := f.part.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = cutOff(FileField, err)
	}
	return n, err
}

// cutOff is for a form that did not come to its end.
func cutOff(field string, err error) error {
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return FileTooLarge()
	}
	return fault.Invalid(field, "ended in the middle of the form").Because(err)
}

// FileTooLarge refuses a file for its size.
func FileTooLarge() error {
	return fault.New(connect.CodeResourceExhausted, "data is too large").For(videov1.ErrorReason_ERROR_REASON_FILE_TOO_LARGE)
}
