package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// Object is what Get found. Close its Body.
type Object struct {
	Body io.ReadCloser
	// Size of the whole object in bytes.
	Size int64
	// ContentLength of Body in bytes.
	ContentLength int64
	ContentType   string
	// ContentRange is set when Body is a part, for example "bytes 0-99/1234".
	ContentRange string
	// Offset is where in the object Body begins.
	Offset int64
	// ETag with its quotes, as a header wants it.
	ETag         string
	LastModified time.Time
	// Status is 200 for the whole object and 206 for a part.
	Status int
}

// Put stores size bytes of body, from where it stands to its end, under key,
// replacing what was there. The object appears whole or not at all. The store
// compares a SHA-256 of what it received: a difference is an error and stores
// nothing.
func (s *Store) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, contentType string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := checkSize(body, size); err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.bucket, Key: &key, Body: body,
		ContentLength: &size, ContentType: &contentType,
		ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
	})
	if err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	return nil
}

// checkSize compares what is left of body with size: a file that was cut short
// is noticed before it is sent.
func checkSize(body io.ReadSeeker, size int64) error {
	at, err := body.Seek(0, io.SeekCurrent)
	if err != nil {
		return fmt.Errorf("size of body: %w", err)
	}
	end, err := body.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("size of body: %w", err)
	}
	if _, err := body.Seek(at, io.SeekStart); err != nil {
		return fmt.Errorf("size of body: %w", err)
	}
	if end-at != size {
		return fmt.Errorf("body has %d bytes, not %d", end-at, size)
	}
	return nil
}

// Get returns the object, or the part that rangeHeader, the value of an HTTP
// Range header, asks for. An empty header, one that is malformed and one for
// several parts give the whole object, as RFC 9110 section 14.2 allows.
// ErrNotFound and ErrRange are told apart from failures.
func (s *Store) Get(ctx context.Context, key, rangeHeader string) (*Object, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	in := &s3.GetObjectInput{Bucket: &s.bucket, Key: &key}
	if SingleRange(rangeHeader) {
		in.Range = &rangeHeader
	}
	out, err := s.client.GetObject(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", key, known(err))
	}
	o := &Object{
		Body:          out.Body,
		Size:          aws.ToInt64(out.ContentLength),
		ContentLength: aws.ToInt64(out.ContentLength),
		ContentType:   aws.ToString(out.ContentType),
		ContentRange:  aws.ToString(out.ContentRange),
		ETag:          aws.ToString(out.ETag),
		LastModified:  aws.ToTime(out.LastModified),
		Status:        http.StatusOK,
	}
	if in.Range == nil || o.ContentRange == "" {
		o.ContentRange = ""
		return o, nil
	}
	o.Status = http.StatusPartialContent
	if o.Offset, o.Size, err = readContentRange(o.ContentRange); err != nil {
		return nil, errors.Join(fmt.Errorf("get %s: %w", key, err), out.Body.Close())
	}
	return o, nil
}

// Head returns what Get returns for the whole object, without a Body.
func (s *Store) Head(ctx context.Context, key string) (*Object, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		return nil, fmt.Errorf("head %s: %w", key, known(err))
	}
	return &Object{
		Size: aws.ToInt64(out.ContentLength), ContentLength: aws.ToInt64(out.ContentLength),
		ContentType: aws.ToString(out.ContentType), ETag: aws.ToString(out.ETag),
		LastModified: aws.ToTime(out.LastModified), Status: http.StatusOK,
	}, nil
}

var single = regexp.MustCompile(`^bytes=(?:(\d{1,18})-(\d{0,18})|-\d{1,18})$`)

// SingleRange reports whether the value of a Range header asks for one part, so
// that Get heeds it. A part that ends before it begins is malformed.
func SingleRange(header string) bool {
	m := single.FindStringSubmatch(header)
	if m == nil {
		return false
	}
	first, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return true // a suffix
	}
	last, err := strconv.ParseInt(m[2], 10, 64)
	return err != nil || first <= last
}

// readContentRange reads "bytes 100-199/1234": where the part begins, and the
// size of the whole.
func readContentRange(contentRange string) (offset, size int64, err error) {
	part, total, _ := strings.Cut(strings.TrimPrefix(contentRange, "bytes "), "/")
	begin, _, _ := strings.Cut(part, "-")
	offset, err = strconv.ParseInt(begin, 10, 64)
	if err == nil {
		size, err = strconv.ParseInt(total, 10, 64)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("the store answered the range %q", contentRange)
	}
	return offset, size, nil
}

// known puts the package's name on an error a caller tells apart.
func known(err error) error {
	switch status(err) {
	case http.StatusNotFound:
		// A missing bucket is a wrong configuration, not a missing object.
		var api smithy.APIError
		if errors.As(err, &api) && api.ErrorCode() == "NoSuchBucket" {
			return err
		}
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	case http.StatusRequestedRangeNotSatisfiable:
		return fmt.Errorf("%w: %w", ErrRange, err)
	default:
		return err
	}
}

// presignLimit is the longest life S3 gives a signed URL.
const presignLimit = 7 * 24 * time.Hour

// Presign returns a URL that lets its holder read the object for ttl, 1 second
// to 7 days. It does not ask whether the object exists.
func (s *Store) Presign(ctx context.Context, key string, ttl time.Duration) (string, error) {
	if err := checkKey(key); err != nil {
		return "", err
	}
	if ttl < time.Second || ttl > presignLimit {
		return "", fmt.Errorf("presign %s: a life of %v is not between 1 s and %v", key, ttl, presignLimit)
	}
	req, err := s.presign.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &key}, s3.WithPresignExpires(ttl))
	if err != nil {
		return "", fmt.Errorf("presign %s: %w", key, err)
	}
	return req.URL, nil
}
