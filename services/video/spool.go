package video

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"connectrpc.com/connect"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/pg"
)

const (
	// maxTitle in characters.
	maxTitle = 100
	// maxChunk in bytes.
	maxChunk = 512 << 10
	// rateCheck is how often an upload's rate is looked at.
	rateCheck = time.Second
)

// upload is a received file. Close frees it and gives its slot back.
type upload struct {
	header *videov1.PublishVideoHeader
	// file has no name: its bytes are gone with its descriptor, also when the
	// process is killed.
	file *os.File
	size int64
	sum  hash.Hash
	// release gives back the slot.
	release func()
}

func (u *upload) Close() error {
	u.release()
	return u.file.Close()
}

// spooler receives uploads into files, a bounded number at a time.
type spooler struct {
	dir    string
	limits Limits
	slots  chan struct{}
	// create makes the file of an upload; it has no name.
	create func(dir string) (*os.File, error)
}

func newSpooler(dir string, limits Limits) *spooler {
	return &spooler{dir: dir, limits: limits, slots: make(chan struct{}, limits.Uploads), create: nameless}
}

// nameless makes a file without a name.
func nameless(dir string) (*os.File, error) {
	file, err := os.CreateTemp(dir, "upload-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// acquire takes one of the slots for uploads; the result gives it back.
func (s *spooler) acquire() (func(), error) {
	select {
	case s.slots <- struct{}{}:
		return func() { <-s.slots }, nil
	default:
		return nil, fault.TooMany(2)
	}
}

// receive spools a stream: its header, then the bytes.
func (s *spooler) receive(ctx context.Context, stream *connect.ClientStream[videov1.PublishVideoRequest]) (*upload, error) {
	in := read(stream)
	defer in.stop()
	ticker := time.NewTicker(rateCheck)
	defer ticker.Stop()
	started := time.Now()
	var u *upload
	for {
		select {
		case <-ctx.Done():
			return nil, errors.Join(discard(u), ctx.Err())
		case <-ticker.C:
			if s.tooSlow(u, time.Since(started)) {
				return nil, errors.Join(fault.New(connect.CodeDeadlineExceeded, "the upload is too slow"), discard(u))
			}
		case part, more := <-in.parts:
			if !more {
				return finished(u, in.err)
			}
			next, err := s.accept(u, part)
			if err != nil {
				return nil, errors.Join(err, discard(u))
			}
			u = next
		}
	}
}

func (s *spooler) tooSlow(u *upload, elapsed time.Duration) bool {
	var size int64
	if u != nil {
		size = u.size
	}
	return elapsed > s.limits.Grace && size < int64(elapsed.Seconds())*s.limits.MinRate
}

func finished(u *upload, err error) (*upload, error) {
	if err != nil {
		return nil, errors.Join(err, discard(u))
	}
	if u == nil {
		return nil, fault.Invalid("header", "must come first")
	}
	return u, nil
}

func discard(u *upload) error {
	if u == nil {
		return nil
	}
	return u.Close()
}

func (s *spooler) accept(u *upload, part *videov1.PublishVideoRequest) (*upload, error) {
	switch p := part.GetPart().(type) {
	case *videov1.PublishVideoRequest_Header:
		if u != nil {
			return u, u.complete(p.Header)
		}
		return s.begin(p.Header)
	case *videov1.PublishVideoRequest_Chunk:
		if u == nil {
			return nil, fault.Invalid("header", "must come first")
		}
		return u, s.append(u, p.Chunk)
	default:
		return nil, fault.Invalid("part", "must be a header or a chunk")
	}
}

// begin takes a slot: a stream that has sent nothing yet holds none.
func (s *spooler) begin(h *videov1.PublishVideoHeader) (*upload, error) {
	if err := cmp.Or(checkTitle(h.GetTitle()), checkVisibility(h.GetVisibility())); err != nil {
		return nil, err
	}
	if err := pg.CheckKey(h.GetIdempotencyKey()); err != nil {
		return nil, err // now, and not after all the bytes
	}
	release, err := s.acquire()
	if err != nil {
		return nil, err
	}
	file, err := s.create(s.dir)
	if err != nil {
		release()
		return nil, fault.Unavailable(fmt.Errorf("spool upload: %w", err))
	}
	return &upload{header: h, file: file, sum: sha256.New(), release: release}, nil
}

func checkTitle(title string) error {
	switch {
	case utf8.RuneCountInString(title) > maxTitle:
		return fault.Invalid("title", "must have at most 100 characters")
	case strings.ContainsRune(title, 0): // Postgres keeps no such text
		return fault.Invalid("title", "must not contain a NUL character")
	default:
		return nil
	}
}

// complete takes from a later header what the earlier ones left empty: a form
// may name its title behind its file.
func (u *upload) complete(h *videov1.PublishVideoHeader) error {
	if err := cmp.Or(checkTitle(h.GetTitle()), checkVisibility(h.GetVisibility())); err != nil {
		return err
	}
	if u.header.GetTitle() == "" {
		u.header.Title = h.GetTitle()
	}
	u.header.Visibility = cmp.Or(u.header.GetVisibility(), h.GetVisibility())
	if u.header.GetIdempotencyKey() == "" {
		u.header.IdempotencyKey = h.GetIdempotencyKey()
	}
	return nil
}

func (s *spooler) append(u *upload, chunk []byte) error {
	if len(chunk) > maxChunk {
		return fault.Invalid("chunk", "must have at most 512 KiB")
	}
	if u.size+int64(len(chunk)) > s.limits.MaxBytes {
		return fault.New(connect.CodeResourceExhausted, fmt.Sprintf("the file is larger than %d bytes", s.limits.MaxBytes)).
			For(videov1.ErrorReason_ERROR_REASON_FILE_TOO_LARGE)
	}
	if _, err := u.file.Write(chunk); err != nil {
		return fault.Unavailable(fmt.Errorf("spool upload: %w", err))
	}
	u.sum.Write(chunk)
	u.size += int64(len(chunk))
	return nil
}

// reader hands out the messages of a stream, so that waiting for the next one
// can be given up: Receive itself knows no deadline.
type reader struct {
	parts chan *videov1.PublishVideoRequest
	err   error // to be read once parts is closed
	done  chan struct{}
}

// read starts a reader. Its goroutine ends with the stream, or after stop with
// the request, whose body the server closes when the handler has returned.
func read(stream *connect.ClientStream[videov1.PublishVideoRequest]) *reader {
	r := &reader{parts: make(chan *videov1.PublishVideoRequest), done: make(chan struct{})}
	go func() {
		defer close(r.parts)
		for stream.Receive() {
			select {
			case r.parts <- stream.Msg():
			case <-r.done:
				return
			}
		}
		r.err = stream.Err()
	}()
	return r
}

func (r *reader) stop() { close(r.done) }
