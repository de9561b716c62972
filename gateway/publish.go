package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"douyin.dev/gateway/rest"
	apiv1 "douyin.dev/gen/douyin/api/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/rpc"
)

const (
	// publishProcedure is the RPC that POST /douyin/publish/action stands for.
	publishProcedure = "/douyin.api.v1.UploadService/PublishVideo"
	// uploadChunk is how much of a file one message carries.
	uploadChunk = 256 << 10
	// maxAnonymousFile is how much of a file is kept for a client that sends its
	// token later, in bytes.
	maxAnonymousFile = 1 << 20
)

// publish answers POST /douyin/publish/action, a form whose parts come in any
// order. A file whose sender is known when it begins passes through to the
// video service; what of a file comes before its token waits on disk.
func (g *Gateway) publish(w http.ResponseWriter, r *http.Request) {
	res, err := g.publishForm(w, r)
	if err != nil {
		rest.AnswerError(r.Context(), w, err)
		return
	}
	rest.AnswerMessage(r.Context(), w, res)
}

func (g *Gateway) publishForm(w http.ResponseWriter, r *http.Request) (*apiv1.PublishVideoResponse, error) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel() // of the stream to the video service, unless it is over
	// The form is the file, and the parameters with what is around them.
	r.Body = http.MaxBytesReader(w, r.Body, g.Settings.MaxUploadBytes+rest.MaxBody)
	u := g.newUpload(ctx, r)
	defer u.close()
	return u.publish(w, r)
}

// upload is one form while it is read.
type upload struct {
	g    *Gateway
	ctx  context.Context // with the viewer, once sent or spooled has begun
	form *rest.Form

	spooled *spool  // the file, while its sender is unknown
	sent    *sender // the file, on its way to the video service
	leave   func()  // gives back its slot; nil before the file
}

func (g *Gateway) newUpload(ctx context.Context, r *http.Request) *upload {
	return &upload{g: g, ctx: ctx, form: rest.NewForm(r)}
}

func (u *upload) close() {
	if u.spooled != nil {
		u.spooled.close()
	}
	u.leaveSlot()
}

// enter takes a slot for the file: the user's, or of those whose user is not
// known yet.
func (u *upload) enter(ctx context.Context) error {
	u.leaveSlot()
	leave, err := u.g.admission.enterUpload(ctx)
	if err != nil {
		return err
	}
	u.leave = leave
	return nil
}

func (u *upload) leaveSlot() {
	if u.leave != nil {
		u.leave()
		u.leave = nil
	}
}

func (u *upload) publish(w http.ResponseWriter, r *http.Request) (*apiv1.PublishVideoResponse, error) {
	// A token of the query is before all others, so it can be refused before the bytes come.
	if token := u.form.QueryToken(); token != "" {
		if _, err := u.g.sessions.admit(u.ctx, token, rpc.AccessViewer); err != nil {
			return nil, err
		}
	}
	if err := u.read(w, r); err != nil {
		return nil, err
	}
	if u.sent == nil && u.spooled == nil && u.form.UploadID() != "" {
		return u.publishUploaded()
	}
	if u.sent == nil {
		if err := u.sendSpooled(); err != nil {
			return nil, err
		}
	}
	return u.finish()
}

// publishUploaded publishes the resumable upload that the parameters name.
func (u *upload) publishUploaded() (*apiv1.PublishVideoResponse, error) {
	ctx, header, err := u.admit()
	if err != nil {
		return nil, err
	}
	return u.g.publishUploaded(ctx, u.form.UploadID(), header)
}

// publishHeader is what the parameters so far say of the file, as the video service takes it.
func (u *upload) publishHeader() (*videov1.PublishVideoHeader, error) {
	header, err := u.form.PublishHeader()
	if err != nil {
		return nil, err
	}
	return serviceHeader(header)
}

// admit returns what the parameters say so far, and the context of a publication
// in the name of their token, which has a slot and is within the user's budget.
func (u *upload) admit() (context.Context, *videov1.PublishVideoHeader, error) {
	header, err := u.publishHeader()
	if err != nil {
		return nil, nil, err
	}
	ctx, err := u.g.sessions.admit(u.ctx, u.form.Token(), rpc.AccessViewer)
	if err != nil {
		return nil, nil, err
	}
	if err := u.enter(ctx); err != nil {
		return nil, nil, err
	}
	if err := u.g.allow(ctx, publishProcedure); err != nil {
		return nil, nil, err
	}
	return ctx, header, nil
}

// read reads the form: its parameters, and the first file that is not empty.
func (u *upload) read(w http.ResponseWriter, r *http.Request) error {
	for {
		file, err := u.form.NextFile(w, r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := u.readFile(file); err != nil {
			return err
		}
	}
}

// readFile reads the file, unless it is empty or one was read.
func (u *upload) readFile(part io.Reader) error {
	if u.sent != nil || u.spooled != nil {
		return nil
	}
	buf := make([]byte, uploadChunk)
	n, err := io.ReadFull(part, buf)
	if n == 0 && errors.Is(err, io.EOF) {
		return nil // a file input that nothing was chosen for
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if u.form.Token() == "" {
		return u.spool(buf[:n], part)
	}
	if err := u.begin(); err != nil {
		return err
	}
	return u.sent.copy(buf, n, part)
}

// spool keeps a file whose sender is not known yet.
func (u *upload) spool(begun []byte, remaining io.Reader) error {
	if err := u.enter(u.ctx); err != nil {
		return err
	}
	s, err := newSpool(u.g.spoolFile)
	if err != nil {
		return err
	}
	u.spooled = s
	limit := min(maxAnonymousFile, u.g.Settings.MaxUploadBytes)
	if err := s.keep(begun, io.LimitReader(remaining, max(limit+1-int64(len(begun)), 0))); err != nil {
		return err
	}
	switch {
	case s.size > u.g.Settings.MaxUploadBytes:
		return rest.FileTooLarge()
	case s.size > limit:
		return fault.Invalid(rest.TokenParam, "must come before a file larger than 1 MiB: in the query, a header or an earlier part")
	default:
		return nil
	}
}

// sendSpooled sends a file that came before its token.
func (u *upload) sendSpooled() error {
	if u.form.Token() == "" {
		return fault.LoginRequired()
	}
	if u.spooled == nil {
		if _, err := u.g.sessions.admit(u.ctx, u.form.Token(), rpc.AccessViewer); err != nil {
			return err
		}
		return fault.Invalid(rest.FileField, "must be a file that is not empty")
	}
	if err := u.begin(); err != nil {
		return err
	}
	file, err := u.spooled.open()
	if err != nil {
		return err
	}
	return u.sent.copy(make([]byte, uploadChunk), 0, file)
}

// begin opens the stream to the video service, in the name of the token that
// counts so far, and sends what is known of the file.
func (u *upload) begin() error {
	ctx, header, err := u.admit()
	if err != nil {
		return err
	}
	u.ctx = ctx
	u.sent, err = u.g.openSender(ctx, header)
	if err != nil {
		return err
	}
	u.sent.token = u.form.Token()
	return nil
}

// finish sends what came behind the file and takes the answer.
func (u *upload) finish() (*apiv1.PublishVideoResponse, error) {
	if u.form.UploadID() != "" {
		return nil, fault.Invalid(rest.UploadIDParam, "cannot go with data")
	}
	if u.form.Token() != u.sent.token {
		return nil, fault.Invalid(rest.TokenParam, "is another one behind the file than in the headers")
	}
	header, err := u.publishHeader()
	if err != nil {
		return nil, err
	}
	if !proto.Equal(header, u.sent.header) {
		if err := u.sent.send(&videov1.PublishVideoRequest{Part: &videov1.PublishVideoRequest_Header{Header: header}}); err != nil {
			return nil, err
		}
	}
	return u.g.published(u.ctx, u.sent.stream)
}

// sender is a file on its way to the video service.
type sender struct {
	stream *connect.ClientStreamForClientSimple[videov1.PublishVideoRequest, videov1.PublishVideoResponse]
	token  string // in whose name
	header *videov1.PublishVideoHeader
	size   int64
	limit  int64
	over   bool // the service has answered already and takes no more
}

// openSender opens a stream to the video service and sends what is known of the file.
func (g *Gateway) openSender(ctx context.Context, header *videov1.PublishVideoHeader) (*sender, error) {
	stream, err := g.Video.PublishVideo(ctx)
	if err != nil {
		return nil, err
	}
	s := &sender{stream: stream, header: header, limit: g.Settings.MaxUploadBytes}
	return s, s.send(&videov1.PublishVideoRequest{Part: &videov1.PublishVideoRequest_Header{Header: header}})
}

// send sends one message. When the service has answered already, nothing more
// is sent, and its answer says why.
func (s *sender) send(m *videov1.PublishVideoRequest) error {
	if s.over {
		return nil
	}
	err := s.stream.Send(m)
	if errors.Is(err, io.EOF) {
		s.over = true
		return nil
	}
	return err
}

// copy sends the first n bytes of buf and then what is left of file. It reads to
// the end even when the service takes no more: a client that is still sending
// does not read an answer. Errors of file are faults already.
func (s *sender) copy(buf []byte, n int, file io.Reader) error {
	for {
		if s.size += int64(n); s.size > s.limit {
			return rest.FileTooLarge()
		}
		if n > 0 {
			if err := s.send(chunk(buf[:n])); err != nil {
				return err
			}
		}
		var err error
		n, err = io.ReadFull(file, buf)
		switch {
		case n > 0 && errors.Is(err, io.ErrUnexpectedEOF), err == nil:
		case errors.Is(err, io.EOF):
			return nil
		default:
			return err
		}
	}
}

func chunk(b []byte) *videov1.PublishVideoRequest {
	return &videov1.PublishVideoRequest{Part: &videov1.PublishVideoRequest_Chunk{Chunk: b}}
}

// spool is the beginning of a file in a temporary file that has no name any
// more: it is gone when it is closed, also by a crash.
type spool struct {
	file *os.File
	size int64
}

func newSpool(create func() (*os.File, error)) (*spool, error) {
	f, err := create()
	if err != nil {
		return nil, spoolFailed(err)
	}
	return &spool{file: f}, nil
}

func namelessFile() (*os.File, error) {
	f, err := os.CreateTemp("", "douyin-upload-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// spoolFailed is for a disk that is full or broken: our failure, and nothing
// happened.
func spoolFailed(err error) error {
	return fault.Unavailable(fmt.Errorf("spool upload: %w", err))
}

func (s *spool) keep(begun []byte, remaining io.Reader) error {
	out := &diskWriter{file: s.file}
	_, err := out.Write(begun)
	if err == nil {
		_, err = io.Copy(out, remaining)
	}
	s.size = out.size
	switch {
	case out.failed != nil:
		return spoolFailed(out.failed)
	case err != nil:
		return err
	default:
		return nil
	}
}

func (s *spool) open() (io.Reader, error) {
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return nil, spoolFailed(err)
	}
	return storedFile{s.file}, nil
}

func (s *spool) close() { _ = s.file.Close() }

// diskWriter remembers that it was the disk that failed, and not the client.
type diskWriter struct {
	file   *os.File
	size   int64
	failed error
}

func (d *diskWriter) Write(p []byte) (int, error) {
	n, err := d.file.Write(p)
	d.size += int64(n)
	if err != nil {
		d.failed = err
	}
	return n, err
}

// published ends an upload and hydrates what was stored.
func (g *Gateway) published(ctx context.Context, stream *connect.ClientStreamForClientSimple[videov1.PublishVideoRequest, videov1.PublishVideoResponse]) (*apiv1.PublishVideoResponse, error) {
	res, err := stream.CloseAndReceive()
	if err != nil {
		return nil, err
	}
	return g.publishedVideo(ctx, res.GetVideo())
}

func (g *Gateway) publishedVideo(ctx context.Context, v *videov1.Video) (*apiv1.PublishVideoResponse, error) {
	if v.GetRestricted() && len(v.GetMediaSecret()) == 0 { // the answer to a repeated call has none
		now, err := g.visibleVideo(ctx, v.GetId())
		if err != nil {
			return nil, err
		}
		v = now
	}
	author, err := g.user(ctx, v.GetAuthorId())
	if err != nil { // stored all the same
		author = &apiv1.User{Id: v.GetAuthorId()}
	}
	return &apiv1.PublishVideoResponse{Video: publicVideo(g.readerOf(ctx), v, author)}, nil
}

// PublishVideo is the same over Connect and gRPC: parts pass through as they come.
// The video service is asked when the first has come.
func (g *Gateway) PublishVideo(ctx context.Context, in *connect.ClientStream[apiv1.PublishVideoRequest]) (*apiv1.PublishVideoResponse, error) {
	if !in.Receive() {
		return nil, cmp.Or[error](in.Err(), fault.Invalid("header", "must come first"))
	}
	if h := in.Msg().GetHeader(); h.GetUploadId() != "" {
		if in.Receive() {
			return nil, fault.Invalid("header."+rest.UploadIDParam, "must be the only message")
		}
		if err := in.Err(); err != nil {
			return nil, err
		}
		header, err := streamedHeader(h, in.RequestHeader())
		if err != nil {
			return nil, err
		}
		return g.publishUploaded(ctx, h.GetUploadId(), header)
	}
	out, err := g.Video.PublishVideo(ctx)
	if err != nil {
		return nil, err
	}
	for more := true; more; more = in.Receive() {
		var part *videov1.PublishVideoRequest
		switch p := in.Msg().GetPart().(type) {
		case *apiv1.PublishVideoRequest_Header:
			header, err := streamedHeader(p.Header, in.RequestHeader())
			if err != nil {
				return nil, err
			}
			part = &videov1.PublishVideoRequest{Part: &videov1.PublishVideoRequest_Header{Header: header}}
		case *apiv1.PublishVideoRequest_Chunk:
			part = chunk(p.Chunk)
		default:
			return nil, fault.Invalid("part", "must be a header or a chunk")
		}
		if err := out.Send(part); err != nil {
			break
		}
	}
	if err := in.Err(); err != nil {
		return nil, err
	}
	return g.published(ctx, out)
}

// streamedHeader is a header of a stream as the video service takes it.
func streamedHeader(header *apiv1.PublishVideoHeader, fields http.Header) (*videov1.PublishVideoHeader, error) {
	out, err := serviceHeader(header)
	if err == nil && out.GetIdempotencyKey() == "" {
		out.IdempotencyKey = rest.IdempotencyKey(fields)
	}
	return out, err
}

func serviceHeader(header *apiv1.PublishVideoHeader) (*videov1.PublishVideoHeader, error) {
	visibility, err := visibilityOf(header.GetVisibility())
	if err != nil {
		return nil, err
	}
	return &videov1.PublishVideoHeader{Title: header.GetTitle(), IdempotencyKey: header.GetIdempotencyKey(), Visibility: visibility}, nil
}
